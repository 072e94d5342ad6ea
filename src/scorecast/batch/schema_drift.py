"""Which columns of parquet files differ so that Spark would not read them right. Driver only.

Spark takes the columns from one file and reads all others as if they had them. Some types it then
converts, some it refuses when a task comes to the file, and some it takes for another type without
a word (an ``int`` is read as a ``date``, an unsigned one as a negative ``double``). What Spark 4
has been seen to read right, value by value, is allowed; Spark 3.5 refuses some of it, aloud:

===================================  ==================================================
type in a file                       types in the first file that it may be read as
===================================  ==================================================
tinyint                              smallint, int, bigint, double
smallint (also unsigned byte)        int, bigint, double
int (also unsigned short)            bigint, double
float                                double
decimal(p, s)                        decimal(q, s) with q > p
nothing but NULL                     tinyint, smallint, int, bigint, double, date
array, struct                        the same, by their elements and members
===================================  ==================================================

Everything else differs: so do times with a zone and without. A struct may have more members than
that of the first file, as a file may have more columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import types as pt

_WIDER: dict[pa.DataType, set[pa.DataType]] = {
    pa.int8(): {pa.int16(), pa.int32(), pa.int64(), pa.float64()},
    pa.int16(): {pa.int32(), pa.int64(), pa.float64()},
    pa.int32(): {pa.int64(), pa.float64()},
    pa.float32(): {pa.float64()},
    pa.null(): {pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float64(), pa.date32()},
}
# Arrow's types that are one type to Spark.
_SAME: dict[pa.DataType, pa.DataType] = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.large_string(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.date64(): pa.date32(),
}
_NAMES: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.null(): "nothing but NULL",
    pa.timestamp("us"): "timestamp_ntz",
    pa.timestamp("us", "UTC"): "timestamp",
}


def spark_schema(metadata: Any) -> pa.Schema:
    """Give the columns of a parquet file with the types that Spark gives them.

    Args:
        metadata: ``pyarrow.parquet.FileMetaData``.
    """
    schema = metadata.schema
    # Arrow takes INT96, which Spark writes times as, for times in nanoseconds without a zone.
    int96 = {
        column.path.partition(".")[0]
        for index in range(len(schema))
        if (column := schema.column(index)).physical_type == "INT96"
    }
    fields = [
        pa.field(field.name, spark_type(field.type, int96=field.name in int96))
        for field in schema.to_arrow_schema()
    ]
    return pa.schema(fields)


def drift_between(files: Sequence[tuple[str, pa.Schema]], needed: Sequence[str]) -> list[str]:
    """Say where files differ from the first one in columns that are needed.

    Args:
        files: Name for people and columns of each file.
        needed: Names of columns. Case does not count, as it does not to Spark.
    """
    if not files:
        return []
    present = {name.casefold() for schema in {f[1] for f in files} for name in schema.names}
    wanted = {name.casefold(): name for name in needed if name.casefold() in present}
    first_name, first = files[0]
    known: dict[pa.Schema, list[tuple[str, str]]] = {}
    found = []
    for name, schema in files:
        if schema not in known:
            known[schema] = list(_problems(schema, first, first_name, wanted))
        found += [
            f"{name}: {text}" for column, text in known[schema] if not _is_directory(name, column)
        ]
    return found


def _problems(
    schema: pa.Schema, first: pa.Schema, first_name: str, wanted: dict[str, str]
) -> Iterator[tuple[str, str]]:
    theirs, ours = _by_name(schema), _by_name(first)
    for folded, name in wanted.items():
        fields = theirs.get(folded, [])
        if not fields:
            yield name, f'the column "{name}" is missing'
        elif len(fields) > 1:
            names = " and ".join(f'"{field.name}"' for field in fields)
            yield name, f"there are several columns {names}, and Spark does not tell case"
        elif (expected := ours.get(folded)) and not reads_alike(fields[0].type, expected[0].type):
            kind, wants = _text(fields[0].type), _text(expected[0].type)
            hint = ", which Spark does not read" if "nanosecond" in kind else ""
            yield name, f'the column "{name}" is {kind}{hint}, but {wants} in {first_name}'


def _by_name(fields: Any) -> dict[str, list[pa.Field]]:
    found: dict[str, list[pa.Field]] = {}
    for field in fields:
        found.setdefault(field.name.casefold(), []).append(field)
    return found


def _is_directory(path: str, column: str) -> bool:
    """Tell whether a column comes from a directory of Hive's layout, which wins over the file's."""
    return re.search(rf"/{re.escape(column)}=[^/]*/", path, re.IGNORECASE) is not None


def reads_alike(theirs: pa.DataType, ours: pa.DataType) -> bool:
    """Tell whether Spark reads values of one type as values of another; both of `spark_type`."""
    if theirs == ours:
        return True
    if pt.is_decimal128(theirs) and pt.is_decimal128(ours):
        return bool(theirs.scale == ours.scale and theirs.precision < ours.precision)
    if pt.is_list(theirs) and pt.is_list(ours):
        return _part_reads_as(theirs.value_type, ours.value_type)
    if pt.is_struct(theirs) and pt.is_struct(ours):
        members = _by_name(theirs)
        return all(
            len(members.get(member.name.casefold(), ())) == 1
            and _part_reads_as(members[member.name.casefold()][0].type, member.type)
            for member in ours
        )
    if pt.is_null(ours):
        # Spark takes a column of nothing but NULL for one of int.
        return bool(theirs in (pa.int8(), pa.int16(), pa.int32()))
    return bool(ours in _WIDER.get(theirs, ()))


def _part_reads_as(theirs: pa.DataType, ours: pa.DataType) -> bool:
    # Nothing but NULL has only been seen to be read right in whole columns.
    if pt.is_null(theirs) or pt.is_null(ours):
        return bool(theirs == ours)
    return reads_alike(theirs, ours)


def spark_type(kind: pa.DataType, *, int96: bool = False) -> pa.DataType:
    """Give the one Arrow type that stands for all that are the same type to Spark.

    Args:
        kind: Type as Arrow finds it in a file, or in which Spark hands data to Python.
        int96: Whether its times are stored as INT96.
    """
    if pt.is_dictionary(kind):
        return spark_type(kind.value_type, int96=int96)
    if pt.is_timestamp(kind):
        if int96:
            return pa.timestamp("us", "UTC")
        unit = "ns" if kind.unit == "ns" else "us"
        return pa.timestamp(unit, None if kind.tz is None else "UTC")
    if pt.is_map(kind):
        key, item = kind.key_type, kind.item_type
        return pa.map_(spark_type(key, int96=int96), spark_type(item, int96=int96))
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return pa.list_(spark_type(kind.value_type, int96=int96))
    if pt.is_struct(kind):
        return pa.struct([(m.name, spark_type(m.type, int96=int96)) for m in kind])
    if isinstance(kind, pa.BaseExtensionType):
        return spark_type(kind.storage_type, int96=int96)
    if pt.is_fixed_size_binary(kind) and not pt.is_decimal(kind):
        return pa.binary()
    if pt.is_decimal(kind) and kind.precision <= pa.decimal128(38).precision:
        return pa.decimal128(kind.precision, kind.scale)
    return _SAME.get(kind, kind)


def _text(kind: pa.DataType) -> str:
    if pt.is_timestamp(kind) and kind.unit == "ns":
        return "times in nanoseconds"
    if pt.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pt.is_list(kind):
        return f"array<{_text(kind.value_type)}>"
    if pt.is_map(kind):
        return f"map<{_text(kind.key_type)},{_text(kind.item_type)}>"
    if pt.is_struct(kind):
        return f"struct<{','.join(f'{member.name}:{_text(member.type)}' for member in kind)}>"
    return _NAMES.get(kind, str(kind))
