"""Columns of parquet files whose types leave no doubt; Spark would run a job to look them up.

Driver only, once per job; one footer is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import types as st

from scorecast.batch.file_names import local_file, shown
from scorecast.batch.footers import Footer, read_footers, schema_of_spark
from scorecast.errors import InputDataError
from scorecast.spark.types import from_arrow

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DIRECTORY_COLUMN = re.compile(r"=[^/]*/")
_SUMMARY = re.compile(r"/_[^/]*$")
# What Spark makes of other types hangs on settings, or on how exactly they are stored.
_PLAIN = {
    pa.bool_(),
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.float32(),
    pa.float64(),
    pa.string(),
    pa.date32(),
}
_SPARKS_OWN = (st.NumericType, st.BooleanType, st.StringType, st.BinaryType, st.DateType)
_SPARKS_TIMES = (st.TimestampType, st.TimestampNTZType)


def plain_columns(spark: SparkSession, files: Sequence[str]) -> st.StructType | None:
    """Give the columns that Spark would find in parquet files, where that is beyond doubt.

    Spark takes them from the first file by path: as text, if Spark has written it, else by the
    types in parquet.

    Args:
        spark: The session.
        files: URIs of all files, as Spark lists them.

    Returns:
        The columns, or None to leave it to Spark: for files that are not local, columns of
        directories, summary files, merged columns, and unusual types or files.
    """
    if not files or str(spark.conf.get("spark.sql.parquet.mergeSchema")).lower() != "false":
        return None
    if any(_DIRECTORY_COLUMN.search(uri) or _SUMMARY.search(uri) for uri in files):
        return None
    first = min(files, key=shown)
    if local_file(first) is None:
        return None
    try:
        footers, _ = read_footers([first])
    except InputDataError:  # Spark says it with more words
        return None
    return _columns(footers[0]) if footers else None


def _columns(footer: Footer) -> st.StructType | None:
    if footer.spark_schema:
        return _written_by_spark(footer.spark_schema)
    if not len(footer.schema) or any(field.type not in _PLAIN for field in footer.schema):
        return None
    return st.StructType([st.StructField(f.name, from_arrow(f.type)) for f in footer.schema])


def _written_by_spark(text: str) -> st.StructType | None:
    if '"udt"' in text:  # reading it would import the class
        return None
    schema = schema_of_spark(text)
    return schema if schema is not None and schema.fields and _is_plain(schema) else None


def _is_plain(kind: st.DataType) -> bool:
    if isinstance(kind, st.StructType):
        return all(not field.metadata and _is_plain(field.dataType) for field in kind.fields)
    if isinstance(kind, st.ArrayType):
        return _is_plain(kind.elementType)
    if isinstance(kind, st.MapType):
        return _is_plain(kind.keyType) and _is_plain(kind.valueType)
    return isinstance(kind, (*_SPARKS_OWN, *_SPARKS_TIMES))
