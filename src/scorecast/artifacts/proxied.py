"""Artifacts that an MLflow server passes on (``mlflow-artifacts:``): listing and download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from scorecast.artifacts.downloads import download
from scorecast.artifacts.parallel import for_each
from scorecast.artifacts.retries import NotFoundError
from scorecast.artifacts.server import get_json
from scorecast.artifacts.transport import Server
from scorecast.artifacts.uri import writing
from scorecast.errors import ArtifactError, ArtifactNotFoundError

_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_AT_ONCE = 4
# Of a server that lists without end; no model is near it.
_MOST_ENTRIES = 100_000
_DEEPEST = 50
_HERE = PurePosixPath()
# What reading a model leaves behind, and no model needs.
_LEFT_BEHIND = "__pycache__"


@dataclass(frozen=True, slots=True)
class _Entry:
    path: PurePosixPath
    is_directory: bool
    size: int | None


def download_directory(server: Server, root: str, into: Path) -> Path:
    """Download all that is below a path of the server's artifacts into `into`; gives `into`.

    Args:
        server: The server.
        root: The path.
        into: A directory that does not exist.

    Raises:
        ArtifactNotFoundError: Nothing is there, or a file went away meanwhile.
        ArtifactError: The server cannot be reached, refuses, breaks off or lists what cannot be; or
            the files cannot be written.
    """
    place = PurePosixPath(root.strip("/"))
    entries = _entries(server, place)
    if not any(not entry.is_directory for entry in entries):
        message = f'The server "{server.url}" has no files at "{place}". Check the model URI.'
        raise ArtifactNotFoundError(message)
    with writing(into):
        into.mkdir(mode=0o700, parents=True)
        for entry in entries:
            folder = entry.path if entry.is_directory else entry.path.parent
            (into / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [entry for entry in entries if not entry.is_directory]
    for_each(lambda file: _file(server, place, file, into), files, at_once=_AT_ONCE)
    return into


def _file(server: Server, place: PurePosixPath, entry: _Entry, into: Path) -> None:
    try:
        path = quote(f"{_ARTIFACTS}/{place / entry.path}")
        download(server, path, into / entry.path, entry.size)
    except NotFoundError as error:
        message = (
            f'The file "{entry.path}" of the model is gone from the server: {error}. Run again.'
        )
        raise ArtifactNotFoundError(message) from None


def _entries(server: Server, place: PurePosixPath) -> list[_Entry]:
    """List what is below a path, directories before what is in them."""
    found: list[_Entry] = []
    waiting = [_HERE]
    while waiting:
        below = waiting.pop()
        for entry in _listed(server, place, below):
            if entry.path.name == _LEFT_BEHIND:
                continue
            found.append(entry)
            if entry.is_directory:
                waiting.append(entry.path)
        if len(found) > _MOST_ENTRIES or len(below.parts) > _DEEPEST:
            message = f'The server "{server.url}" lists more at "{place}" than a model can be.'
            raise ArtifactError(message)
    names = [entry.path for entry in found]
    if len(set(names)) != len(names):
        message = f'The server "{server.url}" lists the same name twice at "{place}".'
        raise ArtifactError(message)
    return found


def _listed(server: Server, place: PurePosixPath, below: PurePosixPath) -> list[_Entry]:
    try:
        found = get_json(server, _ARTIFACTS, {"path": str(place / below)}, bare=True)
    except NotFoundError:
        return []
    return [
        _Entry(
            below / _name(each),
            bool(each.get("is_dir")),
            None if each.get("file_size") is None else int(each["file_size"]),
        )
        for each in found.get("files", [])
    ]


def _name(entry: Mapping[str, Any]) -> str:
    """Give the name of a file or directory that a server lists: one that leads nowhere else."""
    name = PurePosixPath(str(entry["path"])).name
    if name in {"", ".", ".."} or "\0" in name or "\\" in name:
        message = f"The server lists a file that leads out of the model: {name!r}."
        raise ArtifactError(message)
    return name
