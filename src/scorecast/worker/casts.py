"""Into Arrow, and from one plain type to another without loss, or with the value that is lost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.worker.arrow_types import readable
from scorecast.worker.zones import clock_time

ARROW_ERRORS = (pa.ArrowException, TypeError, ValueError, OverflowError)
"""What Arrow raises for Python values that it cannot convert."""


class MisfitError(Exception):
    """Raised when values do not fit a type, for the caller to say so in its own words.

    Attributes:
        got: What the values are, in words.
        wanted: What they should be, in words.
        index: Position of the first that does not fit; None when all are of a wrong kind.
        members: Names of the records' members that lead to the values.
    """

    def __init__(self, got: str, wanted: pa.DataType | str, index: int | None = None) -> None:
        super().__init__(got, wanted, index)
        self.got = got
        self.wanted = wanted if isinstance(wanted, str) else readable(wanted)
        self.index = index
        self.members: tuple[str, ...] = ()


def cast_exactly(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Cast plain values, without loss but for the rounding of floats and decimals.

    Raises:
        MisfitError: A value does not fit.
    """
    if array.type == wanted:
        return array
    cast = _cast_or_none(array, wanted)
    if cast is None:
        raise MisfitError(readable(array.type), wanted, _first_failing(array, wanted))
    lost = _lost(array, cast)
    if lost is not None and pc.any(lost).as_py():
        raise MisfitError(readable(array.type), wanted, first_true(lost))
    return cast


def arrow_of(values: Any, kind: pa.DataType | None = None, *, nan_is_null: bool = True) -> pa.Array:
    """Give anything that Arrow can convert as one array; raises what Arrow raises."""
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.DatetimeTZDtype):
        # Arrow itself goes a way that pandas has deprecated.
        instants = pa.array(values.dt.tz_convert(None).to_numpy())
        zone = pa.lib.tzinfo_to_string(values.dt.tz)
        array = instants.cast(kind or pa.timestamp(instants.type.unit, zone))
    else:
        array = pa.array(values, kind, from_pandas=nan_is_null)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def is_foreign_frame(values: Any) -> bool:
    """Tell whether something is a table of another library that speaks Arrow, such as polars."""
    return (
        hasattr(values, "__arrow_c_stream__")
        and hasattr(values, "columns")
        and not isinstance(values, pd.DataFrame | pa.Table | pa.RecordBatch)
    )


def alike_times(values: Iterable[Any], wanted: str) -> list[Any]:
    """Bring times of Python, numpy and pandas, and dates beside them, to one kind.

    Arrow decides by the first: it would cut the times off behind a date, and the nanoseconds off
    everywhere, take clock times behind an instant for UTC, and give all instants the first's zone.

    Args:
        values: The times.
        wanted: What they are to become; instants of several zones stay instants for a
            ``timestamp``, and become what the clock of their own zone shows for anything else.

    Raises:
        MisfitError: Arrow cannot hold them without loss.
    """
    times: list[Any] = []
    zoned: set[bool] = set()
    for i, value in enumerate(values):
        time: Any = pd.Timestamp(value) if isinstance(value, np.datetime64) else value
        if time is pd.NaT:  # which is a datetime to Python
            time = None
        if isinstance(time, date) and not isinstance(time, datetime):
            time = datetime(time.year, time.month, time.day)  # noqa: DTZ001 - dates have no zone
        if isinstance(time, datetime):
            zoned.add(time.tzinfo is not None)
            if getattr(time, "nanosecond", 0):
                raise MisfitError("single nanoseconds", wanted, i)
        times.append(time)
    if len(zoned) > 1:
        raise MisfitError("times with and without a zone side by side", wanted)
    zones = {time.tzinfo for time in times if isinstance(time, datetime)}
    if len(zones) <= 1:
        return times
    if wanted == "timestamp":
        return [None if time is None else time.astimezone(UTC) for time in times]
    return [None if time is None else time.replace(tzinfo=None) for time in times]


def decoded(array: pa.Array) -> pa.Array:
    """Give an array without dictionary encoding."""
    return array.dictionary_decode() if pt.is_dictionary(array.type) else array


def to_local(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Cast plain values exactly, timestamps with a zone by way of local time.

    Raises:
        MisfitError: A value does not fit.
    """
    array = decoded(array)
    if pt.is_timestamp(array.type) and array.type.tz is not None:
        array = clock_time(array)
    return cast_exactly(array, wanted)


def first_true(mask: pa.Array) -> int:
    """Give the position of the first true value."""
    return int(pc.index(mask, True).as_py())


def _cast_or_none(array: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    try:
        return pc.cast(array, wanted, safe=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None  # Arrow's own text holds the value


def _lost(array: pa.Array, cast: pa.Array) -> pa.Array | None:
    """Find the losses that Arrow's safe casts let pass."""
    if pt.is_floating(cast.type) and pt.is_decimal(array.type):
        return pc.is_inf(cast)
    if pt.is_floating(cast.type) and array.type == pa.float64():
        return pc.and_not(pc.is_inf(cast), pc.is_inf(array))
    if pt.is_date(cast.type) and pt.is_timestamp(array.type):
        return pc.not_equal(cast.cast(array.type), array)
    return None


def _first_failing(array: pa.Array, wanted: pa.DataType) -> int:
    """Find the first value whose cast fails, by halving."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        if _cast_or_none(array.slice(low, middle - low), wanted) is None:
            high = middle
        else:
            low = middle
    return low
