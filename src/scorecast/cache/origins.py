"""Where the models in the cache came from, and what another download of them would be.

A record lies in the entry and goes with it. Its name is a hash of all that was known of the place
before the download: where it is, which files it lists, their sizes and times.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PREFIX = "origin-"


@dataclass(frozen=True, slots=True)
class Origin:
    """A place with the files of a model, as it was found.

    Attributes:
        uri: The model URI, without credentials.
        facts: What tells one state of the place from others, as JSON takes it.
        pinned: Whether these facts never hold for two different models, so that what was once
            downloaded may stand for what would be.
    """

    uri: str
    facts: tuple[Any, ...]
    pinned: bool

    @property
    def key(self) -> str:
        """Hash of the facts, in hex."""
        return hashlib.sha256(json.dumps(self.facts).encode()).hexdigest()[:32]


def write_origin(entry: Path, origin: Origin) -> None:
    """Write down, in one step, that a model in the cache was downloaded from a place.

    Raises:
        OSError: The disk refuses.
    """
    record = entry / f"{_PREFIX}{origin.key}.json"
    new = record.with_name(f".{record.name}-{os.getpid()}")
    new.write_text(json.dumps({"uri": origin.uri, "pinned": origin.pinned}), encoding="utf-8")
    new.replace(record)


def digest_from(root: Path, origin: Origin) -> str | None:
    """Give the digest of the model that was downloaded from a place, if that is certain."""
    if not origin.pinned:
        return None
    for record in root.glob(f"sha256-*/{_PREFIX}{origin.key}.json"):
        if _read(record).get("pinned") is True:
            return record.parent.name.replace("-", ":", 1)
    return None


def uris_of(entry: Path) -> tuple[str, ...]:
    """Give the model URIs that an entry was downloaded from."""
    return tuple(sorted(set(_uris(entry))))


def _uris(entry: Path) -> Iterator[str]:
    for record in entry.glob(f"{_PREFIX}*.json"):
        uri = _read(record).get("uri")
        if isinstance(uri, str):
            yield uri


def _read(record: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):  # it is removed, or was cut off
        found = json.loads(record.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}
