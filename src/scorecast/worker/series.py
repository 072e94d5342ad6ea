"""pandas Series -> predictions: how a column function gets its data before Spark 4.1.

On the way through pandas Spark makes doubles of integers beside nulls, and objects of all that
pandas has no dtype for. Here such columns get back the type that the model declares for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Scalar, Signature, SpecType, Tensor
from scorecast.worker.arrow_types import arrow_type
from scorecast.worker.casts import MisfitError, arrow_of, first_true
from scorecast.worker.columns import ColumnsPlan, all_inputs_named, predict_columns
from scorecast.worker.frames import to_pandas
from scorecast.worker.nested import is_nested
from scorecast.worker.output_values import convert_values

Given: TypeAlias = "pd.Series[Any] | pd.DataFrame"
# What the model declares for a column, and what it calls it.
Declared: TypeAlias = tuple[SpecType | None, str | int]

_EXACT = 2**53  # doubles hold every integer below; this one may be its neighbour
_WHOLE = {"integer": pa.int32(), "long": pa.int64()}


def predict_series(
    batches: Iterable[Given | tuple[Given, ...]], plan: ColumnsPlan
) -> Iterator[pd.Series[Any] | pd.DataFrame]:
    """Predict batch by batch. Runs in a Python worker, once per task.

    Yields:
        The predictions of each batch: a frame of the members for a record, else a Series.

    Raises:
        InputMismatchError: Columns are missing, too many or of a wrong type, or an integer came
            rounded.
        PredictionError: See `predict_batches`.
    """
    arrays = (_arrays(given, plan) for given in batches)
    for predictions in predict_columns(arrays, plan):
        is_record = pt.is_struct(predictions.type)
        columns = predictions.flatten() if is_record else [predictions]
        names = [member.name for member in predictions.type] if is_record else ["prediction"]
        frame = to_pandas(pa.RecordBatch.from_arrays(columns, names=names))
        yield frame if is_record else frame.iloc[:, 0]


def _arrays(given: Given | tuple[Given, ...], plan: ColumnsPlan) -> list[pa.Array]:
    columns = given if isinstance(given, tuple) else (given,)
    signature = plan.handle.info.enforced_signature
    if plan.inputs is not None:
        declared = [(column.declared, column.name) for column in plan.inputs.columns]
        return [_array(column, *one) for column, one in zip(columns, declared, strict=True)]
    if len(columns) == 1 and isinstance(columns[0], pd.DataFrame):
        return [_record(columns[0], signature)]
    specs = _specs(signature, plan.names or (), len(columns))
    return [_array(column, *spec) for column, spec in zip(columns, specs, strict=True)]


def _record(frame: pd.DataFrame, signature: Signature) -> pa.Array:
    specs = _specs(signature, tuple(map(str, frame.columns)), frame.shape[1])
    arrays = [_array(frame.iloc[:, i], *spec) for i, spec in enumerate(specs)]
    return pa.StructArray.from_arrays(arrays, names=[str(name) for name in frame.columns])


def _specs(signature: Signature, names: tuple[str, ...], count: int) -> list[Declared]:
    """Give what the model declares for each column, by name or by position."""
    inputs = [(spec.type, spec.name or i) for i, spec in enumerate(signature.inputs or ())]
    if names and all_inputs_named(signature, names):
        by_name = {name: (kind, name) for kind, name in inputs}
        return [by_name.get(name, (None, name)) for name in names]
    return [inputs[i] if i < len(inputs) else (None, i) for i in range(count)]


def _array(column: Given, declared: SpecType | None, name: str | int) -> pa.Array:
    if isinstance(column, pd.DataFrame):
        names = [str(member) for member in column.columns]
        arrays = [_array(column.iloc[:, i], None, member) for i, member in enumerate(names)]
        return pa.StructArray.from_arrays(arrays, names=names)
    array = arrow_of(column) if column.dtype != object else None
    if isinstance(declared, Scalar) and declared.name in _WHOLE:
        if array is not None and pt.is_floating(array.type):
            return _whole(array, _WHOLE[declared.name], name)
    elif declared is not None and not isinstance(declared, Tensor):
        kind = arrow_type(declared)
        if array is None and kind is not None and is_nested(kind):
            try:
                return convert_values(column, kind)
            except MisfitError:
                return arrow_of(column)
    return arrow_of(column) if array is None else array


def _whole(array: pa.Array, kind: pa.DataType, name: str | int) -> pa.Array:
    """Give integers that came as doubles because of nulls beside them."""
    values = array.to_numpy(zero_copy_only=False)
    wrong = np.abs(values) >= _EXACT
    wrong |= np.isfinite(values) & (values != np.trunc(values))
    if wrong.any():
        message = (
            f'Column "{name}" holds a value that is no exact integer, in row '
            f"{first_true(pa.array(wrong))} of this batch; before Spark 4.1 integers with nulls "
            "reach Python as doubles. Use predict_frame, a newer Spark, or fill the nulls."
        )
        raise InputMismatchError(message)
    return pc.cast(array, kind, safe=False)
