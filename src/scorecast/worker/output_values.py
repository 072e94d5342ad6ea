"""Values of one output column -> Arrow of the declared type; the rules of conversion.

Numbers are converted when nothing is lost: integers to wider integers, to floats and decimals that
hold them, floats to integers only when exact, booleans to 0 and 1. ``double`` to ``float`` rounds,
as asked for, but does not overflow. Anything may become text. Text is never parsed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.errors import OutputMismatchError
from scorecast.worker.arrow_types import is_bytes, is_list, is_text, readable
from scorecast.worker.inputs import first_failing_row

_ARROW_ERRORS = (pa.ArrowException, TypeError, ValueError, OverflowError)


def to_array(values: Any, wanted: pa.DataType, field: str | None = None) -> pa.Array:
    """Convert one column.

    Args:
        values: Arrow array, numpy array, Series or list, one value per row.
        wanted: Declared type.
        field: Name of the struct field that the column fills, for errors.

    Raises:
        OutputMismatchError: A value does not fit; names field, types and row, not the value.
    """
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return _nested(values, wanted, field)
    array = _as_arrow(values, wanted, field)
    if array.type == wanted:
        return array
    if pt.is_dictionary(array.type):
        array = array.dictionary_decode()
    if is_text(wanted) and not is_text(array.type):
        return _as_text(values, array)
    if pt.is_null(array.type):
        return pa.nulls(len(array), wanted)
    if not _convertible(array.type, wanted):
        raise _mismatch(array.type, wanted, field, None)
    return _cast(array, wanted, field)


def _as_arrow(values: Any, wanted: pa.DataType, field: str | None) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, pd.Series) and values.dtype != object:
        return _from_typed_series(values)
    if isinstance(values, np.ndarray) and values.dtype != object:
        return pa.array(values)
    return _from_objects(list(values), wanted, field)


def _from_typed_series(values: pd.Series[Any]) -> pa.Array:
    if isinstance(values.dtype, np.dtype):
        # Not through pandas: it would turn NaN into NULL.
        raw = values.to_numpy()
        return pa.array(raw, from_pandas=raw.dtype.kind in "mM")
    array = pa.array(values)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _from_objects(values: list[Any], wanted: pa.DataType, field: str | None) -> pa.Array:
    """Convert Python objects; the declared type helps where Arrow alone would guess or fail."""
    cleaned = [None if value is pd.NA or value is pd.NaT else value for value in values]
    floats = _holds_floats(wanted)
    if not _holds_maps(wanted):  # Arrow alone takes every dict for a record
        try:
            return pa.array(cleaned, from_pandas=not floats)
        except _ARROW_ERRORS:
            pass
    if is_text(wanted):
        return pa.array([_text(value) for value in cleaned], wanted)
    try:
        return pa.array(cleaned, wanted, from_pandas=not floats)
    except _ARROW_ERRORS:
        kinds = sorted({type(value).__name__ for value in cleaned if value is not None})
        raise _mismatch(None, wanted, field, None, ", ".join(kinds)) from None


def _holds_floats(kind: pa.DataType) -> bool:
    """Tell whether NaN is a value somewhere in the type, and so must not become NULL."""
    if pt.is_floating(kind):
        return True
    return any(_holds_floats(kind.field(i).type) for i in range(kind.num_fields))


def _holds_maps(kind: pa.DataType) -> bool:
    if pt.is_map(kind):
        return True
    return any(_holds_maps(kind.field(i).type) for i in range(kind.num_fields))


def _nested(values: np.ndarray[Any, Any], wanted: pa.DataType, field: str | None) -> pa.Array:
    """Convert an array of n axes into lists of n - 1 levels, without touching single rows."""
    if not is_list(wanted):
        message = (
            f"The model returned an array of shape {values.shape}"
            f"{'' if field is None else f' for the field {field}'}; the result type "
            f"{readable(wanted)} takes one value per row."
        )
        raise OutputMismatchError(message)
    inner = values.reshape(-1, *values.shape[2:]) if values.size else values.reshape(0)
    flat = to_array(
        inner, wanted.value_type if inner.ndim <= 1 or values.size else pa.null(), field
    )
    if not values.size:
        flat = pa.nulls(0, wanted.value_type)
    offsets = np.arange(values.shape[0] + 1, dtype=np.int64) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat).cast(wanted)


def _convertible(got: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether values of one kind may become another; single values may still not fit."""
    if pt.is_null(got):
        return True
    if is_list(wanted):
        return is_list(got) and _convertible(got.value_type, wanted.value_type)
    if pt.is_struct(wanted):
        if not pt.is_struct(got):
            return False
        members = {member.name: member.type for member in got}
        return all(
            member.name in members and _convertible(members[member.name], member.type)
            for member in wanted
        )
    if pt.is_map(wanted):
        return bool(pt.is_map(got))
    if pt.is_boolean(wanted):
        return bool(pt.is_boolean(got))
    if pt.is_integer(wanted) or pt.is_floating(wanted) or pt.is_decimal(wanted):
        return bool(
            pt.is_integer(got) or pt.is_floating(got) or pt.is_decimal(got) or pt.is_boolean(got)
        )
    if is_text(wanted):
        return is_text(got) or not (is_list(got) or pt.is_nested(got))
    if is_bytes(wanted):
        return is_bytes(got)
    if pt.is_timestamp(wanted) or pt.is_date(wanted):
        return bool(pt.is_timestamp(got) or pt.is_date(got))
    return bool(got == wanted)


def _cast(array: pa.Array, wanted: pa.DataType, field: str | None) -> pa.Array:
    if pt.is_timestamp(wanted) and wanted.tz and pt.is_timestamp(array.type) and not array.type.tz:
        array = pc.assume_timezone(array, wanted.tz)
    if pt.is_boolean(array.type) and pt.is_decimal(wanted):
        array = array.cast(pa.int8())
    if pt.is_struct(wanted) and pt.is_struct(array.type):
        # Arrow matches members of structs by position in some versions; by name is what we mean.
        parts = [_cast(pc.struct_field(array, [m.name]), m.type, m.name) for m in wanted]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(parts, fields=list(wanted), mask=mask)
    try:
        result = pc.cast(array, wanted, safe=True)
    except _ARROW_ERRORS:
        raise _mismatch(array.type, wanted, field, first_failing_row(array, wanted)) from None
    if wanted == pa.float32() and array.type == pa.float64():
        overflowed = pc.and_(pc.is_inf(result), pc.invert(pc.is_inf(array)))
        if pc.any(overflowed).as_py():
            row = pc.index(overflowed, True).as_py()
            raise _mismatch(array.type, wanted, field, row)
    return result


def _as_text(values: Any, array: pa.Array) -> pa.Array:
    if pt.is_integer(array.type):
        return array.cast(pa.string())
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if isinstance(value, pa.Scalar):
        value = value.as_py()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float | np.floating) and np.isnan(value):
        return None
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            message = "The model returned bytes that are not UTF-8 text; ask for binary instead."
            raise OutputMismatchError(message) from None
    return str(value)


def _mismatch(
    got: pa.DataType | None,
    wanted: pa.DataType,
    field: str | None,
    row: int | None,
    kinds: str | None = None,
) -> OutputMismatchError:
    what = "predictions" if field is None else f'values for the field "{field}"'
    given = kinds if got is None else readable(got)
    where = "" if row is None else f"; row {row} of the batch does not fit without loss"
    return OutputMismatchError(
        f"The model returned {what} of type {given}, the result type is {readable(wanted)}{where}. "
        "Ask for a wider result type, or convert the predictions in the model."
    )
