"""Locks between the processes of a machine: on files, gone with the process that held them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock, waiting for it: alone, or with all others that want it `shared`."""
    lock = Lock(file)
    try:
        lock.take(shared=shared)
        yield
    finally:
        lock.release()


@contextmanager
def locked_if_free(file: Path) -> Iterator[bool]:
    """Hold a lock alone if nobody holds it in any way; gives whether that is so."""
    lock = Lock(file)
    try:
        yield lock.take_if_free()
    finally:
        lock.release()


class Lock:
    """A lock on a file, which is made if it is missing and never removed.

    The lock ends with `release`, when the object is dropped, or with the process, however it ends.
    A process that was forked meanwhile holds it as well.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor: int | None = None
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, *, shared: bool = False) -> None:
        """Wait until the lock is ours."""
        fcntl.flock(self._open, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)

    def take_if_free(self) -> bool:
        """Take the lock alone unless somebody holds it; tell whether it is ours."""
        with suppress(BlockingIOError):
            fcntl.flock(self._open, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def touch(self) -> None:
        """Set the time of the file to now, which says when the lock was used last."""
        now = time.time_ns()  # the system's own times are a few milliseconds apart
        os.utime(self._open, ns=(now, now))

    def release(self) -> None:
        """Give the lock up."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def _open(self) -> int:
        if self._descriptor is None:
            message = "the lock was released"
            raise ValueError(message)
        return self._descriptor

    def __del__(self) -> None:
        self.release()
