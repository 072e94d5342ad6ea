"""The place of an output: its store, and whether a job may publish there. Driver only."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scorecast.batch.config import Mode
from scorecast.batch.layout import MANIFEST, PROFILE, QUARANTINE, REPORT, SUCCESS, Layout
from scorecast.batch.manifest import Manifest
from scorecast.batch.overlap import local_path
from scorecast.batch.stores import open_store
from scorecast.batch.stores.base import DirectoryStore, Store
from scorecast.batch.versions import published
from scorecast.errors import (
    OutputError,
    OutputExistsError,
    OutputFullError,
    OutputLockedError,
)

_FULL = (errno.ENOSPC, errno.EDQUOT)

# What may lie in a directory that a job replaces: its own files, and those of Spark's writer.
_OURS = (
    "part-",
    ".part-",
    SUCCESS,
    f".{SUCCESS}",
    MANIFEST,
    PROFILE,
    REPORT,
    QUARANTINE,
    "_scorecast",
)


@dataclass(frozen=True, slots=True)
class Output:
    """An output and the store that it is on.

    Attributes:
        path: Path or URI as asked for.
        store: The store; its root is the directory that holds the output.
        layout: Names of the output and of what is kept beside it.
    """

    path: str
    store: Store
    layout: Layout

    @property
    def directories(self) -> DirectoryStore | None:
        """The store, where its directories can be renamed."""
        return None if self.layout.flat else self.store  # type: ignore[return-value]


def open_output(path: str) -> Output:
    """Give the output at a path or URI, which need not exist.

    Raises:
        OutputError: The store is not known, or lacks a library.
    """
    store, name, flat = open_store(path)
    return Output(path, store, Layout(name, flat))


def check_mode(output: Output, mode: Mode, *, incremental: bool) -> None:
    """Refuse an output that this job may not touch, before anything is read.

    An output that a job has published is looked at later, since it may be of this very job.

    Raises:
        OutputExistsError: It exists, was not published by a job, and the mode is ``error``.
        OutputError: It holds other things than an output, or its directory is not there.
    """
    target = local_path(output.path)
    with _explained(output.path, "look at"):
        found = published(output.store, output.layout)
    if found is not None and found.manifest is None:
        if mode == "error" and not incremental:
            raise exists(output.path)
        names = output.store.children(output.layout.output)
        if not all(name.startswith(_OURS) or "=" in name for name in names) or (
            target is not None and not target.is_dir()
        ):
            message = (
                f'The output "{output.path}" exists and is no output of a job: it is a file, or '
                "holds other files than parquet parts. Nothing was removed. Choose another path, "
                "or clear it."
            )
            raise OutputError(message)


def manifest_of(output: Output, otherwise: str) -> Manifest:
    """Give the manifest of a published output.

    Args:
        output: The output.
        otherwise: What follows where no job has published it, as a sentence.

    Raises:
        OutputError: There is no output, or it has no manifest that can be read.
        OSError: The store refuses.
    """
    found = published(output.store, output.layout)
    if found is None:
        message = f'There is no output at "{output.path}".'
        raise OutputError(message)
    if found.manifest is None:
        message = (
            f'The output "{output.path}" has no {MANIFEST}: no job has published it, or the file '
            f"was removed. {otherwise}"
        )
        raise OutputError(message)
    return found.manifest


def exists(path: str) -> OutputExistsError:
    """Say that an output is there already."""
    return OutputExistsError(
        f'The output "{path}" exists. Nothing was predicted or written. Choose another path, '
        "replace it with --mode overwrite, or add to it with --mode append."
    )


@contextmanager
def locked(output: Output, run: str) -> Iterator[None]:
    """Hold the output for one job; also proves that it can be written to.

    Raises:
        OutputLockedError: Another job holds it.
        OutputError: Nothing can be written there.
    """
    holder = {
        "run": run,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    lock = output.store.lock(output.layout.lock, json.dumps(holder).encode())
    with _explained(output.path, "write to"):
        held = lock.__enter__()
    try:
        if not held:
            raise _locked_by(output)
        with _explained(output.path, "write to"):
            _probe(output)
        yield
    finally:
        if held:
            _tidy(output)
        lock.__exit__(None, None, None)


def _tidy(output: Output) -> None:
    """Leave nothing beside an output of which nothing needs to be kept."""
    store, layout = output.store, output.layout
    with suppress(OSError):
        store.remove_if_empty(layout.runs)
        if store.children(layout.control) == [layout.lock.rpartition("/")[2]]:
            # Another job may take a new lock in the directory from here on.
            store.remove(layout.lock)
            store.remove_if_empty(layout.control)


def _probe(output: Output) -> None:
    """Write and remove a small file where the job will write."""
    probe = f"{output.layout.control}/probe-{os.getpid()}"
    output.store.create(probe, b"scorecast")
    output.store.remove(probe)
    target = local_path(output.path)
    if target is not None:
        above = Path(output.store.uri(output.layout.output)).parent
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(above))


def _locked_by(output: Output) -> OutputLockedError:
    try:
        holder = json.loads(output.store.read(output.layout.lock) or b"")
        who = f" (process {holder['pid']} on {holder['host']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it is being written, or kept from us
        who = ""
    return OutputLockedError(
        f'Another job is writing to the output "{output.path}"{who}. Nothing was read or written. '
        "Wait until it has ended, or choose another output."
    )


@contextmanager
def _explained(path: str, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise output_error(path, f"Cannot {what}", error) from error


def is_full(error: BaseException) -> bool:
    """Tell whether an error is that there is no room for more."""
    return isinstance(error, OutputFullError) or (
        isinstance(error, OSError) and error.errno in _FULL
    )


def output_error(path: str, what: str, error: OSError) -> OutputError:
    """Tell what a store refused, with the free space where that is the reason."""
    target = local_path(path)
    room = ""
    if error.errno in _FULL and target is not None:
        above = next(place for place in target.parents if place.exists())
        room = f" {shutil.disk_usage(above).free:,} bytes are free there."
    kind = OutputFullError if error.errno in _FULL else OutputError
    return kind(
        f'{what} the output "{path}": {error.strerror or error}.{room} Nothing was published, and '
        "what was there before is still there. Choose another output, or mend the place."
    )
