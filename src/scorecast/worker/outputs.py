"""Prediction -> Arrow of the declared type, one value per row or an error.

Models return many shapes: numpy arrays, DataFrames, Series, dicts of columns, lists of values, lists
of records, Arrow data, and whatever has ``__array__``. They are brought to columns first
(`_columns`), checked against the number of rows, and then converted by the declared type alone.
NaN stays NaN in floats, None and pandas' missing value become NULL, in text NaN too. Nothing is
truncated, padded, wrapped or turned into the text ``nan``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types as pt

from scorecast.errors import OutputMismatchError
from scorecast.worker.arrow_types import is_list, readable
from scorecast.worker.output_values import to_array


def to_predictions(prediction: Any, rows: int, wanted: pa.DataType) -> pa.Array:
    """Convert what a model returned for one batch. Runs wherever a model predicts.

    Args:
        prediction: What the model returned.
        rows: Rows of the batch.
        wanted: Declared type of the result.

    Returns:
        An array of exactly `rows` values of exactly the type `wanted`.

    Raises:
        OutputMismatchError: The number of predictions is not the number of rows, their order is
            changed, or a value does not fit the type; never names a value.
    """
    columns = _columns(prediction, rows)
    if pt.is_struct(wanted):
        result = _struct(columns, wanted)
    elif is_list(wanted):
        result = _list(columns, wanted)
    else:
        result = to_array(_only_column(columns, wanted), wanted)
    if len(result) != rows:
        raise _wrong_count(prediction, len(result), rows)
    # Names and nullability of inner fields may differ, which Spark minds.
    return result if result.type == wanted else result.cast(wanted)


def _columns(prediction: Any, rows: int) -> dict[str, Any]:
    """Give columns of one value per row each; a column may itself hold lists or records."""
    values = prediction
    if isinstance(values, pd.DataFrame | pd.Series):
        _check_index(values, rows)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if hasattr(values, "toarray"):
        values = values.toarray()  # scipy's sparse matrices
    if isinstance(values, pa.Table | pa.RecordBatch):
        columns = {name: _columns(values[name], rows)[""] for name in values.column_names}
    elif isinstance(values, pd.DataFrame):
        columns = {str(name): values.iloc[:, i] for i, name in enumerate(values.columns)}
        if len(columns) != values.shape[1]:
            message = "The model returned a DataFrame with several columns of one name."
            raise OutputMismatchError(message)
    elif isinstance(values, Mapping):
        columns = {str(name): _sequence(column, rows) for name, column in values.items()}
    else:
        columns = {"": _sequence(values, rows)}
    if not columns:
        raise _wrong_count(prediction, 0, rows)
    for column in columns.values():
        if len(column) != rows:
            raise _wrong_count(prediction, len(column), rows)
    return columns


def _sequence(values: Any, rows: int) -> Any:
    if isinstance(values, pa.Array | pd.Series):
        return values
    if isinstance(values, list | tuple):
        return _plain_list(values)
    if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray):
        return pd.Series(values)
    if hasattr(values, "detach"):
        values = values.detach().cpu()  # torch tensors
    if hasattr(values, "__array__") and not isinstance(values, np.generic):
        array = np.asarray(values)
        if array.ndim:
            return array
    message = (
        f"The model returned {_described(values)} for a batch of {rows} rows. Expected one "
        "prediction per row: an array, a list, a Series, a DataFrame or a dict of these."
    )
    raise OutputMismatchError(message)


def _plain_list(values: Sequence[Any]) -> Any:
    """Turn pydantic models into dicts and equal-length numeric rows into one block."""
    if values and hasattr(values[0], "model_dump"):
        return [value.model_dump() for value in values]
    if values and isinstance(values[0], np.ndarray):
        shapes = {value.shape if isinstance(value, np.ndarray) else None for value in values}
        if len(shapes) == 1 and values[0].dtype != object:
            return np.stack(values)
    return list(values)


def _check_index(values: pd.DataFrame | pd.Series, rows: int) -> None:
    """Refuse predictions in another order than the rows; other labels say nothing about order."""
    index = values.index
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return
    if not pd.api.types.is_integer_dtype(index.dtype) or len(index) != rows:
        return
    labels = np.asarray(index)
    inside = bool(((labels >= 0) & (labels < rows)).all())
    if inside and not np.array_equal(labels, np.arange(rows)):
        message = (
            "The model returned its predictions with the index of its input in another order. "
            "Return them in the order of the input, for example with .sort_index(), or without "
            "the index, for example with .to_numpy()."
        )
        raise OutputMismatchError(message)


def _only_column(columns: Mapping[str, Any], wanted: pa.DataType) -> Any:
    """Give the one column that can be a scalar of the wanted type."""
    if len(columns) == 1:
        column = next(iter(columns.values()))
        width = column.shape[1:] if isinstance(column, np.ndarray) else ()
        if width == (1,):
            return column[:, 0]
        if width:
            message = (
                f"The model returned an array of shape {column.shape}, which is several values per "
                f"row; the result type is {readable(wanted)}. Ask for array<{readable(wanted)}>, "
                "or return one value per row."
            )
            raise OutputMismatchError(message)
        return column
    fitting = [name for name, column in columns.items() if _kind_fits(column, wanted)]
    if len(fitting) == 1:
        return columns[fitting[0]]
    which = "none" if not fitting else ", ".join(fitting)
    fields = ", ".join(f"`{name}` TYPE" for name in columns)
    message = (
        f"The model returned the columns {', '.join(columns)}; the result type "
        f"{readable(wanted)} takes one of them, and {which} of them fit. Ask for a struct, "
        f'result_type="{fields}", or return one column.'
    )
    raise OutputMismatchError(message)


def _kind_fits(column: Any, wanted: pa.DataType) -> bool:
    """Tell whether a column is of the kind of the wanted type, as MLflow selects by dtype."""
    kind = to_array_type(column)
    if kind is None or is_list(kind) or pt.is_struct(kind) or pt.is_map(kind):
        return bool(kind == wanted)
    if pt.is_boolean(wanted):
        return bool(pt.is_boolean(kind))
    if pt.is_integer(wanted):
        return bool(pt.is_integer(kind))
    if pt.is_floating(wanted) or pt.is_decimal(wanted):
        return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind))
    if pt.is_string(wanted):
        return bool(pt.is_string(kind) or pt.is_large_string(kind))
    if pt.is_timestamp(wanted) or pt.is_date(wanted):
        return bool(pt.is_timestamp(kind) or pt.is_date(kind))
    return bool(kind == wanted)


def to_array_type(column: Any) -> pa.DataType | None:
    """Give the Arrow type that a column would have of itself, or None when Arrow has none."""
    try:
        return pa.array(column, from_pandas=True).type
    except (pa.ArrowException, TypeError, ValueError):
        return None


def _list(columns: Mapping[str, Any], wanted: pa.DataType) -> pa.Array:
    if len(columns) == 1:
        return to_array(next(iter(columns.values())), wanted)
    fitting = {n: c for n, c in columns.items() if _kind_fits(c, wanted.value_type)}
    if not fitting:
        message = (
            f"The model returned the columns {', '.join(columns)}; none of them holds values for "
            f"the result type {readable(wanted)}."
        )
        raise OutputMismatchError(message)
    parts = [to_array(column, wanted.value_type) for column in fitting.values()]
    rows, width = len(parts[0]), len(parts)
    order = np.arange(rows * width).reshape(width, rows).T.ravel()
    offsets = pa.array(np.arange(rows + 1) * width, pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.concat_arrays(parts).take(pa.array(order)))


def _struct(columns: Mapping[str, Any], wanted: pa.DataType) -> pa.Array:
    if set(columns) == {""}:
        columns = _unpacked(columns[""], wanted)
        if isinstance(columns, pa.Array):
            return columns
    names = [field.name for field in wanted]
    missing = [name for name in names if name not in columns]
    if missing:
        message = (
            f"The result type has the fields {', '.join(names)}, but the model returned the "
            f"columns {', '.join(columns)}: {', '.join(missing)} missing."
        )
        raise OutputMismatchError(message)
    parts = [to_array(columns[field.name], field.type, field.name) for field in wanted]
    return pa.StructArray.from_arrays(parts, fields=list(wanted))


def _unpacked(column: Any, wanted: pa.DataType) -> Any:
    """Give the columns inside an array of several values per row, or in a list of records."""
    if isinstance(column, np.ndarray) and column.ndim == 2:  # noqa: PLR2004 - rows and columns
        if column.shape[1] != wanted.num_fields:
            message = (
                f"The model returned an array of shape {column.shape}; the result type has "
                f"{wanted.num_fields} fields."
            )
            raise OutputMismatchError(message)
        return {field.name: column[:, i] for i, field in enumerate(wanted)}
    if isinstance(column, np.ndarray) and column.ndim == 1 and wanted.num_fields == 1:
        return {wanted.field(0).name: column}
    return to_array(column, wanted)


def _wrong_count(prediction: Any, got: int, rows: int) -> OutputMismatchError:
    return OutputMismatchError(
        f"The model returned {got} predictions for a batch of {rows} rows (as "
        f"{_described(prediction)}). Expected exactly one per row, in the order of the rows."
    )


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    name = type(value).__name__
    return f"{name} of shape {shape}" if isinstance(shape, tuple) and shape else name
