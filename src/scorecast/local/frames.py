"""Local data in its many forms -> one Arrow batch, for the conversion that workers use too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorecast.errors import InputMismatchError
from scorecast.worker.casts import (
    ARROW_ERRORS,
    MisfitError,
    alike_times,
    arrow_of,
    is_foreign_frame,
)


def to_batch(data: Any) -> tuple[pa.RecordBatch, bool]:
    """Give the data as one batch, and whether its columns have names.

    Raises:
        InputMismatchError: It is of no form that has rows and columns, or a column mixes types.
    """
    if is_foreign_frame(data):
        data = pa.table(data)
    match data:
        case pa.RecordBatch():
            return data, True
        case pa.Table():
            return _one_batch(data), True
        case pd.DataFrame():
            return _from_frame(data)
        case pd.Series():
            return _from_frame(data.to_frame())
        case np.ndarray():
            return _from_array(data)
        case Mapping():
            return _from_columns(data), True
        case list() | tuple():
            return _from_records(data)
    message = (
        f"Cannot predict on a {type(data).__name__}. Give a pandas DataFrame, a pyarrow Table or "
        "RecordBatch, a numpy array, a dict of columns, or a list of records."
    )
    raise InputMismatchError(message)


def without_signature(data: Any) -> Any:
    """Give the data as a model without a signature gets it: Arrow as pandas, the rest untouched."""
    if is_foreign_frame(data):
        data = pa.table(data)
    if isinstance(data, pa.Table | pa.RecordBatch):
        return data.to_pandas(maps_as_pydicts="strict")
    if isinstance(data, list) and data and all(isinstance(row, Mapping) for row in data):
        return pd.DataFrame(data)
    return data


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _from_frame(frame: pd.DataFrame) -> tuple[pa.RecordBatch, bool]:
    names = [str(name) for name in frame.columns]
    arrays = [_array(frame.iloc[:, i], name) for i, name in enumerate(names)]
    named = any(isinstance(name, str) for name in frame.columns)
    return pa.RecordBatch.from_arrays(arrays, names=names), named


def _from_array(array: np.ndarray[Any, Any]) -> tuple[pa.RecordBatch, bool]:
    if array.ndim not in (1, 2):
        message = (
            f"The model takes columns, and an array of shape {array.shape} has none. Give an array "
            "of rows and columns, or a DataFrame."
        )
        raise InputMismatchError(message)
    block = array if array.ndim > 1 else array[:, np.newaxis]
    names = [str(i) for i in range(block.shape[1])]
    arrays = [_array(pd.Series(block[:, i]), name) for i, name in enumerate(names)]
    return pa.RecordBatch.from_arrays(arrays, names=names), False


def _from_columns(columns: Mapping[Any, Any]) -> pa.RecordBatch:
    """Give one row where there are no columns but values, else repeat these, as pandas does."""
    arrays = {
        str(name): _array(value, str(name))
        for name, value in columns.items()
        if not _is_one_value(value)
    }
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        message = f"The columns are of different lengths: {listed}."
        raise InputMismatchError(message)
    rows = next(iter(lengths.values()), 1)
    for name, value in columns.items():
        if _is_one_value(value):
            arrays[str(name)] = _array([value] * rows, str(name))
    names = [str(name) for name in columns]
    return pa.RecordBatch.from_arrays([arrays[name] for name in names], names=names)


def _is_one_value(value: Any) -> bool:
    return isinstance(value, Mapping) or not pd.api.types.is_list_like(value)


def _from_records(records: Sequence[Any]) -> tuple[pa.RecordBatch, bool]:
    if all(isinstance(record, Mapping) for record in records):
        names = dict.fromkeys(name for record in records for name in record)
        return _from_columns({name: [r.get(name) for r in records] for name in names}), True
    if any(isinstance(record, Mapping) for record in records):
        message = "The list mixes records with other values. Give a dict in every row, or in none."
        raise InputMismatchError(message)
    return _from_frame(pd.DataFrame(list(records)))


def _array(values: Any, name: str) -> pa.Array:
    """Convert one column; pandas' missing values become nulls, as they are when pandas writes."""
    if isinstance(values, np.ndarray) and values.ndim > 1:
        values = values.tolist()
    try:
        return arrow_of(_alike(values))
    except MisfitError as misfit:
        message = f'Column "{name}" holds {misfit.got}. Give every row the same kind of time.'
        raise InputMismatchError(message) from None
    except ARROW_ERRORS:
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        mixed = "side by side; give every row the same type"
        message = (
            f'Column "{name}" cannot be converted: it holds {" and ".join(kinds)} '
            f"{mixed if len(kinds) > 1 else 'values that Arrow has no type for'}."
        )
        raise InputMismatchError(message) from None  # the text of the cause may hold the value


def _alike(values: Any) -> Any:
    """Bring cells that Arrow cannot nest, or would cut off, to ones that it keeps."""
    if isinstance(values, np.ndarray | pd.Series) and values.dtype != object:
        return values
    kinds = {type(value) for value in values}
    if np.ndarray in kinds:
        # Arrow nests lists to any depth, arrays only once.
        return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
    if any(issubclass(kind, datetime | np.datetime64) for kind in kinds):
        return alike_times(values, "datetime")
    return values
