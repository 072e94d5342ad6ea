"""Sections on values: predictions, columns of the input, drift and the quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorecast.batch.file_names import shown
from scorecast.batch.manifest import Manifest
from scorecast.batch.show.known import ColumnProfile, Drift, Known, Profile, Quarantine, Value
from scorecast.batch.show.view import SHOWN, Bar, Block, Cell, Facts, Histogram, Section, table
from scorecast.batch.show.words import count, rate, several, value

_PICTURES = 6
_FILES = 10
_QUANTILES = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")

NO_PROFILE = (
    "This run has no profile, so that nothing is known of distributions. "
    'pip install "scorecast[report]" on the driver and on every executor, and the next run has one.'
)


def predictions(known: Known) -> Section:
    """Show what was predicted."""
    profile = known.profile
    if profile is None:
        return Section("predictions", "Predictions", (), (NO_PROFILE,))
    columns = [column for column in profile.columns if column.role == "prediction"]
    blocks: list[Block] = []
    for column in columns[:_PICTURES]:
        if picture := histogram(column):
            blocks.append(picture)
        elif column.top:
            blocks.append(_frequent(column))
    blocks.append(_columns_table("In numbers", columns))
    if any(column.quantiles for column in columns):
        blocks.append(_quantiles(columns))
    return Section(
        "predictions", "Predictions", tuple(blocks), tuple(_scope(known.manifest, profile))
    )


def histogram(column: ColumnProfile) -> Histogram | None:
    """Give the picture of a column, where it has one."""
    if not sum(column.counts) or len(column.edges) != len(column.counts) + 1:
        return None
    low, high = column.edges[0], column.edges[-1]
    return Histogram(
        f"Distribution of {column.name}",
        column.edges,
        column.counts,
        lower=_is_less(column.min, low),
        higher=_is_less(high, column.max),
    )


def _is_less(one: Value | None, other: Value | None) -> bool:
    """Compare numbers, or times as ISO 8601 text."""
    if isinstance(one, str) and isinstance(other, str):
        return one < other
    return isinstance(one, float | int) and isinstance(other, float | int) and one < other


def _frequent(column: ColumnProfile) -> Block:
    lines: list[tuple[Cell, ...]] = [
        (
            text,
            Bar(text, number / max(column.count, 1), ""),
            count(number),
            rate(number, column.count),
        )
        for text, number in column.top
    ]
    return table(f"Frequent values of {column.name}", ("value", "", "rows#", "share#"), lines)


def _quantiles(columns: Sequence[ColumnProfile]) -> Block:
    heads = ("column", "min#", *(f"{float(q):.0%}#" for q in _QUANTILES), "max#", "std#")
    lines: list[tuple[Cell, ...]] = [
        (
            column.name,
            value(column.min),
            *(value(column.quantiles.get(q)) for q in _QUANTILES),
            value(column.max),
            value(column.std),
        )
        for column in columns
        if column.quantiles
    ]
    return table("Quantiles", heads, lines, "predictions")


def _scope(manifest: Manifest, profile: Profile) -> list[str]:
    notes = []
    if profile.rows_profiled < profile.rows:
        share = rate(profile.rows_profiled, profile.rows)
        notes.append(
            f"Seen on a sample of {count(profile.rows_profiled)} of {count(profile.rows)} rows "
            f"({share})."
        )
    if len(manifest.runs) > 1:
        notes.append("Of the rows of the last run alone.")
    return notes


def columns(known: Known) -> Section | None:
    """Show the columns that were predicted on; None where there is no profile."""
    profile = known.profile
    if profile is None:
        return None
    read = [column for column in profile.columns if column.role == "input"]
    notes = [f"{several(len(read), 'column')}.", *_scope(known.manifest, profile)]
    return Section(
        "columns",
        "Input columns",
        (_columns_table("Seen on the way to the model", read),),
        tuple(notes),
    )


def _columns_table(title: str, given: Sequence[ColumnProfile]) -> Block:
    heads = (
        "column",
        "type",
        "distribution",
        "NULL#",
        "NaN#",
        "min#",
        "median#",
        "mean#",
        "max#",
        "distinct#",
    )
    lines: list[tuple[Cell, ...]] = [
        (
            column.name,
            column.type,
            histogram(column) or _most_frequent(column),
            rate(column.null, column.count),
            rate(column.nan, column.count) if column.mean is not None or column.nan else "",
            value(column.min),
            value(column.quantiles.get("0.5")),
            value(column.mean),
            value(column.max),
            _distinct(column),
        )
        for column in given
    ]
    return table(title, heads, lines, "columns")


def _distinct(column: ColumnProfile) -> str:
    if column.distinct is not None:
        return count(column.distinct)
    return "many" if column.quantiles else ""


def _most_frequent(column: ColumnProfile) -> str:
    return ", ".join(f"{text} {rate(number, column.count)}" for text, number in column.top[:3])


def drift(known: Known) -> Section | None:
    """Show how far columns have moved from the baseline; None where nothing was compared."""
    found = None if known.profile is None else known.profile.drift
    if found is None:
        return None
    ordered = sorted(found.columns, key=lambda column: -(column.psi or 0.0))
    some = [column for at, column in enumerate(ordered) if at < SHOWN or column.verdict != "ok"]
    lines: list[tuple[Cell, ...]] = [
        (
            column.name,
            column.role,
            value(column.psi),
            "" if column.null_rate_change is None else _points(column.null_rate_change),
            column.verdict,
        )
        for column in some
    ]
    heads = ("column", "role", "PSI#", "NULL, change#", "verdict")
    block = table("Drift by column, the largest first", heads, lines, "columns")
    notes = [_baseline(found)]
    if len(some) < len(ordered):
        notes.append(f"{len(ordered) - len(some):,} columns with less drift are left out.")
    if found.left_out:
        notes.append(f"Not compared: {found.left_out}.")
    return Section("drift", "Drift", (block,), tuple(notes))


def _baseline(found: Drift) -> str:
    return (
        f"Against {found.baseline} ({several(found.rows, 'row')}). PSI below 0.1 is usual; from "
        "0.25 on a column is another one."
    )


def _points(change: float) -> str:
    """Give a change of a rate in percentage points."""
    return "0" if not change else f"{100 * change:+.2g} pp"


def quarantine(known: Known) -> Section | None:
    """Show which rows the model failed on; None where there are none."""
    found, counters = known.quarantine, known.manifest.run.counters
    if not found.rows:
        if not counters.rows_failed:
            return None
        text = f"{several(counters.rows_failed, 'row')} failed and got a NULL prediction."
        return Section("quarantine", "Failed rows", (), (text,))
    blocks: list[Block] = []
    if found.by_class:
        blocks.append(_counted("Rows by class of the error", "error", found.by_class, found))
    if found.by_file:
        files = [(shown(name), number) for name, number in found.by_file]
        blocks.append(_counted("Rows by file of the input", "file", files[:_FILES], found))
    for at, example in enumerate(found.examples, start=1):
        blocks.append(_example(at, example))
    notes = [f"{several(found.rows, 'row')} in _quarantine/."]
    if found.looked_at < found.rows:
        notes.append(f"What follows is of the first {count(found.looked_at)}.")
    if len(found.by_file) > _FILES:
        notes.append(f"{_FILES} of {len(found.by_file):,} files are shown.")
    if not found.examples:
        notes.append(
            "Values and messages of the model are hidden, since they may hold data: scorecast show "
            "--show-values shows them."
        )
    return Section("quarantine", "Quarantine", tuple(blocks), tuple(notes))


def _counted(title: str, what: str, pairs: Sequence[tuple[str, int]], found: Quarantine) -> Block:
    whole = max(found.looked_at, 1)
    lines: list[tuple[Cell, ...]] = [
        (name, Bar(name, number / whole, ""), count(number), rate(number, whole))
        for name, number in pairs
    ]
    return table(title, (what, "", "rows#", "share#"), lines)


def _example(at: int, example: Mapping[str, str]) -> Block:
    return Facts((("example", str(at)), *example.items()))
