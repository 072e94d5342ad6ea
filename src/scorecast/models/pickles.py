"""What a pickle would import, read off without unpickling anything.

A pickle is a program: it names functions and classes, and loading it calls them. The names are
read from the opcodes (`pickletools`); nothing is imported.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

_PROTOCOL = b"\x80"  # the opcode that begins every pickle since protocol 2
_PROTOCOLS = range(2, 6)
_ZIP = b"PK\x03\x04"
# How many archives may lie in one another, and how much is read of what is compressed: more than
# any pickle needs before it names what it imports, and little enough for an archive made to harm.
_DEEPEST = 4
_MOST = 64 << 20
_START = 1 << 16
# For all files of a model together: what is expanded of a small file could be without end. An entry
# that is an array is read as far as its header, so that weights in archives hardly count.
_MOST_EXPANDED = 512 << 20
_MOST_ENTRIES = 100_000
_MOST_OPCODES = 10_000_000
_ENTRY = b"PK\x01\x02"
_NPY = b"\x93NUM"
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".p", ".cloudpickle", ".joblib")
_UNKNOWN = "?"
_NAME = re.compile(r"[A-Za-z_][\w.]*( [A-Za-z_][\w.]*)?")

_STRINGS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_STORES = {"BINPUT", "LONG_BINPUT", "PUT"}
_FETCHES = {"BINGET", "LONG_BINGET", "GET"}
# Opcodes that leave the stack as it was.
_NEUTRAL = {"PROTO", "FRAME", "MARK"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PickledFile:
    """A file of a model that is a pickle, or holds one.

    Attributes:
        path: Path in the model's directory; for one inside of an archive with ``!`` and its name.
        modules: Modules that it names, sorted; ``?`` for one whose name is computed.
    """

    path: str
    modules: tuple[str, ...]


class _ExhaustedError(Exception):
    """Says that a model makes more work than it is worth."""


class _Budget:
    """What may be done for a model before the rest of it counts as unreadable."""

    def __init__(self) -> None:
        self._expanded, self._entries = _MOST_EXPANDED, _MOST_ENTRIES
        self._opcodes = _MOST_OPCODES

    def expand(self, read: Callable[[int], bytes], size: int) -> bytes:
        """Read what is compressed, at most `size` bytes."""
        data = read(size if self._expanded > 0 else 0)
        self._expanded -= len(data)
        if self._expanded <= 0:
            raise _ExhaustedError
        self.list(data.count(_ENTRY))  # zipfile makes objects of all of them
        return data

    def list(self, entries: int) -> None:
        """Count entries of archives."""
        self._entries -= entries
        if self._entries < 0:
            raise _ExhaustedError

    def follow(self, opcodes: Iterable[T]) -> Iterator[T]:
        """Give the opcodes of a pickle."""
        for each in opcodes:
            self._opcodes -= 1
            if self._opcodes < 0:
                raise _ExhaustedError
            yield each


def pickled_files(directory: Path) -> list[PickledFile]:
    """Find the pickles among the files of a model, whatever they are called.

    Runs on the driver; reads every file that begins as a pickle, an archive or something that
    joblib compresses with. Pickles are found in zip archives, as torch writes them, and behind
    gzip, bzip2, lzma, xz and zlib. What code of the model makes into a pickle is not found. Of an
    archive that expands to more than any model the rest is told as a pickle that nobody can read.

    Raises:
        OSError: A file cannot be read.
    """
    found: list[PickledFile] = []
    budget = _Budget()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = path.relative_to(directory).as_posix()
        with path.open("rb") as file:
            inside = list(_in_stream(name, file, budget, _DEEPEST))
            if not inside and path.suffix in _PICKLE_SUFFIXES and not zipfile.is_zipfile(file):
                file.seek(0)
                inside = [PickledFile(name, _modules_named(file, budget))]
        found += inside
    return found


def _in_stream(name: str, file: IO[bytes], budget: _Budget, deepest: int) -> Iterator[PickledFile]:
    head = file.read(len(_ZIP))
    file.seek(0)
    if _is_pickle(head) or _is_text_pickle(file, budget):
        file.seek(0)
        yield PickledFile(name, _modules_named(file, budget))
    elif head == _NPY:
        if _holds_objects(file.readline(_START)):
            yield PickledFile(name, _modules_named(file, budget))
    elif deepest == 0:
        yield PickledFile(name, (_UNKNOWN,))
    elif head == _ZIP or zipfile.is_zipfile(file):
        yield from _in_archive(name, file, budget, deepest)
    else:
        file.seek(0)
        try:
            inner = _decompressed(head, file, budget)
        except _ExhaustedError:
            yield PickledFile(name, (_UNKNOWN,))
            return
        if inner is not None:
            yield from _in_stream(name, io.BytesIO(inner), budget, deepest - 1)


def modules_named(file: IO[bytes]) -> tuple[str, ...]:
    """Give the modules that a pickle names, sorted; ``?`` where a name cannot be read off.

    Several pickles may follow one another, as in files of torch.
    """
    return _modules_named(file, _Budget())


def _modules_named(file: IO[bytes], budget: _Budget) -> tuple[str, ...]:
    modules: set[str] = set()
    while file.read(1):
        file.seek(-1, 1)
        before = file.tell()
        try:
            modules.update(_of_one(file, budget))
        except Exception:  # noqa: BLE001 - what is damaged or no pickle raises anything
            modules.add(_UNKNOWN)
            break
        if file.tell() == before:
            break
    return tuple(sorted(modules))


def _is_pickle(head: bytes) -> bool:
    return len(head) > 1 and head[:1] == _PROTOCOL and head[1] in _PROTOCOLS


def _holds_objects(header: bytes) -> bool:
    """Tell whether an array is of objects of Python, which numpy pickles behind the header."""
    return b"'|O" in header


def _is_text_pickle(file: IO[bytes], budget: _Budget) -> bool:
    """Tell a pickle of protocol 0 or 1, which has no mark: a whole program that imports a name."""
    start = file.read(_START)
    file.seek(0)
    imports = False
    try:
        for opcode, argument, _ in budget.follow(pickletools.genops(start)):
            if opcode.name in ("GLOBAL", "INST"):
                if not _NAME.fullmatch(str(argument)):
                    return False
                imports = True
    except _ExhaustedError:
        return True
    except Exception:  # noqa: BLE001 - what is no pickle raises anything
        return imports and len(start) == _START
    return imports


def _in_archive(name: str, file: IO[bytes], budget: _Budget, deepest: int) -> Iterator[PickledFile]:
    size = file.seek(0, io.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            budget.list(len(entries))
            if sum(entry.compress_size for entry in entries) > size:  # they share their bytes
                raise _ExhaustedError  # noqa: TRY301 - as for all that cannot be read
            for entry in entries:
                yield from _in_entry(archive, entry, f"{name}!{entry.filename}", budget, deepest)
    except Exception:  # noqa: BLE001 - other readers may open what zipfile does not
        yield PickledFile(name, (_UNKNOWN,))


def _in_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, budget: _Budget, deepest: int
) -> Iterator[PickledFile]:
    with archive.open(entry) as member:
        inner: IO[bytes] = member
        if entry.compress_type != zipfile.ZIP_STORED:
            data = budget.expand(member.read, _START)
            if not data.startswith(_NPY) or _holds_objects(data.partition(b"\n")[0]):
                data += budget.expand(member.read, _MOST - _START)
            inner = io.BytesIO(data)
        yield from _in_stream(name, inner, budget, deepest - 1)


def _decompressed(head: bytes, file: IO[bytes], budget: _Budget) -> bytes | None:
    """Give the beginning of what is compressed with something that joblib reads, or None."""
    for mark, expand in _COMPRESSIONS:
        if head.startswith(mark):
            try:
                return budget.expand(partial(expand, file), _MOST) or None
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
                return None
    return None


def _expand_lzma(file: IO[bytes], size: int) -> bytes:
    with lzma.open(file) as expanded:  # xz and the older form alike
        return expanded.read(size)


def _expand_zlib(file: IO[bytes], size: int) -> bytes:
    return zlib.decompressobj().decompress(file.read(_MOST), size) if size else b""


def _expand_zfile(file: IO[bytes], size: int) -> bytes:
    """Go past the length that joblib wrote before 0.10, of one of two widths."""
    start = file.read(22)
    file.seek(22 if start[21:] == b" " else 21)
    return _expand_zlib(file, size)


_COMPRESSIONS: tuple[tuple[bytes, Callable[[IO[bytes], int], bytes]], ...] = (
    (b"\x1f\x8b", lambda file, size: gzip.GzipFile(fileobj=file).read(size)),
    (b"BZh", lambda file, size: bz2.BZ2File(file).read(size)),
    (b"\xfd7zX", _expand_lzma),
    (b"\x5d\x00", _expand_lzma),
    (b"\x78", _expand_zlib),
    (b"ZF", _expand_zfile),
)


def _of_one(file: IO[bytes], budget: _Budget) -> Iterator[str]:
    """Follow the texts on the stack and in the memo of one pickle, which name what it imports."""
    memo: dict[int, str | None] = {}
    last: list[str | None] = [None, None]
    for opcode, argument, _ in budget.follow(pickletools.genops(file)):
        name = opcode.name
        if name in ("GLOBAL", "INST"):
            yield str(argument).partition(" ")[0]
        elif name == "STACK_GLOBAL":
            yield last[0] or _UNKNOWN
        elif name in ("EXT1", "EXT2", "EXT4"):
            yield _UNKNOWN
        if name == "MEMOIZE":
            memo[len(memo)] = last[1]
        elif name in _STORES:
            memo[int(str(argument))] = last[1]
        elif name in _FETCHES:
            last = [last[1], memo.get(int(str(argument)))]
        elif name not in _NEUTRAL:
            last = [last[1], str(argument) if name in _STRINGS else None]
