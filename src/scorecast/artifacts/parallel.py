"""Downloads side by side, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

T = TypeVar("T")


class StoppedError(Exception):
    """Ends work that is of no use any more."""


def pause(seconds: float, stop: Event | None) -> None:
    """Wait before the next try of a piece of work.

    Raises:
        StoppedError: The work is of no use any more.
    """
    if (stop or Event()).wait(seconds):
        raise StoppedError


def for_each(
    work: Callable[[T], None], items: Iterable[T], *, at_once: int, stop: Event | None = None
) -> None:
    """Do a piece of work for each item, and no more of it once one fails or the user interrupts.

    Returns or raises when no work goes on any more.

    Args:
        work: Called in a thread.
        items: One for each call.
        at_once: Number of threads.
        stop: Set when work that goes on is of no use any more, and may end by any error. Who waits
            in `work` waits for this, too (`pause`).

    Raises:
        Exception: The first that `work` raises; of several at once that of the first item.
    """
    with ThreadPoolExecutor(at_once) as pool:
        try:
            jobs = [pool.submit(work, item) for item in items]
            done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
        finally:
            if stop is not None:
                stop.set()
            pool.shutdown(cancel_futures=True)
    for job in jobs:
        if job in done:
            job.result()
