"""What a report is made of, whether it is shown as a page or as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "info", "look", "bad"]
"""What a check says: it holds, it says nothing on trust, look at it, something is wrong."""

SHOWN = 50
"""Rows of a long table that are shown at once."""


@dataclass(frozen=True, slots=True)
class Check:
    """One reason to trust a run, or not to."""

    status: Status
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values fall into bins of one width.

    Attributes:
        title: What it shows, in words.
        edges: Limits of the bins, one more than there are bins; times as ISO 8601 text.
        counts: Values in each bin.
        lower: Whether the first bin holds all that is less, too.
        higher: Whether the last bin holds all that is more, too.
    """

    title: str
    edges: tuple[float | str, ...]
    counts: tuple[float, ...]
    lower: bool = False
    higher: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart: what it stands for, how long it is, and whether it stands out."""

    label: str
    value: float
    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars side by side, with a line at the value that is usual.

    Attributes:
        title: What they show, in words.
        bars: The bars, in an order that means something.
        usual: Where the line is.
        usual_text: What the line is.
    """

    title: str
    bars: tuple[Bar, ...]
    usual: float
    usual_text: str


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of a whole, such as phases of a run."""

    title: str
    parts: tuple[Bar, ...]


Cell: TypeAlias = "str | Histogram | Bar"


@dataclass(frozen=True, slots=True)
class Head:
    """Head of a column: its name, and whether its cells are numbers."""

    name: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: What it shows, in words.
        heads: Heads of the columns; the first column names the row.
        rows: Rows that are shown at once.
        folded: Rows that are shown on demand.
        folded_text: What these are.
    """

    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: tuple[tuple[Cell, ...], ...] = ()
    folded_text: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """Something to type."""

    text: str


Block: TypeAlias = Facts | Table | Histogram | Bars | Shares | Command


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a heading."""

    name: str
    title: str
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A whole report.

    Attributes:
        name: Name of the output.
        output: Path of the output as the job was given it.
        published: When, and by which run.
        status: The verdict.
        verdict: The verdict in a sentence.
        checks: What it rests on.
        numbers: The few numbers that everybody looks for first, by their names.
        sections: Everything else.
        footer: What made the report.
    """

    name: str
    output: str
    published: str
    status: Status
    verdict: str
    checks: tuple[Check, ...]
    numbers: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...] = field(default=())
    footer: str = ""


def table(
    title: str, heads: Iterable[str], rows: Sequence[tuple[Cell, ...]], what: str = "rows"
) -> Table:
    """Give a table of which the first rows are shown at once.

    Args:
        title: What it shows, in words.
        heads: Names of the columns; one that ends with ``#`` holds numbers.
        rows: All rows.
        what: What the rows are.
    """
    named = tuple(Head(name.removesuffix("#"), name.endswith("#")) for name in heads)
    folded = tuple(rows[SHOWN:])
    text = f"{len(folded):,} more {what}" if folded else ""
    return Table(title, named, tuple(rows[:SHOWN]), folded, text)
