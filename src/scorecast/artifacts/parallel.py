"""Downloads side by side, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def for_each(work: Callable[[T], None], items: Iterable[T], *, at_once: int) -> None:
    """Do a piece of work for each item, and no more of it once one fails or the user interrupts.

    Returns or raises when no work goes on any more.

    Args:
        work: Called in a thread.
        items: One for each call.
        at_once: Number of threads.

    Raises:
        Exception: The first that `work` raises, in the order of the items.
    """
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for job in [pool.submit(work, item) for item in items]:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
