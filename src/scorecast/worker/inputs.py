"""Arrow batch -> model input, by declared type: the same conversion whatever a batch holds.

Where nulls go: NaN in floats, NaT in datetimes, pandas' missing value in text and nested values.
Integers and booleans have no such value in numpy, so there the signature decides: an input declared
optional reaches the model as pandas ``Int32``/``Int64``/``boolean`` in every batch, one declared
required as a numpy integer in every batch, and a null in it is an error (the option
``nullable_integers`` treats all inputs as optional in this). Without a signature the
batch is converted as pandas itself reads Arrow data.

Timestamps with a zone become local time without one, as MLflow and Spark give them to models. No
input shares memory with the batch, so a model may write into what it is given.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Scalar, Tensor
from scorecast.worker.arrow_types import ARROW_SCALARS, arrow_type, is_list, readable
from scorecast.worker.casts import MisfitError, decoded, first_true, to_local
from scorecast.worker.input_plan import InputColumn, InputPlan
from scorecast.worker.nested import convert_nested, is_nested
from scorecast.worker.tensors import to_tensor

NDArray: TypeAlias = npt.NDArray[Any]
ModelInput: TypeAlias = pd.DataFrame | NDArray | dict[str, NDArray]

_FLOATS = {"float", "double"}
# In columns, as MLflow gives them to models. Inside of records Arrow would make them integers.
_NANOSECONDS = pa.timestamp("ns")
_NULLABLE = {"integer": "Int32", "long": "Int64", "boolean": "boolean"}


def to_model_input(batch: pa.RecordBatch, plan: InputPlan) -> ModelInput:
    """Convert one batch. Runs wherever a model predicts, once per batch.

    Returns:
        A DataFrame with a fresh RangeIndex, a numpy array or a dict of numpy arrays, as the plan
        says; the first axis is rows, in the order of the batch.

    Raises:
        InputMismatchError: Values do not fit the declared types; names column, types and the
            position of the first such row, never the value.
    """
    if plan.form == "frame":
        return _frame(batch, plan)
    if plan.form == "named_tensors":
        return {
            str(column.name): to_tensor([batch.column(column.source)], [column])
            for column in plan.columns
        }
    return to_tensor([batch.column(c.source) for c in plan.columns], plan.columns)


def _frame(batch: pa.RecordBatch, plan: InputPlan) -> pd.DataFrame:
    names = [column.name for column in plan.columns]
    kinds = {str(column.declared) for column in plan.columns}
    if len(kinds) == 1 and len(names) > 1 and kinds <= _FLOATS:
        return pd.DataFrame(_block(batch, plan, ARROW_SCALARS[kinds.pop()]), columns=names)
    index = pd.RangeIndex(batch.num_rows)
    columns = {i: _column(batch.column(c.source), c) for i, c in enumerate(plan.columns)}
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = pd.Index(names)
    return frame


def _block(batch: pa.RecordBatch, plan: InputPlan, kind: pa.DataType) -> NDArray:
    """Fill one column-major block: pandas takes it as it is, and each column is one copy."""
    block = np.empty((batch.num_rows, len(plan.columns)), kind.to_pandas_dtype(), order="F")
    for i, column in enumerate(plan.columns):
        block[:, i] = _converted(batch.column(column.source), kind, column).to_numpy(
            zero_copy_only=False
        )
    return block


def _column(array: pa.Array, column: InputColumn) -> Any:
    declared = column.declared
    if declared is None or isinstance(declared, Tensor):
        return _series(array)
    target = _NANOSECONDS if declared == Scalar("datetime") else arrow_type(declared)
    converted = array if target is None else _converted(array, target, column)
    match declared:
        case Scalar("float" | "double"):
            return _owned(converted)
        case Scalar("integer" | "long" | "boolean" as name):
            return _integers(converted, name, column)
        case _:
            return _series(converted)


def _integers(array: pa.Array, name: str, column: InputColumn) -> Any:
    if column.nullable:
        mask = array.is_null().to_numpy(zero_copy_only=False)
        values = _owned(array.fill_null(False if name == "boolean" else 0))
        kind = pd.arrays.BooleanArray if name == "boolean" else pd.arrays.IntegerArray
        return kind(values, mask)
    if array.null_count:
        message = (
            f'Column "{column.name}" holds {array.null_count} nulls in this batch of {len(array)} '
            f"rows, the first in row {first_true(array.is_null())}, but the model requires {name} "
            f"values. Fill or filter the nulls; or let it arrive as pandas {_NULLABLE[name]}, by "
            "nullable_integers=True or by saving the model with the input declared optional "
            "(required=False)."
        )
        raise InputMismatchError(message)
    return _owned(array)


def _series(array: pa.Array) -> Any:
    if is_nested(array.type):
        return _nested_series(array)
    series = array.to_pandas()
    return series.copy() if pt.is_primitive(array.type) else series


def _nested_series(array: pa.Array) -> Any:
    """Keep integers beside nulls as they are; pandas would make doubles of all in the batch."""
    exact = {"maps_as_pydicts": "strict", "integer_object_nulls": True}
    of_integers = is_list(array.type) and pt.is_integer(array.type.value_type)
    if not of_integers or not array.flatten().null_count:
        return array.to_pandas(**exact)
    # An array without nulls is of numpy's integers, whatever else is in the batch.
    parents = pc.list_parent_indices(array).filter(array.flatten().is_null())
    with_nulls = np.zeros(len(array), dtype=bool)
    with_nulls[parents.to_numpy(zero_copy_only=False)] = True
    cells = np.empty(len(array), dtype=object)
    for mask in (with_nulls, ~with_nulls):
        cells[mask] = array.filter(pa.array(mask)).to_pandas(**exact).to_numpy()
    return pd.Series(cells)


def _owned(array: pa.Array) -> NDArray:
    values: NDArray = array.to_numpy(zero_copy_only=False)
    return values if values.flags.writeable else values.copy()


def _converted(array: pa.Array, target: pa.DataType, column: InputColumn) -> pa.Array:
    """Convert a column without loss, or say which row does not fit; never its value."""
    try:
        return convert_nested(decoded(array), target, to_local)
    except MisfitError as misfit:
        inside = f' (in its member "{".".join(misfit.members)}")' if misfit.members else ""
        which = (
            "it" if misfit.index is None else f"row {misfit.index} of {len(array)} in this batch"
        )
        message = (
            f'Column "{column.name}" is {readable(array.type)} and cannot be given to the model as '
            f"{column.declared}: {which} does not fit without loss{inside}. Cast or correct the "
            "column."
        )
        raise InputMismatchError(message) from None
