"""How far a long piece of work is: who does it counts, and one place decides how to show it.

`shown` draws a bar once the work has taken a second: with rich where it is installed and stderr is
a terminal, with tqdm in a notebook, and else not at all. `logged` writes a line every few seconds
to the logger ``scorecast.progress``, for logs and for programs.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

from scorecast.texts import size

_LOG = logging.getLogger(__name__)
_DELAY = 1.0
# Between two lines that say that nothing is done yet: workers may be loading a large model.
_PATIENCE = 30.0

Unit: TypeAlias = Literal["bytes", "rows"]

Advance = Callable[[int], None]
"""Says that so many more are done, or fewer if they have to be done again; in any thread."""

Reached = Callable[[int], None]
"""Says how many bytes of one file are there, which may be less than before."""

_Draw = tuple[Advance, Callable[[], None]]


class Progress(Protocol):
    """Shows how far a piece of work is, as long as the context lasts."""

    def __call__(
        self, what: str, total: int | None, unit: Unit = "bytes"
    ) -> AbstractContextManager[Advance]:
        """Begin to show it.

        Args:
            what: What is done, in a few words.
            total: All of it, in the unit; None if that is not known.
            unit: What is counted.
        """
        ...


def ignore(size: int) -> None:
    """Do nothing with a number of bytes."""
    del size


def counted(advance: Advance) -> Reached:
    """Give what tells `advance` how much more there is of one file."""
    before = 0

    def reached(size: int) -> None:
        nonlocal before
        before, more = size, size - before
        advance(more)

    return reached


@contextmanager
def silent(what: str, total: int | None, unit: Unit = "bytes") -> Iterator[Advance]:
    """Show nothing."""
    del what, total, unit
    yield ignore


@contextmanager
def shown(what: str, total: int | None, unit: Unit = "bytes") -> Iterator[Advance]:
    """Show a bar to who sits before this process, if anybody does; see `Progress`."""
    bar = _Bar(what, total, unit)
    try:
        yield bar.advance
    finally:
        bar.close()


def logged(every: float) -> Progress:
    """Give a progress that logs a line every so many seconds, and one at the end of long work.

    Records hold ``context``: done, total and unit, seconds since the start, and what follows.
    """

    @contextmanager
    def progress(what: str, total: int | None, unit: Unit = "bytes") -> Iterator[Advance]:
        lines = _Lines(what, total, unit, every)
        yield lines.advance
        lines.end()

    return progress


def can_draw() -> bool:
    """Tell whether `shown` draws bars here."""
    return _drawer() is not None


class _Lines:
    """Lines about one piece of work."""

    def __init__(self, what: str, total: int | None, unit: Unit, every: float) -> None:
        self._what, self._total, self._unit, self._every = what, total, unit, every
        self._done, self._lock = 0, Lock()
        self._since = self._last = time.monotonic()

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            now = time.monotonic()
            if now - self._last >= (self._every if self._done else max(_PATIENCE, self._every)):
                self._last = now
                self._write(now - self._since)

    def end(self) -> None:
        with self._lock:
            if self._last > self._since:
                self._write(time.monotonic() - self._since)

    def _write(self, seconds: float) -> None:
        done, total, unit = self._done, self._total, self._unit
        rate = done / seconds
        left = None if total is None or not done else max(0.0, (total - done) / rate)
        parts = [f"{self._what}: {_amount(done, unit)}"]
        if total:
            parts = [f"{parts[0]} of {_amount(total, unit)} ({done / total:.0%})"]
        if done:
            parts.append(f"{_amount(round(rate), unit)}/s")
        else:
            parts.append(f"none yet after {duration(seconds)}")
        if left is not None:
            parts.append(f"{duration(left)} left")
        context = {
            "what": self._what,
            "unit": unit,
            "done": done,
            "total": total,
            "seconds": round(seconds, 1),
            "per_second": round(rate),
            "seconds_left": None if left is None else round(left),
        }
        _LOG.info(", ".join(parts), extra={"context": context})


def duration(seconds: float) -> str:
    """Give a time as people read it, such as ``1 h 5 min``."""
    if seconds < 90:  # noqa: PLR2004 - a minute and a half reads better in seconds
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004


def _amount(count: int, unit: Unit) -> str:
    return f"{count:,} rows" if unit == "rows" else size(count)


class _Bar:
    """A bar that appears when the work takes long."""

    def __init__(self, what: str, total: int | None, unit: Unit) -> None:
        self._what, self._total, self._unit, self._done = what, total, unit, 0
        self._since, self._lock = time.monotonic(), Lock()
        self._start = _drawer()
        self._drawn: _Draw | None = None

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._drawn is not None:
                self._drawn[0](count)
            elif self._start is not None and time.monotonic() - self._since >= _DELAY:
                self._drawn = self._start(self._what, self._total, self._unit)
                self._drawn[0](self._done)

    def close(self) -> None:
        with self._lock:
            if self._drawn is not None:
                self._drawn[1]()


def _drawer() -> Callable[[str, int | None, Unit], _Draw] | None:
    """Give what draws bars here, or None."""
    if _in_notebook():
        return _tqdm if _installed("tqdm") else None
    if sys.stderr is not None and sys.stderr.isatty():
        return _rich if _installed("rich") else None
    return None


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    found: Any = None if shell is None else shell.get_ipython()
    return getattr(found, "kernel", None) is not None


def _installed(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def _rich(what: str, total: int | None, unit: Unit) -> _Draw:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Rows(ProgressColumn):
        def render(self, task: Task) -> Text:
            done = f"{int(task.completed):,}"
            return Text(
                f"{done} rows" if task.total is None else f"{done}/{int(task.total):,} rows"
            )

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f} rows/s")

    counted: tuple[ProgressColumn, ...] = (DownloadColumn(), TransferSpeedColumn())
    if unit == "rows":
        counted = (Rows(), Rate())
    left = TimeElapsedColumn() if total is None else TimeRemainingColumn()
    text = TextColumn("{task.description}", markup=False)
    bars = Bars(text, BarColumn(), *counted, left, console=Console(stderr=True))
    task = bars.add_task(what, total=total)
    bars.start()
    return lambda count: bars.advance(task, count), bars.stop


def _tqdm(what: str, total: int | None, unit: Unit) -> _Draw:
    from tqdm.auto import tqdm

    shown_unit = "B" if unit == "bytes" else " rows"
    bar: Any = tqdm(desc=what, total=total, unit=shown_unit, unit_scale=True)
    return bar.update, bar.close
