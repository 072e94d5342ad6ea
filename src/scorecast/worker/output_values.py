"""One column of output, in whatever form -> Arrow of exactly the declared type.

Values are converted one by one as the declared type says, never by a type guessed from those that
happen to be in the batch. Records may lack members, which are then NULL; one that lacks a member
and has another that is not declared is taken for misspelt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, localcontext
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types as pt

from scorecast.errors import OutputMismatchError
from scorecast.worker.arrow_types import is_bytes, is_list, is_text, readable
from scorecast.worker.casts import ARROW_ERRORS, MisfitError, alike_times
from scorecast.worker.nested import (
    convert_nested,
    inside_lists,
    inside_member,
    is_nested,
    list_array,
    map_array,
    struct_array,
)
from scorecast.worker.output_scalars import convert_plain, from_typed, text_of
from scorecast.worker.variants import VARIANT, json_texts

_DIGITS = 400  # every double has fewer, with a scale of Arrow's


def to_array(values: Any, wanted: pa.DataType, field: str | None = None) -> pa.Array:
    """Convert one column.

    Args:
        values: Arrow array, numpy array, Series or list, one value per row.
        wanted: Declared type.
        field: Name of the struct field that the column fills, for errors.

    Raises:
        OutputMismatchError: A value does not fit; names field, types and row, not the value.
    """
    with explained(wanted, field):
        return convert_values(values, wanted)


@contextmanager
def explained(wanted: pa.DataType, field: str | None = None) -> Iterator[None]:
    """Say in words what does not fit.

    Raises:
        OutputMismatchError: Something inside raised `MisfitError`.
    """
    try:
        yield
    except MisfitError as misfit:
        members = misfit.members if field is None else (field, *misfit.members)
        inside = f' in "{".".join(members)}"' if members else ""
        where = "" if misfit.index is None else f"; row {misfit.index} of the batch does not fit"
        message = (
            f"The predictions do not fit the result type {readable(wanted)}: the model returned "
            f"{misfit.got}{inside}, expected {misfit.wanted} without loss{where}. Ask for another "
            "result type, or convert the predictions in the model."
        )
        raise OutputMismatchError(message) from None


def convert_values(values: Any, wanted: pa.DataType) -> pa.Array:
    """Do the same, for callers with words of their own.

    Raises:
        MisfitError: A value does not fit.
    """
    if wanted == VARIANT:
        return json_texts(values)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return convert_nested(values, wanted, convert_plain)
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return _from_block(values, wanted)
    if isinstance(values, np.ndarray | pd.Series) and not _holds_objects(values):
        try:
            return convert_nested(from_typed(values, wanted), wanted, convert_plain)
        except MisfitError:
            if not is_text(wanted):
                raise
    return _from_objects(list(values), wanted)


def _from_block(values: np.ndarray[Any, Any], wanted: pa.DataType) -> pa.Array:
    """Convert an array of n axes into lists of n - 1 levels, without touching single rows."""
    if not is_list(wanted):
        got = f"several values per row, an array of shape {values.shape}"
        raise MisfitError(got, wanted)
    rows, width = values.shape[:2]
    lengths = np.full(rows, width, np.int64)
    with inside_lists(lengths):
        inner = convert_values(values.reshape(rows * width, *values.shape[2:]), wanted.value_type)
    return list_array(lengths, inner, wanted)


def _from_objects(values: list[Any], wanted: pa.DataType) -> pa.Array:
    if not is_nested(wanted):
        return _from_scalars(values, wanted)
    # NaN is how pandas shows a missing list or record.
    present = [None if _is_missing(value) else value for value in values]
    if is_list(wanted):
        return _from_lists(present, wanted)
    return (_from_maps if pt.is_map(wanted) else _from_records)(present, wanted)


def _holds_objects(values: np.ndarray[Any, Any] | pd.Series[Any]) -> bool:
    return isinstance(values.dtype, np.dtype) and values.dtype.kind in "OT"


def _is_missing(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _from_scalars(values: list[Any], wanted: pa.DataType) -> pa.Array:
    try:
        with localcontext(prec=_DIGITS):
            return _converted(values, wanted)
    except (ArithmeticError, ValueError):  # half a surrogate pair, a signalling NaN
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        raise MisfitError(" and ".join(kinds), wanted) from None


def _converted(values: list[Any], wanted: pa.DataType) -> pa.Array:
    if is_text(wanted):
        return pa.array([text_of(value) for value in values], wanted)
    cleaned = [None if value is pd.NA or value is pd.NaT else value for value in values]
    if pt.is_timestamp(wanted) or pt.is_date(wanted):
        cleaned = alike_times(cleaned, readable(wanted))
    # Arrow finds one type for all, in which some digits of the others may be lost.
    exact = pt.is_integer(wanted) or pt.is_decimal(wanted)
    mixed = exact and len({type(value) for value in cleaned if value is not None}) > 1
    array = None if mixed else _inferred(cleaned, wanted)
    if array is None:
        array = _inferred([_alike(value, wanted) for value in cleaned], wanted)
    if array is None or (is_bytes(wanted) and any(isinstance(value, str) for value in cleaned)):
        raise _first_misfit(cleaned, wanted)
    return convert_nested(array, wanted, convert_plain)


def _inferred(values: list[Any], wanted: pa.DataType) -> pa.Array | None:
    """Let Arrow find the type: with the type given, it would cut off what does not fit."""
    try:
        return pa.array(values, from_pandas=not pt.is_floating(wanted))
    except ARROW_ERRORS:
        return None


def _alike(value: Any, wanted: pa.DataType) -> Any:
    """Bring what Arrow takes for different kinds of numbers, and Python does not, to one."""
    if _is_missing(value) and not pt.is_floating(wanted):
        return None
    match value:
        case bool() | np.bool_():
            return _alike(int(value), wanted)
        case Decimal() if pt.is_floating(wanted):
            return float(value)
        case Decimal() if value.is_nan():
            return None
        case int() | np.integer() if pt.is_decimal(wanted):
            return Decimal(int(value))
        case float() | np.floating() if pt.is_decimal(wanted) and np.isfinite(value):
            return round(Decimal(float(value)), wanted.scale)
        case float() | np.floating() if pt.is_integer(wanted) and float(value).is_integer():
            return int(value)
    return value


def _first_misfit(values: list[Any], wanted: pa.DataType) -> MisfitError:
    for i, value in enumerate(values):
        alone = _inferred([value], wanted)
        if alone is None:
            return MisfitError(type(value).__name__, wanted, i)
        try:
            convert_nested(alone, wanted, convert_plain)
        except MisfitError as misfit:
            misfit.index = i
            return misfit
    kinds = sorted({type(value).__name__ for value in values if value is not None})
    return MisfitError(f"{' and '.join(kinds)} side by side", wanted)


def _from_lists(values: list[Any], wanted: pa.DataType) -> pa.Array:
    rows = [() if value is None else _row(value, wanted, i) for i, value in enumerate(values)]
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    with inside_lists(lengths):
        inner = convert_values(_joined(rows), wanted.value_type)
    return list_array(lengths, inner, wanted, _missing(values))


def _row(value: Any, wanted: pa.DataType, index: int) -> Any:
    """Give what is a list of values, and not a single one that Python can iterate over."""
    if isinstance(value, pd.Series | pd.Index) or hasattr(value, "__array__"):
        value = np.asarray(value)
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return value
    raise MisfitError(type(value).__name__, wanted, index)


def _joined(rows: list[Any]) -> Any:
    """Put the values of all rows behind one another; arrays of one dtype stay one array."""
    arrays = [row for row in rows if len(row)]
    shapes = {(row.dtype, row.shape[1:]) if isinstance(row, np.ndarray) else None for row in arrays}
    if len(shapes) == 1 and None not in shapes:
        return np.concatenate(arrays)
    return list(chain.from_iterable(rows))


def _from_maps(values: list[Any], wanted: pa.DataType) -> pa.Array:
    rows = [_mapping(value, wanted, i) for i, value in enumerate(values)]
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    with inside_lists(lengths):
        keys = convert_values(list(chain.from_iterable(rows)), wanted.key_type)
        items = convert_values([v for row in rows for v in row.values()], wanted.item_type)
    return map_array(lengths, keys, items, wanted, _missing(values))


def _mapping(value: Any, wanted: pa.DataType, index: int) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    # As Arrow gives maps to Python.
    if isinstance(value, list) and all(isinstance(v, tuple) and len(v) == 2 for v in value):  # noqa: PLR2004 - a pair
        made = dict(value)
        if len(made) < len(value):
            raise MisfitError("a map with one key twice", wanted, index)
        return made
    raise MisfitError(type(value).__name__, wanted, index)


def _from_records(values: list[Any], wanted: pa.DataType) -> pa.Array:
    names = [member.name for member in wanted]
    rows = [_record(value, names, wanted, i) for i, value in enumerate(values)]
    parts = {}
    for member in wanted:
        with inside_member(member.name):
            column = [None if row is None else row.get(member.name) for row in rows]
            parts[member.name] = convert_values(column, member.type)
    return struct_array(parts, wanted, _missing(values))


def _record(
    value: Any, names: list[str], wanted: pa.DataType, index: int
) -> Mapping[Any, Any] | None:
    if value is None:
        return None
    if hasattr(value, "model_dump"):
        value = value.model_dump()  # pydantic
    elif hasattr(value, "_asdict"):
        value = value._asdict()  # named tuples
    if isinstance(value, Mapping):
        if not value.keys() <= set(names) and not value.keys() >= set(names):
            got = f"a record with the members {', '.join(map(str, value))}"
            raise MisfitError(got, wanted, index)
        return value
    if isinstance(value, list | tuple | np.ndarray) and len(value) == len(names):
        return dict(zip(names, value, strict=True))
    raise MisfitError(type(value).__name__, wanted, index)


def _missing(values: list[Any]) -> pa.Array:
    return pa.array([value is None for value in values], pa.bool_())
