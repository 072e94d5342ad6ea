"""The directory that an archive is unpacked into: which names may be written, and how much.

What an archive says of itself is not believed: names are checked one by one, only plain files and
directories are made, and limits hold for the bytes that come.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NoReturn

from scorecast.artifacts.uri import writing
from scorecast.errors import ArchiveError

LIMIT_VARIABLE = "SCORECAST_ARCHIVE_LIMIT"
MOST_ENTRIES = 100_000
CHUNK = 1 << 20
# Zeros compress 1030:1, weights hardly; below this size nothing is worth refusing for it.
_HIGHEST_RATIO = 1000
_ANY_RATIO = 64 << 20
# Longer ones no file system takes, or not below another directory.
_LONGEST_NAME, _LONGEST_PART = 1024, 255
# Of an archive that is all directories; no model is near it.
_DEEPEST = 50


def too_large(shown: str, limit: int) -> ArchiveError:
    """Build the error for an archive, or what is in it, that is larger than `limit` bytes."""
    return ArchiveError(
        f'The archive "{shown}" has more than {limit} bytes, packed or unpacked. If it is right, '
        f"allow more with {LIMIT_VARIABLE}, as in 200G."
    )


class Tree:
    """The directory that is being unpacked into: what may be written there, and what has been.

    Attributes:
        shown: How messages call the archive.
    """

    def __init__(self, root: Path, shown: str, limit: int, packed: int) -> None:
        self.shown = shown
        self._root = root
        self._limit = limit
        self._packed = packed
        self._unpacked = 0
        self._members: set[str] = set()
        # Every directory and file, by what case and composition of characters leave of its path.
        self._places: dict[str, tuple[str, bool]] = {}

    def counted(self, data: bytes) -> bytes:
        """Count bytes that come out of the archive, before they are written; gives them back."""
        self._unpacked += len(data)
        if self._unpacked > self._limit:
            raise too_large(self.shown, self._limit)
        if self._unpacked > max(_ANY_RATIO, _HIGHEST_RATIO * self._packed):
            self.refuse(f"more than {_HIGHEST_RATIO} bytes for each of its own")
        return data

    def add_directory(self, name: str) -> None:
        """Make a directory of the archive."""
        self._place(name, is_directory=True)

    def add_file(self, name: str, read: Callable[[int], bytes], size: int) -> None:
        """Write a file of the archive.

        Args:
            name: Its path, as the archive has it.
            read: Gives the next bytes of it, as many as asked for at most.
            size: Bytes that it must have.
        """
        if size > self._limit:  # no more is read, whatever it says
            raise too_large(self.shown, self._limit)
        path = self._place(name, is_directory=False)
        if path is None:
            self.refuse("a file without a name")
        with writing(path):
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "wb") as target:
            written = 0
            while chunk := read(CHUNK):
                written += len(chunk)
                with writing(path):
                    target.write(chunk)
            with writing(path):
                target.flush()
        if written != size:
            self.refuse(f"{written} bytes for {quoted(name)}, which has to have {size}")

    def refuse(self, what: str) -> NoReturn:
        """Refuse the archive for what it holds.

        Raises:
            ArchiveError: In every case.
        """
        message = (
            f'The archive "{self.shown}" holds {what}. Nothing of it was kept. Pack the files of '
            "the model anew: plain files and directories with paths below that of the model."
        )
        raise ArchiveError(message)

    def _place(self, name: str, *, is_directory: bool) -> Path | None:
        """Give where a member goes, None for the root, and make the directories on the way there.

        Once for each.
        """
        if problem := _problem(name):
            self.refuse(f"the name {quoted(name)}, {problem}")
        path = PurePosixPath(name)
        if not path.parts:
            return None
        key = _folded(str(path))
        if key in self._members:
            self.refuse(f"the name {quoted(name)} twice, or one that differs in case alone")
        self._members.add(key)
        for each in (*reversed(path.parents[:-1]), path):
            entry = (str(each), is_directory or each != path)
            found = self._places.get(_folded(str(each)))
            if found is None:
                self._places[_folded(str(each))] = entry
                if entry[1]:
                    with writing(self._root / each):
                        (self._root / each).mkdir(mode=0o700)
            elif found != entry:
                self.refuse(f"the name {quoted(name)}, which another is or differs little from")
        if max(len(self._members), len(self._places)) > MOST_ENTRIES:
            self.refuse(f"more than {MOST_ENTRIES} files and directories")
        return self._root / path


def _problem(name: str) -> str | None:
    """Say why nothing may be written under a name, or None."""
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        return "which is absolute"
    if "\\" in name:
        return "which has a backslash"
    if ".." in name.split("/"):
        return "which leads out"
    if any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in name):
        return "which is not one line of text"
    lengths = [len(part.encode()) for part in name.split("/")]
    if sum(lengths) > _LONGEST_NAME or max(lengths) > _LONGEST_PART or len(lengths) > _DEEPEST:
        return "which is too long or too deep"
    return None


def _folded(path: str) -> str:
    """Give what is the same for paths that some file system takes for one."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def quoted(name: str) -> str:
    """Give a name in a form that a message can hold."""
    return repr(name if len(name) <= 100 else f"{name[:100]}...")  # noqa: PLR2004 - a line
