"""Results as text: what the benchmark prints, and the table of the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.cases import CASES, FLOOR, MLFLOW, Case
from benchmarks.measure import bar_line, bar_values, figure, quantities, ratios, spread

BEGIN = "<!-- benchmarks: begin, written by make bench -->"
END = "<!-- benchmarks: end -->"

_OURS = "scorecast"
_COLUMNS = (MLFLOW, "predict_batch_udf", "mapInPandas", "Ray Data", "Daft", "Polars", FLOOR)

_LEGEND = (
    "Medians, with the range over all rounds in brackets. The first column is in seconds; the "
    "others say how many times as long the same took. All ran in turn on one machine: {machine}."
)

Results = Mapping[str, Any]
"""``{"machine": text, "cases": {name: {"rows": ..., "rounds": [...], "took": ...}}}``."""


def bar_lines(results: Results) -> list[str]:
    """Give a line for every bar of the cases that were measured."""
    return [
        bar_line(case.name, bar, _rounds(results, case))
        for case in _measured(results)
        for bar in case.bars
    ]


def case_lines(case: Case, rounds: Sequence[Any]) -> list[str]:
    """Give a line for every lane of a case: seconds, and how many times those of the first."""
    first = next(iter(case.lanes))
    lines = []
    for lane in case.lanes:
        found, times = spread(quantities(rounds, lane)), spread(ratios(rounds, lane, first))
        facts = {
            name: figure(value)
            for name, value in (rounds[-1].get(lane, {}) if rounds else {}).items()
            if name not in ("seconds", "error", "rows", "sum")
        }
        lines.append(
            f"  {lane:<26}{f'{found} s' if found else 'failed':<28}"
            f"{f'{times} x' if times else '-':<26}"
            + ", ".join(f"{name} {value}" for name, value in facts.items())
        )
    return lines


def readme_table(results: Results) -> str:
    """Give the table as Markdown."""
    lines = [
        f"| | {_OURS}, s | {' | '.join(_COLUMNS)} |",
        f"|---|---|{'---|' * len(_COLUMNS)}",
    ]
    notes = []
    for case in _measured(results):
        rounds = _rounds(results, case)
        compared = [lane for lane in case.lanes if lane.startswith(_OURS)]
        if any(name in case.lanes for name in (MLFLOW,)):
            lines += [_row(case, lane, rounds, first=lane == compared[0]) for lane in compared]
        notes += [
            f"- {case.title}: {bar.title} {_value(bar.value, bar.other)}"
            f"{spread(bar_values(bar, rounds))}"
            for bar in case.bars
            if bar.other not in _COLUMNS and bar_values(bar, rounds)
        ]
    return "\n".join(
        (
            *lines,
            "",
            _LEGEND.format(machine=results["machine"]),
            *(["", *notes] if notes else []),
        )
    )


def rewrite(text: str, table: str) -> str:
    """Put a table between the two markers of a text.

    Raises:
        ValueError: The markers are not there, once each and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before or END in after:
        message = f'expected the lines "{BEGIN}" and "{END}" once each, in this order'
        raise ValueError(message)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _row(case: Case, lane: str, rounds: Sequence[Any], *, first: bool) -> str:
    seconds = spread(quantities(rounds, lane))
    cells = [str(seconds) if seconds else "failed"]
    for other in _COLUMNS:
        found = spread(ratios(rounds, other, lane))
        failed = other in case.lanes and any("error" in turn.get(other, {}) for turn in rounds)
        cells.append(str(found) if found else "failed" if failed else "")
    special = lane.removeprefix(_OURS).strip(", ")
    title = case.title if first else "the same"
    return f"| {title}{f', {special}' if special else ''} | {' | '.join(cells)} |"


def _value(value: str, other: str | None) -> str:
    """Say what a figure is a ratio to."""
    if other is None or value == "ours":
        return ""
    return f"in relation to {other}, "


def _measured(results: Results) -> list[Case]:
    return [case for case in CASES if _rounds(results, case)]


def _rounds(results: Results, case: Case) -> Sequence[Any]:
    return results["cases"].get(case.name, {}).get("rounds", ())  # type: ignore[no-any-return]
