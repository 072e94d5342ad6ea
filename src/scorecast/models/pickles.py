"""What a pickle would import, read off without unpickling anything.

A pickle is a program: it names functions and classes, and loading it calls them. The names are
read from the opcodes (`pickletools`); nothing is imported.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PROTOCOL = b"\x80"  # the opcode that begins every pickle since protocol 2
_PROTOCOLS = range(2, 6)
_ZIP = b"PK\x03\x04"
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".p", ".cloudpickle", ".joblib")
_UNKNOWN = "?"

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
    """Find the pickles among the files of a model, also in zip archives, as torch writes them.

    Runs on the driver; reads every file that begins as a pickle or a zip archive. What is
    compressed or is made into a pickle by code of the model is not found.

    Raises:
        OSError: A file cannot be read.
    """
    found: list[PickledFile] = []
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = path.relative_to(directory).as_posix()
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if head == _ZIP:
                found += _in_archive(name, file)
            elif _is_pickle(head) or path.suffix in _PICKLE_SUFFIXES:
                found.append(PickledFile(name, modules_named(file)))
    return found


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


def _in_archive(name: str, file: IO[bytes]) -> Iterator[PickledFile]:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as member:
                if not _is_pickle(member.read(2)):
                    continue
            with archive.open(entry) as member:
                yield PickledFile(f"{name}!{entry.filename}", modules_named(member))


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
