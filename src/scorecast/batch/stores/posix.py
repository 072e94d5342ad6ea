"""A local or mounted file system. Driver only."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scorecast.batch.stores.base import Entry
from scorecast.batch.stores.renames import exchange, move_onto_nothing

# What file systems answer that have no hard links, or none to files of another user.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}

_CHUNK = 1 << 20
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class PosixStore:
    """Files below `root`.

    Attributes:
        root: Directory that holds the output.
        links: Whether files are linked rather than moved or copied.
        exchanges: Whether two directories may be swapped in one step, where the system can.
    """

    root: Path
    links: bool = True
    exchanges: bool = True

    @property
    def locks(self) -> bool:
        """Whether a lock keeps other jobs away: it does."""
        return True

    def uri(self, path: str) -> str:
        """Give the absolute path."""
        return str(self.root / path)

    def read(self, path: str) -> bytes | None:
        """Give the content of a file, or None where there is none."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def create(self, path: str, data: bytes) -> bool:
        """Write a file under a name of its own, and link it to `path` if nothing is there."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                # A link replaces nothing on any file system that has links, network ones included.
                if not self.link(temporary.relative_to(self.root).as_posix(), path):
                    move_onto_nothing(temporary, target)
            except FileExistsError:
                return False
            _sync_directory(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def make(self, path: str) -> None:
        """Create a directory, and those above it."""
        (self.root / path).mkdir(parents=True, exist_ok=True)

    def entries(self, path: str) -> Iterator[Entry]:
        """Give all files below a directory."""
        for folder, folders, names in os.walk(self.root / path):
            # A link to a directory is not followed, and is something that lies here.
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in (*names, *links):
                file = Path(folder, name)
                with suppress(FileNotFoundError):
                    found = file.stat() if file.exists() else file.lstat()
                    relative = file.relative_to(self.root).as_posix()
                    yield Entry(relative, found.st_size, found.st_mtime)

    def children(self, path: str) -> list[str]:
        """Give the names of what is directly in a directory."""
        try:
            return sorted(found.name for found in (self.root / path).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def exists(self, path: str) -> bool:
        """Tell whether a file, directory or link is there."""
        return os.path.lexists(self.root / path)

    def remove(self, path: str) -> None:
        """Remove a file, or a directory with all in it."""
        target = self.root / path
        for tries in itertools.count(1):
            try:
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                else:
                    target.unlink(missing_ok=True)
            except OSError as error:
                # Tasks of a job that ended may still write into it, or tidy up themselves.
                if error.errno not in (errno.ENOENT, errno.ENOTEMPTY) or tries == _TRIES:
                    raise
            else:
                return

    def remove_if_empty(self, path: str) -> None:
        """Remove a directory; one that others are just putting something into stays."""
        with suppress(FileNotFoundError, NotADirectoryError):
            try:
                (self.root / path).rmdir()
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    def link(self, source: str, target: str) -> bool:
        """Link a file, where the file system has hard links and lets this user make one."""
        if not self.links:
            return False
        there = self.root / target
        there.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.root / source, there)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
        return True

    def copy(self, source: str, target: str) -> None:
        """Copy a file and bring it to the disk."""
        there = self.root / target
        there.parent.mkdir(parents=True, exist_ok=True)
        with (self.root / source).open("rb") as old, there.open("xb") as new:
            shutil.copyfileobj(old, new, _CHUNK)
            new.flush()
            os.fsync(new.fileno())

    def move_file(self, source: str, target: str) -> None:
        """Rename a file."""
        there = self.root / target
        there.parent.mkdir(parents=True, exist_ok=True)
        (self.root / source).rename(there)

    def move(self, source: str, target: str) -> None:
        """Rename a directory to a place where nothing is."""
        there = self.root / target
        there.parent.mkdir(parents=True, exist_ok=True)
        move_onto_nothing(self.root / source, there)
        _sync_directory(there.parent)
        _sync_directory((self.root / source).parent)

    def exchange(self, one: str, other: str) -> bool:
        """Swap two directories in one step, where the system can."""
        if not (self.exchanges and exchange(self.root / one, self.root / other)):
            return False
        _sync_directory((self.root / one).parent)
        _sync_directory((self.root / other).parent)
        return True

    def sync(self, path: str) -> None:
        """Write the names of a directory, and of those below it, to the disk."""
        for folder, _, _ in os.walk(self.root / path):
            _sync_directory(Path(folder))

    @contextmanager
    def lock(self, path: str, holder: bytes) -> Iterator[bool]:
        """Hold an advisory lock (flock), which the system releases when this process ends."""
        target = self.root / path
        for tries in itertools.count(1):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                file = target.open("ab")
            except (FileExistsError, FileNotFoundError):
                if tries == _TRIES:
                    raise
                continue  # a job that ends has removed the directory meanwhile
            with file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
                # A job that ends may have removed the file between these two lines.
                if not _is_at(file, target):
                    continue
                file.truncate(0)
                file.write(holder)
                file.flush()
                yield True
                return


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
