"""What the files of an input are at a moment: sizes and times, and how two moments differ.

Driver only; three times a job at most, one look at each file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from scorecast.batch.file_names import at_most_five, local_file, shown
from scorecast.errors import InputDataError, OutputError, one_line

_THREADS = 16
_PER_CALL = 250


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file at a moment.

    Attributes:
        path: URI as Spark lists it.
        size: Bytes.
        modified: When it was changed: nanoseconds since 1970 as text; empty where the store does
            not say.
        rows: Its rows, where somebody has read the footer.
    """

    path: str
    size: int
    modified: str
    rows: int | None = field(default=None, compare=False)


def take_snapshot(files: Sequence[str]) -> tuple[InputFile, ...]:
    """Look at files, in the order given.

    Args:
        files: URIs as Spark lists them.

    Raises:
        InputDataError: A file is gone, or its store cannot be asked.
    """
    local = {uri: path for uri in files if (path := local_file(uri)) is not None}
    found: dict[str, InputFile] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        here = list(local.items())
        for looked in pool.map(_look_here, _pieces(here)):
            found.update(looked)
        for filesystem, there in on_stores([uri for uri in files if uri not in local]):
            for looked in pool.map(partial(_look_there, filesystem), _pieces(there)):
                found.update(looked)
    return tuple(found[uri] for uri in files)


def differences(before: Iterable[InputFile], after: Iterable[InputFile]) -> list[str]:
    """Say how two snapshots differ.

    Returns:
        ``"added: x"``, ``"removed: x"`` and ``"changed: x"``, at most five, then how many more;
        nothing when they are equal, in whatever order.
    """
    old = {file.path: file for file in before}
    new = {file.path: file for file in after}
    found = [
        *(f"added: {shown(path)}" for path in sorted(new.keys() - old.keys())),
        *(f"removed: {shown(path)}" for path in sorted(old.keys() - new.keys())),
        *(
            f"changed: {shown(path)}"
            for path in sorted(old)
            if new.get(path, old[path]) != old[path]
        ),
    ]
    return at_most_five(found)


def on_stores(uris: Sequence[str]) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
    """Open the stores of files that are not local, each once.

    Yields:
        A file system of Arrow, and the URI of each file on it with its path there.

    Raises:
        InputDataError: Python on the driver cannot reach a store.
    """
    from scorecast.worker.storage import filesystem_of

    stores: dict[tuple[str, str], list[str]] = {}
    for uri in uris:
        parts = urlsplit(uri)
        stores.setdefault((parts.scheme, parts.netloc), []).append(uri)
    for there in stores.values():
        try:
            filesystem, first = filesystem_of(there[0])
        except OutputError as error:
            message = (
                f'Cannot look at the input file "{shown(there[0])}" from the driver, which '
                f"compares the files before and after the job: {error}"
            )
            raise InputDataError(message) from error
        tails = [unquote(urlsplit(uri).path).lstrip("/") for uri in there]
        # What Arrow puts before the path, such as the bucket, is the same for all of them.
        before = first.removesuffix(tails[0])
        yield filesystem, [(uri, before + tail) for uri, tail in zip(there, tails, strict=True)]


def _pieces(pairs: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [pairs[start : start + _PER_CALL] for start in range(0, len(pairs), _PER_CALL)]


def _look_here(files: list[tuple[str, str]]) -> dict[str, InputFile]:
    found = {}
    for uri, path in files:
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path for each of many files takes longer
        except FileNotFoundError as error:
            raise _vanished(uri) from error
        except OSError as error:
            raise _not_readable(uri, error.strerror or one_line(error)) from error
        found[uri] = InputFile(uri, status.st_size, str(status.st_mtime_ns))
    return found


def _look_there(filesystem: Any, files: list[tuple[str, str]]) -> dict[str, InputFile]:
    from pyarrow.fs import FileType

    try:
        infos = filesystem.get_file_info([path for _, path in files])
    except OSError as error:
        raise _not_readable(files[0][0], one_line(error)) from error
    found = {}
    for (uri, _), info in zip(files, infos, strict=True):
        if info.type == FileType.NotFound:
            raise _vanished(uri)
        modified = "" if info.mtime_ns is None else str(info.mtime_ns)
        found[uri] = InputFile(uri, int(info.size or 0), modified)
    return found


def _vanished(uri: str) -> InputDataError:
    return InputDataError(
        f'The input file "{shown(uri)}" was listed a moment ago and is gone now. Run again once '
        "nothing changes the input."
    )


def _not_readable(uri: str, reason: str) -> InputDataError:
    return InputDataError(
        f'Cannot look at the input file "{shown(uri)}": {reason}. Check that the driver may read '
        "it."
    )
