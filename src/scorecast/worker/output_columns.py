"""What a model returned -> columns of one value per row, whatever its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from scorecast.errors import OutputShapeError
from scorecast.worker.casts import is_foreign_frame

Columns: TypeAlias = dict[str, Any]

UNNAMED = ""
"""The name of the one column of a prediction that has no columns."""


def to_columns(prediction: Any, rows: int) -> Columns:
    """Give columns of one value per row each; a column may itself hold lists or records.

    Raises:
        OutputShapeError: The number of predictions is not the number of rows, their order is
            changed, or they are of a form without rows.
    """
    values = prediction
    if hasattr(values, "toarray"):
        values = values.toarray()  # scipy's sparse matrices
    elif is_foreign_frame(values):
        values = pa.table(values)
    if isinstance(values, pa.Table | pa.RecordBatch):
        named = zip(values.schema.names, values.columns, strict=True)
        columns = {name: _sequence(column, rows, name) for name, column in named}
        _refuse_repeated(columns, values.num_columns)
    elif isinstance(values, pd.DataFrame):
        _check_index(values.index, rows)
        columns = {str(name): values.iloc[:, i] for i, name in enumerate(values.columns)}
        _refuse_repeated(columns, values.shape[1])
    elif isinstance(values, Mapping):
        columns = {str(name): _sequence(column, rows, name) for name, column in values.items()}
    elif isinstance(values, np.ndarray) and values.dtype.names:
        columns = {name: values[name] for name in values.dtype.names}
    else:
        columns = {UNNAMED: _sequence(values, rows)}
    if not columns:
        raise _wrong_count(prediction, 0, rows)
    for name, column in columns.items():
        if len(column) != rows:
            raise _wrong_count(prediction, len(column), rows, name)
    return columns


def _sequence(values: Any, rows: int, name: Any = UNNAMED) -> Any:
    if isinstance(values, pd.Series):
        _check_index(values.index, rows)
        return values
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, list | tuple):
        return _plain_list(values)
    if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray):
        return pd.Series(values)
    values = _detached(values)
    if hasattr(values, "__array__") and not isinstance(values, np.generic):
        array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        if array.ndim:
            return array
    column = "" if name == UNNAMED else f' as its column "{name}"'
    message = (
        f"The model returned {_described(values)}{column} for a batch of {rows} rows. Expected one "
        "prediction per row: an array, a list, a Series, a DataFrame or a dict of these."
    )
    raise OutputShapeError(message)


def _detached(values: Any) -> Any:
    """Give the numbers of a torch tensor, wherever it is."""
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    try:
        return np.asarray(tensor)
    except TypeError:  # numpy has no bfloat16
        return np.asarray(tensor.float())


def _plain_list(values: Sequence[Any]) -> Any:
    """Turn tensors into arrays, pydantic models into dicts, equal arrays into one block."""
    if not values:
        return list(values)
    if hasattr(values[0], "detach"):
        values = [_detached(value) for value in values]
    elif hasattr(values[0], "model_dump"):
        return [v.model_dump() if hasattr(v, "model_dump") else v for v in values]
    if isinstance(values[0], np.ndarray):
        kinds = {(v.shape, v.dtype) if isinstance(v, np.ndarray) else None for v in values}
        if len(kinds) == 1 and values[0].dtype != object:
            return np.stack(values)
    return list(values)


def _refuse_repeated(columns: Columns, given: int) -> None:
    if len(columns) != given:
        message = (
            f"The model returned {given} columns, some of one name: {', '.join(columns)}. Give "
            "every column a name of its own."
        )
        raise OutputShapeError(message)


def _check_index(index: pd.Index[Any], rows: int) -> None:
    """Refuse predictions in another order than the rows; other labels say nothing about order."""
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return
    if not pd.api.types.is_integer_dtype(index.dtype) or len(index) != rows or index.hasnans:
        return
    labels = np.asarray(index)
    inside = bool(((labels >= 0) & (labels < rows)).all())
    if inside and not np.array_equal(labels, np.arange(rows)):
        message = (
            f"The model returned {rows} predictions with the index of its input in another order. "
            "Expected the order of the input: return them in it, for example with .sort_index(), "
            "or without the index, for example with .to_numpy()."
        )
        raise OutputShapeError(message)


def _wrong_count(prediction: Any, got: int, rows: int, name: str = UNNAMED) -> OutputShapeError:
    column = "" if name == UNNAMED else f' in the column "{name}"'
    return OutputShapeError(
        f"The model returned {got} predictions{column} for a batch of {rows} rows (as "
        f"{_described(prediction)}). Expected exactly one per row, in the order of the rows."
    )


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    name = type(value).__name__
    return f"{name} of shape {shape}" if isinstance(shape, tuple) else name
