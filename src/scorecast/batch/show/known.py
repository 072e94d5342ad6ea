"""What is known about an output: the values that a report is made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from scorecast.batch.manifest import Manifest
from scorecast.batch.profile_drift import left_out_of

Value: TypeAlias = float | str


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What a profile says about one column, see `scorecast.batch.show.known.read_profile`.

    Attributes:
        name: Name of the column; a member of a struct is ``prediction.a``.
        role: ``input`` or ``prediction``.
        type: Spark type, as DDL text.
        count: Rows that were looked at.
        null: Values that are NULL.
        nan: Numbers that are NaN.
        inf: Numbers that are infinite.
        min: Smallest value, times as ISO 8601 text; None as for `max`, `mean` and `std` where
            there is none.
        max: Largest value.
        mean: Mean.
        std: Standard deviation.
        quantiles: Values by the share of values below them.
        edges: Limits of the bins of its histogram.
        counts: Values in each bin.
        distinct: Estimate of how many values differ; None where there are more than were counted.
        top: Frequent values, and how often each occurs.
    """

    name: str
    role: str
    type: str
    count: int
    null: int
    nan: int
    inf: int
    min: Value | None
    max: Value | None
    mean: Value | None
    std: float | None
    quantiles: Mapping[str, Value]
    edges: tuple[Value, ...]
    counts: tuple[float, ...]
    distinct: float | None
    top: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far a column is from that of the baseline."""

    name: str
    role: str
    psi: float | None
    null_rate_change: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a run is from its baseline; columns are in the order of the plan.

    Attributes:
        baseline: Name of the baseline.
        rows: Rows of it.
        columns: Columns that were compared.
        left_out: Columns that were not, and why, in words; empty where all were.
    """

    baseline: str
    rows: int
    columns: tuple[ColumnDrift, ...]
    left_out: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What was seen of the values while they were predicted on."""

    rows: int
    rows_profiled: int
    columns: tuple[ColumnProfile, ...]
    drift: Drift | None


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What is known of the rows that were put aside.

    Attributes:
        rows: How many there are.
        looked_at: How many of them what follows is of.
        by_class: Rows by the class of their error, the most frequent first.
        by_file: Rows by the input file that they come from, the most frequent first.
        examples: A few rows with their values, or none where these are hidden.
    """

    rows: int
    looked_at: int
    by_class: tuple[tuple[str, int], ...] = ()
    by_file: tuple[tuple[str, int], ...] = ()
    examples: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """All that a report is made from.

    Attributes:
        manifest: The manifest.
        profile: The profile; None where the run made none.
        quarantine: What is known of the quarantine.
    """

    manifest: Manifest
    profile: Profile | None
    quarantine: Quarantine


def read_profile(data: bytes) -> Profile | None:
    """Read ``_PROFILE.json``; None for what is none, since no report should fail for that.

    Args:
        data: Content of the file.
    """
    try:
        content = json.loads(data)
        return Profile(
            content["rows"],
            content["rows_profiled"],
            tuple(_column(column) for column in content["columns"]),
            _drift(content.get("drift")),
        )
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _column(said: Mapping[str, Any]) -> ColumnProfile:
    bins = said.get("histogram") or {"edges": (), "counts": ()}
    return ColumnProfile(
        name=str(said["name"]),
        role=said["role"],
        type=str(said["type"]),
        count=said["count"],
        null=said["null"],
        nan=said.get("nan") or 0,
        inf=said.get("inf") or 0,
        quantiles=said.get("quantiles") or {},
        edges=tuple(bins["edges"]),
        counts=tuple(bins["counts"]),
        distinct=said.get("distinct"),
        top=tuple((_text(item["value"]), item["count"]) for item in said.get("top") or ()),
        min=_value(said.get("min")),
        max=_value(said.get("max")),
        mean=_value(said.get("mean")),
        std=_number(said.get("std")),
    )


def _number(given: Any) -> float | None:
    return given if isinstance(given, int | float) else None


def _value(given: Any) -> Value | None:
    return given if isinstance(given, int | float | str) else None


def _text(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given)


def _drift(said: Mapping[str, Any] | None) -> Drift | None:
    if said is None:
        return None
    columns = [
        ColumnDrift(
            str(column["name"]),
            column["role"],
            _number(column.get("psi")),
            _number(column.get("null_rate_change")),
            str(column["verdict"]),
        )
        for column in said["columns"]
    ]
    return Drift(str(said["baseline"]), said["rows"], tuple(columns), left_out_of(said))
