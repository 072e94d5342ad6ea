"""Row groups -> tasks of about equal size. Driver only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from scorecast.worker.row_groups import Span

_SPARKS_OWN_BYTES = 128 << 20
_TASK_BYTES = 512 << 20


def task_bytes(setting: int, *, dynamic: bool) -> int:
    """Give the uncompressed bytes of a task: four times Spark's own, unless a user has a say.

    Memory does not grow with them, and starting a task costs 50 ms.

    Args:
        setting: ``spark.sql.files.maxPartitionBytes``.
        dynamic: Whether the cluster may grow, so that more tasks than there are cores now count.
    """
    return _TASK_BYTES if setting == _SPARKS_OWN_BYTES and not dynamic else setting


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large tasks are.

    Attributes:
        most_bytes: Uncompressed bytes of a task, unless one row group has more; see `task_bytes`.
        open_bytes: ``spark.sql.files.openCostInBytes``: what opening a file costs, in bytes that
            could be read meanwhile.
    """

    most_bytes: int
    open_bytes: int


def spans_of(whole: Span, groups: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """Give one span for each row group of a file that has rows.

    Args:
        whole: The file as one span.
        groups: Rows and bytes of its row groups.
    """
    starts = accumulate((rows for rows, _ in groups), initial=0)
    for number, ((rows, size), first) in enumerate(zip(groups, starts, strict=False)):
        if rows:
            yield replace(
                whole, groups=(number,), first_row=first, rows=rows, row_bytes=max(1, size // rows)
            )


def divide(spans: Sequence[Span], cores: int, sizes: Sizes) -> list[list[Span]]:
    """Divide row groups among tasks of about equal size, in the order of files and rows.

    There are as many tasks as keep all cores busy to the end: a multiple of their number, unless
    there is little to read. Row groups that follow one another in a file are one span of a task.

    Args:
        spans: One for each row group.
        cores: Tasks that run at once.
        sizes: How large tasks are.
    """
    before = [None, *(span.path for span in spans)]
    costs = [
        span.rows * span.row_bytes + (sizes.open_bytes if span.path != last else 0)
        for span, last in zip(spans, before, strict=False)
    ]
    total = sum(costs)
    rounds = max(1, math.ceil(total / (cores * sizes.most_bytes)))
    count = min(rounds * cores, max(1, total // max(1, sizes.open_bytes)))
    tasks: dict[int, list[Span]] = {}
    done = 0
    for span, cost in zip(spans, costs, strict=True):
        number = int((done + cost / 2) * count / total)
        tasks[number] = _with(tasks.get(number, []), span)
        done += cost
    return list(tasks.values())


def _with(spans: list[Span], span: Span) -> list[Span]:
    last = spans[-1] if spans else None
    if last is None or last.path != span.path or last.groups[-1] + 1 != span.groups[0]:
        return [*spans, span]
    rows = last.rows + span.rows
    size = (last.rows * last.row_bytes + span.rows * span.row_bytes) // rows
    joined = replace(last, groups=last.groups + span.groups, rows=rows, row_bytes=max(1, size))
    return [*spans[:-1], joined]
