"""A model on its way to the workers: a broadcast on classic sessions, an artifact on Connect."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark import SparkFiles, TaskContext

from scorecast.errors import DigestMismatchError
from scorecast.packing import PackedModel, pack
from scorecast.spark.versions import is_connect
from scorecast.worker.copies import ModelCopy, open_copy
from scorecast.worker.handle import ModelHandle, ModelSource
from scorecast.worker.machine import cache_directory

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

    from scorecast.local.model import ResolvedModel


@dataclass(frozen=True, slots=True)
class BroadcastSource:
    """Files of a model from a Spark broadcast, unpacked once per machine."""

    broadcast: Broadcast[bytes]

    def open(self, digest: str) -> ModelCopy:
        """Give the unpacked files; only the worker that unpacks them reads the broadcast."""
        return open_copy(cache_directory(os.environ, _root()), digest, self._read)

    def cpus(self) -> int | None:
        """Give the processors of the task."""
        return _task_cpus()

    def _read(self) -> bytes:
        """Read the broadcast, and let go of what Spark keeps of it as long as the worker lives.

        With ``spark.io.encryption.enabled`` Spark has read it before, in every worker.
        """
        before = set(vars(self.broadcast))
        packed = self.broadcast.value
        for name in set(vars(self.broadcast)) - before:
            delattr(self.broadcast, name)
        return packed


@dataclass(frozen=True, slots=True)
class ArtifactSource:
    """Files of a model from a file artifact of Spark Connect, unpacked once per machine."""

    file_name: str

    def open(self, digest: str) -> ModelCopy:
        """Give the unpacked files."""
        root = _root()
        return open_copy(
            cache_directory(os.environ, root), digest, (root / self.file_name).read_bytes
        )

    def cpus(self) -> int | None:
        """Give the processors of the task."""
        return _task_cpus()


def _root() -> Path:
    """Give the directory of this executor (on Connect: of the session), which Spark cleans up.

    It is a temporary directory in local mode and the working directory of an executor process,
    which Spark names ``.``; a model may change the working directory later.
    """
    return Path(SparkFiles.getRootDirectory()).absolute()


def _task_cpus() -> int | None:
    """Give the processors of the task that runs here, at least one."""
    context = TaskContext.get()
    return None if context is None else context.cpus()


def ship_model(
    spark: SparkSession, model: ResolvedModel, model_config: Mapping[str, Any] | None = None
) -> ModelHandle:
    """Pack a model and give it to the session. Runs on the driver, once per call of a front.

    Raises:
        ShippingError: The directory holds links that lead out of it.
        DigestMismatchError: The files are not the ones that were inspected.
    """
    packed = pack(model.fetched.directory)
    if packed.digest != model.digest:
        message = (
            f'The files of the model "{model.info.uri}" changed while they were read. Nothing was '
            "shipped. Run again once the model is written."
        )
        raise DigestMismatchError(message)
    source: ModelSource
    if is_connect(spark):
        source = _as_artifact(spark, packed)
    else:
        source = BroadcastSource(spark.sparkContext.broadcast(packed.data))
    return ModelHandle(packed.digest, model.info, source, dict(model_config or {}))


def _as_artifact(spark: SparkSession, packed: PackedModel) -> ArtifactSource:
    name = f"scorecast-{packed.digest.removeprefix('sha256:')}.zip"
    with tempfile.TemporaryDirectory(prefix="scorecast-") as folder:
        file = Path(folder) / name
        file.write_bytes(packed.data)
        spark.addArtifact(str(file), file=True)
    return ArtifactSource(name)
