"""The copy of a model on a machine: one per digest, shared by all processes of the user.

An entry of the cache directory is named after the digest and holds the files of the model, the
stamp that says they were checked, and what was derived from them (`mapped`). Beside it are two
locks. ``.lock`` is held while the entry is checked, made or removed. ``.use`` is held, together
with others, by every process that uses the entry, and its time says when that began last.

An entry is made under another name and renamed when it is complete and checked, so a process that
is killed while it unpacks leaves nothing that could be taken for a copy; the next one clears it
away.
"""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from scorecast.cache.eviction import discard, leftover, make_room
from scorecast.cache.locks import Lock, locked
from scorecast.cache.machine import DIRECTORY_VARIABLE, LIMIT_VARIABLE, cache_limit
from scorecast.cache.stamps import facts, stamped_facts, write_stamp
from scorecast.errors import DigestMismatchError, ShippingError
from scorecast.packing import copy_files, directory_size, remove_ignored, tree_digest, unpack
from scorecast.private import make_private

_MODEL = "model"
_STAMP = "stamp.json"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class ModelCopy:
    """The files of a model on this machine; in the cache they stay as long as this value does.

    Attributes:
        directory: The files.
        root: The cache directory that they are in; None for a model that stands somewhere else.
        lease: What keeps them from being removed.
        seen: What they looked like when they were checked; None where nobody has checked them.
    """

    directory: Path
    root: Path | None = None
    lease: object = None
    seen: Mapping[str, object] | None = field(default=None, repr=False, compare=False)


@contextmanager
def unchanged(copy: ModelCopy) -> Iterator[None]:
    """Refuse what the block has loaded from files that are not the checked ones any more.

    Whatever was done to a file, also if it was undone: the system's own time of change says so.

    Raises:
        DigestMismatchError: Files were changed, replaced or removed meanwhile.
    """
    try:
        yield
    finally:
        if copy.seen is not None and not _looks_as(copy.directory, copy.seen):
            message = (
                f'The files of the model in "{copy.directory}" were changed while it was loaded; '
                "what was loaded is not used. Find out who writes there, and run again."
            )
            raise DigestMismatchError(message)


def _looks_as(directory: Path, seen: Mapping[str, object]) -> bool:
    with suppress(OSError, ShippingError):
        return facts(directory) == seen
    return False


def open_copy(
    root: Path,
    digest: str,
    read: Callable[[], bytes | Path],
    *,
    environ: Mapping[str, str] | None = None,
) -> ModelCopy:
    """Give the files of `digest`, unpacking them if no process of this machine has done so.

    Runs on workers, once per process and model, and in local mode on the driver, once per model and
    session. The first to come unpacks or copies while the others wait,
    and `read` is called by that one only. Nothing is given that was not checked: a stamp says that
    the files are those that were hashed once, and without it they are hashed again. Files that were
    changed are replaced, with a warning.

    Args:
        root: The cache directory, see `machine.cache_directory`.
        digest: The digest that the files must have.
        read: Gives the archive, or a directory of this machine that holds the files.
        environ: The environment, which may limit the cache; None for that of this process.

    Raises:
        DigestMismatchError: The files are not those of the model.
        ShippingError: The files cannot be written.
    """
    with _checked(root, digest, "unpacked again") as (entry, seen):
        if seen is not None:
            return _in_use(entry, seen)
        limit = cache_limit(os.environ if environ is None else environ)
        return _in_use(entry, _make(entry, digest, read, limit))


def open_kept(root: Path, digest: str) -> ModelCopy | None:
    """Give the files of `digest` if they are there, checked as by `open_copy`; else None.

    Files that were changed are removed, with a warning.
    """
    with _checked(root, digest, "to be fetched again") as (entry, seen):
        return None if seen is None else _in_use(entry, seen)


def keep(root: Path, files: Path) -> ModelCopy:
    """Move a model into the cache, unless equal files are there; gives those that are there then.

    Args:
        root: The cache directory.
        files: A directory on the same file system; the caller alone knows of it.

    Raises:
        ShippingError: The files cannot be digested.
        OSError: They cannot be moved, or the stamp cannot be written.
    """
    make_private(files)
    given = facts(files)
    digest = tree_digest(files)
    with _checked(root, digest, "replaced") as (entry, seen):
        if seen is None:
            new = leftover(entry, "new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            files.rename(new / _MODEL)
            write_stamp(new / _MODEL, new / _STAMP, given)
            new.rename(entry)
        return _in_use(entry, given if seen is None else seen)


@contextmanager
def _checked(
    root: Path, digest: str, change: str
) -> Iterator[tuple[Path, Mapping[str, object] | None]]:
    """Hold the lock of an entry; gives what its files look like, None where it is not there.

    It is not there any more if the files were not as they were checked.
    """
    entry = root / digest.replace(":", "-")
    with locked(root / f"{entry.name}.lock"):
        seen = _intact(entry, digest) if entry.exists() else None
        if seen is None and entry.exists():
            warnings.warn(
                f'The files of a model in "{entry}" were changed after they were checked. They '
                f"were not loaded, and are {change}.",
                UserWarning,
                stacklevel=4,
            )
            # Who uses them keeps what is open or mapped, and finds equal files by name.
            discard(entry)
        yield entry, seen


def _in_use(entry: Path, seen: Mapping[str, object]) -> ModelCopy:
    """Take an entry into use, whose lock is held."""
    lease = Lock(entry.with_name(f"{entry.name}.use"))
    lease.take(shared=True)  # never waits: who removes the entry holds its lock
    lease.touch()
    return ModelCopy(entry / _MODEL, entry.parent, lease, seen)


def _intact(entry: Path, digest: str) -> Mapping[str, object] | None:
    """Give what the files looked like when they were found to be those of the digest, or None."""
    files, stamp = entry / _MODEL, entry / _STAMP
    if (seen := stamped_facts(files, stamp)) is not None:
        return seen
    try:
        # Bytecode, which Python would run, and which older versions of this package let it write.
        remove_ignored(files)
        seen = facts(files)
        if tree_digest(files) != digest:
            return None
    except (OSError, ShippingError):
        return None
    write_stamp(files, stamp, seen)
    return seen


def _make(
    entry: Path, digest: str, read: Callable[[], bytes | Path], limit: int
) -> Mapping[str, object]:
    new = leftover(entry, "new")
    seen: dict[str, object] = {}

    def before_check(directory: Path) -> None:
        make_private(directory)
        seen.update(facts(directory))

    shutil.rmtree(new, ignore_errors=True)
    given = read()
    size = directory_size(given) if isinstance(given, Path) else len(given)
    try:
        make_room(entry.parent, size, limit)
        new.mkdir(mode=0o700)
        if isinstance(given, Path):
            copy_files(given, new / _MODEL, digest, before_check)
        else:
            unpack(given, new / _MODEL, digest, before_check)
        write_stamp(new / _MODEL, new / _STAMP, seen)
        new.rename(entry)
    except OSError as error:
        raise _unwritable(entry.parent, size, error) from error
    except DigestMismatchError:
        raise
    except ShippingError as error:
        if isinstance(given, bytes) and isinstance(error.__cause__, OSError):
            raise _unwritable(entry.parent, size, error.__cause__) from error
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return seen


def _unwritable(root: Path, size: int, error: OSError) -> ShippingError:
    reason = error.strerror or str(error)
    if error.errno not in _FULL:
        return ShippingError(f'Cannot put the model into "{root}": {reason}.')
    free = shutil.disk_usage(root).free
    message = (
        f'Cannot put the model into "{root}": {reason}. It needs {size:,} bytes and {free:,} '
        "are free, after all models that are not in use were removed. Name a place on a larger "
        f"disk with {DIRECTORY_VARIABLE} (spark.executorEnv for executors); {LIMIT_VARIABLE} "
        "limits what stays there."
    )
    return ShippingError(message)
