"""Arrow columns -> the types of signatures: those of the DataFrame that the table would become.

The Arrow type decides, so that a column of empty lists or of nulls alone is described too. Where
pandas has no such values the type follows pandas: integers with nulls become double.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.models.infer_values import UndescribedError
from scorecast.models.signature import (
    AnyValue,
    Array,
    ColumnType,
    Map,
    Object,
    Property,
    Scalar,
)


def has_missing(column: Any) -> bool:
    """Tell whether a chunked array holds nulls, or NaN, which pandas does not tell from nulls."""
    if column.null_count:
        return True
    if not pt.is_floating(column.type):
        return False
    return bool(np.isnan(column.to_numpy()).any())


def type_of_arrow(column: Any) -> ColumnType:
    """Describe a chunked array by its Arrow type; the values tell only what may be missing.

    Raises:
        UndescribedError: No type describes it.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        storage = [chunk.storage for chunk in column.chunks]
        return type_of_arrow(pa.chunked_array(storage, kind.storage_type))
    if pt.is_dictionary(kind):
        return type_of_arrow(column.cast(kind.value_type))
    if pt.is_null(kind):
        return AnyValue()
    if pt.is_struct(kind) and kind.num_fields:
        return _type_of_struct(column)
    if pt.is_map(kind) and _is_text(kind.key_type):
        values = [chunk.items for chunk in column.chunks]
        return Map(type_of_arrow(pa.chunked_array(values, kind.item_type)))
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return Array(type_of_arrow(pc.list_flatten(column)))
    scalar = _scalar(kind)
    if scalar is None:
        message = f"its type is {kind}, for which signatures have no type. {_advice(kind)}"
        raise UndescribedError(message)
    if scalar.name in ("integer", "long") and column.null_count:
        return Scalar("double")
    return scalar


def _type_of_struct(column: Any) -> Object:
    members = []
    for i, field in enumerate(column.type):
        values = pa.chunked_array([chunk.field(i) for chunk in column.chunks], field.type)
        try:
            kind = type_of_arrow(values)
        except UndescribedError as error:
            message = f'in member "{field.name}" {error}'
            raise UndescribedError(message) from None
        required = not (column.null_count or has_missing(values))
        members.append(Property(field.name, kind, required))
    return Object(tuple(sorted(members, key=lambda member: member.name)))


def _scalar(kind: pa.DataType) -> Scalar | None:
    if pt.is_boolean(kind):
        return Scalar("boolean")
    if pt.is_integer(kind):
        # An unsigned number needs the next wider signed type.
        bits = kind.bit_width * (2 if pt.is_unsigned_integer(kind) else 1)
        return Scalar("integer") if bits <= 32 else Scalar("long") if bits <= 64 else None  # noqa: PLR2004
    if pt.is_floating(kind):
        return Scalar("double") if pt.is_float64(kind) else Scalar("float")
    if _is_text(kind):
        return Scalar("string")
    if pt.is_date(kind) or pt.is_timestamp(kind):
        return Scalar("datetime")
    if (
        pt.is_binary(kind)
        or pt.is_large_binary(kind)
        or pt.is_fixed_size_binary(kind)
        or pt.is_binary_view(kind)
    ):
        return Scalar("binary")
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _advice(kind: pa.DataType) -> str:
    if pt.is_decimal(kind) or pt.is_uint64(kind):
        return "Cast it to double"
    if pt.is_duration(kind):
        return "Cast it to a number of seconds"
    return "Cast it to another type"
