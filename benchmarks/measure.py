"""The arithmetic of paired measurements: ratios within rounds, medians, spread, bars."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Round: TypeAlias = Mapping[str, Mapping[str, Any]]
"""One turn of all lanes: lane -> ``{"seconds": ..., ...}``, or ``{"error": ...}``."""

Value: TypeAlias = Literal["other/ours", "ours/other", "ours"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range of the values of several rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{figure(self.median)} [{figure(self.low)}..{figure(self.high)}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a case has to reach.

    Attributes:
        title: What it is about.
        ours: Lane of scorecast.
        other: Lane to compare with; None where the bar is a figure and no ratio.
        value: What is held against the limit, computed within each round.
        quantity: Which figure of the lanes.
        at_least: Limit from below, or None.
        at_most: Limit from above, or None.
    """

    title: str
    ours: str
    other: str | None = None
    value: Value = "other/ours"
    quantity: str = "seconds"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def limit(self) -> str:
        """The limit as text."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}"

    def reached(self, median: float) -> bool:
        """Tell whether a value meets the limit."""
        if self.at_least is not None:
            return median >= self.at_least
        return self.at_most is not None and median <= self.at_most


def figure(value: float) -> str:
    """Write a number with two to three figures that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> Spread | None:
    """Give median and range; None without values."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def quantities(rounds: Sequence[Round], lane: str, quantity: str = "seconds") -> list[float]:
    """Give a figure of a lane in every round in which the lane did not fail."""
    return [turn[lane][quantity] for turn in rounds if quantity in turn.get(lane, {})]


def ratios(
    rounds: Sequence[Round], upper: str, lower: str, quantity: str = "seconds"
) -> list[float]:
    """Divide two lanes within each round, so that what slows the machine for both cancels out.

    Rounds in which one of them failed are left out.
    """
    return [
        turn[upper][quantity] / turn[lower][quantity]
        for turn in rounds
        if quantity in turn.get(upper, {}) and turn.get(lower, {}).get(quantity)
    ]


def bar_values(bar: Bar, rounds: Sequence[Round]) -> list[float]:
    """Give what is held against a bar, one value a round."""
    if bar.other is None or bar.value == "ours":
        return quantities(rounds, bar.ours, bar.quantity)
    upper, lower = (bar.other, bar.ours) if bar.value == "other/ours" else (bar.ours, bar.other)
    return ratios(rounds, upper, lower, bar.quantity)


def bar_line(case: str, bar: Bar, rounds: Sequence[Round]) -> str:
    """Say in one line how a bar was met: case, ours, other, ratio [range], bar, reached."""
    ours = spread(quantities(rounds, bar.ours, bar.quantity))
    other = spread(quantities(rounds, bar.other, bar.quantity)) if bar.other else None
    found = spread(bar_values(bar, rounds))
    reached = "not measured" if found is None else "yes" if bar.reached(found.median) else "NO"
    return ", ".join(
        (
            f"{case}: {bar.title}",
            f"{bar.ours} {figure(ours.median) if ours else '-'}",
            f"{bar.other} {figure(other.median) if other else '-'}" if bar.other else "-",
            f"{bar.value} {found or '-'}",
            f"bar {bar.limit}",
            f"reached: {reached}",
        )
    )
