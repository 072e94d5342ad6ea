"""Spark types <-> Arrow types. Driver only.

The Arrow types are the ones in which Spark itself exchanges data with Python workers, see
https://spark.apache.org/docs/latest/api/python/tutorial/sql/arrow_pandas.html#supported-sql-types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import types as pt
from pyspark.errors import PySparkException
from pyspark.sql import types as st

from scorecast.errors import ConfigError, InputMismatchError
from scorecast.spark.versions import VARIANTS, parse_ddl
from scorecast.worker.variants import VARIANT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_FIXED: dict[type[st.DataType], pa.DataType] = {
    st.BooleanType: pa.bool_(),
    st.ByteType: pa.int8(),
    st.ShortType: pa.int16(),
    st.IntegerType: pa.int32(),
    st.LongType: pa.int64(),
    st.FloatType: pa.float32(),
    st.DoubleType: pa.float64(),
    st.StringType: pa.string(),
    st.BinaryType: pa.binary(),
    st.DateType: pa.date32(),
    st.TimestampNTZType: pa.timestamp("us"),
    st.DayTimeIntervalType: pa.duration("us"),
    st.NullType: pa.null(),
}
_FROM_ARROW = {arrow: kind for kind, arrow in _FIXED.items()}


def is_variant(kind: st.DataType) -> bool:
    """Tell whether a type is Spark's variant, which Spark has since 4.0."""
    return isinstance(kind, VARIANTS)


def result_to_arrow(kind: st.DataType, time_zone: str) -> pa.DataType:
    """Give the Arrow type of predictions of a Spark type; see `to_arrow`.

    In it `scorecast.worker.variants.VARIANT` stands for variants.
    """
    return to_arrow(kind, time_zone, variant=VARIANT)


def to_arrow(
    kind: st.DataType, time_zone: str, *, variant: pa.DataType | None = None
) -> pa.DataType:
    """Give the Arrow type in which Spark hands values of a Spark type to Python, and takes them.

    Args:
        kind: The Spark type.
        time_zone: Time zone of the session.
        variant: What stands for variants; None where there may be none.

    Raises:
        InputMismatchError: Spark does not exchange this type with Python workers.
    """
    fixed = _FIXED.get(type(kind))
    if fixed is not None:
        return fixed
    match kind:
        case st.TimestampType():
            return pa.timestamp("us", tz=time_zone)
        case st.DecimalType():
            return pa.decimal128(kind.precision, kind.scale)
        case st.ArrayType():
            item = to_arrow(kind.elementType, time_zone, variant=variant)
            return pa.list_(pa.field("element", item, kind.containsNull))
        case st.MapType():
            # A variant cannot be a key.
            key = pa.field("key", to_arrow(kind.keyType, time_zone), nullable=False)
            value = to_arrow(kind.valueType, time_zone, variant=variant)
            return pa.map_(key, pa.field("value", value, kind.valueContainsNull))
        case st.StructType():
            members = [
                (m.name, to_arrow(m.dataType, time_zone, variant=variant), m.nullable) for m in kind
            ]
            return pa.struct([pa.field(*member) for member in members])
        case st.UserDefinedType():
            return to_arrow(kind.sqlType(), time_zone, variant=variant)
    if variant is not None and is_variant(kind):
        return variant
    message = (
        f"Spark type {kind.simpleString()} cannot be exchanged with Python workers as model data. "
        "Cast the column, or leave it out."
    )
    raise InputMismatchError(message)


def parse_result_type(spark: SparkSession, result_type: str | st.DataType) -> st.DataType:
    """Read a result type.

    Args:
        spark: The session, which parses DDL text.
        result_type: DDL text such as ``"double"``, ``"array<float>"`` or ``"a int, b string"``, or
            a Spark type.

    Raises:
        ConfigError: The text is no type, or values of the type cannot come from Python workers.
    """
    if isinstance(result_type, st.DataType):
        parsed = result_type
    else:
        try:
            # MLflow's spelling, which Spark's own parser does not know.
            text = "boolean" if result_type.strip() == "bool" else result_type
            parsed = parse_ddl(spark, text)
        except PySparkException as error:
            reason = str(error).strip().splitlines()[0]
            message = (
                f'Cannot read the result type "{result_type}": {reason} Give a Spark type such as '
                '"double", "array<float>" or "label string, score double".'
            )
            raise ConfigError(message) from error
    if isinstance(parsed, st.StructType) and not parsed.fields:
        message = f'The result type "{result_type}" is empty. Give a Spark type such as "double".'
        raise ConfigError(message)
    try:
        result_to_arrow(parsed, "UTC")
    except InputMismatchError as error:
        message = f"Invalid result type: {error}"
        raise ConfigError(message) from error
    return parsed


def from_arrow(kind: pa.DataType) -> st.DataType:
    """Give the Spark type of an Arrow type, which is one that `to_arrow` gives.

    Raises:
        KeyError: It is none.
        ConfigError: It is a variant, which this version of Spark does not have.
    """
    if kind == VARIANT:
        if not VARIANTS:
            message = (
                'The model declares an output of any type, which is a "variant" in Spark 4.0 and '
                "newer. Give a result type, or use a newer Spark."
            )
            raise ConfigError(message)
        return VARIANTS[0]()
    if pt.is_list(kind):
        return st.ArrayType(from_arrow(kind.value_type))
    if pt.is_map(kind):
        return st.MapType(from_arrow(kind.key_type), from_arrow(kind.item_type))
    if pt.is_struct(kind):
        return st.StructType([st.StructField(m.name, from_arrow(m.type)) for m in kind])
    if pt.is_timestamp(kind) and kind.tz is not None:
        return st.TimestampType()
    if pt.is_decimal(kind):
        return st.DecimalType(kind.precision, kind.scale)
    return _FROM_ARROW[kind]()


def nullable(schema: st.StructType) -> st.StructType:
    """Give a schema in which every value may be NULL, as Spark has it for files."""
    return st.StructType.fromJson(_nullable(schema.jsonValue()))


def _nullable(value: Any) -> Any:
    if isinstance(value, list):
        return [_nullable(item) for item in value]
    if not isinstance(value, dict):
        return value
    flags = ("nullable", "containsNull", "valueContainsNull")
    return {k: True if k in flags else _nullable(v) for k, v in value.items()}
