"""What publishing needs of a store. Driver only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a store.

    Attributes:
        path: Path relative to the root of the store, with ``/``.
        size: Bytes.
        modified: Seconds since 1970 of its last change.
    """

    path: str
    size: int
    modified: float


class NoLocks:
    """What stores share whose locks would not end with their process, so that they have none."""

    __slots__ = ()

    @property
    def locks(self) -> bool:
        """Whether a lock keeps other jobs away."""
        return False

    @contextmanager
    def lock(self, path: str, holder: bytes) -> Iterator[bool]:
        """Hold nothing; publishing decides between two jobs."""
        del path, holder
        yield True


class Store(Protocol):
    """The files around one output; paths are relative to the directory that holds the output.

    All operations raise OSError where the store refuses.
    """

    @property
    def locks(self) -> bool:
        """Whether a lock keeps other jobs away."""
        ...

    def uri(self, path: str) -> str:
        """Give the path or URI by which workers and Spark find `path`."""
        ...

    def read(self, path: str) -> bytes | None:
        """Give the content of a file, or None where there is none."""
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Write a file that is not there yet, whole and durable; False where it is there."""
        ...

    def make(self, path: str) -> None:
        """Create a directory, and those above it, on stores that have directories."""
        ...

    def entries(self, path: str) -> Iterator[Entry]:
        """Give all files below a directory, in no order; none where it is not there."""
        ...

    def children(self, path: str) -> list[str]:
        """Give the names of what is directly in a directory; none where it is not there."""
        ...

    def exists(self, path: str) -> bool:
        """Tell whether a file or directory is there."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file, or a directory with all in it; nothing there is fine."""
        ...

    def remove_if_empty(self, path: str) -> None:
        """Remove a directory if nothing is in it, on stores that have such directories."""
        ...

    def lock(self, path: str, holder: bytes) -> AbstractContextManager[bool]:
        """Hold a lock for as long as this process lives at most.

        Gives False where another process holds it; gives True without a lock on stores that have
        none, where publishing alone decides between two jobs.
        """
        ...


class DirectoryStore(Store, Protocol):
    """A store whose directories can be renamed in one step."""

    @property
    def links(self) -> bool:
        """Whether a file can be in two places without being copied, as a rule."""
        ...

    def link(self, source: str, target: str) -> bool:
        """Let a file be at a second place, too; False, with nothing changed, where it cannot."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy a file, whole and durable."""
        ...

    def move_file(self, source: str, target: str) -> None:
        """Rename a file to a place where nothing is, below directories that need not be there."""
        ...

    def move(self, source: str, target: str) -> None:
        """Rename a directory to a place where nothing is.

        Raises:
            FileExistsError: Something is there.
        """
        ...

    def exchange(self, one: str, other: str) -> bool:
        """Swap two directories in one step; False, with nothing changed, where it cannot."""
        ...

    def sync(self, path: str) -> None:
        """Make the names in a directory, and in those below it, survive a loss of power."""
        ...
