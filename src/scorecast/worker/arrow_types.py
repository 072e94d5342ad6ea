"""Declared types <-> Arrow types: which data fits which declaration. Pure tables, no data."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyarrow import types as pt

from scorecast.models.signature import (
    AnyValue,
    Array,
    ColumnType,
    Map,
    Object,
    Scalar,
    SparkVector,
    SpecType,
    Tensor,
)

ARROW_SCALARS: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "datetime": pa.timestamp("us"),
}
_MAX_INT_BITS = {"integer": 32, "long": 64}
_MAX_FLOAT_BITS = {"float": 32, "double": 64}


def arrow_type(declared: ColumnType) -> pa.DataType | None:
    """Give the Arrow type that holds values of a declared type; None where it holds anything."""
    match declared:
        case Scalar(name):
            return ARROW_SCALARS[name]
        case Array(items):
            inner = arrow_type(items)
            return None if inner is None else pa.list_(inner)
        case Map(values):
            inner = arrow_type(values)
            return None if inner is None else pa.map_(pa.string(), inner)
        case Object(properties):
            fields = [(member.name, arrow_type(member.type)) for member in properties]
            if any(kind is None for _, kind in fields):
                return None
            return pa.struct([pa.field(name, kind) for name, kind in fields])
        case AnyValue() | SparkVector():
            return None


def fits(got: pa.DataType, declared: SpecType) -> bool:
    """Tell whether data of an Arrow type may be given to a declared input.

    Integers fit wider integers and any float (values that a float cannot hold are found in the
    data), floats fit wider floats, decimals fit doubles, dates fit datetimes. Nothing is narrowed,
    parsed or rounded, except that tensors take any numbers that their dtype can hold the kind of.
    """
    if pt.is_null(got) or isinstance(declared, AnyValue | SparkVector):
        return True
    match declared:
        case Scalar(name):
            return _scalar_fits(_decoded(got), name)
        case Array(items):
            return is_list(got) and fits(got.value_type, items)
        case Map(values):
            return pt.is_map(got) and is_text(got.key_type) and fits(got.item_type, values)
        case Object(properties):
            if not pt.is_struct(got):
                return False
            members = {field.name: field.type for field in got}
            known = {member.name for member in properties}
            return set(members) <= known and all(
                fits(members[member.name], member.type)
                if member.name in members
                else not member.required
                for member in properties
            )
        case Tensor(dtype, _):
            return _tensor_fits(got, dtype)


def is_list(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's list types with offsets or of fixed size."""
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's text types."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's binary types."""
    return bool(
        pt.is_binary(kind)
        or pt.is_large_binary(kind)
        or pt.is_fixed_size_binary(kind)
        or pt.is_binary_view(kind)
    )


def readable(kind: pa.DataType) -> str:
    """Give the name of an Arrow type in the words of signatures and Spark."""
    kind = _decoded(kind)
    if isinstance(kind, pa.OpaqueType):
        return str(kind.type_name)
    if is_list(kind):
        return f"array<{readable(kind.value_type)}>"
    if pt.is_map(kind):
        return f"map<{readable(kind.key_type)}, {readable(kind.item_type)}>"
    if pt.is_struct(kind):
        return f"struct<{', '.join(f'{f.name}: {readable(f.type)}' for f in kind)}>"
    if pt.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    if pt.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if is_text(kind):
        return "string"
    if is_bytes(kind):
        return "binary"
    named = {
        pa.int8(): "byte",
        pa.int16(): "short",
        pa.date32(): "date",
        pa.date64(): "date",
        pa.float16(): "half",
    }
    named |= {value: name for name, value in ARROW_SCALARS.items()}
    return named.get(kind, str(kind))


def _decoded(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pt.is_dictionary(kind) else kind


def _scalar_fits(got: pa.DataType, name: str) -> bool:
    if name == "boolean":
        return bool(pt.is_boolean(got))
    if name in _MAX_INT_BITS:
        if not pt.is_integer(got):
            return False
        needed = got.bit_width + (1 if pt.is_unsigned_integer(got) else 0)
        return bool(needed <= _MAX_INT_BITS[name])
    if name in _MAX_FLOAT_BITS:
        if pt.is_floating(got):
            return bool(got.bit_width <= _MAX_FLOAT_BITS[name])
        return bool(pt.is_integer(got) or (pt.is_decimal(got) and name == "double"))
    if name == "string":
        return is_text(got)
    if name == "binary":
        return is_bytes(got)
    return bool(pt.is_timestamp(got) or pt.is_date(got))


def _tensor_fits(got: pa.DataType, dtype: str) -> bool:
    while is_list(got):
        got = got.value_type
    got = _decoded(got)
    match np.dtype(dtype).kind:
        case "O":
            return not pt.is_nested(got)
        case "U":
            return is_text(got)
        case "S":
            return is_bytes(got)
        case "b":
            return bool(pt.is_boolean(got))
        case "M":
            return bool(pt.is_timestamp(got) or pt.is_date(got))
        case "i" | "u":
            return bool(pt.is_integer(got))
        case "f" | "c":
            return bool(pt.is_integer(got) or pt.is_floating(got))
        case _:
            return False
