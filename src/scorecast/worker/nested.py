"""Lists, records and maps in Arrow: taken apart to their plain values and built again.

Arrow's own casts of nested types let nulls into lists that forbid them, and say nothing about where
a value does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.worker.arrow_types import is_list, readable
from scorecast.worker.casts import MisfitError, first_true

Lengths: TypeAlias = npt.NDArray[np.int64]
# Brings an array of plain values to a type, or raises MisfitError.
Convert: TypeAlias = Callable[[pa.Array, pa.DataType], pa.Array]


def is_nested(kind: pa.DataType) -> bool:
    """Tell whether values of a type hold other values."""
    return bool(is_list(kind) or pt.is_struct(kind) or pt.is_map(kind))


def with_plain_types(
    kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]
) -> pa.DataType:
    """Give a type with every plain type inside of it changed; keys of maps stay."""
    if is_list(kind):
        return pa.list_(kind.value_field.with_type(with_plain_types(kind.value_type, change)))
    if pt.is_map(kind):
        items = kind.item_field.with_type(with_plain_types(kind.item_type, change))
        return pa.map_(kind.key_field, items)
    if pt.is_struct(kind):
        members = (member.with_type(with_plain_types(member.type, change)) for member in kind)
        return pa.struct(list(members))
    return change(kind)


def same_type(left: pa.DataType, right: pa.DataType) -> bool:
    """Tell whether two types are the same down to the names of the fields inside."""
    return bool(left.equals(right, check_metadata=True))


def convert_nested(array: pa.Array, wanted: pa.DataType, convert: Convert) -> pa.Array:
    """Bring an array to exactly the type `wanted`, with `convert` for the plain values inside.

    Members of records are matched by name. A member that is missing becomes null, unless there is
    one too many: then it is taken for a misspelt one.

    Raises:
        MisfitError: The array does not nest as `wanted` does, or values do not fit.
    """
    got = array.type
    if pt.is_null(got):
        return pa.nulls(len(array), wanted)
    if is_list(got) and is_list(wanted):
        lengths = _lengths(array)
        # What is behind nulls or outside of a slice is not among the flattened values.
        with inside_lists(lengths):
            values = convert_nested(array.flatten(), wanted.value_type, convert)
        return list_array(lengths, values, wanted, array.is_null())
    if pt.is_map(got) and pt.is_map(wanted):
        lists = array.cast(pa.list_(pa.struct([("key", got.key_type), ("value", got.item_type)])))
        entries, lengths = lists.flatten(), _lengths(lists)
        with inside_lists(lengths):
            keys = convert_nested(entries.field(0), wanted.key_type, convert)
            items = convert_nested(entries.field(1), wanted.item_type, convert)
        return map_array(lengths, keys, items, wanted, array.is_null())
    if pt.is_struct(got) and pt.is_struct(wanted):
        names = {member.name: i for i, member in enumerate(got)}
        missing = [member.name for member in wanted if member.name not in names]
        if missing and not names.keys() <= {member.name for member in wanted}:
            raise MisfitError(readable(got), wanted)
        parts = {}
        for member in wanted:
            if member.name in names:
                with inside_member(member.name):
                    part = pc.struct_field(array, [names[member.name]])
                    parts[member.name] = convert_nested(part, member.type, convert)
        return struct_array(parts, wanted, array.is_null())
    if is_nested(wanted) or (is_nested(got) and not isinstance(wanted, pa.BaseExtensionType)):
        raise MisfitError(readable(got), wanted)
    return convert(array, wanted)


def list_array(
    lengths: Lengths, values: pa.Array, kind: pa.DataType, missing: pa.Array | None = None
) -> pa.Array:
    """Make lists of the given lengths; null where `missing` is true."""
    with inside_lists(lengths):
        _refuse_nulls(values, kind.value_field)
    plain = pa.list_(kind.value_field)
    made = pa.ListArray.from_arrays(_offsets(lengths), values, type=plain, mask=missing)
    return made if same_type(plain, kind) else made.cast(kind)


def map_array(
    lengths: Lengths, keys: pa.Array, items: pa.Array, kind: pa.DataType, missing: pa.Array
) -> pa.Array:
    """Make maps of the given lengths; null where `missing` is true."""
    with inside_lists(lengths):
        _refuse_nulls(keys, kind.key_field)
        _refuse_nulls(items, kind.item_field)
    return pa.MapArray.from_arrays(_offsets(lengths), keys, items, type=kind, mask=missing)


def struct_array(
    parts: Mapping[str, pa.Array], kind: pa.DataType, missing: pa.Array | None = None
) -> pa.Array:
    """Make records of their members; null where `missing` is true, as are members not given."""
    rows = len(next(iter(parts.values())) if missing is None else missing)
    arrays = []
    for member in kind:
        array = parts[member.name] if member.name in parts else pa.nulls(rows, member.type)
        with inside_member(member.name):
            _refuse_nulls(array, member, missing)
        arrays.append(array)
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=missing)


@contextmanager
def inside_lists(lengths: Lengths) -> Iterator[None]:
    """Count a misfit of a value inside lists by the list that it is in."""
    try:
        yield
    except MisfitError as misfit:
        if misfit.index is not None:
            misfit.index = int(np.searchsorted(np.cumsum(lengths), misfit.index, side="right"))
        raise


@contextmanager
def inside_member(name: str) -> Iterator[None]:
    """Name the member of a record that a misfit is in."""
    try:
        yield
    except MisfitError as misfit:
        misfit.members = (name, *misfit.members)
        raise


def _refuse_nulls(array: pa.Array, field: pa.Field, missing: pa.Array | None = None) -> None:
    if field.nullable or not array.null_count:
        return
    nulls = array.is_null()
    if missing is not None:
        nulls = pc.and_not(nulls, missing)
    if pc.any(nulls).as_py():
        raise MisfitError("null", f"{readable(field.type)} not null", first_true(nulls))


def _lengths(lists: pa.Array) -> Lengths:
    counted: npt.NDArray[Any] = (
        pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    )
    return counted.astype(np.int64)


def _offsets(lengths: Lengths) -> pa.Array:
    return pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
