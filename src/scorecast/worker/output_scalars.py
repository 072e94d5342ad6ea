"""Plain output values -> Arrow of the declared type; the rules of conversion.

Numbers are converted when nothing is lost: integers to wider integers, to floats and decimals that
hold them, floats to integers only when exact, booleans to 0 and 1. Floats become the nearest
narrower float or decimal, but do not overflow. Anything may become text; text is never parsed. NaN
stays NaN in floats, and is NULL in all other types, which have no NaN. Times without a zone are
clock times of the zone of the type.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.errors import OutputMismatchError
from scorecast.worker.arrow_types import is_bytes, is_text, readable
from scorecast.worker.casts import (
    ARROW_ERRORS,
    MisfitError,
    arrow_of,
    cast_exactly,
    decoded,
)
from scorecast.worker.variants import VARIANT, json_texts
from scorecast.worker.zones import clock_time, instants_of

_ARROW_UNITS = {"D", "s", "ms", "us", "ns"}


def convert_plain(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Convert plain Arrow values to the declared type.

    Raises:
        MisfitError: A value does not fit, or all are of a kind that does not convert.
    """
    if wanted == VARIANT:
        return json_texts(array)
    array = decoded(array)
    got = array.type
    if got == wanted:
        return array
    if is_text(wanted):
        return _text_array(array).cast(wanted)
    if not _convertible(got, wanted):
        raise MisfitError(readable(got), wanted)
    if pt.is_timestamp(wanted) or pt.is_date(wanted):
        return cast_exactly(_in_zone(array, wanted), wanted)
    if pt.is_floating(got) and not pt.is_floating(wanted):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, got), array)
    if pt.is_boolean(got):
        array = array.cast(pa.int8())
    if pt.is_integer(array.type) and pt.is_decimal(wanted):
        # Arrow asks for room for every integer of the type, not for these alone.
        array = array.cast(pa.decimal256(76, wanted.scale))
    try:
        return cast_exactly(array, wanted)
    except MisfitError as misfit:
        misfit.got = readable(got)
        raise


def from_typed(values: np.ndarray[Any, Any] | pd.Series[Any], wanted: pa.DataType) -> pa.Array:
    """Give values that numpy or pandas have a type for as Arrow has them, before any conversion.

    Raises:
        MisfitError: Arrow has no such type.
    """
    given: Any = values
    if isinstance(values, pd.Series) and isinstance(values.dtype, np.dtype | pd.SparseDtype):
        given = np.asarray(values)  # not through pandas: it would turn NaN into NULL
    if isinstance(given, np.ndarray):
        given = _with_known_dtype(given)
    try:
        array = arrow_of(given, nan_is_null=False)
    except ARROW_ERRORS:
        raise MisfitError(str(values.dtype), wanted) from None
    if isinstance(array.type, pa.BaseExtensionType):  # periods and intervals of pandas
        raise MisfitError(str(values.dtype), wanted)
    return array


def text_of(value: Any) -> str | None:
    """Give the text of one value, None for what is missing.

    Raises:
        OutputMismatchError: It is bytes that are not text.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float | np.floating) and np.isnan(value):
        return None
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
        return None if value is pd.NaT else str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            message = "The model returned bytes that are not UTF-8 text; ask for binary instead."
            raise OutputMismatchError(message) from None
    return str(value)


def _convertible(got: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether values of one kind may become another; single values may still not fit."""
    if _is_number(wanted):
        return _is_number(got) or bool(pt.is_boolean(got))
    if is_bytes(wanted):
        return is_bytes(got)
    if pt.is_timestamp(wanted) or pt.is_date(wanted):
        return bool(pt.is_timestamp(got) or pt.is_date(got))
    return bool(got == wanted or (pt.is_duration(got) and pt.is_duration(wanted)))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind))


def _in_zone(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Bring dates and times to the zone of the wanted type, or out of one if it has none."""
    zone = wanted.tz if pt.is_timestamp(wanted) else None
    if pt.is_timestamp(array.type) and array.type.tz is not None:
        return array if zone is not None else clock_time(array)
    if zone is None:
        return array
    local = array if pt.is_timestamp(array.type) else array.cast(pa.timestamp("us"))
    return instants_of(local, zone)


def _with_known_dtype(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bring the dtypes that Arrow does not know to ones that it does."""
    dtype = values.dtype
    if not dtype.isnative:
        values = values.astype(dtype.newbyteorder("="))
    if dtype == np.longdouble:
        return values.astype(np.float64)
    if dtype.kind == "M" and np.datetime_data(dtype)[0] not in _ARROW_UNITS:
        return values.astype("datetime64[s]")
    return values


def _text_array(array: pa.Array) -> pa.Array:
    """Give the texts that Python has for the values, the same as those of single objects."""
    kind = array.type
    if is_text(kind) or pt.is_integer(kind):
        return array.cast(pa.string())
    values = array.to_pylist()
    if pt.is_floating(kind):  # numpy knows how many digits a float has
        numbers = array.to_numpy(zero_copy_only=False)
        values = [None if value is None else numbers[i] for i, value in enumerate(values)]
    return pa.array([text_of(value) for value in values], pa.string())
