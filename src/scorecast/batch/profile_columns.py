"""Statistics of a column as ``_PROFILE.json`` has them. Driver only.

Values of rows are shown for two reasons alone: as the range, the quantiles and the sketch of
numbers and times, and as text that at least one row in a hundred has, and not one row alone.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from scorecast.worker.column_profile import ColumnProfile, encoded, read_quantiles
from scorecast.worker.sketches import Frequent, finite

_RANKS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 20
_SHOWN = 10
_IN_SKETCH = 100  # there can be no more values of 1 % each
_LEAST_SHARE = 0.01
_LEAST_ROWS = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a profile.

    Attributes:
        name: Its name; of a member of a struct prediction ``prediction.member``.
        role: ``"input"`` or ``"prediction"``.
        type: Spark type as DDL text.
    """

    name: str
    role: str
    type: str


def describe(column: Column, found: ColumnProfile) -> dict[str, Any]:
    """Give what ``_PROFILE.json`` says of a column."""
    sketch = found.quantiles
    has_numbers = found.low is not None and found.high is not None
    as_value = _READERS[found.kind](column.type)
    numeric = found.kind in ("number", "integer")
    mean = finite(found.moments.mean) if has_numbers else None
    return {
        "name": column.name,
        "role": column.role,
        "type": column.type,
        "kind": found.kind,
        "count": found.count,
        "null": found.null,
        "nan": found.nan,
        "inf": found.inf,
        "min": as_value(found.low) if has_numbers else None,
        "max": as_value(found.high) if has_numbers else None,
        "mean": mean if mean is None or numeric else as_value(mean),
        "std": found.moments.std if numeric else None,
        "quantiles": _quantiles(sketch, as_value) if has_numbers else {},
        "histogram": _histogram(found, as_value) if has_numbers else None,
        "distinct": None if found.kind == "other" else found.distinct.estimate,
        "top": [{"value": value, "count": count} for value, count in _frequent(found, _SHOWN)],
        "sketch": _sketch(found),
    }


def read_described(told: Mapping[str, Any]) -> tuple[Column, ColumnProfile]:
    """Read a column of a published profile: of its values, what drift is told by alone."""
    kind, sketch = told["kind"], told["sketch"]
    has_categories = kind == "category"
    return Column(told["name"], told["role"], told["type"]), ColumnProfile(
        **{name: told[name] for name in ("kind", "count", "null", "nan", "inf")},
        quantiles=None if sketch is None or has_categories else read_quantiles(sketch),
        frequent=Frequent(categories_of(sketch) if has_categories else {}),
    )


def categories_of(text: str) -> dict[Any, int]:
    """Read the sketch of a column of categories: value -> how often it occurs."""
    return dict(json.loads(base64.b64decode(text)))


def _sketch(found: ColumnProfile) -> str | None:
    if found.quantiles is not None:
        return encoded(found.quantiles.serialize())
    if found.kind == "other":
        return None
    return encoded(json.dumps(_frequent(found, _IN_SKETCH)).encode())


def _frequent(found: ColumnProfile, number: int) -> list[tuple[Any, int]]:
    """Give the values that may be shown: in few rows, one of a hundred may be the only one."""
    return found.frequent.most(max(_LEAST_ROWS, _LEAST_SHARE * found.count), number)


def _quantiles(sketch: Any, as_value: Callable[[Any], Any]) -> dict[str, Any]:
    found = sketch.get_quantiles(list(_RANKS), inclusive=True)
    return {str(rank): as_value(float(q)) for rank, q in zip(_RANKS, found, strict=True)}


def _histogram(found: ColumnProfile, as_value: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Give bins of equal width from the 1 % to the 99 % quantile; the outer ones hold the rest."""
    sketch, whole = found.quantiles, found.kind in ("integer", "date")
    low, high = (float(q) for q in sketch.get_quantiles([_RANKS[0], _RANKS[-1]], inclusive=True))
    if whole:
        width = max(1, math.ceil((high - low + 1) / _BINS))
        edges = low - 0.5 + width * np.arange(math.ceil((high - low + 1) / width) + 1)
    elif low == high:
        edges = np.array([low, high])
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            edges = np.unique(np.linspace(low, high, _BINS + 1))
    if not np.isfinite(edges).all():  # as wide as doubles reach
        return None
    inner = np.unique(edges[1:-1])
    ranks = sketch.get_cdf(inner.tolist(), inclusive=True) if len(inner) else [1.0]
    below = np.rint(np.asarray(ranks) * found.moments.n).astype(int)
    told = edges.tolist()
    if found.kind in ("date", "time"):
        # A day begins where the half before it is.
        told = [as_value(edge + 0.5 if whole else edge) for edge in told]
        if None in told:
            return None
    return {"edges": told, "counts": np.diff(below, prepend=0).tolist()}


def _of_date(_type: str) -> Callable[[Any], Any]:
    return lambda days: _iso(lambda: date(1970, 1, 1) + timedelta(days=round(days)))


def _of_time(kind: str) -> Callable[[Any], Any]:
    epoch = _EPOCH.replace(tzinfo=None) if kind == "timestamp_ntz" else _EPOCH
    return lambda micros: _iso(lambda: epoch + timedelta(microseconds=round(micros)))


def _iso(read: Callable[[], date]) -> str | None:
    try:
        return read().isoformat()
    except OverflowError:  # Spark knows years that Python does not
        return None


def _of_integer(_type: str) -> Callable[[Any], Any]:
    return round


def _of_number(_type: str) -> Callable[[Any], Any]:
    return lambda number: number


_READERS: Mapping[str, Callable[[str], Callable[[Any], Any]]] = {
    "number": _of_number,
    "integer": _of_integer,
    "category": _of_number,
    "date": _of_date,
    "time": _of_time,
    "other": _of_number,
}
