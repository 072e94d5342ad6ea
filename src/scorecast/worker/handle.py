"""What a closure captures instead of a model, and the loading of the model behind it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from scorecast.cache.copies import ModelCopy, open_copy, unchanged
from scorecast.errors import DigestMismatchError, InputMismatchError, ShippingError
from scorecast.models.code_path import forget_modules
from scorecast.models.flavors.base import Predictor
from scorecast.models.info import ModelInfo
from scorecast.models.load import load_predictor
from scorecast.redaction import secrets_hidden
from scorecast.worker.cache import MODELS
from scorecast.worker.garbage import frozen_afterwards
from scorecast.worker.mapped import mapped_objects
from scorecast.worker.threads import limit_threads


class ModelSource(Protocol):
    """Where a process gets the files of a shipped model. Small, picklable."""

    def open(self, digest: str) -> ModelCopy:
        """Give the verified files of `digest` on this machine.

        Runs on a worker, once per process and model.

        Raises:
            DigestMismatchError: The files are not those of the digest.
            ShippingError: They cannot be written here.
        """
        ...

    def cpus(self) -> int | None:
        """Give how many processors the task has that runs here, or None where no task runs."""
        ...


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """A model that is used where it stands, on the machine that inspected it.

    Attributes:
        path: Where it stands.
        kept: What keeps it there; other processes get the path alone.
    """

    path: Path
    kept: object = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[DirectorySource], tuple[Path]]:
        """Leave out what is of this process."""
        return DirectorySource, (self.path,)

    def open(self, digest: str) -> ModelCopy:
        """Give the directory itself."""
        del digest
        return ModelCopy(self.path, lease=self.kept)

    def cpus(self) -> int | None:
        """Give None: no task of Spark runs here."""
        return None


@dataclass(frozen=True, slots=True)
class CopySource:
    """A model that another process has opened in the cache of this machine, and holds open.

    Attributes:
        root: The cache directory.
        task_cpus: Processors of the task that this process works for, or None.
    """

    root: Path
    task_cpus: int | None = None

    def open(self, digest: str) -> ModelCopy:
        """Give the same files."""
        return open_copy(self.root, digest, self._gone)

    def cpus(self) -> int | None:
        """Give the number of the other process."""
        return self.task_cpus

    def _gone(self) -> bytes:
        message = (
            f'The files of the model in "{self.root}" were changed or removed while it was in use. '
            "Nothing was loaded. Run again."
        )
        raise ShippingError(message)


@dataclass(frozen=True, slots=True)
class ModelHandle:
    """A model on its way: small, picklable, opened on first use in each process.

    Attributes:
        digest: Digest of the model's files.
        info: What the model declares.
        source: Where the files come from.
        config: ``model_config`` of the call.
        no_pickle: Whether the files are read in ways only that run no code of the model. It gives
            the same model, and so is no part of the key.
    """

    digest: str
    info: ModelInfo
    source: ModelSource
    config: Mapping[str, Any] = field(default_factory=dict)
    no_pickle: bool = False

    def key(self, extra_env: Mapping[str, str] | None = None) -> str:
        """Give the key in the worker's cache: the digest, and what else changes the loaded model.

        It holds digests of configuration and environment, since these may be secret.
        """
        parts = {"config": self.config, "env": extra_env}
        digests = (f"+{name}:{_digest(values)}" for name, values in parts.items() if values)
        return "".join((self.digest, *digests))

    @secrets_hidden()
    def open(self, extra_env: Mapping[str, str] | None = None) -> Predictor:
        """Give the loaded model of this process, loading it if it is not there.

        Args:
            extra_env: Environment variables that are set while the model loads.

        Raises:
            ShippingError: The files did not arrive.
            ModelLoadError: The files cannot be loaded here.
            MissingExtraError: The flavor's library is not installed here.
        """
        key = self.key(extra_env)
        opened: _OpenModel = MODELS.get(key, lambda: self._load(key))
        return opened.predictor

    def held(self) -> tuple[ModelHandle, ModelCopy]:
        """Give a handle for another process of this machine, which needs no Spark to open it.

        It holds as long as the copy that comes with it.
        """
        copy, cpus = self.source.open(self.digest), self.source.cpus()
        source: ModelSource = DirectorySource(copy.directory)
        if copy.root is not None:
            source = CopySource(copy.root, cpus)
        return replace(self, source=source), copy

    def _load(self, key: str) -> _OpenModel:
        cpus = self.source.cpus()
        with nullcontext() if cpus is None else frozen_afterwards():
            threads = limit_threads(cpus, os.environ)
            copy = self.source.open(self.digest)
            shared = mapped_objects(copy, key, os.environ)
            if copy.root is not None:
                # What Numba compiles would stand beside the code, where nobody may write.
                os.environ.setdefault("NUMBA_CACHE_DIR", str(copy.root / ".numba"))
            try:
                with unchanged(copy):
                    predictor = load_predictor(
                        copy.directory,
                        self.info,
                        self.config,
                        shared=shared,
                        threads=threads,
                        no_pickle=self.no_pickle,
                    )
            except DigestMismatchError:
                # Another try in this process would find them imported.
                forget_modules(copy.directory)
                raise
        return _OpenModel(predictor, copy)


@dataclass(frozen=True, slots=True)
class _OpenModel:
    """A loaded model, and its files, which stay as long as it does."""

    predictor: Predictor
    copy: ModelCopy


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, default=_refuse)
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse(value: object) -> object:
    """Refuse a value whose text may be the same for two different ones, as that of long arrays."""
    message = (
        f"model_config holds a {type(value).__name__}. Expected texts, numbers, lists and dicts, "
        "which tell one configuration from another."
    )
    raise InputMismatchError(message)
