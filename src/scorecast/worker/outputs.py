"""Prediction -> Arrow of the declared type, one value per row or an error.

Models return many shapes: numpy arrays, DataFrames, Series, dicts of columns, lists of values,
lists of records, Arrow data, and whatever has ``__array__``. They are brought to columns first
(`model_outputs`), checked against the number of rows, and converted by the declared type alone.
NaN stays NaN in floats; None and pandas' missing value become NULL, and so does NaN in types that
have none. Nothing is truncated, padded, wrapped or turned into the text ``nan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.errors import OutputMismatchError, did_you_mean
from scorecast.worker.arrow_types import is_list, is_text, readable
from scorecast.worker.casts import ARROW_ERRORS, arrow_of
from scorecast.worker.nested import convert_nested, is_nested, list_array, struct_array
from scorecast.worker.output_columns import UNNAMED, Columns, to_columns
from scorecast.worker.output_values import explained, to_array
from scorecast.worker.variants import VARIANT, stored, stored_type

# Records with more names than these are not rows of one table: the names are data.
_MOST_COLUMNS = 1000


def to_predictions(
    prediction: Any, rows: int, wanted: pa.DataType, *, model_output: str | None = None
) -> pa.Array:
    """Convert what a model returned for one batch. Runs wherever a model predicts.

    Args:
        prediction: What the model returned.
        rows: Rows of the batch.
        wanted: Declared type of the result.
        model_output: The one column of the model's output to take, by name, or by number where it
            returns an array of several values per row.

    Returns:
        An array of exactly `rows` values of exactly the type `wanted`, variants as text.

    Raises:
        OutputMismatchError: The number of predictions is not the number of rows, their order is
            changed, or a value does not fit the type; never names a value.
    """
    columns = to_columns(prediction, rows)
    if model_output is not None:
        columns = _chosen(_taken_apart(columns, alike=False), model_output)
    return stored(_of_type(columns, wanted), stored_type(wanted))


def nan_as_null(array: pa.Array) -> pa.Array:
    """Give the same predictions with NULL in place of NaN, also inside of nested ones."""

    def without_nan(plain: pa.Array, kind: pa.DataType) -> pa.Array:
        if not pt.is_floating(kind):
            return plain
        return pc.if_else(pc.is_nan(plain), pa.scalar(None, kind), plain)

    with explained(array.type):
        return convert_nested(array, array.type, without_nan)


def _of_type(columns: Columns, wanted: pa.DataType) -> pa.Array:
    if wanted == VARIANT:
        return to_array(_as_records(columns), wanted)
    if pt.is_struct(wanted):
        return _struct(columns, wanted)
    if is_list(wanted):
        return _list(_taken_apart(columns, alike=True), wanted)
    if not pt.is_map(wanted):
        columns = _taken_apart(columns, alike=False)
    return to_array(_only_column(columns, wanted), wanted)


def _taken_apart(columns: Columns, *, alike: bool) -> Columns:
    """Take a list of records apart into columns, as pandas does; if asked, only equal records."""
    values = columns.get(UNNAMED)
    if not isinstance(values, list) or not all(isinstance(v, Mapping | None) for v in values):
        return columns
    records = [record for record in values if record is not None]
    names = dict.fromkeys(name for record in records for name in record)
    if (
        not names
        or len(names) > _MOST_COLUMNS
        or (alike and any(len(record) != len(names) for record in records))
    ):
        return columns
    return {
        str(name): [None if record is None else record.get(name) for record in values]
        for name in names
    }


def _chosen(columns: Columns, name: str) -> Columns:
    """Give the column of one name, or of one number in an array without names."""
    block = columns.get(UNNAMED)
    if len(columns) == 1 and isinstance(block, np.ndarray) and block.ndim == 2:  # noqa: PLR2004 - rows, columns
        columns = {str(i): block[:, i] for i in range(block.shape[1])}
    if name not in columns:
        known = ", ".join(columns) if UNNAMED not in columns else "one column without a name"
        message = (
            f'The model returned no column "{name}" (option model_output). It returned: {known}.'
            f"{did_you_mean(name, columns)}"
        )
        raise OutputMismatchError(message)
    return {UNNAMED: columns[name]}


def _as_records(columns: Columns) -> Any:
    """Give several columns as one column of records."""
    if list(columns) == [UNNAMED]:
        return columns[UNNAMED]
    values = (
        column.to_pylist() if isinstance(column, pa.Array | pa.ChunkedArray) else list(column)
        for column in columns.values()
    )
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _only_column(columns: Columns, wanted: pa.DataType) -> Any:
    """Give the one column that can be a scalar of the wanted type."""
    if len(columns) == 1:
        return _unwrapped(next(iter(columns.values())), wanted)
    kinds = {name: _kind(column) for name, column in columns.items()}
    fitting = [name for name, kind in kinds.items() if _kind_fits(kind, wanted)]
    # A column without any value may be of any kind; it counts only if there is no other.
    fitting = fitting or [name for name, kind in kinds.items() if kind == pa.null()]
    if len(fitting) == 1:
        return columns[fitting[0]]
    fields = ", ".join(f"`{name}` TYPE" for name in columns)
    message = (
        f"The model returned the columns {', '.join(columns)}; the result type {readable(wanted)} "
        f"takes one of them, and {', '.join(fitting) or 'none'} of them fit. Choose one "
        f'(model_output="{(fitting or list(columns))[0]}"), ask for a struct, '
        f'result_type="{fields}", or return one column.'
    )
    raise OutputMismatchError(message)


def _unwrapped(column: Any, wanted: pa.DataType) -> Any:
    """Give a column of arrays or lists of one value as one of plain values."""
    width = column.shape[1:] if isinstance(column, np.ndarray) else ()
    if width == (1,):
        return column[:, 0]
    if width:
        message = (
            f"The model returned an array of shape {column.shape}, which is several values per "
            f"row; the result type is {readable(wanted)}. Ask for array<{readable(wanted)}>, or "
            "return one value per row."
        )
        raise OutputMismatchError(message)
    lists = isinstance(column, list) and not (is_text(wanted) or is_nested(wanted))
    ones = (
        value is None or (isinstance(value, list | tuple) and len(value) == 1) for value in column
    )
    if lists and all(ones):
        return [None if value is None else value[0] for value in column]
    return column


def _kind(column: Any) -> pa.DataType | None:
    """Give the Arrow type that a column would have of itself, or None when Arrow has none."""
    if isinstance(column, pa.Array | pa.ChunkedArray):
        return column.type
    try:
        return arrow_of(column).type
    except ARROW_ERRORS:
        return None


def _kind_fits(kind: pa.DataType | None, wanted: pa.DataType) -> bool:
    """Tell whether a column is of the kind of the wanted type, as MLflow selects by dtype."""
    if kind is None or is_nested(kind):
        return kind is not None and _same_nesting(kind, wanted)
    if pt.is_integer(wanted):
        return bool(pt.is_integer(kind))
    if pt.is_floating(wanted) or pt.is_decimal(wanted):
        return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind))
    if is_text(wanted):
        return is_text(kind.value_type if pt.is_dictionary(kind) else kind)
    if pt.is_timestamp(wanted) or pt.is_date(wanted):
        return bool(pt.is_timestamp(kind) or pt.is_date(kind))
    return bool(kind == wanted)


def _same_nesting(kind: pa.DataType, wanted: pa.DataType) -> bool:
    if is_list(kind) and is_list(wanted):
        return _kind_fits(kind.value_type, wanted.value_type)
    return bool(pt.is_struct(kind) and (pt.is_struct(wanted) or pt.is_map(wanted)))


def _list(columns: Columns, wanted: pa.DataType) -> pa.Array:
    if len(columns) == 1:
        return to_array(next(iter(columns.values())), wanted)
    kinds = {name: _kind(column) for name, column in columns.items()}
    empty = [name for name, kind in kinds.items() if kind == pa.null()]
    # As in MLflow, whatever is no text becomes text in an array of text.
    fitting = [
        name
        for name, kind in kinds.items()
        if _kind_fits(kind, wanted.value_type)
        or (is_text(wanted.value_type) and kind is not None and not is_nested(kind))
    ]
    if empty or not fitting:
        # Whether a column belongs to the list must not depend on the rows of a batch.
        reason = f"{', '.join(empty)} hold no value" if empty else "none of them is of that type"
        message = (
            f"The model returned the columns {', '.join(columns)} for the result type "
            f"{readable(wanted)}, but {reason} in this batch. Give the columns a dtype, or return "
            "only those that belong to the result."
        )
        raise OutputMismatchError(message)
    parts = [to_array(columns[name], wanted.value_type, name) for name in fitting]
    rows, width = len(parts[0]), len(parts)
    order = np.arange(rows * width).reshape(width, rows).T.ravel()
    values = pa.concat_arrays(parts).take(pa.array(order))
    with explained(wanted):
        return list_array(np.full(rows, width, np.int64), values, wanted)


def _struct(columns: Columns, wanted: pa.DataType) -> pa.Array:
    names = [field.name for field in wanted]
    if list(columns) == [UNNAMED]:
        column = columns[UNNAMED]
        if isinstance(column, np.ndarray) and column.ndim == 2:  # noqa: PLR2004 - rows, columns
            columns = _named(column, names)
        elif len(names) == 1 and _holds_scalars(column):
            columns = {names[0]: column}
        else:
            return to_array(column, wanted)
    missing = [name for name in names if name not in columns]
    if missing:
        message = (
            f"The result type has the fields {', '.join(names)}, but the model returned the "
            f"columns {', '.join(columns)}: {', '.join(missing)} missing."
        )
        raise OutputMismatchError(message)
    parts = {field.name: to_array(columns[field.name], field.type, field.name) for field in wanted}
    with explained(wanted):
        return struct_array(parts, wanted)


def _named(block: np.ndarray[Any, Any], names: list[str]) -> Columns:
    if block.shape[1] != len(names):
        message = (
            f"The model returned an array of shape {block.shape}; the result type has "
            f"{len(names)} fields: {', '.join(names)}."
        )
        raise OutputMismatchError(message)
    return {name: block[:, i] for i, name in enumerate(names)}


def _holds_scalars(column: Any) -> bool:
    """Tell whether a column holds values of one field and not records; nothing alone is neither."""
    kind = _kind(column)
    return kind is not None and not is_nested(kind) and not pt.is_null(kind)
