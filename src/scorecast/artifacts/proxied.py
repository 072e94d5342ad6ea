"""Artifacts that an MLflow server passes on (``mlflow-artifacts:``): listing and download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any
from urllib.parse import quote

from scorecast.artifacts.downloads import download
from scorecast.artifacts.place import RemoteFile
from scorecast.artifacts.retries import NotFoundError
from scorecast.artifacts.server import get_json
from scorecast.artifacts.transport import Server
from scorecast.errors import ArtifactError, ArtifactNotFoundError
from scorecast.packing import is_ignored
from scorecast.progress import Reached

_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
# Of a server that lists without end; no model is near it.
_MOST_ENTRIES = 100_000
_DEEPEST = 50
_HERE = PurePosixPath()


@dataclass(frozen=True, slots=True)
class _Entry:
    path: PurePosixPath
    is_directory: bool
    size: int | None


@dataclass(frozen=True, slots=True)
class ProxiedDirectory:
    """A directory of artifacts that a server passes on, see `Place`.

    Attributes:
        server: The server.
        path: Path of the directory.
        uri: The model URI that led there, without credentials.
        fixed: Whether what is there is never written twice.
    """

    server: Server
    path: str
    uri: str
    fixed: bool
    at_once: int = 4

    @property
    def facts(self) -> tuple[Any, ...]:
        """Server and path."""
        return ("mlflow-artifacts", self.server.url, self.path)

    def listing(self) -> list[RemoteFile]:
        """Give all files and directories.

        Raises:
            ArtifactNotFoundError: There are none.
            ArtifactError: The server cannot be reached, refuses or lists what cannot be.
        """
        place = PurePosixPath(self.path.strip("/"))
        entries = _entries(self.server, place)
        if all(each.is_directory for each in entries):
            message = (
                f'The server "{self.server.url}" has no files at "{place}". Check the model URI.'
            )
            raise ArtifactNotFoundError(message)
        return [
            RemoteFile(f"{each.path}/", 0)
            if each.is_directory
            else RemoteFile(str(each.path), each.size)
            for each in entries
        ]

    def get(self, file: RemoteFile, target: Path, reached: Reached, stop: Event) -> None:
        """Write a file.

        Raises:
            StoppedError: The file is of no use any more.
            ArtifactNotFoundError: It went away meanwhile.
            ArtifactError: The server cannot be reached, refuses or breaks off.
            ArtifactDiskError: The file cannot be written.
        """
        path = PurePosixPath(self.path.strip("/")) / file.path
        try:
            download(
                self.server,
                quote(f"{_ARTIFACTS}/{path}"),
                target,
                file.size,
                reached=reached,
                stop=stop,
            )
        except NotFoundError as error:
            message = (
                f'The file "{file.path}" of the model is gone from the server: {error}. Run again.'
            )
            raise ArtifactNotFoundError(message) from None


def _entries(server: Server, place: PurePosixPath) -> list[_Entry]:
    """List what is below a path, directories before what is in them."""
    found: list[_Entry] = []
    waiting = [_HERE]
    while waiting:
        below = waiting.pop()
        for entry in _listed(server, place, below):
            if is_ignored(entry.path):
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
