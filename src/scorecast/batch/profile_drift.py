"""How far the columns of a run are from those of a baseline. Driver only.

The measure is the population stability index of credit scoring (N. Siddiqi, "Credit Risk
Scorecards", Wiley 2006)::

    PSI = sum over bins of (actual - expected) * ln(actual / expected)

of the shares of rows in each bin, with the usual reading: below 0.1 nothing has changed, from 0.25
on much has. Shares below 0.0001 count as that, so that an empty bin has a logarithm. The bins of
numbers are tenths of the baseline, and a value that more than a tenth of its rows have is one of
its own; those of categories are its values and one for all others. NULL and
NaN together are a bin of their own, infinite numbers another one; so a column that goes missing
drifts. Of dates, times and nested values only that bin is compared: times move on in every run.

Between two samples of the same rows, of n and m rows and B bins, PSI is about (B - 1) * (1/n + 1/m)
(B. Yurdakul, "Statistical Properties of Population Stability Index", 2018): 0.1 for 200 rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorecast.batch.profile_columns import Column, categories_of
from scorecast.errors import DriftError
from scorecast.worker.column_profile import ColumnProfile, read_quantiles

MODERATE, LARGE = 0.1, 0.25
_LEAST_SHARE = 1e-4
_TENTHS = [i / 10 for i in range(1, 10)]
_NAMED = 10
_NUMERIC = {"number", "integer"}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run is compared with.

    Attributes:
        name: Path or run id, for people.
        profile: Content of its ``_PROFILE.json``.
    """

    name: str
    profile: Mapping[str, Any]


def psi(expected: np.ndarray[Any, Any], actual: np.ndarray[Any, Any]) -> float:
    """Give the population stability index of two lists of shares."""
    before, after = np.maximum(expected, _LEAST_SHARE), np.maximum(actual, _LEAST_SHARE)
    return float(((after - before) * np.log(after / before)).sum())


def drift_from(
    baseline: Baseline, columns: Sequence[Column], found: Sequence[ColumnProfile]
) -> dict[str, Any]:
    """Compare a run with a baseline; gives what ``_PROFILE.json`` says of it.

    Columns that the baseline does not have, or has as another kind, are not compared but listed,
    as are all where one of the two has no rows; integers and other numbers are one kind here.
    """
    before = {(column["role"], column["name"]): column for column in baseline.profile["columns"]}
    compared, left_out = [], []
    for column, new in zip(columns, found, strict=True):
        old = before.get((column.role, column.name))
        if old is None or (why := _apart(old, new)):
            reason = "not in the baseline" if old is None else why
            left_out.append({"name": column.name, "role": column.role, "why": reason})
        else:
            compared.append(_drift_of(column, old, new))
    largest = max(compared, key=lambda column: column["psi"], default=None)
    return {
        "baseline": baseline.name,
        "rows": baseline.profile["rows"],
        "columns": compared,
        "largest": largest and {name: largest[name] for name in ("name", "role", "psi")},
        "left_out": left_out,
    }


def left_out_of(drift: Mapping[str, Any]) -> str:
    """Name the columns that were not compared, and why; empty where all were."""
    given = drift.get("left_out") or ()
    named = ", ".join(
        f'{column["role"]} "{column["name"]}" ({column["why"]})' for column in given[:_NAMED]
    )
    return f"{named} and {len(given) - _NAMED} more" if len(given) > _NAMED else named


def refuse_drift(drift: Mapping[str, Any] | None, limit: float | None, then: str) -> None:
    """Refuse drift beyond a limit.

    Args:
        drift: What `drift_from` gave.
        limit: Largest PSI that a column may have, or None.
        then: What becomes of the output, and what to do.

    Raises:
        DriftError: Columns drifted more.
    """
    if drift is None or limit is None:
        return
    beyond = [column for column in drift["columns"] if column["psi"] > limit]
    if not beyond:
        return
    beyond.sort(key=lambda column: -column["psi"])
    named = ", ".join(
        f'{column["role"]} "{column["name"]}" (PSI {column["psi"]:.3g}, missing '
        f"{column['null_rate_change']:+.1%})"
        for column in beyond[:_NAMED]
    )
    more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
    message = (
        f"{len(beyond)} of {len(drift['columns'])} columns drifted by more than {limit:g} from the "
        f'baseline "{drift["baseline"]}": {named}{more}. {then}'
    )
    raise DriftError(message)


def _apart(old: Mapping[str, Any], new: ColumnProfile) -> str:
    """Say why two columns cannot be compared; empty where they can."""
    if old["kind"] != new.kind and not {old["kind"], new.kind} <= _NUMERIC:
        return f"{old['kind']} in the baseline, {new.kind} now"
    return "" if old["count"] and new.count else "without rows"


def _drift_of(column: Column, old: Mapping[str, Any], new: ColumnProfile) -> dict[str, Any]:
    before, after = _binned(old, new)
    missing = (old["null"] + old["nan"], new.null + new.nan)
    value = psi(
        np.array([*before, old["inf"], missing[0]]) / old["count"],
        np.array([*after, new.inf, missing[1]]) / new.count,
    )
    return {
        "name": column.name,
        "role": column.role,
        "psi": value,
        "null_rate_change": missing[1] / new.count - missing[0] / old["count"],
        "verdict": "ok" if value < MODERATE else "moderate" if value < LARGE else "large",
    }


def _binned(old: Mapping[str, Any], new: ColumnProfile) -> tuple[list[float], list[float]]:
    """Count the values of both in the bins of the old one, but for infinite and missing ones."""
    there = old["count"] - old["null"] - old["nan"] - old["inf"]
    here = new.count - new.null - new.nan - new.inf
    if new.kind in _NUMERIC and there and here:
        sketch = read_quantiles(old["sketch"])
        edges = _edges(sketch)
        before, after = (side.get_pmf(edges, inclusive=True) for side in (sketch, new.quantiles))
        return [there * share for share in before], [here * share for share in after]
    if new.kind == "category":
        counts = categories_of(old["sketch"])
        mine = [new.frequent.counts.get(value, 0) for value in counts]
        return (
            [*counts.values(), there - sum(counts.values())],
            [*mine, here - sum(mine)],
        )
    return [there], [here]


def _edges(sketch: Any) -> list[float]:
    """Give the upper limits of all bins but the last one."""
    tenths = sketch.get_quantiles(_TENTHS, inclusive=True)
    # Else what falls below the value of most rows would be in the bin of that value.
    alone = [
        tenth
        for tenth, times in Counter(tenths).items()
        if times > 1 or tenth == sketch.get_min_value()
    ]
    below = [edge for tenth in alone if math.isfinite(edge := math.nextafter(tenth, -math.inf))]
    return sorted({*tenths, *below})
