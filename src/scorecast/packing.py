"""Model directory <-> bytes: the only form in which a model crosses to other machines.

The digest is taken over the files, not over the archive: SHA-256 of one line
``<sha256 of the file>  <size>  <path>`` per file, sorted by path, and ``-  0  <path>/`` per empty
directory. So the same model has the same digest wherever it was fetched from and however it was
packed. Files that reading or fetching a model leaves behind (`_IGNORED`) do not count.

The archive is an uncompressed zip without dates and modes: weights hardly compress, and the same
files always give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from scorecast.errors import DigestMismatchError, ShippingError
from scorecast.private import make_private
from scorecast.texts import printable

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
        ShippingError: A file cannot be read or packed, or a link leads out of the directory.
    """
    return _digest(directory, None)


def pack(directory: Path) -> PackedModel:
    """Pack the files in `directory`. Runs on the driver, once per model and call.

    Raises:
        ShippingError: A file cannot be read or packed, or a link leads out of the directory.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # In one pass, so that a file that changes meanwhile cannot get the digest of another.
        digest = _digest(directory, archive)
    return PackedModel(buffer.getvalue(), digest)


def unpack(
    packed: bytes, directory: Path, digest: str, before_check: Callable[[Path], None] = make_private
) -> None:
    """Unpack a model into `directory`, which must not exist, and check its files.

    What is there after an error is not to be used.

    Args:
        packed: The archive.
        directory: The files go there.
        digest: The digest that they must have.
        before_check: Called with the directory when the files are written, before they are checked.

    Raises:
        DigestMismatchError: The archive is damaged, or holds another model.
        ShippingError: The files cannot be written; the cause is the `OSError`.
    """
    _extract(packed, directory)
    before_check(directory)
    if (found := tree_digest(directory)) != digest:
        message = (
            f"The packed model has the digest {found}, expected {digest}: it was changed or "
            "damaged on the way to this worker. Nothing was loaded. Run again."
        )
        raise DigestMismatchError(message)


def copy_files(
    source: Path, directory: Path, digest: str, before_check: Callable[[Path], None] = make_private
) -> None:
    """Copy a model that is not packed into `directory`, which must not exist, and check the copy.

    What is there after an error is not to be used.

    Args:
        source: The files of the model.
        directory: The copies go there.
        digest: The digest that they must have.
        before_check: Called with the directory when the files are written, before they are checked.

    Raises:
        DigestMismatchError: The files are not those of the model.
        ShippingError: `source` cannot be read.
        OSError: The copies cannot be written.
    """
    directory.mkdir(mode=0o700)
    with _reading(source):
        entries = list(model_entries(source))
    for relative, path in entries:
        target = directory / relative
        if path.is_dir():
            target.mkdir(parents=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with _reading(source):
            stream = path.open("rb")
        with stream, target.open("xb") as copy:
            shutil.copyfileobj(stream, copy, _CHUNK)
    before_check(directory)
    if (found := tree_digest(directory)) != digest:
        message = (
            f'The files in "{source}" have the digest {found}, expected {digest}: the model '
            "changed after it was inspected. Nothing was loaded. Run again once it is written."
        )
        raise DigestMismatchError(message)


def directory_size(directory: Path) -> int:
    """Give the bytes of the files that a digest is about.

    Raises:
        ShippingError: A file cannot be packed, or the directory cannot be read.
    """
    with _reading(directory):
        return sum(path.stat().st_size for _, path in model_entries(directory) if path.is_file())


@contextmanager
def _reading(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f'Cannot read the model in "{directory}": {error}.'
        raise ShippingError(message) from error


def _extract(data: bytes, target: Path) -> None:
    try:
        target.mkdir(mode=0o700)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                _check_member(entry.filename)
                archive.extract(entry, target)
    except ShippingError:
        raise
    except OSError as error:
        message = f'Cannot unpack the model into "{target.parent}": {error}.'
        raise ShippingError(message) from error
    except Exception as error:  # zipfile raises a dozen kinds for bytes that are not a zip
        message = f"The packed model is damaged ({type(error).__name__}: {error}). Run again."
        raise DigestMismatchError(message) from error


def _check_member(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        message = f'The packed model holds the path "{name}", which leaves its directory.'
        raise ShippingError(message)
    # The digest passes over these names, and Python would run bytecode that it finds there.
    if is_ignored(path):
        message = f'The packed model holds "{name}", which is never packed: it was tampered with.'
        raise DigestMismatchError(message)


def _digest(directory: Path, archive: zipfile.ZipFile | None) -> str:
    """Digest the files in `directory`, and add them to `archive` on the way."""
    total = hashlib.sha256()
    with _reading(directory):
        for relative, path in model_entries(directory):
            if path.is_dir():
                total.update(f"-  0  {relative}/\n".encode())
                if archive is not None:
                    archive.writestr(zipfile.ZipInfo(f"{relative}/", _EPOCH), b"")
                continue
            with path.open("rb") as source, _member(archive, relative, path) as target:
                file_digest, size = _copy(source, target)
            total.update(f"{file_digest}  {size}  {relative}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _member(
    archive: zipfile.ZipFile | None, relative: str, path: Path
) -> AbstractContextManager[IO[bytes] | None]:
    if archive is None:
        return nullcontext()
    entry = zipfile.ZipInfo(relative, _EPOCH)
    entry.file_size = path.stat().st_size  # zipfile decides by it whether 32 bits are enough
    return archive.open(entry, "w")


def _copy(source: IO[bytes], target: IO[bytes] | None) -> tuple[str, int]:
    hashed, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        hashed.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return hashed.hexdigest(), size


def is_ignored(path: PurePosixPath) -> bool:
    """Tell whether a path in a model is one that no digest counts and no copy holds."""
    return not _IGNORED.isdisjoint(path.parts)


def remove_ignored(directory: Path) -> None:
    """Remove from a directory what no digest counts, such as bytecode that Python would run.

    Raises:
        OSError: The system refuses.
    """
    for path in sorted(directory.rglob("*"), reverse=True):
        if is_ignored(PurePosixPath(path.relative_to(directory))):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def model_entries(directory: Path, *, all_files: bool = False) -> Iterator[tuple[str, Path]]:
    """Give relative path and path of every file and empty directory, sorted by relative path.

    These are what the digest is about.

    Args:
        directory: The directory.
        all_files: Whether to give what no digest counts, too.

    Raises:
        ShippingError: A file cannot be packed, or a link leads out of the directory.
        OSError: A directory cannot be read.
    """
    root = directory.resolve()
    ignored = set() if all_files else _IGNORED
    found: list[tuple[str, Path]] = []
    for folder, folders, files in os.walk(root, onerror=_raise, followlinks=True):
        here = Path(folder)
        folders[:] = [name for name in folders if name not in ignored]
        kept = [name for name in files if name not in ignored]
        for name in (*folders, *kept):
            if problem := _problem(here / name, root):
                relative = (here / name).relative_to(root).as_posix()
                shown = printable(relative)
                message = f'Cannot pack "{shown}" of the model directory "{root}": {problem}.'
                raise ShippingError(message)
        if not folders and not kept and here != root:
            found.append((here.relative_to(root).as_posix(), here))
        found.extend(((here / name).relative_to(root).as_posix(), here / name) for name in kept)
    return iter(sorted(found))


def _problem(path: Path, root: Path) -> str | None:
    """Say why a file or directory cannot be packed, or None."""
    resolved = path.resolve()
    if not resolved.is_relative_to(root):
        return "it is a link to something outside; copy that into the directory"
    if path.is_dir():
        if path.is_symlink() and resolved in [parent.resolve() for parent in path.parents]:
            return "it is a link to a directory that it is in"
    elif not path.exists():
        return "it is a link to something that does not exist"
    elif not path.is_file():
        return "it is neither a file nor a directory"
    if "\n" in path.name or not _is_text(path.name):
        return "its name is not one line of text; rename it"
    return None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8, as Python shows them
        return False
    return True


def _raise(error: OSError) -> None:
    raise error
