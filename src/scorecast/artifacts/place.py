"""Where the files of a model are that is not here: what is asked of such a place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from scorecast.progress import Reached


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file or directory of a model that is somewhere else.

    Attributes:
        path: Path below the model, which leads nowhere else; that of a directory ends with "/".
        size: Bytes; None if the place does not tell.
        time: When it was written, in nanoseconds since 1970; None if the place does not tell.
    """

    path: str
    size: int | None
    time: int | None = None


class Place(Protocol):
    """A directory that can be listed, and read file by file."""

    @property
    def uri(self) -> str:
        """The model URI, without credentials."""
        ...

    @property
    def facts(self) -> tuple[Any, ...]:
        """What tells the place from others, as JSON takes it."""
        ...

    @property
    def fixed(self) -> bool:
        """Whether what is there is never written twice."""
        ...

    @property
    def at_once(self) -> int:
        """How many files are read at a time."""
        ...

    def listing(self) -> list[RemoteFile]:
        """Give all files, one at least, and directories that may be empty. Raises ArtifactError."""
        ...

    def get(self, file: RemoteFile, target: Path, reached: Reached, stop: Event) -> None:
        """Write a file to `target`, trying again where that helps, until `stop` is set.

        Raises:
            StoppedError: It is of no use any more.
            ArtifactError: It cannot be had.
            ArtifactDiskError: The disk refuses it.
        """
        ...
