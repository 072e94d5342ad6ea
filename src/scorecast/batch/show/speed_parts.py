"""Sections on time: where it went, and which units took long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from scorecast.batch.manifest import Run
from scorecast.batch.show.view import Bar, Bars, Cell, Section, Shares, table
from scorecast.batch.show.words import count, rate, seconds, several

_MOST_BARS = 60
_SLOWEST = 10
# A unit this many times slower than the usual one is a straggler.
_STRAGGLER = 2.0
_PHASES = {
    "check": "check input and model",
    "ship": "ship the model",
    "predict": "predict and write",
}


def time(run: Run) -> Section:
    """Say where the time went."""
    total = run.seconds.get("total", sum(run.seconds.values()))
    phases = {name: span for name, span in run.seconds.items() if name != "total"}
    rest = total - sum(phases.values())
    named = [(_PHASES.get(name, name), span) for name, span in phases.items()]
    if rest > 0.0005:  # noqa: PLR2004 - half of what is recorded
        named.append(("compare and put together", rest))
    parts = tuple(Bar(name, span, f"{seconds(span)} ({rate(span, total)})") for name, span in named)
    lines: list[tuple[Cell, ...]] = [
        (name, seconds(span), rate(span, total)) for name, span in named
    ]
    lines.append(("all, until it was published", seconds(total), ""))
    return Section(
        "time",
        "Time",
        (
            Shares("Time by phase", parts),
            table("Time by phase", ("phase", "time#", "share#"), lines),
        ),
    )


def units(run: Run) -> Section:
    """Show the throughput of units, and which are stragglers."""
    if not run.units:
        return Section("units", "Throughput", (), ("Nothing was predicted: there were no rows.",))
    speeds = [_speed(unit) for unit in run.units]
    usual = median([speed for speed in speeds if speed] or [0.0])
    slow = [0 < speed * _STRAGGLER < usual for speed in speeds]
    said = f"{several(len(run.units), 'unit')} of work; the usual one did {count(usual)} rows/s"
    late = several(sum(slow), "straggler") if any(slow) else "no stragglers"
    note = f"{said}; {late} (less than half as fast)."
    if len(run.units) == 1:
        (unit,) = run.units
        text = (
            f"1 unit of work, {several(unit['tasks'], 'task')}: {count(unit['rows_in'])} rows in "
            f"{seconds(unit['seconds'])}, {count(usual)} rows/s. More units (--units) can be "
            "compared, and are resumed one by one."
        )
        return Section("units", "Throughput", (), (text,))
    order = sorted(range(len(speeds)), key=lambda at: (not slow[at], speeds[at], at))
    lines: list[tuple[Cell, ...]] = [
        (
            run.units[at]["unit"],
            count(run.units[at]["rows_in"]),
            count(run.units[at]["tasks"]),
            seconds(run.units[at]["seconds"]),
            count(speeds[at]),
            "straggler" if slow[at] else "",
            "earlier" if run.units[at]["resumed"] else "this",
        )
        for at in order[:_SLOWEST]
    ]
    heads = ("unit", "rows#", "tasks#", "time#", "rows/s#", "", "try")
    shown_units = table(f"The slowest {len(lines)} units", heads, lines)
    return Section(
        "units", "Throughput", (_bars(run.units, speeds, slow, usual), shown_units), (note,)
    )


def _speed(unit: Mapping[str, Any]) -> float:
    return float(unit["rows_in"] / unit["seconds"]) if unit["seconds"] else 0.0


def _bars(
    given: Sequence[Mapping[str, Any]],
    speeds: Sequence[float],
    slow: Sequence[bool],
    usual: float,
) -> Bars:
    width = -(-len(given) // _MOST_BARS)
    bars = []
    for start in range(0, len(given), width):
        some = range(start, min(start + width, len(given)))
        # The slowest of a bin stands for it: a mean would hide what the picture is for.
        at = min(some, key=lambda i: speeds[i])
        label = given[start]["unit"]
        if len(some) > 1:
            label = f"{label} to {given[some[-1]]['unit']}, slowest {given[at]['unit']}"
        text = f"{count(speeds[at])} rows/s"
        bars.append(Bar(label, speeds[at], text, any(slow[i] for i in some)))
    each = f"the slowest of {width:,} units each" if width > 1 else "by unit"
    title = f"Rows per second, {each}"
    return Bars(title, tuple(bars), usual, f"median {count(usual)} rows/s")
