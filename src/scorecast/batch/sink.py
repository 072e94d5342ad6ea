"""Where a run puts its output: staged beside the target, moved into place when it is complete.

A local output is written to a hidden sibling, its rows are counted from the parquet footers, and
one rename makes it visible; a run that fails leaves the target as it was and removes what it
staged. On Linux a replaced output changes places with the new one in that same step. Where the
system cannot do that, it is set aside by a second rename, and for that instant a reader finds
nothing. Other stores are written by Spark directly, and only where nothing exists.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq

from scorecast.batch.config import Mode
from scorecast.batch.renames import exchange, move_onto_nothing
from scorecast.errors import OutputError, OutputExistsError

_PART_FILES = "part-*.parquet"


def local_path(path: str) -> Path | None:
    """Give the path of a local output or input, or None when it is on another store."""
    parts = urlsplit(path)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).absolute()
    return None if len(parts.scheme) > 1 else Path(path).absolute()


def check_output(output: str, input_path: str, mode: Mode) -> None:
    """Refuse an output that may not be written, before anything is read.

    Args:
        output: Path of the output.
        input_path: Path of the input.
        mode: What to do when the output exists.

    Raises:
        OutputExistsError: It exists, and the mode is not ``overwrite``.
        OutputError: It is, holds or lies in the input, cannot be written, holds other
            things than an output, or is on a store where replacing is not safe yet.
    """
    target = local_path(output)
    if target is None:
        if mode == "overwrite":
            message = (
                f'Cannot overwrite "{output}": replacing in one step is possible on local file '
                "systems only so far. Write to a new path."
            )
            raise OutputError(message)
        return
    refuse_overlap(output, "input", input_path)
    if target.exists() and mode == "error":
        message = (
            f'The output "{output}" exists. Nothing was read or written. Choose another path, or '
            "replace it with --mode overwrite."
        )
        raise OutputExistsError(message)
    if target.exists() and not _is_output(target):
        message = (
            f'The output "{output}" exists and is no output of a job: it is a file, or holds other '
            "files than parquet parts. Nothing was removed. Choose another path, or clear it."
        )
        raise OutputError(message)
    above = next(parent for parent in target.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        message = (
            f'Cannot write to "{above}", where the output "{output}" would go: no permission, or '
            "not a directory. Nothing was read or written. Choose another output."
        )
        raise OutputError(message)


def refuse_overlap(output: str, word: str, path: str) -> None:
    """Refuse an output that is, holds or lies in something that the job reads.

    Args:
        output: Path of the output.
        word: What is read, such as ``"input"``.
        path: Where it is; on another store than the output it cannot overlap.

    Raises:
        OutputError: They overlap.
    """
    target, source = local_path(output), local_path(path)
    if target is not None and source is not None and _overlap(target.resolve(), source.resolve()):
        message = (
            f'The output "{output}" is, holds or lies in the {word} "{path}". Writing it would '
            "change what is read. Choose another output."
        )
        raise OutputError(message)


def _is_output(folder: Path) -> bool:
    """Tell whether a directory holds nothing but what a job writes, and may be replaced."""
    return folder.is_dir() and all(
        child.name.startswith(("part-", ".part-", "_SUCCESS", "._SUCCESS")) or "=" in child.name
        for child in folder.iterdir()
    )


@contextmanager
def staged(output: str, mode: Mode) -> Iterator[str]:
    """Give a path to write to; what is there when the block ends is moved to `output`.

    When the block raises, what was written is removed and `output` is as it was.

    Raises:
        OutputError: The finished output cannot be moved into place.
    """
    target = local_path(output)
    if target is None:
        yield output
        return
    with _staging(target) as folder:
        written = folder / "data"
        yield str(written)
        _publish(written, target, folder / "replaced", mode)


def count_rows(path: str) -> int | None:
    """Count the rows that stand in the footers of a local output; None for other stores."""
    folder = local_path(path)
    if folder is None:
        return None
    return sum(int(pq.read_metadata(file).num_rows) for file in folder.rglob(_PART_FILES))


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Make a folder of our own beside the target, and remove it whatever happens."""
    shared = target.parent / f".{target.name}.scorecast"
    folder = shared / uuid.uuid4().hex
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # another run is using it
            shared.rmdir()


def _publish(written: Path, target: Path, aside: Path, mode: Mode) -> None:
    try:
        if mode == "overwrite" and target.exists():
            _replace(written, target, aside)
        else:
            move_onto_nothing(written, target)
    except OSError as error:
        if target.exists() and not aside.exists() and mode == "error":
            message = (
                f'The output "{target}" has appeared while the job ran, and is left as it is. '
                "Nothing was published. Choose another path, or run with --mode overwrite."
            )
            raise OutputExistsError(message) from error
        message = (
            f'Cannot move the finished output to "{target}": {error.strerror}. What was there '
            "before is still there."
        )
        raise OutputError(message) from error


def _replace(written: Path, target: Path, aside: Path) -> None:
    """Put the new output in the place of the old one, which goes into our folder."""
    if exchange(written, target):
        return
    target.rename(aside)
    try:
        move_onto_nothing(written, target)
    except BaseException:
        aside.rename(target)
        raise


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
