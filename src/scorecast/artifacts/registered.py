"""A registry of models: what is asked of it, and what it says of models and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from scorecast.cache.copies import ModelCopy
from scorecast.progress import Progress


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model that is registered under a name.

    Attributes:
        name: Its name.
        latest: Number of its newest version; None without versions, and of registries that do not
            say it with the name.
        aliases: Names of versions, with the number that each stands for now.
        description: What it is, or "".
        tags: Names and values that users gave it.
        created: When it was registered.
        updated: When that entry was last changed.
    """

    name: str
    latest: int | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    updated: datetime | None = None

    def aliases_of(self, version: str) -> tuple[str, ...]:
        """Give the aliases that stand for a version, sorted."""
        return tuple(sorted(alias for alias, number in self.aliases.items() if number == version))


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model.

    Attributes:
        version: Its number.
        stage: Its stage, or "" without one.
        status: "READY", or what keeps it from being that.
        run_id: The run that made it, or "".
        source: URI that it was registered from.
        description: What it is, or "".
        tags: Names and values that users gave it.
        created: When it was registered.
        updated: When that entry was last changed.
    """

    version: str
    stage: str = ""
    status: str = ""
    run_id: str = ""
    source: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered model with those of its versions that were asked for.

    Attributes:
        model: The model.
        versions: The versions, newest first.
        one: Whether one version was asked for, and not all.
    """

    model: RegisteredModel
    versions: tuple[ModelVersion, ...]
    one: bool

    def as_dict(self) -> dict[str, Any]:
        """Give all of it as JSON has it; times are in UTC as ISO 8601 writes them."""
        versions = [
            {**as_json(each), "aliases": list(self.model.aliases_of(each.version))}
            for each in self.versions
        ]
        return {**as_json(self.model), "versions": versions}


def as_json(value: RegisteredModel | ModelVersion) -> dict[str, Any]:
    """Give a model or version as JSON has it; times are in UTC as ISO 8601 writes them."""
    return {
        name: each.isoformat(timespec="seconds") if isinstance(each, datetime) else each
        for name, each in asdict(value).items()
    }


def moment(milliseconds: int | str | None) -> datetime | None:
    """Give a time of MLflow, which counts milliseconds since 1970 in UTC; None for none."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


class Client(Protocol):
    """What is asked of a registry and a tracking server. Driver only.

    Every method raises ArtifactError where the server cannot be reached or refuses.
    """

    def models(self, prefix: str) -> Iterator[RegisteredModel]:
        """Give the registered models whose names begin with `prefix`, page by page."""
        ...

    def model(self, name: str) -> RegisteredModel | None:
        """Give a registered model; None if there is none of that name."""
        ...

    def versions(self, name: str) -> Iterator[ModelVersion]:
        """Give all versions of a registered model, page by page."""
        ...

    def latest(self, name: str, stage: str | None) -> int | None:
        """Give the newest version, of a stage or of all; None if there is none."""
        ...

    def impatient(self, seconds: float) -> Client:
        """Give a client that asks once and waits `seconds` at most, as far as it can be told to."""
        ...

    def fetch(self, uri: str, progress: Progress) -> ModelCopy:
        """Give the files of a URI without alias, stage or latest."""
        ...
