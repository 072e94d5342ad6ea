"""Arrow batch -> model input, by declared type: the same conversion whatever a batch holds.

Where nulls go: NaN in floats, NaT in datetimes, pandas' missing value in text and nested values.
Integers and booleans have no such value in numpy, so there the signature decides: an input declared
optional reaches the model as pandas ``Int32``/``Int64``/``boolean`` in every batch, one declared
required as a numpy integer in every batch, and a null in it is an error. Without a signature the
batch is converted as pandas itself reads Arrow data.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Scalar, Tensor
from scorecast.worker.arrow_types import ARROW_SCALARS, arrow_type, is_list, readable
from scorecast.worker.input_plan import InputColumn, InputPlan

NDArray: TypeAlias = npt.NDArray[Any]
ModelInput: TypeAlias = pd.DataFrame | NDArray | dict[str, NDArray]

_FLOATS = {"float", "double"}
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
            str(column.name): _tensor([batch.column(column.source)], [column])
            for column in plan.columns
        }
    return _tensor([batch.column(c.source) for c in plan.columns], plan.columns)


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
        array = _cast(batch.column(column.source), kind, column)
        block[:, i] = array.to_numpy(zero_copy_only=False)
    return block


def _column(array: pa.Array, column: InputColumn) -> Any:
    declared = column.declared
    if pa.types.is_dictionary(array.type) and declared is not None:
        array = array.dictionary_decode()
    match declared:
        case Scalar("float" | "double" as name):
            return _cast(array, ARROW_SCALARS[name], column).to_numpy(zero_copy_only=False)
        case Scalar("integer" | "long" | "boolean" as name):
            return _integers(_cast(array, ARROW_SCALARS[name], column), name, column)
        case Scalar("datetime"):
            return _datetimes(array, column)
        case Tensor():
            return _tensor([array], [column])
        case None:
            return array.to_pandas(maps_as_pydicts="strict")
        case _:
            target = arrow_type(declared)
            cast = array if target is None else _cast(array, _as_got(target, array.type), column)
            return cast.to_pandas(maps_as_pydicts="strict")


def _as_got(target: pa.DataType, got: pa.DataType) -> pa.DataType:
    """Keep the zone of timestamps inside nested values; there is no local time to strip it to."""
    return got if _holds_timestamps(got) else target


def _holds_timestamps(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return True
    return any(_holds_timestamps(kind.field(i).type) for i in range(kind.num_fields))


def _integers(array: pa.Array, name: str, column: InputColumn) -> Any:
    if not column.required:
        mask = array.is_null().to_numpy(zero_copy_only=False)
        filled = array.fill_null(False if name == "boolean" else 0)
        values = filled.to_numpy(zero_copy_only=False)
        kind = pd.arrays.BooleanArray if name == "boolean" else pd.arrays.IntegerArray
        return kind(values, mask)
    if array.null_count:
        message = (
            f'Column "{column.name}" holds {array.null_count} nulls in this batch of {len(array)} '
            f"rows, the first in row {_first(array.is_null())}, but the model requires {name} "
            f"values. Fill or filter the nulls, or save the model with the input declared optional "
            f"(required=False): it then arrives as pandas {_NULLABLE[name]}."
        )
        raise InputMismatchError(message)
    return array.to_numpy(zero_copy_only=False)


def _datetimes(array: pa.Array, column: InputColumn) -> Any:
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        # MLflow and Spark hand models local wall-clock time without a zone.
        array = pc.local_timestamp(array)
    return _cast(array, pa.timestamp("ns"), column).to_pandas()


def _tensor(
    arrays: list[pa.Array], columns: list[InputColumn] | tuple[InputColumn, ...]
) -> NDArray:
    declared = columns[0].declared
    if not isinstance(declared, Tensor):
        message = f"Input {columns[0].name} is {declared}, not a tensor."
        raise InputMismatchError(message)
    if len(arrays) == 1:
        flat, widths = _flatten(arrays[0], columns[0])
        values = _numbers(flat, declared, columns[0])
    else:
        widths = (len(arrays),)
        values = np.empty((len(arrays[0]), len(arrays)), np.dtype(declared.dtype))
        for i, (array, column) in enumerate(zip(arrays, columns, strict=True)):
            values[:, i] = _numbers(array, declared, column)
    return _shaped(values, len(arrays[0]), widths, declared, columns[0])


def _flatten(array: pa.Array, column: InputColumn) -> tuple[pa.Array, tuple[int, ...]]:
    """Unnest list levels; every row must have the same lengths, or it is no tensor."""
    rows, widths = len(array), []
    while is_list(array.type):
        if array.null_count:
            message = (
                f'Column "{column.name}" holds {array.null_count} null lists, the first in row '
                f"{_first(array.is_null())}; a tensor input needs a list in every row."
            )
            raise InputMismatchError(message)
        lengths = pc.unique(pc.list_value_length(array))
        if len(lengths) > 1:
            message = (
                f'Column "{column.name}" has lists of {len(lengths)} different lengths in a batch '
                f"of {rows} rows; the tensor {column.declared} needs the same length in every row."
            )
            raise InputMismatchError(message)
        widths.append(lengths[0].as_py() if len(lengths) else 0)
        array = array.flatten()
    return array, tuple(widths)


def _numbers(array: pa.Array, declared: Tensor, column: InputColumn) -> NDArray:
    dtype = np.dtype(declared.dtype)
    if dtype.kind in "OSUM":
        return np.asarray(array.to_pandas()).astype(dtype, copy=False)
    if array.null_count and dtype.kind != "f":
        message = (
            f'Column "{column.name}" holds nulls, which a tensor of {dtype} cannot; the first is '
            f"value {_first(array.is_null())} of the batch. Fill or filter them."
        )
        raise InputMismatchError(message)
    values = array.to_numpy(zero_copy_only=False)
    if dtype.kind in "iu" and values.size:
        info = np.iinfo(dtype)
        if values.min() < info.min or values.max() > info.max:
            message = f'Column "{column.name}" holds values that do not fit into {dtype}.'
            raise InputMismatchError(message)
    return np.ascontiguousarray(values).astype(dtype, copy=False)


def _shaped(
    values: NDArray, rows: int, widths: tuple[int, ...], declared: Tensor, column: InputColumn
) -> NDArray:
    wanted = declared.shape[1:]
    shape = wanted if -1 not in wanted else widths
    if int(np.prod(shape)) != int(np.prod(widths)):
        message = (
            f'Column "{column.name}" holds {int(np.prod(widths))} values per row, the model takes '
            f"{declared}: {int(np.prod(wanted))} values per row."
        )
        raise InputMismatchError(message)
    return values.reshape((rows, *shape))


def _cast(array: pa.Array, target: pa.DataType, column: InputColumn) -> pa.Array:
    if array.type == target:
        return array
    try:
        return pc.cast(array, target, safe=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        row = first_failing_row(array, target)
        message = (
            f'Column "{column.name}" is {readable(array.type)} and cannot be given to the model as '
            f"{column.declared}: row {row} of a batch of {len(array)} rows does not fit without "
            "loss. Cast or correct the column."
        )
        # Arrow's own text holds the value.
        raise InputMismatchError(message) from (None if _names_value(error) else error)


def _names_value(error: Exception) -> bool:
    return isinstance(error, pa.ArrowInvalid)


def first_failing_row(array: pa.Array, target: pa.DataType) -> int:
    """Find the first row whose cast to `target` fails, by halving."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pc.cast(array.slice(low, middle - low), target, safe=True)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
        else:
            low = middle
    return low


def _first(mask: pa.Array) -> int:
    return int(pc.index(mask, True).as_py())
