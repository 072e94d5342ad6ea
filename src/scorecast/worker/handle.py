"""What a closure captures instead of a model, and the loading of the model behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from scorecast.errors import InputMismatchError
from scorecast.models.flavors.base import Predictor
from scorecast.models.info import ModelInfo
from scorecast.models.load import load_predictor
from scorecast.worker.cache import MODELS


class ModelSource(Protocol):
    """Where a process gets the files of a shipped model. Small, picklable."""

    def directory(self, digest: str) -> Path:
        """Give a local directory with the verified files of `digest`.

        Runs on a worker, once per process and model.

        Raises:
            DigestMismatchError: The files are not the ones that were packed.
        """
        ...


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """A model that is used where it stands, on the machine that inspected it."""

    path: Path

    def directory(self, digest: str) -> Path:
        """Give the directory itself."""
        del digest
        return self.path


@dataclass(frozen=True, slots=True)
class ModelHandle:
    """A model on its way: small, picklable, opened on first use in each process.

    Attributes:
        digest: Digest of the model's files.
        info: What the model declares.
        source: Where the files come from.
        config: ``model_config`` of the call.
    """

    digest: str
    info: ModelInfo
    source: ModelSource
    config: Mapping[str, Any] = field(default_factory=dict)

    def key(self, extra_env: Mapping[str, str] | None = None) -> str:
        """Give the key in the worker's cache: the digest, and what else changes the loaded model.

        It holds digests of configuration and environment, since these may be secret.
        """
        parts = {"config": self.config, "env": extra_env}
        digests = (f"+{name}:{_digest(values)}" for name, values in parts.items() if values)
        return "".join((self.digest, *digests))

    def open(self, extra_env: Mapping[str, str] | None = None) -> Predictor:
        """Give the loaded model of this process, loading it if it is not there.

        Args:
            extra_env: Environment variables that are set while the model loads.

        Raises:
            ShippingError: The files did not arrive.
            ModelLoadError: The files cannot be loaded here.
            MissingExtraError: The flavor's library is not installed here.
        """
        return MODELS.get(
            self.key(extra_env),
            lambda: load_predictor(self.source.directory(self.digest), self.info, self.config),
        )


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
