"""Room in the cache directory: models that nobody uses make place, those unused longest first."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from scorecast.cache.locks import locked_if_free

_LEFTOVERS = ("new", "old")


def make_room(root: Path, needed: int, limit: int) -> None:
    """Remove models until `needed` bytes more stay within `limit` and fit on the disk.

    Models in use stay, whatever the limit, and so does one that another process is about to use. A
    model larger than the limit is no error: it is removed when it makes room for others.

    Args:
        root: The cache directory. The caller may hold the ``.lock`` of the entry it makes.
        needed: Bytes that are to be written.
        limit: Bytes of all models together.
    """
    sweep(root)
    sizes = {entry: entry_size(entry) for entry in entries(root)}
    total = sum(sizes.values())
    for entry in sorted(sizes, key=last_use):
        if total + needed <= limit and shutil.disk_usage(root).free > needed:
            return
        if remove_unused(entry):
            total -= sizes[entry]


def leftover(entry: Path, kind: str) -> Path:
    """Give the name under which an entry is made (``new``) or removed (``old``)."""
    return entry.with_name(f".{entry.name}.{kind}")


def discard(entry: Path) -> None:
    """Remove an entry, of which never half is there under its name. The caller holds its lock."""
    old = leftover(entry, "old")
    shutil.rmtree(old, ignore_errors=True)
    entry.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def remove_unused(entry: Path) -> bool:
    """Remove an entry unless a process uses, makes or checks it; tell whether it is removed."""
    with (
        locked_if_free(entry.with_name(f"{entry.name}.lock")) as free,
        locked_if_free(entry.with_name(f"{entry.name}.use")) as unused,
    ):
        if free and unused and entry.exists():
            discard(entry)
            return True
    return False


def sweep(root: Path) -> None:
    """Remove what killed processes left behind."""
    for kind in _LEFTOVERS:
        for path in root.glob(f".*.{kind}"):
            name = path.name[1 : -len(kind) - 1]
            with locked_if_free(root / f"{name}.lock") as free:
                if free:
                    shutil.rmtree(path, ignore_errors=True)


def entries(root: Path) -> list[Path]:
    """Give the models and downloads in the cache directory."""
    return [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]


def last_use(entry: Path) -> int:
    """Give when an entry was last taken into use, or begun, in nanoseconds since 1970."""
    for path in (entry.with_name(f"{entry.name}.use"), entry):
        with suppress(FileNotFoundError):
            return path.stat().st_mtime_ns
    return 0


def entry_size(directory: Path) -> int:
    """Give the bytes that the files and directories of an entry take."""
    total = 0
    with suppress(FileNotFoundError):  # another process removes it, all of it
        for path in directory.rglob("*"):
            total += path.lstat().st_size
    return total
