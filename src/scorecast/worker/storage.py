"""Places to write to, by path or URI as Spark has it, and files hashed while they are written."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from scorecast.errors import OutputError, OutputFullError, one_line
from scorecast.filesystems import filesystem_at

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(?=/)")

_FULL = {errno.ENOSPC, errno.EDQUOT}

# Up to 64 files are open at a time; pages are mostly larger than this and pass the buffer by.
_BUFFER = 128 * 1024
_CHUNK = 1 << 20


def filesystem_of(uri: str) -> tuple[fs.FileSystem, str]:
    """Find the file system of a path or URI. Runs on driver and workers, once per writer.

    Args:
        uri: A local path, a ``file:`` URI (percent-encoded), or a URI of a store that Arrow knows:
            ``s3``, ``s3a``, ``s3n``, ``gs``, ``abfs``, ``abfss``, ``hdfs``, ``viewfs``.

    Returns:
        The file system and the path in it; an absolute one for local files.

    Raises:
        OutputError: Nothing here can write to such a place.
    """
    found = _SCHEME.match(uri)
    if not found:
        return fs.LocalFileSystem(), _absolute(uri)
    scheme = found[1].lower()
    if scheme == "file":
        return fs.LocalFileSystem(), _local_path(uri)
    try:
        return filesystem_at(scheme, uri[found.end() :])
    except (pa.ArrowException, OSError, ValueError) as error:
        message = (
            f'Cannot open the file system of "{uri}": {one_line(error)}. '
            "Python on the driver and on every worker has to reach it through pyarrow: check the "
            "URI, the credentials in the environment, and for hdfs the libraries of Hadoop "
            "(ARROW_LIBHDFS_DIR, CLASSPATH); or choose an output on a mounted path."
        )
        raise OutputError(message) from error


def sha256_of(filesystem: fs.FileSystem, path: str) -> str:
    """Give the SHA-256 of a file's bytes, in hexadecimal digits. Reads all of it."""
    digest = hashlib.sha256()
    with filesystem.open_input_stream(path) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_local(filesystem: fs.FileSystem) -> bool:
    """Tell whether paths of a file system are paths of this machine."""
    return isinstance(filesystem, fs.LocalFileSystem)


def _local_path(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        message = (
            f'Cannot write to "{uri}": it names the host "{parts.netloc}", and files of another '
            "host cannot be reached. Write file:///path, with three slashes."
        )
        raise OutputError(message)
    # What follows "?" or "#" is part of the name of a file, as Hadoop has it.
    start = uri.index(":") + 1
    rest = uri[start:]
    return _absolute(unquote(rest[len(parts.netloc) + 2 :] if rest.startswith("//") else rest))


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


class Sink:
    """A new file that counts and hashes its bytes while they are written. Runs on workers.

    Local files are made durable by `close`; their directories by `sync_directory`.

    Attributes:
        path: Path in the file system.
        size: Bytes written so far.
        closed: Whether nothing can be written any more.
    """

    def __init__(self, filesystem: fs.FileSystem, path: str, base: str = "/") -> None:
        """Create the file, and the directories above it.

        Args:
            filesystem: Where.
            path: Path in it.
            base: Directory above it that has to be there, on a local file system.

        Raises:
            OSError: The store refuses, or a local file of this name is there.
        """
        self.path, self.size, self.closed = path, 0, False
        self._filesystem, self._hash, self._discards = filesystem, hashlib.sha256(), False
        self._stream: Any
        if is_local(filesystem):
            make_directory(str(Path(path).parent), base)
            self._stream = open(  # noqa: PTH123, SIM115 - `close` or `discard` ends it
                path, "xb", buffering=_BUFFER
            )
        else:
            self._stream = filesystem.open_output_stream(path, buffer_size=_BUFFER)

    @property
    def sha256(self) -> str:
        """Digest of all bytes written so far, in hex."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Append bytes, or anything with their buffer interface."""
        size = memoryview(data).nbytes
        if not self._discards:
            self._stream.write(data)
            self._hash.update(data)
            self.size += size
        return size

    def flush(self) -> None:
        """Do nothing: `close` does."""

    def readable(self) -> bool:
        """Tell that nothing can be read."""
        return False

    def writable(self) -> bool:
        """Tell that bytes can be written."""
        return True

    def seekable(self) -> bool:
        """Tell that bytes come one after the other."""
        return False

    def tell(self) -> int:
        """Give the bytes written so far."""
        return self.size

    def close(self) -> None:
        """Bring all bytes to the disk or store.

        Raises:
            OSError: That fails; the file may then be there in part.
        """
        if self.closed:
            return
        self.closed = True
        if is_local(self._filesystem):
            with self._stream as stream:
                stream.flush()
                os.fsync(stream.fileno())
        else:
            self._stream.close()

    def discard(self) -> None:
        """Drop what is written from now on, close, and remove the file; never raises."""
        self._discards = True
        if not self.closed:
            self.closed = True
            # A store may complain about bytes that it had not taken yet.
            with suppress(Exception):
                self._stream.close()
        with suppress(Exception):
            self._filesystem.delete_file(self.path)


def make_directory(path: str, base: str) -> None:
    """Create a local directory, and those above it up to one that has to be there.

    Raises:
        OSError: `base` is not there, or the system refuses.
    """
    place = Path(base)
    for name in Path(path).relative_to(base).parts:
        place /= name
        place.mkdir(exist_ok=True)


def sync_directory(path: str) -> None:
    """Make the names in a local directory survive a loss of power.

    Raises:
        OSError: The disk fails.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_failed(
    what: str, filesystem: fs.FileSystem, folder: str, error: Exception
) -> OutputError:
    """Build the error for a write into `folder` that the system refused.

    Args:
        what: What was written, without values of rows.
        filesystem: Where.
        folder: Path in it.
        error: What the system says.
    """
    number = getattr(error, "errno", None)
    # The text of a system's error may hold the path, and that a partition value.
    reason = os.strerror(number) if number else one_line(error)
    advice = "Check that the worker may write there, or choose another output"
    if number in _FULL:
        advice = "Free space or choose another output"
        with suppress(OSError):
            if is_local(filesystem):
                usage = shutil.disk_usage(_existing(folder))
                reason += f" ({usage.free:,} of {usage.total:,} bytes are free there)"
    kind = OutputFullError if number in _FULL else OutputError
    return kind(f'Cannot write {what} in "{folder}": {reason}. {advice}; nothing was published.')


def _existing(folder: str) -> Path:
    path = Path(folder)
    return next(place for place in (path, *path.parents) if place.exists())
