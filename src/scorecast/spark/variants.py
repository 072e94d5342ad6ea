"""Predictions of variant type: text that leaves the worker as JSON is parsed by Spark itself.

Driver only. Since Spark has variants (4.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.spark.types import is_variant

if TYPE_CHECKING:
    from pyspark.sql import Column


def has_variant(kind: st.DataType) -> bool:
    """Tell whether a type is a variant or holds one."""
    return text_type(kind) != kind


def text_type(kind: st.DataType) -> st.DataType:
    """Give the type in which predictions of a type leave the worker: text for each variant."""
    if is_variant(kind):
        return st.StringType()
    match kind:
        case st.ArrayType():
            return st.ArrayType(text_type(kind.elementType), kind.containsNull)
        case st.MapType():
            return st.MapType(kind.keyType, text_type(kind.valueType), kind.valueContainsNull)
        case st.StructType():
            return st.StructType(
                [st.StructField(m.name, text_type(m.dataType), m.nullable) for m in kind]
            )
    return kind


def parsed(column: Column, kind: st.DataType) -> Column:
    """Give a column of `text_type` as one of the type itself."""
    if is_variant(kind):
        return F.parse_json(column)
    if not has_variant(kind):
        return column
    match kind:
        case st.ArrayType():
            return F.transform(column, lambda item: parsed(item, kind.elementType))
        case st.MapType():
            return F.transform_values(column, lambda _, value: parsed(value, kind.valueType))
        case st.StructType():
            members = (parsed(column.getField(m.name), m.dataType).alias(m.name) for m in kind)
            return F.when(column.isNotNull(), F.struct(*members))
    return column
