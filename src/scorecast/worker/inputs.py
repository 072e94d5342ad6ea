"""Arrow batch -> model input, by declared type: the same conversion whatever a batch holds.

Where nulls go: NaN in floats, NaT in datetimes, pandas' missing value in text and nested values.
Integers and booleans have no such value in numpy, so there the signature decides: an input declared
optional reaches the model as pandas ``Int32``/``Int64``/``boolean`` in every batch, one declared
required as a numpy integer in every batch, and a null in it is an error (the option
``nullable_integers`` treats all inputs as optional in this). Without a signature the
batch is converted as pandas itself reads Arrow data.

Timestamps with a zone become local time without one, as MLflow and Spark give them to models. No
input shares memory with the batch, so a model may write into what it is given; but arrays in the
cells of a frame may be read-only, since they are views as pyarrow gives them.

Columns of one numeric type become one block, filled column by column: that is the one copy. pandas
and libraries such as scikit-learn take it as it is, where they would copy separate columns again.
"""

from __future__ import annotations

from functools import lru_cache
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

# Their values, without nulls or with NaN for them, are those of one numpy type.
_FLOATS = {"float", "double"}
_WHOLE = {"integer", "long"}
# In columns, as MLflow gives them to models. Inside of records Arrow would make them integers.
_NANOSECONDS = pa.timestamp("ns")
_ROWS_AT_ONCE = 256
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
    labels = _labels(tuple(column.name for column in plan.columns)).view()
    if plan.packed:
        block = _unpacked(batch.column(plan.columns[0].source), len(labels))
        return pd.DataFrame(block, columns=labels, copy=False)
    kind = _kind_of_block(batch, plan) if len(labels) > 1 else None
    if kind is not None:
        # pandas 3 would copy the block, which nobody else has.
        return pd.DataFrame(_block(batch, plan, kind), columns=labels, copy=False)
    index = pd.RangeIndex(batch.num_rows)
    columns = {i: _column(batch.column(c.source), c) for i, c in enumerate(plan.columns)}
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = labels
    return frame


@lru_cache(maxsize=64)
def _labels(names: tuple[str | int, ...]) -> pd.Index[Any]:
    """Make the labels of a frame; those of all batches are the same, and pandas takes its time.

    A model gets a view, since labels have a name that it may change.
    """
    return pd.Index(names)


def _kind_of_block(batch: pa.RecordBatch, plan: InputPlan) -> pa.DataType | None:
    """Give the type of all columns if they can be one block of numbers, else None."""
    first = plan.columns[0].declared
    if any(column.declared != first for column in plan.columns):
        return None
    if first is None:
        kinds = {batch.schema.field(column.source).type for column in plan.columns}
        kind = kinds.pop()
        return None if kinds or not pt.is_floating(kind) else kind
    name = str(first)
    whole = name in _WHOLE and not any(column.nullable for column in plan.columns)
    return ARROW_SCALARS[name] if whole or name in _FLOATS else None


def _block(batch: pa.RecordBatch, plan: InputPlan, kind: pa.DataType) -> NDArray:
    """Fill one column-major block: pandas takes it as it is, and each column is one copy."""
    block = np.empty((batch.num_rows, len(plan.columns)), kind.to_pandas_dtype(), order="F")
    for i, column in enumerate(plan.columns):
        array = _converted(batch.column(column.source), kind, column)
        if not pt.is_floating(kind):
            _refuse_nulls(array, str(column.declared), column)
        block[:, i] = array.to_numpy(zero_copy_only=False)
    return block


def _unpacked(arrays: pa.Array, width: int) -> NDArray:
    """Give the same block of columns that come as one column of arrays.

    It is turned a few rows at a time, which stay in the processor's cache. Models give the last
    digits by the order of the values in memory, so it is the order of separate columns.
    """
    rows = arrays.flatten().to_numpy(zero_copy_only=False).reshape(len(arrays), width)
    block = np.empty(rows.shape, rows.dtype, order="F")
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block[start : start + _ROWS_AT_ONCE] = rows[start : start + _ROWS_AT_ONCE]
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
    _refuse_nulls(array, name, column)
    return _owned(array)


def _refuse_nulls(array: pa.Array, name: str, column: InputColumn) -> None:
    if array.null_count:
        message = (
            f'Column "{column.name}" holds {array.null_count} nulls in this batch of {len(array)} '
            f"rows, the first in row {first_true(array.is_null())}, but the model requires {name} "
            f"values. Fill or filter the nulls; or let it arrive as pandas {_NULLABLE[name]}, by "
            "nullable_integers=True or by saving the model with the input declared optional "
            "(required=False)."
        )
        raise InputMismatchError(message)


def _series(array: pa.Array) -> Any:
    if is_nested(array.type):
        return _nested_series(array)
    if pt.is_integer(array.type) or pt.is_floating(array.type):
        return _owned(array)  # what pandas makes of it
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


def _arrives_alike(got: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether pandas and numpy make the same of both types, so that nothing is converted."""
    if is_list(got) and is_list(wanted):
        return _arrives_alike(got.value_type, wanted.value_type)
    return not is_nested(got) and bool(got == wanted)


def _converted(array: pa.Array, target: pa.DataType, column: InputColumn) -> pa.Array:
    """Convert a column without loss, or say which row does not fit; never its value."""
    if _arrives_alike(array.type, target):
        return array
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
