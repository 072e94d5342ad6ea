"""A model on its way to the workers.

It is a broadcast on classic sessions and an artifact on Connect. In local mode, whose workers run
on the driver's machine, it goes into the cache of that machine at once.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark import SparkFiles, TaskContext

from scorecast.cache.copies import ModelCopy, open_copy
from scorecast.cache.machine import cache_directory
from scorecast.errors import DigestMismatchError, ShippingError
from scorecast.packing import PackedModel, pack
from scorecast.spark.versions import is_connect
from scorecast.worker.handle import ModelHandle, ModelSource

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


@dataclass(frozen=True, slots=True)
class LocalSource:
    """Files of a model on the machine of the driver, which has put them into the cache there.

    Attributes:
        directories: Where the files are as well, should they be gone from the cache, or should a
            worker have another one. Some may be gone by then, too.
        copy: What keeps them in the cache as long as the driver holds this source; not pickled.
    """

    directories: tuple[Path, ...]
    copy: ModelCopy | None = field(default=None, compare=False)

    def __reduce__(self) -> tuple[type[LocalSource], tuple[tuple[Path, ...]]]:
        """Leave out the copy, whose lock is of one process."""
        return LocalSource, (self.directories,)

    def open(self, digest: str) -> ModelCopy:
        """Give the files, from the cache as a rule."""
        return open_copy(cache_directory(os.environ, _root()), digest, self._directory)

    def cpus(self) -> int | None:
        """Give the processors of the task."""
        return _task_cpus()

    def _directory(self) -> Path:
        for directory in self.directories:
            if directory.is_dir():
                return directory
        places = " and ".join(f'"{directory}"' for directory in self.directories)
        message = (
            f"The files of the model are gone: {places} were removed while it was in use. Nothing "
            "was loaded. Make the function or the data frame again."
        )
        raise ShippingError(message)


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
    """Give a model to the session. Runs on the driver, once per model and session.

    Raises:
        ShippingError: The directory holds links that lead out of it, or there is no room for it.
        DigestMismatchError: The files are not the ones that were inspected.
    """
    source: ModelSource
    if is_connect(spark):
        source = _as_artifact(spark, _packed(model))
    elif re.fullmatch(r"local(\[.*\])?", str(spark.sparkContext.master)):
        source = _on_this_machine(spark, model)
    else:
        source = BroadcastSource(spark.sparkContext.broadcast(_packed(model).data))
    config = dict(model_config or {})
    return ModelHandle(model.digest, model.info, source, config, model.no_pickle)


def _packed(model: ResolvedModel) -> PackedModel:
    packed = pack(model.fetched.directory)
    if packed.digest != model.digest:
        message = (
            f'The files of the model "{model.info.uri}" changed while they were read. Nothing was '
            "shipped. Run again once the model is written."
        )
        raise DigestMismatchError(message)
    return packed


def _on_this_machine(spark: SparkSession, model: ResolvedModel) -> LocalSource:
    # Settings of executors are the environment of the workers in local mode as well.
    environ = {**os.environ, **spark.sparkContext.environment}
    directory = model.fetched.directory.absolute()
    root = cache_directory(environ, _root())
    copy = open_copy(root, model.digest, lambda: directory, environ=environ)
    return LocalSource(tuple(dict.fromkeys((copy.directory, directory))), copy)


def _as_artifact(spark: SparkSession, packed: PackedModel) -> ArtifactSource:
    name = f"scorecast-{packed.digest.removeprefix('sha256:')}.zip"
    with tempfile.TemporaryDirectory(prefix="scorecast-") as folder:
        file = Path(folder) / name
        file.write_bytes(packed.data)
        spark.addArtifact(str(file), file=True)
    return ArtifactSource(name)
