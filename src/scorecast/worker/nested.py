"""Nested Arrow values of one type -> another, member by member.

Arrow's own casts of nested types cannot be told what to do with single values, and let nulls into
lists and maps that declare none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.worker.arrow_types import is_list

# Converts an array of plain values to a type; the third argument is the path to it, such as "a.b".
Convert: TypeAlias = Callable[[pa.Array, pa.DataType, str], pa.Array]


class NestedError(ValueError):
    """Raised when values do not nest as the type does; the message holds no value."""


def is_nested(kind: pa.DataType) -> bool:
    """Tell whether a type is one that `convert_nested` takes apart."""
    return bool(is_list(kind) or pt.is_struct(kind) or pt.is_map(kind))


def same_type(left: pa.DataType, right: pa.DataType) -> bool:
    """Tell whether two types are the same down to names and nullability of inner fields."""
    return bool(left.equals(right, check_metadata=True))


def convert_nested(array: pa.Array, wanted: pa.DataType, convert: Convert, path: str = "") -> pa.Array:
    """Bring an array to exactly the type `wanted`, with `convert` for the plain values inside.

    Members of structs are matched by name. A member that is missing becomes null, unless there is
    one that is not wanted: then it is taken for a misspelt one.

    Raises:
        NestedError: The array does not nest as `wanted` does, or has nulls that it forbids.
    """
    if pt.is_null(array.type):
        return pa.nulls(len(array), wanted)
    if is_list(wanted) and is_list(array.type):
        return _list(array, wanted, convert, path)
    if pt.is_struct(wanted) and pt.is_struct(array.type):
        return _struct(array, wanted, convert, path)
    if pt.is_map(wanted) and pt.is_map(array.type):
        return _map(array, wanted, convert, path)
    if is_nested(wanted) or is_nested(array.type):
        raise NestedError
    return convert(array, wanted, path)


def list_array(
    lengths: np.ndarray, values: pa.Array, kind: pa.DataType, missing: pa.Array | None = None
) -> pa.Array:
    """Make lists of the given lengths, of exactly the type `kind`; null where `missing` is true."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    plain = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), values, type=pa.list_(values.type), mask=missing
    )
    return plain if same_type(plain.type, kind) else plain.cast(kind)


def _list(array: pa.Array, wanted: pa.DataType, convert: Convert, path: str) -> pa.Array:
    # Neither the values behind nulls nor those outside of a slice are among the flattened ones.
    inner = convert_nested(array.flatten(), wanted.value_type, convert, f"{path}[]")
    _refuse_nulls(inner, wanted.value_field, path)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    return list_array(lengths, inner, wanted, _missing(array))


def _map(array: pa.Array, wanted: pa.DataType, convert: Convert, path: str) -> pa.Array:
    entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
    lists = array.cast(pa.list_(entry))
    entries = lists.flatten()
    keys = convert_nested(entries.field(0), wanted.key_type, convert, f"{path}{{key}}")
    items = convert_nested(entries.field(1), wanted.item_type, convert, f"{path}{{}}")
    _refuse_nulls(items, wanted.item_field, path)
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    return map_array(lengths, keys, items, wanted, _missing(array))


def _struct(array: pa.Array, wanted: pa.DataType, convert: Convert, path: str) -> pa.Array:
    return struct_array(
        {member.name: pc.struct_field(array, [i]) for i, member in enumerate(array.type)},
        wanted, convert, path, _missing(array)
    )
