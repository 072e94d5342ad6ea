"""A model in a zip or tar.gz -> its directory, whatever the archive tries.

What is written is for `unpacking` to say; here are the two forms, and what hides in them. Nothing
is left of an archive that is refused.
"""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from scorecast.artifacts.unpacking import CHUNK, LIMIT_VARIABLE, MOST_ENTRIES, Tree, quoted
from scorecast.artifacts.uri import writing
from scorecast.errors import ArchiveError
from scorecast.sizes import size_from

SUFFIXES = (".zip", ".tar.gz", ".tgz")
# More than a driver could ship to workers, and less than most disks: what is larger is a mistake or
# a bomb, and ends before the disk is full.
_DEFAULT_LIMIT = 50 << 30
# The list of members of a zip; 100,000 of them with names of 500 bytes.
_LONGEST_LIST = 64 << 20
# What tarfile reads at once is never more, unless a header lies.
_LONGEST_READ = 2 << 20
_MEMBER = b"PK\x01\x02"
_LOCAL_HEADER = 30
_LENGTHS_IN_LOCAL_HEADER = 26
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_TAR_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MANY = 20


def is_archive(path: str) -> bool:
    """Tell whether a path has the ending of an archive that `unpack_model` takes."""
    return path.lower().endswith(SUFFIXES)


def archive_limit(environ: Mapping[str, str]) -> int:
    """Give how many bytes an archive, and what is in it, may have at most.

    Raises:
        ConfigError: The environment says something that is no size.
    """
    return size_from(environ, LIMIT_VARIABLE, _DEFAULT_LIMIT)


def unpack_model(archive: Path, into: Path, shown: str, limit: int) -> Path:
    """Unpack an archive into `into`, and give the directory of the model in it.

    That is `into`, or the one directory in it that holds ``MLmodel``. Runs on the driver, once per
    call. After an error nothing is left of `into`.

    Args:
        archive: The file; the ending of its name says which kind it is.
        into: A directory that does not exist; its files are for this user alone.
        shown: How messages call the archive.
        limit: Bytes that may be unpacked.

    Raises:
        ArchiveError: It is damaged or too large, holds what is not to be unpacked, or no model.
        ArtifactError: The files cannot be written.
    """
    with writing(into):
        into.mkdir(mode=0o700)
    try:
        tree = Tree(into, shown, limit, archive.stat().st_size)
        unpack = _unpack_zip if archive.name.lower().endswith(".zip") else _unpack_tar
        try:
            unpack(archive, tree)
        except ArchiveError:
            raise
        except _DAMAGED as error:
            raise _damaged(shown, error) from error
        return _model_in(into, shown)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


# What the readers of the standard library raise for bytes that are no archive.
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)


class _ZipFile(io.FileIO):
    """The bytes of a zip, whose list of members is counted before objects are made of it."""

    def __init__(self, path: Path, tree: Tree) -> None:
        super().__init__(path)
        self._tree = tree

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LONGEST_LIST:
            self._tree.refuse("a list of members that is too long")
        data = super().read(-1 if size is None else size)
        if data.count(_MEMBER) > MOST_ENTRIES:
            self._tree.refuse(f"more than {MOST_ENTRIES} files and directories")
        return data


def _unpack_zip(archive: Path, tree: Tree) -> None:
    with _ZipFile(archive, tree) as file, zipfile.ZipFile(file) as members:
        entries = sorted(members.infolist(), key=lambda entry: entry.header_offset)
        _check_places(file, entries, tree)
        for entry in entries:
            _check_zip_entry(entry, tree)
        for entry in entries:
            if entry.is_dir():
                tree.add_directory(entry.orig_filename)
                continue
            size = entry.file_size
            # zipfile stops where the header says; one byte more shows whether there are more.
            entry.file_size += 1
            with members.open(entry) as source:
                tree.add_file(entry.orig_filename, _counted(source, tree), size)


def _counted(source: IO[bytes], tree: Tree) -> Callable[[int], bytes]:
    return lambda size: tree.counted(source.read(size))


def _check_places(file: _ZipFile, entries: list[zipfile.ZipInfo], tree: Tree) -> None:
    """Refuse members that share bytes: small archives become huge by that."""
    end = 0
    for entry in entries:
        if entry.header_offset < end:
            tree.refuse(f"{quoted(entry.orig_filename)}, whose bytes are of others, too")
        file.seek(entry.header_offset + _LENGTHS_IN_LOCAL_HEADER)
        lengths = struct.unpack("<HH", file.read(4))
        end = entry.header_offset + _LOCAL_HEADER + sum(lengths) + entry.compress_size


def _check_zip_entry(entry: zipfile.ZipInfo, tree: Tree) -> None:
    name = quoted(entry.orig_filename)
    # zipfile cuts names off at NUL, and takes others from where not all programs look.
    if entry.filename != entry.orig_filename:
        tree.refuse(f"the name {name}, which is two names")
    if entry.flag_bits & _ENCRYPTED:
        tree.refuse(f"{name}, which is encrypted")
    if entry.compress_type not in _METHODS:
        tree.refuse(f"{name}, which is not compressed in the usual way (deflate)")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG}:
        tree.refuse(f"{name}, which is no file and no directory: a link or device")


class _TarStream:
    """The unpacked bytes of a tar, forwards only, counted as they come.

    tarfile reads as much at once as a header says, and goes back where one is negative.

    Attributes:
        last: What was read last.
    """

    def __init__(self, source: gzip.GzipFile, tree: Tree) -> None:
        self._source, self._tree = source, tree
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            self._tree.refuse("a header with a size that cannot be")
        self.last = self._tree.counted(self._source.read(size))
        return self.last

    def tell(self) -> int:
        return self._source.tell()

    def seek(self, place: int) -> int:
        missing = place - self.tell()
        if missing < 0:
            self._tree.refuse("a header with a size that cannot be")
        while missing:
            missing -= len(self.read(min(missing, CHUNK))) or missing
        return self.tell()


def _unpack_tar(archive: Path, tree: Tree) -> None:
    with gzip.open(archive) as source:
        stream = _TarStream(source, tree)
        with tarfile.TarFile(fileobj=stream) as members:  # type: ignore[arg-type] # all it uses
            for entry in members:
                _add_tar_entry(members, entry, tree)
            # tarfile takes anything that is no header for the end.
            if stream.last.strip(b"\0"):
                tree.refuse("something else than files behind the last file")
        while stream.read(CHUNK):  # checks the sum of all
            pass


def _add_tar_entry(members: tarfile.TarFile, entry: tarfile.TarInfo, tree: Tree) -> None:
    if entry.isdir():
        tree.add_directory(entry.name)
        return
    if entry.type not in _TAR_FILES or entry.issparse():
        tree.refuse(
            f"{quoted(entry.name)}, which is no plain file and no directory: a link, a device or "
            "a file with holes"
        )
    source = members.extractfile(entry)
    if source is None:
        tree.refuse(f"{quoted(entry.name)}, which cannot be read")
    with source:
        tree.add_file(entry.name, source.read, entry.size)


def _damaged(shown: str, error: BaseException) -> ArchiveError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ArchiveError(
        f'The archive "{shown}" is damaged, or of another kind than its name says: {reason}. Check '
        "that it is the file and not a page of the server, and pack it again if it is."
    )


def _model_in(root: Path, shown: str) -> Path:
    """Give the root, or the one directory in it, that holds ``MLmodel``."""
    if (root / "MLmodel").is_file():
        return root
    names = sorted(path.name for path in root.iterdir())
    models = [name for name in names if (root / name / "MLmodel").is_file()]
    if len(models) == 1:
        return root / models[0]
    some = ", ".join(names[:_MANY]) + (", ..." if len(names) > _MANY else "")
    message = (
        f'The archive "{shown}" holds {"several models" if models else "no model"}; at its top '
        f"{'are' if some else 'is nothing'}{f' {some}' if some else ''}. Expected the file MLmodel "
        "there, or one directory with it."
    )
    raise ArchiveError(message)
