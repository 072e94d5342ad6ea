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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PROTOCOL = b"\x80"  # the opcode that begins every pickle since protocol 2
_PROTOCOLS = range(2, 6)
_ZIP = b"PK\x03\x04"
# How many archives may lie in one another, and how much is read of what is compressed: more than
# any pickle needs before it names what it imports, and little enough for an archive made to harm.
_DEEPEST = 4
_MOST = 64 << 20
_START = 1 << 16
_NPY = b"\x93NUM"
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".p", ".cloudpickle", ".joblib")
_UNKNOWN = "?"
_NAME = re.compile(r"[A-Za-z_][\w.]*( [A-Za-z_][\w.]*)?")

_STRINGS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_STORES = {"BINPUT", "LONG_BINPUT", "PUT"}
_FETCHES = {"BINGET", "LONG_BINGET", "GET"}
# Opcodes that leave the stack as it was.
_NEUTRAL = {"PROTO", "FRAME", "MARK"}


@dataclass(frozen=True, slots=True)
class PickledFile:
    """A file of a model that is a pickle, or holds one.

    Attributes:
        path: Path in the model's directory; for one inside of an archive with ``!`` and its name.
        modules: Modules that it names, sorted; ``?`` for one whose name is computed.
    """

    path: str
    modules: tuple[str, ...]


def pickled_files(directory: Path) -> list[PickledFile]:
    """Find the pickles among the files of a model, whatever they are called.

    Runs on the driver; reads every file that begins as a pickle, an archive or something that
    joblib compresses with. Pickles are found in zip archives, as torch writes them, and behind
    gzip, bzip2, lzma, xz and zlib. What code of the model makes into a pickle is not found.

    Raises:
        OSError: A file cannot be read.
    """
    found: list[PickledFile] = []
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = path.relative_to(directory).as_posix()
        with path.open("rb") as file:
            inside = list(_in_stream(name, file, _DEEPEST))
            if not inside and path.suffix in _PICKLE_SUFFIXES and not zipfile.is_zipfile(file):
                file.seek(0)
                inside = [PickledFile(name, modules_named(file))]
        found += inside
    return found


def _in_stream(name: str, file: IO[bytes], deepest: int) -> Iterator[PickledFile]:
    head = file.read(len(_ZIP))
    file.seek(0)
    if _is_pickle(head) or _is_text_pickle(file):
        file.seek(0)
        yield PickledFile(name, modules_named(file))
    elif head == _NPY:
        header = file.readline(_START)
        if b"'|O" in header:  # objects of Python, which numpy pickles behind the header
            yield PickledFile(name, modules_named(file))
    elif deepest == 0:
        yield PickledFile(name, (_UNKNOWN,))
    elif head == _ZIP or zipfile.is_zipfile(file):
        yield from _in_archive(name, file, deepest)
    else:
        file.seek(0)
        inner = _decompressed(head, file)
        if inner is not None:
            yield from _in_stream(name, io.BytesIO(inner), deepest - 1)


def modules_named(file: IO[bytes]) -> tuple[str, ...]:
    """Give the modules that a pickle names, sorted; ``?`` where a name cannot be read off.

    Several pickles may follow one another, as in files of torch.
    """
    modules: set[str] = set()
    while file.read(1):
        file.seek(-1, 1)
        before = file.tell()
        try:
            modules.update(_of_one(file))
        except Exception:  # noqa: BLE001 - what is damaged or no pickle raises anything
            modules.add(_UNKNOWN)
            break
        if file.tell() == before:
            break
    return tuple(sorted(modules))


def _is_pickle(head: bytes) -> bool:
    return len(head) > 1 and head[:1] == _PROTOCOL and head[1] in _PROTOCOLS


def _is_text_pickle(file: IO[bytes]) -> bool:
    """Tell a pickle of protocol 0 or 1, which has no mark: a whole program that imports a name."""
    start = file.read(_START)
    file.seek(0)
    imports = False
    try:
        for opcode, argument, _ in pickletools.genops(start):
            if opcode.name in ("GLOBAL", "INST"):
                if not _NAME.fullmatch(str(argument)):
                    return False
                imports = True
    except Exception:  # noqa: BLE001 - what is no pickle raises anything
        return imports and len(start) == _START
    return imports


def _in_archive(name: str, file: IO[bytes], deepest: int) -> Iterator[PickledFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                yield from _in_entry(archive, entry, f"{name}!{entry.filename}", deepest)
    except Exception:  # noqa: BLE001 - other readers may open what zipfile does not
        yield PickledFile(name, (_UNKNOWN,))


def _in_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, deepest: int
) -> Iterator[PickledFile]:
    with archive.open(entry) as member:
        stored = entry.compress_type == zipfile.ZIP_STORED
        inner = member if stored else io.BytesIO(member.read(_MOST))
        yield from _in_stream(name, inner, deepest - 1)


def _decompressed(head: bytes, file: IO[bytes]) -> bytes | None:
    """Give the beginning of what is compressed with something that joblib reads, or None."""
    for mark, expand in _COMPRESSIONS:
        if head.startswith(mark):
            try:
                return expand(file) or None
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
                return None
    return None


def _expand_lzma(file: IO[bytes]) -> bytes:
    with lzma.open(file) as expanded:  # xz and the older form alike
        return expanded.read(_MOST)


def _expand_zlib(file: IO[bytes]) -> bytes:
    return zlib.decompressobj().decompress(file.read(_MOST), _MOST)


def _expand_zfile(file: IO[bytes]) -> bytes:
    """Go past the length that joblib wrote before 0.10, of one of two widths."""
    start = file.read(22)
    file.seek(22 if start[21:] == b" " else 21)
    return _expand_zlib(file)


_COMPRESSIONS: tuple[tuple[bytes, Callable[[IO[bytes]], bytes]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file).read(_MOST)),
    (b"BZh", lambda file: bz2.BZ2File(file).read(_MOST)),
    (b"\xfd7zX", _expand_lzma),
    (b"\x5d\x00", _expand_lzma),
    (b"\x78", _expand_zlib),
    (b"ZF", _expand_zfile),
)


def _of_one(file: IO[bytes]) -> Iterator[str]:
    """Follow the texts on the stack and in the memo of one pickle, which name what it imports."""
    memo: dict[int, str | None] = {}
    last: list[str | None] = [None, None]
    for opcode, argument, _ in pickletools.genops(file):
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
