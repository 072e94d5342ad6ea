"""A model on its way to the workers: a broadcast on classic sessions, an artifact on Connect."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark import SparkFiles

from scorecast.errors import DigestMismatchError
from scorecast.packing import PackedModel, pack, unpack_once
from scorecast.spark.versions import is_connect
from scorecast.worker.handle import ModelHandle, ModelSource

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

    from scorecast.local.model import ResolvedModel

_FOLDER = "scorecast-models"


@dataclass(frozen=True, slots=True)
class BroadcastSource:
    """Files of a model from a Spark broadcast, unpacked once per executor."""

    broadcast: Broadcast[bytes]

    def directory(self, digest: str) -> Path:
        """Give the unpacked files; only the worker that unpacks them reads the broadcast."""
        return unpack_once(_root() / _FOLDER, digest, lambda: self.broadcast.value)


@dataclass(frozen=True, slots=True)
class ArtifactSource:
    """Files of a model from a file artifact of Spark Connect, unpacked once per session."""

    file_name: str

    def directory(self, digest: str) -> Path:
        """Give the unpacked files."""
        root = _root()
        return unpack_once(root / _FOLDER, digest, (root / self.file_name).read_bytes)


def _root() -> Path:
    """Give the directory of this executor (on Connect: of the session), which Spark cleans up.

    It is a temporary directory in local mode and the working directory of an executor process,
    which Spark names ``.``; a model may change the working directory later.
    """
    return Path(SparkFiles.getRootDirectory()).absolute()


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
