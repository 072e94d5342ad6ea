"""Arrow columns -> one numpy array, for models that declare tensors.

A list column is the array, row by row; so are several columns of plain values beside each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Tensor
from scorecast.worker.arrow_types import is_list, readable
from scorecast.worker.casts import MisfitError, cast_exactly, decoded, first_true, to_local
from scorecast.worker.input_plan import InputColumn

NDArray: TypeAlias = npt.NDArray[Any]


def to_tensor(arrays: Sequence[pa.Array], columns: Sequence[InputColumn]) -> NDArray:
    """Give the tensor that the columns declare; its first axis is rows. Shares no memory.

    Raises:
        InputMismatchError: Values or shapes do not fit; never names a value.
    """
    declared = columns[0].declared
    if not isinstance(declared, Tensor):
        message = f"Input {columns[0].name} is {declared}, not a tensor."
        raise InputMismatchError(message)
    rows = len(arrays[0])
    if len(arrays) == 1:
        flat, widths = _flatten(arrays[0], columns[0])
        values = _values(flat, declared, columns[0], rows)
        # A model may write into it, so it is never the memory of the batch.
        values = values if values.flags.writeable else values.copy()
    else:
        widths = (len(arrays),)
        parts = [
            _values(array, declared, c, rows) for array, c in zip(arrays, columns, strict=True)
        ]
        values = np.stack(parts, axis=1)
    return values.reshape((rows, *_shape(rows, widths, declared, columns[0])))


def _flatten(array: pa.Array, column: InputColumn) -> tuple[pa.Array, tuple[int, ...]]:
    """Unnest list levels; every row must have the same lengths, or it is no tensor."""
    widths = []
    while is_list(array.type):
        if array.null_count:
            message = (
                f'Column "{column.name}" holds {array.null_count} null lists; a tensor input needs '
                "a list in every row. Fill or filter the nulls."
            )
            raise InputMismatchError(message)
        widths.append(_width(array, column))
        array = array.flatten()
    return array, tuple(widths)


def _width(array: pa.Array, column: InputColumn) -> int:
    """Give the length that all lists have."""
    if pa.types.is_fixed_size_list(array.type):
        return int(array.type.list_size) if len(array) else 0
    lengths = pc.unique(pc.list_value_length(array))
    if len(lengths) > 1:
        message = (
            f'Column "{column.name}" has lists of {len(lengths)} different lengths in this '
            f"batch; the {column.declared} needs the same length in every row."
        )
        raise InputMismatchError(message)
    return int(lengths[0].as_py()) if len(lengths) else 0


def _values(array: pa.Array, declared: Tensor, column: InputColumn, rows: int) -> NDArray:
    dtype = np.dtype(declared.dtype)
    array = decoded(array)
    if array.null_count and dtype.kind not in "fcMO":
        message = (
            f'Column "{column.name}" holds {array.null_count} nulls, the first in row '
            f"{_row(first_true(array.is_null()), array, rows)}, which a tensor of {declared.dtype} "
            "cannot hold. Fill or filter them."
        )
        raise InputMismatchError(message)
    try:
        return _numpy(array, dtype)
    except MisfitError as misfit:
        where = "" if misfit.index is None else f" row {_row(misfit.index, array, rows)}"
        message = (
            f'Column "{column.name}" is {readable(array.type)} and cannot be given to the model as '
            f"{declared}:{where} does not fit without loss. Cast or correct the column."
        )
        raise InputMismatchError(message) from None


def _numpy(array: pa.Array, dtype: np.dtype[Any]) -> NDArray:
    if dtype.kind in "biuM":
        array = to_local(array, pa.from_numpy_dtype(dtype))
    elif dtype.kind == "f" and pa.types.is_integer(array.type):
        array = cast_exactly(array, pa.float64() if dtype == np.float64 else pa.float32())
    values: NDArray = array.to_numpy(zero_copy_only=False)
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore"):
        converted = values.astype(dtype)
    if dtype.kind == "f":
        overflowed = np.isinf(converted) & ~np.isinf(values)
        if overflowed.any():
            raise MisfitError(readable(array.type), str(dtype), int(overflowed.argmax()))
    return converted


def _row(index: int, array: pa.Array, rows: int) -> int:
    return index * rows // len(array)


def _shape(
    rows: int, widths: tuple[int, ...], declared: Tensor, column: InputColumn
) -> tuple[int, ...]:
    """Give the shape of one row: the lists' own, or values in a flat list in the declared shape."""
    wanted = declared.shape[1:]
    if len(widths) == len(wanted):
        fitting = all(want in (-1, got) for want, got in zip(wanted, widths, strict=True))
        shape = widths
    else:
        known, given = int(np.prod([n for n in wanted if n != -1])), int(np.prod(widths))
        free = wanted.count(-1)
        rest = given // known if known else 0
        fitting = free <= 1 and given == known * (rest if free else 1)
        shape = tuple(rest if n == -1 else n for n in wanted)
    if rows and not fitting:
        message = (
            f'Column "{column.name}" holds values of the shape {widths} per row, the model takes '
            f"{declared}: {wanted} per row."
        )
        raise InputMismatchError(message)
    return shape if rows else tuple(max(n, 0) for n in wanted)
