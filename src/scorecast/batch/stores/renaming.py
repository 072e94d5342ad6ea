"""A remote file system whose directories can be renamed (HDFS, ABFS), through pyarrow. Driver only.

Such a store swaps no two directories, so a replacement takes two renames, told to a journal before.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from pyarrow import fs

from scorecast.batch.stores.base import Entry, NoLocks
from scorecast.worker.storage import filesystem_of


@dataclass(frozen=True, slots=True)
class RenamingStore(NoLocks):
    """Files below a directory of a pyarrow file system.

    Attributes:
        filesystem: The file system.
        root: Path of the directory in it.
        parent: URI of the directory.
        links: Always False: files are moved, or copied where they are needed twice.
    """

    filesystem: fs.FileSystem
    root: str
    parent: str
    links: bool = False

    def uri(self, path: str) -> str:
        """Give the URI."""
        return f"{self.parent}/{path}"

    def read(self, path: str) -> bytes | None:
        """Give the content of a file, or None where there is none."""
        try:
            with self.filesystem.open_input_stream(self._at(path)) as stream:
                return bytes(stream.read())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def create(self, path: str, data: bytes) -> bool:
        """Write a file under a name of its own, and rename it if nothing is at `path`."""
        if self.exists(path):
            return False
        folder, _, name = self._at(path).rpartition("/")
        self.filesystem.create_dir(folder, recursive=True)
        temporary = f"{folder}/.{name}.{uuid.uuid4().hex}"
        with self.filesystem.open_output_stream(temporary) as stream:
            stream.write(data)
        try:
            self.filesystem.move(temporary, self._at(path))
        except OSError:
            # HDFS refuses to rename a file onto another one.
            self.filesystem.delete_file(temporary)
            if not self.exists(path):
                raise
            return False
        return True

    def make(self, path: str) -> None:
        """Create a directory, and those above it."""
        self.filesystem.create_dir(self._at(path), recursive=True)

    def entries(self, path: str) -> Iterator[Entry]:
        """Give all files below a directory."""
        chosen = fs.FileSelector(self._at(path), allow_not_found=True, recursive=True)
        for info in self.filesystem.get_file_info(chosen):
            if info.is_file:
                relative = info.path.removeprefix(f"{self.root}/")
                modified = 0.0 if info.mtime is None else info.mtime.timestamp()
                yield Entry(relative, info.size, modified)

    def children(self, path: str) -> list[str]:
        """Give the names of what is directly in a directory."""
        chosen = fs.FileSelector(self._at(path), allow_not_found=True)
        return sorted(info.base_name for info in self.filesystem.get_file_info(chosen))

    def exists(self, path: str) -> bool:
        """Tell whether a file or directory is there."""
        kind = self.filesystem.get_file_info(self._at(path)).type
        return bool(kind != fs.FileType.NotFound)

    def remove(self, path: str) -> None:
        """Remove a file, or a directory with all in it."""
        kind = self.filesystem.get_file_info(self._at(path)).type
        if kind == fs.FileType.Directory:
            self.filesystem.delete_dir(self._at(path))
        elif kind != fs.FileType.NotFound:
            self.filesystem.delete_file(self._at(path))

    def remove_if_empty(self, path: str) -> None:
        """Remove a directory in which nothing was a moment ago."""
        kind = self.filesystem.get_file_info(self._at(path)).type
        if kind == fs.FileType.Directory and not self.children(path):
            self.filesystem.delete_dir(self._at(path))

    def link(self, source: str, target: str) -> bool:
        """Say that this store cannot."""
        del source, target
        return False

    def copy(self, source: str, target: str) -> None:
        """Copy a file through the driver."""
        self._make_parent(target)
        fs.copy_files(
            self._at(source),
            self._at(target),
            source_filesystem=self.filesystem,
            destination_filesystem=self.filesystem,
        )

    def move_file(self, source: str, target: str) -> None:
        """Rename a file."""
        self._make_parent(target)
        self.filesystem.move(self._at(source), self._at(target))

    def move(self, source: str, target: str) -> None:
        """Rename a directory to a place where nothing is."""
        if self.exists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        self._make_parent(target)
        self.filesystem.move(self._at(source), self._at(target))
        # HDFS puts a directory inside of one that has appeared in the meantime.
        inside = f"{target}/{source.rpartition('/')[2]}"
        if self.exists(inside):
            self.filesystem.move(self._at(inside), self._at(source))
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)

    def exchange(self, one: str, other: str) -> bool:
        """Say that this store cannot."""
        del one, other
        return False

    def sync(self, path: str) -> None:
        """Do nothing: a file is durable here when it is closed."""

    def _make_parent(self, path: str) -> None:
        self.filesystem.create_dir(self._at(path).rpartition("/")[0], recursive=True)

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"


def open_parent(uri: str) -> RenamingStore:
    """Give the store of the directory that holds `uri`.

    Raises:
        OutputError: The file system cannot be reached.
    """
    parent = uri.rpartition("/")[0]
    filesystem, root = filesystem_of(parent)
    return RenamingStore(filesystem, root.rstrip("/"), parent)


def can_rename(uri: str) -> bool:
    """Tell whether directories can be renamed where an output is to be.

    Storage accounts of Azure can with a hierarchical namespace, and Arrow refuses without one.

    Raises:
        OutputError: The file system cannot be reached.
    """
    filesystem, root = filesystem_of(uri.rpartition("/")[0])
    nothing = f"{root.rstrip('/')}/.{uuid.uuid4().hex}"
    try:
        filesystem.move(nothing, f"{nothing}.moved")
    except NotImplementedError:
        return False
    except OSError:  # there is nothing to move, or what is wrong is told when it is used
        pass
    return True
