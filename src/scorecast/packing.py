"""Model directory <-> bytes: the only form in which a model crosses to executors.

The digest is taken over the files, not over the archive: SHA-256 of one line
``<sha256 of the file>  <size>  <path>`` per file, sorted by path, and ``-  0  <path>/`` per empty
directory. So the same model has the same digest wherever it was fetched from and however it was
packed. Files that reading or fetching a model leaves behind (`_IGNORED`) do not count.

The archive is an uncompressed zip without dates and modes: weights hardly compress, and the same
files always give the same bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scorecast.errors import DigestMismatchError, ShippingError

FORMAT = 1
_IGNORED = {"__pycache__", ".DS_Store", "registered_model_meta"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model as bytes.

    Attributes:
        data: The archive.
        digest: ``sha256:`` and 64 hexadecimal digits, over the files inside.
        format: Number of the archive's layout.
    """

    data: bytes
    digest: str
    format: int = FORMAT


def tree_digest(directory: Path) -> str:
    """Give the digest of the files in `directory`.

    Raises:
        ShippingError: A link leads out of the directory.
    """
    total = hashlib.sha256()
    for relative, path in _entries(directory):
        if path.is_dir():
            total.update(_line("-", 0, f"{relative}/"))
            continue
        with path.open("rb") as stream:
            file_digest = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(_line(file_digest, path.stat().st_size, relative))
    return f"sha256:{total.hexdigest()}"


def pack(directory: Path) -> PackedModel:
    """Pack the files in `directory`. Runs on the driver, once per model and call.

    Raises:
        ShippingError: A link leads out of the directory.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for relative, path in _entries(directory):
            if path.is_dir():
                archive.writestr(zipfile.ZipInfo(f"{relative}/", _EPOCH), b"")
                continue
            entry = zipfile.ZipInfo(relative, _EPOCH)
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)
    return PackedModel(buffer.getvalue(), tree_digest(directory))


def unpack_once(root: Path, digest: str, read: Callable[[], bytes]) -> Path:
    """Give a directory below `root` with the files of `digest`, unpacking them if need be.

    Runs on workers, once per process and model. All processes of a machine that share `root` share
    one copy: the first to come unpacks while the others wait, and `read` is called by that one
    only. The digest of the files is checked every time, before anything in them is used.

    Args:
        root: Directory that belongs to this user alone; made if it is missing.
        digest: The digest that the files must have.
        read: Gives the archive.

    Raises:
        DigestMismatchError: The files are not the ones that were packed.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = root / digest.replace(":", "-")
    with _locked(directory.with_suffix(".lock")):
        if not directory.exists():
            _unpack(read(), directory)
    found = tree_digest(directory)
    if found != digest:
        message = (
            f'The model in "{directory}" has the digest {found}, expected {digest}: its files '
            "were changed or damaged on the way to this worker. Nothing was loaded. Remove the "
            "directory and run again."
        )
        raise DigestMismatchError(message)
    return directory


def _unpack(data: bytes, directory: Path) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=".unpack-", dir=directory.parent))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                _refuse_escape(entry.filename)
                archive.extract(entry, temporary)
        temporary.rename(directory)
    except (zipfile.BadZipFile, EOFError) as error:
        message = f"The packed model is damaged: {error}. Ship it again."
        raise DigestMismatchError(message) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_escape(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        message = f'The packed model holds the path "{name}", which leaves its directory.'
        raise ShippingError(message)


def _entries(directory: Path) -> Iterator[tuple[str, Path]]:
    """Give relative path and path of every file and empty directory, sorted by relative path."""
    root = directory.resolve()
    found: list[tuple[str, Path]] = []
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if name not in _IGNORED]
        kept = [name for name in files if name not in _IGNORED]
        here = Path(folder)
        if not folders and not kept and here != root:
            found.append((here.relative_to(root).as_posix(), here))
        for name in kept:
            path = here / name
            relative = path.relative_to(root).as_posix()
            if not path.resolve().is_relative_to(root):
                message = (
                    f'"{relative}" in the model directory "{directory}" is a link to something '
                    "outside of it. Copy the file into the directory."
                )
                raise ShippingError(message)
            found.append((relative, path))
    return iter(sorted(found))


def _line(file_digest: str, size: int, relative: str) -> bytes:
    return f"{file_digest}  {size}  {relative}\n".encode()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
