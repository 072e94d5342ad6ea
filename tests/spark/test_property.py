"""Random models on random data: every front gives, value for value, what plain Python gives.

The model tells what it is given as one text per row, and predicts a value that it picks by that
text. So a difference in what reaches the model, or in what becomes of its predictions, shows. What
is expected comes from the generated values by the rules below, never from scorecast's own code.
"""

# ruff: noqa: DTZ001 - times without a zone are among the values tested

import datetime as dt
import os
import sys
import tempfile
import zlib
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql import types as t

import scorecast
from scorecast.models.signature import Array, Object, Property, Scalar, Signature, Spec
from scorecast.spark.versions import HAS_ARROW_UDF
from scorecast.worker.outputs import to_predictions

# Workers cannot import this file, so the functions that a model uses travel with it.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = pytest.mark.skipif(
    not HAS_ARROW_UDF,
    reason="before Spark 4.1 columns come through pandas, with the exceptions of worker/series.py",
)
EXAMPLES = int(os.environ.get("SCORECAST_EXAMPLES", "25"))
ZONES = ["UTC", "America/New_York", "Asia/Kolkata"]


# What a value is, as text: the same for the same value of Python, numpy and pandas.


def shown(value: Any, *, strict: bool) -> str:  # noqa: C901 - one case per type
    """Describe a value; NaN and NULL, and absent and NULL members, are told apart if strict."""
    if value is None or value is pd.NA or value is pd.NaT:
        return "~"
    if isinstance(value, bool | np.bool_):
        return f"bool {bool(value)}"
    if isinstance(value, int | np.integer):
        return f"int {int(value)}"
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return "nan" if strict else "~"
        return f"float {float(value).hex()}"
    if isinstance(value, str | bytes | Decimal):
        return repr(value)
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC)
        return f"time {value.isoformat(timespec='microseconds')}"
    if isinstance(value, dt.date):
        return f"date {value.isoformat()}"
    if isinstance(value, list | tuple | np.ndarray):
        return f"[{', '.join(shown(item, strict=strict) for item in value)}]"
    if isinstance(value, dict):
        members = {name: shown(item, strict=strict) for name, item in sorted(value.items())}
        kept = (f"{name!r}: {text}" for name, text in members.items() if strict or text != "~")
        return f"{{{', '.join(kept)}}}"
    message = f"a {type(value).__name__} is nothing that is expected"
    raise TypeError(message)


# Inputs: what is declared, what Spark holds, and what the model should see.


@dataclass(frozen=True)
class Kind:
    """A pair of a declared type and a type of Spark that fits it.

    Attributes:
        declared: Type in the signature.
        spark: Type of the column.
        values: Strategy of values of the column, in Python; records are dicts.
        arrow: Type of the column in Arrow, with the session's time zone left open.
        dtype: dtype in which the model is given it, and that of an optional input.
        pandas: dtype in which a user has such values in pandas.
    """

    declared: Any
    spark: t.DataType
    values: Any
    arrow: pa.DataType
    dtype: tuple[str, str]
    pandas: Any = object


def integers(bits: int) -> Any:
    """Give integers of so many bits, often the most extreme ones."""
    most = 2 ** (bits - 1)
    return st.integers(-most, most - 1) | st.sampled_from([-most, most - 1, 0, -1])


def exists(time: dt.datetime) -> bool:
    """Tell whether the clocks of all zones show a time; which moment it is, is then no question."""
    for name in ZONES:
        there = time.replace(tzinfo=ZoneInfo(name))
        back = there.astimezone(dt.UTC).astimezone(ZoneInfo(name)).replace(tzinfo=None)
        if back != time:
            return False
    return True


def clock_times(first: int, last: int) -> Any:
    """Give times without a zone, some of them at midnight."""
    times = st.datetimes(dt.datetime(first, 1, 1), dt.datetime(last, 12, 31))
    return (times | times.map(lambda time: dt.datetime(time.year, time.month, time.day))).filter(
        exists
    )


def instants(first: int, last: int) -> Any:
    """Give times with the zone UTC."""
    times = st.datetimes(dt.datetime(first, 1, 1), dt.datetime(last, 12, 31))
    return times.map(lambda time: time.replace(tzinfo=dt.UTC))


FLOATS = st.floats() | st.sampled_from([0.0, -0.0, float("nan"), float("inf"), -float("inf")])
SINGLES = st.floats(width=32)
TEXTS = st.text(max_size=5) | st.sampled_from(["", "nan", "None", "NULL", "0", "\x00", "üñ日本🙂"])
BYTES = st.binary(max_size=5)
# What pandas holds in nanoseconds; later times have a test of their own.
LAST_YEAR = 2036
TIMES = clock_times(1679, LAST_YEAR)
DATES = TIMES.map(lambda time: time.date()).filter(
    lambda day: exists(dt.datetime(day.year, day.month, day.day))
)
INSTANTS = instants(1679, LAST_YEAR)
BOOLS = st.booleans()
DAY_TIME = ("datetime64[ns]", "datetime64[ns]")

KINDS = [
    Kind(Scalar("boolean"), t.BooleanType(), BOOLS, pa.bool_(), ("bool", "boolean"), "boolean"),
    Kind(Scalar("integer"), t.IntegerType(), integers(32), pa.int32(), ("int32", "Int32"), "Int32"),
    Kind(Scalar("integer"), t.ShortType(), integers(16), pa.int16(), ("int32", "Int32"), "Int16"),
    Kind(Scalar("long"), t.LongType(), integers(64), pa.int64(), ("int64", "Int64"), "Int64"),
    Kind(Scalar("long"), t.ByteType(), integers(8), pa.int8(), ("int64", "Int64"), "Int8"),
    Kind(Scalar("float"), t.FloatType(), SINGLES, pa.float32(), ("float32",) * 2, "float32"),
    Kind(Scalar("double"), t.DoubleType(), FLOATS, pa.float64(), ("float64",) * 2, "float64"),
    Kind(Scalar("double"), t.FloatType(), SINGLES, pa.float32(), ("float64",) * 2, "float32"),
    Kind(Scalar("double"), t.IntegerType(), integers(32), pa.int32(), ("float64",) * 2, "Int32"),
    Kind(Scalar("string"), t.StringType(), TEXTS, pa.string(), ("str",) * 2),
    Kind(Scalar("binary"), t.BinaryType(), BYTES, pa.binary(), ("object",) * 2),
    Kind(Scalar("datetime"), t.TimestampType(), INSTANTS, pa.timestamp("us", "UTC"), DAY_TIME),
    Kind(Scalar("datetime"), t.TimestampNTZType(), TIMES, pa.timestamp("us"), DAY_TIME),
    Kind(Scalar("datetime"), t.DateType(), DATES, pa.date32(), DAY_TIME),
    Kind(
        Array(Scalar("double")),
        t.ArrayType(t.DoubleType()),
        st.lists(FLOATS | st.none(), max_size=3),
        pa.list_(pa.float64()),
        ("object",) * 2,
    ),
    Kind(
        Array(Scalar("string")),
        t.ArrayType(t.StringType()),
        st.lists(TEXTS | st.none(), max_size=3),
        pa.list_(pa.string()),
        ("object",) * 2,
    ),
]  # fmt: skip
MEMBER_KINDS = [kind for kind in KINDS if str(kind.declared) != "datetime"]
NAMES = st.text("aüZ日.`'\" \\#{}/%$-\t", min_size=1, max_size=5)


def holds_integers(declared: Object) -> bool:
    """Tell whether a record has a whole number in it."""
    return any(str(p.type) in ("integer", "long") for p in declared.properties)


def member_values(kind: Kind) -> Any:
    """Give values of a member; integers beside nulls have a test of their own."""
    whole = str(kind.declared) in ("integer", "long")
    return kind.values if whole else kind.values | st.none()


@st.composite
def records(draw: Any) -> Kind:
    """Make a kind of records with one to three members, some of which the data lacks."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.casefold))
    kinds = {name: draw(st.sampled_from(MEMBER_KINDS)) for name in names}
    lacking = set(draw(st.lists(st.sampled_from(names), max_size=len(names) - 1, unique=True)))
    properties = tuple(
        Property(name, kinds[name].declared, name not in lacking and draw(st.booleans()))
        for name in sorted(names)
    )
    there = [name for name in names if name not in lacking]
    return Kind(
        Object(properties),
        t.StructType([t.StructField(name, kinds[name].spark) for name in there]),
        st.fixed_dictionaries({name: member_values(kinds[name]) for name in there}),
        pa.struct([(name, kinds[name].arrow) for name in there]),
        ("object",) * 2,
    )


@dataclass(frozen=True)
class Input:
    """One declared input and the values of its column; None where the data does not have it."""

    name: str
    kind: Kind
    required: bool
    values: list[Any] | None

    @property
    def spec(self) -> Spec:
        return Spec(self.kind.declared, self.name, self.required)

    @property
    def dtype(self) -> str:
        return self.kind.dtype[0 if self.required else 1]


def as_seen(value: Any, declared: Any, zone: str) -> Any:
    """Give a value of a column as the model should see it."""
    if value is None:
        return None
    match declared:
        case Scalar("float" | "double"):
            return float(value)
        case Scalar("datetime"):
            if not isinstance(value, dt.datetime):
                return dt.datetime(value.year, value.month, value.day)
            if value.tzinfo is None:
                return value
            return value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        case Array(items):
            return [as_seen(item, items, zone) for item in value]
        case Object(properties):
            return {p.name: as_seen(value.get(p.name), p.type, zone) for p in properties}
    return value


def in_spark(value: Any, kind: t.DataType) -> Any:
    """Give a value as `createDataFrame` takes it: records as tuples."""
    if value is not None and isinstance(kind, t.StructType):
        return tuple(in_spark(value[field.name], field.dataType) for field in kind)
    return value


def in_pandas(column: Input, zone: str) -> Any:
    """Give a column as a user has it in pandas."""
    values = column.values
    if isinstance(column.kind.spark, t.TimestampType):
        values = [as_seen(value, Scalar("datetime"), zone) for value in values]
    if isinstance(column.kind.declared, Object):  # pandas alone has no narrow numbers in records
        return pd.Series(pd.arrays.ArrowExtensionArray(in_arrow(column, zone)))
    series = pd.Series(values, dtype=column.kind.pandas)
    if str(column.kind.declared) in ("boolean", "integer", "long") and column.required:
        return series.astype(column.kind.pandas.lower().replace("boolean", "bool"))
    return series


def in_arrow(column: Input, zone: str) -> Any:
    """Give a column as Spark would give it."""
    stamps = isinstance(column.kind.spark, t.TimestampType)
    return pa.array(column.values, pa.timestamp("us", zone) if stamps else column.kind.arrow)


# Results: the type, the values that the model picks from, and the form in which it returns them.


@dataclass(frozen=True)
class Result:
    """A type of predictions, and how the model makes them.

    Attributes:
        ddl: The type as text.
        form: Form in which the model returns them, see `formed`.
        pool: Values to choose from; None to echo a column.
        echoed: Name of that column.
    """

    ddl: str
    form: str
    pool: list[Any] | None = None
    echoed: str | None = None


STRUCT = "struct<a: bigint, b b: string, c: array<double>>".replace("b b", "`b b`")
ARROW_RESULTS = {
    "double": pa.float64(),
    "float": pa.float32(),
    "long": pa.int64(),
    "int": pa.int32(),
    "short": pa.int16(),
    "byte": pa.int8(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp_ntz": pa.timestamp("us"),
    "decimal(20,3)": pa.decimal128(20, 3),
    "array<double>": pa.list_(pa.float64()),
    "array<array<long>>": pa.list_(pa.list_(pa.int64())),
    "map<string,double>": pa.map_(pa.string(), pa.float64()),
    STRUCT: pa.struct([("a", pa.int64()), ("b b", pa.string()), ("c", pa.list_(pa.float64()))]),
}
BITS = {"long": 64, "int": 32, "short": 16, "byte": 8}
NUMPY = {"double": "f8", "float": "f4", "long": "i8", "int": "i4", "short": "i2", "byte": "i1"}
NUMPY |= {"boolean": "?", "date": "M8[D]", "timestamp": "M8[us]", "timestamp_ntz": "M8[us]"}
NULLABLE = {"long": "Int64", "int": "Int32", "short": "Int16", "byte": "Int8"}
NULLABLE |= {"boolean": "boolean", "string": "string"}
OBJECT_FORMS = ["list", "tuple", "objects", "series", "frame", "dict"]
MEMBERS = ("a", "b b", "c")
PAIRS = [("a", integers(64)), ("b b", TEXTS), ("c", st.lists(FLOATS | st.none(), max_size=2))]


def forms(ddl: str) -> list[str]:
    """Name the forms in which values of a type may be returned."""
    if ddl == STRUCT:
        return ["list", "objects", "series", "arrow", "tuples", "column frame", "column dict"]
    more = ["arrow", "arrow table"]
    if "<" not in ddl:
        more += ["records"]
    if ddl in NUMPY:
        more += ["numpy", "numpy frame"]
    if ddl in NULLABLE:
        more += ["nullable"]
    if ddl.startswith("array"):
        more += ["block"]
    if ddl == "array<double>":
        more += ["arrays"]
    return OBJECT_FORMS + more


def pool_values(ddl: str, form: str) -> Any:  # noqa: C901, PLR0912 - one case per type
    """Give the strategy of values that a model may return for a type in a form."""
    plain = form in ("arrow", "arrow table", "numpy", "numpy frame", "nullable", "block")
    match ddl:
        case "double":
            return FLOATS if plain else FLOATS | integers(32)
        case "float":
            return SINGLES
        case "long" | "int" | "short" | "byte":
            whole = integers(BITS[ddl])
            return whole if plain else whole | st.booleans()
        case "string":
            return TEXTS if plain else TEXTS | integers(64) | st.booleans() | st.just(float("nan"))
        case "boolean":
            return st.booleans()
        case "binary":
            return BYTES
        case "date":
            days = st.dates(dt.date(2, 1, 1), dt.date(9998, 1, 1))
            return days if plain else days | days.map(lambda d: dt.datetime(d.year, d.month, d.day))
        case "timestamp" | "timestamp_ntz":
            return clock_times(2, LAST_YEAR)
        case "decimal(20,3)":
            # Integers beside decimals have a test of their own.
            return st.integers(-(10**20) + 1, 10**20 - 1).map(lambda i: Decimal(i).scaleb(-3))
        case "array<double>":
            if form == "block":
                return st.lists(FLOATS, min_size=2, max_size=2)
            items = FLOATS if form == "arrays" else FLOATS | st.none()
            return st.lists(items, max_size=3)
        case "array<array<long>>":
            if form == "block":
                row = st.lists(integers(64), min_size=3, max_size=3)
                return st.lists(row, min_size=2, max_size=2)
            inner = st.lists(integers(64) | st.none(), max_size=2)
            return st.lists(inner | st.none(), max_size=2)
        case "map<string,double>":
            return st.dictionaries(TEXTS, FLOATS | st.none(), max_size=2)
    members = {name: values | st.none() for name, values in PAIRS}
    if form == "list":
        return st.fixed_dictionaries({}, optional=members)
    return st.fixed_dictionaries(members)


def has_nulls(ddl: str, form: str) -> bool:
    """Tell whether a form has a place for a missing value."""
    if form in ("numpy", "numpy frame"):
        return ddl in ("double", "float", "date", "timestamp", "timestamp_ntz")
    return form not in ("block", "column frame", "column dict")


def formed(values: list[Any], ddl: str, form: str, width: tuple[int, ...]) -> Any:  # noqa: C901, PLR0912 - one case per form
    """Give predictions in the form of the result. Runs inside of the model."""
    objects = np.empty(len(values), object)
    objects[:] = values
    match form:
        case "list":
            return list(values)
        case "tuple":
            return tuple(values)
        case "objects":
            return objects
        case "series":
            return pd.Series(objects, dtype=object)
        case "frame":
            return pd.DataFrame({"p": pd.Series(objects, dtype=object)})
        case "dict":
            return {"p": list(values)}
        case "records":
            return [{"p": value} for value in values]
        case "arrow":
            return pa.array(values, ARROW_RESULTS[ddl])
        case "arrow table":
            return pa.table({"p": pa.array(values, ARROW_RESULTS[ddl])})
        case "numpy":
            return np.array(values, NUMPY[ddl])
        case "numpy frame":
            return pd.DataFrame({"p": np.array(values, NUMPY[ddl])})
        case "nullable":
            return pd.Series(values, dtype=NULLABLE[ddl])
        case "block":
            kind = "f8" if ddl == "array<double>" else "i8"
            return np.array(values, kind).reshape(len(values), *width)
        case "arrays":
            return [None if value is None else np.array(value, float) for value in values]
        case "tuples":
            return [None if value is None else tuple(value[n] for n in MEMBERS) for value in values]
        case "column dict":
            return {name: [value[name] for value in values] for name in MEMBERS}
        case "column frame":
            columns = {}
            for name in MEMBERS:
                column = np.empty(len(values), object)
                column[:] = [value[name] for value in values]
                columns[name] = pd.Series(column, dtype=object)
            return pd.DataFrame(columns)
    raise AssertionError(form)


def as_predicted(value: Any, result: Result, zone: str) -> Any:  # noqa: C901 - one case per type
    """Give the value of Spark that a value of the model should become."""
    if result.form in ("numpy", "numpy frame") and result.ddl in ("double", "float"):
        value = float("nan") if value is None else value
    if value is None:
        return None
    match result.ddl:
        case "double" | "float":
            return float(value)
        case "long" | "int" | "short" | "byte":
            return int(value)
        case "string":
            return None if isinstance(value, float) and np.isnan(value) else str(value)
        case "date":
            return value.date() if isinstance(value, dt.datetime) else value
        case "timestamp" if value.tzinfo is None:
            return value.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
        case "timestamp_ntz" if value.tzinfo is not None:
            return value.astimezone(dt.UTC).replace(tzinfo=None)
        case "decimal(20,3)":
            return Decimal(value).quantize(Decimal("0.001"))
        case ddl if ddl == STRUCT:
            return {name: value.get(name) for name in MEMBERS}
    return value


ECHOES = {
    "boolean": ["boolean", "int", "double"],
    "integer": ["int", "long", "double", "decimal(20,3)", "string"],
    "long": ["long", "string"],
    "float": ["float", "double"],
    "double": ["double"],
    "string": ["string"],
    "binary": ["binary"],
    "datetime": ["timestamp", "timestamp_ntz"],
    "array<double>": ["array<double>"],
}


def as_echoed(value: Any, column: Input, result: Result, zone: str) -> Any:
    """Give the value of Spark that comes of a model that returns a column as it was given it."""
    seen = as_seen(value, column.kind.declared, zone)
    if str(column.kind.declared) in ("float", "double") and seen is None:
        return float("nan")  # which is all that the model was given
    if str(column.kind.declared) == "array<double>" and seen is not None:
        return [float("nan") if item is None else item for item in seen]
    return as_predicted(seen, result, zone)


@dataclass(frozen=True)
class Case:
    """A model, its data and how they are put to Spark."""

    inputs: list[Input]
    result: Result
    rows: int
    zone: str
    partitions: int
    batch_size: int | None
    order: list[int]

    @property
    def given(self) -> list[Input]:
        """The inputs that the data has."""
        return [column for column in self.inputs if column.values is not None]

    def expected(self) -> list[Any]:
        """Give the predictions that Spark should hold."""
        if self.result.echoed is not None:
            column = next(c for c in self.given if c.name == self.result.echoed)
            return [as_echoed(v, column, self.result, self.zone) for v in column.values]
        texts = []
        for row in range(self.rows):
            seen = {c.name: as_seen(c.values[row], c.kind.declared, self.zone) for c in self.given}
            texts.append(told(seen))
        if self.result.pool is None:
            return texts
        return [as_predicted(picked(x, self.result.pool), self.result, self.zone) for x in texts]


def told(row: dict[str, Any]) -> str:
    """Tell what the model sees in a row."""
    return "; ".join(f"{name!r} = {shown(value, strict=False)}" for name, value in row.items())


def picked(text: str, pool: list[Any]) -> Any:
    """Pick a value by a text."""
    return pool[zlib.crc32(text.encode()) % len(pool)]


def model_of(case: Case) -> Any:
    """Make the model; it refuses to be given other columns or dtypes than the signature says."""
    # Plain values alone, for they travel with the model.
    ddl, form, pool, name = (getattr(case.result, n) for n in ("ddl", "form", "pool", "echoed"))
    width = np.shape(pool[0]) if form == "block" else ()
    dtypes = {column.name: column.dtype for column in case.given}

    def model(data: Any) -> Any:
        got = {name: str(dtype) for name, dtype in data.dtypes.items()}
        if list(got.items()) != list(dtypes.items()):
            message = f"the model was given {got}, expected {dtypes}"
            raise TypeError(message)
        if name is not None:
            echoed = data[name]
            # numpy has no integers beside missing ones.
            values = echoed.to_numpy() if isinstance(echoed.dtype, np.dtype) else echoed.array
            return {"column": echoed, "frame": echoed.to_frame(), "values": values}[form]
        columns = {label: data[label] for label in data.columns}
        texts = [
            told({label: column.iloc[row] for label, column in columns.items()})
            for row in range(len(data))
        ]
        if pool is None:
            return formed(texts, ddl, form, width)
        return formed([picked(text, pool) for text in texts], ddl, form, width)

    return model


@st.composite
def results(draw: Any, inputs: list[Input]) -> Result:
    """Draw how the model predicts: by picking from a pool, or by echoing a column."""
    echoable = [c for c in inputs if c.values is not None and str(c.kind.declared) in ECHOES]
    if echoable and draw(st.integers(0, 2)) == 0:
        column = draw(st.sampled_from(echoable))
        ddl = draw(st.sampled_from(ECHOES[str(column.kind.declared)]))
        form = draw(st.sampled_from(["column", "frame", "values"]))
        return Result(ddl, form, echoed=column.name)
    ddl = draw(st.sampled_from(list(ARROW_RESULTS)))
    form = draw(st.sampled_from(forms(ddl)))
    if ddl == "string" and draw(st.booleans()):
        return Result(ddl, form)
    values = pool_values(ddl, form)
    if "timestamp" in ddl and form in OBJECT_FORMS and draw(st.booleans()):
        values = instants(2, LAST_YEAR)
    values = values | st.none() if has_nulls(ddl, form) else values
    return Result(ddl, form, draw(st.lists(values, min_size=1, max_size=8)))


@st.composite
def cases(draw: Any) -> Case:
    """Draw a model with one to five inputs, and data for it with up to thirty rows."""
    rows = draw(st.integers(0, 30))
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique_by=str.casefold))
    inputs = []
    for name in names:
        kind = draw(st.one_of(st.sampled_from(KINDS), st.sampled_from(KINDS), records()))
        required = draw(st.booleans())
        whole = str(kind.declared) in ("boolean", "integer", "long")
        # Integers in records beside null ones have a test of their own.
        inside = isinstance(kind.declared, Object) and holds_integers(kind.declared)
        values = kind.values if (required and whole) or inside else kind.values | st.none()
        # A few values in many rows: it is what they are that matters, not how many.
        few = draw(st.lists(values, min_size=1, max_size=6))
        absent = not required and draw(st.integers(0, 3)) == 0
        column = [few[(row * row + len(name)) % len(few)] for row in range(rows)]
        inputs.append(Input(name, kind, required, None if absent else column))
    if all(column.values is None for column in inputs):
        inputs[0] = replace(inputs[0], values=[None] * rows)
    return Case(
        inputs,
        draw(results(inputs)),
        rows,
        draw(st.sampled_from(ZONES)),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([None, None, 1, 7])),
        draw(st.permutations(range(len(inputs)))),
    )


# What is compared.


def by_id(table: pa.Table, name: str, ddl: str | None = None) -> list[str]:
    """Give the values of a column in the order of the ids, as texts."""
    ids, values = table["id"].to_pylist(), table[name].to_pylist()
    if ddl == "map<string,double>":
        values = [None if value is None else dict(value) for value in values]
    return [shown(value, strict=True) for _, value in sorted(zip(ids, values, strict=True))]


def without_nan(value: Any) -> Any:
    """Give a nested value as it comes out of pandas, which has NULL for NaN there."""
    if isinstance(value, list):
        return [None if shown(item, strict=True) == "nan" else without_nan(item) for item in value]
    if isinstance(value, dict):
        return dict(zip(value, without_nan(list(value.values())), strict=True))
    return value


def strict_texts(values: list[Any]) -> list[str]:
    """Describe expected values."""
    return [shown(value, strict=True) for value in values]


def per_row(returned: Any, result: Result) -> list[Any]:
    """Take apart what the model returned on the driver: one value per row."""
    if isinstance(returned, dict):
        returned = pd.DataFrame({n: pd.Series(v, dtype=object) for n, v in returned.items()})
    if isinstance(returned, pa.Table):
        returned = returned["p"]
    if isinstance(returned, pd.DataFrame):
        if len(returned.columns) > 1:
            return [
                dict(zip(returned.columns, row, strict=True))
                for row in returned.itertuples(index=False, name=None)
            ]
        returned = returned.iloc[:, 0]
    if isinstance(returned, pa.Array | pa.ChunkedArray):
        values = returned.to_pylist()
        is_map = result.ddl == "map<string,double>"
        return [dict(v) if is_map and v is not None else v for v in values]
    if result.form == "records":
        return [record["p"] for record in returned]
    if result.form == "tuples":
        return [None if v is None else dict(zip(MEMBERS, v, strict=True)) for v in returned]
    if result.form in ("numpy", "numpy frame") and result.ddl == "date":
        return [None if pd.isna(v) else pd.Timestamp(str(v)).date() for v in returned]
    return list(returned)


def check_driver(case: Case, path: Path) -> None:
    """Compare `load_model` on Arrow and pandas data."""
    model = scorecast.load_model(path)
    given = {column.name: in_arrow(column, case.zone) for column in case.given}
    table = pa.table(list(given.values()), names=list(given))
    frame = pd.DataFrame(index=range(case.rows))
    for column in case.given:
        frame[column.name] = in_pandas(column, case.zone)
    expected = strict_texts(case.expected())
    for data in (table, frame):
        rows = per_row(model.predict(data), case.result)
        got = [None if is_missing(value) else plain(value) for value in rows]
        assert strict_texts([as_predicted(v, case.result, case.zone) for v in got]) == expected


def is_missing(value: Any) -> bool:
    """Tell whether pandas or numpy say that there is no value."""
    return value is None or value is pd.NA or value is pd.NaT or (
        isinstance(value, np.datetime64) and np.isnat(value)
    )  # fmt: skip


def plain(value: Any) -> Any:
    """Give a value of numpy or pandas as one of Python."""
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, np.datetime64):
        return value.astype("M8[us]").item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def check_spark(case: Case, path: Path, spark: Any) -> None:
    """Compare all call shapes of `spark_udf` and all interfaces of `predict_frame`."""
    inputs, ddl = case.given, case.result.ddl
    names = [column.name for column in inputs]
    shuffled = [case.inputs[i].name for i in case.order if case.inputs[i].values is not None]
    fields = [t.StructField("id", t.IntegerType())]
    fields += [t.StructField(column.name, column.kind.spark) for column in inputs]
    rows = [
        (row, *(in_spark(column.values[row], column.kind.spark) for column in inputs))
        for row in range(case.rows)
    ]
    df = spark.createDataFrame(rows, t.StructType(fields)).repartition(case.partitions, "id")
    options = {"result_type": ddl, "batch_size": case.batch_size, "preflight": False}

    udf = scorecast.spark_udf(spark, path, **options)
    columns = {name: F.col(f"`{name.replace('`', '``')}`") for name in names}
    moved = [columns[name] for name in shuffled]
    calls = {
        "names": udf("id", *shuffled) if len(names) > 1 else udf(*shuffled),
    }
    # One column beside absent inputs has a test of its own.
    if len(names) > 1 or len(case.inputs) == 1:
        calls["columns"] = udf(*moved)
    if not (len(inputs) == 1 and isinstance(inputs[0].kind.declared, Object)):
        calls["struct"] = udf(F.struct(*moved, "id"))
    if len(names) == len(case.inputs):
        spark.udf.register("predict_by_position", udf)
        calls["registered"] = F.call_function("predict_by_position", *columns.values())
        renamed = [column.alias(f"q{i}") for i, column in enumerate(columns.values())]
        calls["positions"] = udf(*renamed)
        if all(column.required for column in case.inputs):
            calls["nothing"] = udf()
    scored = df.withColumns({f"p_{call}": column for call, column in calls.items()})
    options |= {"output_column": "p_arrow", "interface": "arrow"}
    framed = scorecast.predict_frame(scored, path, **options)
    options |= {"output_column": "p_column", "interface": "column"}
    framed = scorecast.predict_frame(framed, path, **options)
    table = framed.toArrow()

    expected = strict_texts(case.expected())
    for call in [*calls, "arrow", "column"]:
        assert (call, by_id(table, f"p_{call}", ddl)) == (call, expected)
    for column in inputs:
        assert by_id(table, column.name) == strict_texts(column.values)

    options |= {"output_column": "p", "interface": "pandas", "keep": ["id"]}
    table = scorecast.predict_frame(df, path, **options).toArrow()
    assert by_id(table, "p", ddl) == strict_texts(list(map(without_nan, case.expected())))


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(case=cases())
def test_every_front_predicts_what_plain_python_does(spark, case: Case) -> None:
    """Whatever the signature, the data and the result type: each row gets its own prediction."""
    zone = spark.conf.get("spark.sql.session.timeZone")
    signature = Signature(inputs=tuple(column.spec for column in case.inputs))
    try:
        spark.conf.set("spark.sql.session.timeZone", case.zone)
        with tempfile.TemporaryDirectory() as folder:
            path = scorecast.save_model(model_of(case), Path(folder) / "m", signature=signature)
            note(str(signature))
            check_driver(case, path)
            check_spark(case, path, spark)
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)


# What the property leaves out, each alone.


def saved(folder: Path, model: Any, *inputs: Spec) -> Path:
    """Save a model with inputs."""
    return scorecast.save_model(model, folder / "m", signature=Signature(inputs=inputs))


@pytest.mark.parametrize("interface", ["arrow", "column"])
def test_summer_time_goes_on_after_2037(spark, tmp_path, interface):
    """Times in the far future are the clock times of the session's zone, and back."""
    zone = spark.conf.get("spark.sql.session.timeZone")
    path = saved(tmp_path, lambda data: data["at"].map(str), Spec(Scalar("datetime"), "at"))
    back = saved(tmp_path / "back", lambda data: data["at"], Spec(Scalar("datetime"), "at"))
    at = dt.datetime(2040, 7, 1, 12, tzinfo=ZoneInfo("America/New_York"))
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        df = spark.createDataFrame([(at,)], "at timestamp")
        clock = dt.datetime(2040, 7, 1, 12)
        options = {"interface": interface, "preflight": False, "output_column": "p"}
        local = spark.createDataFrame([(clock,)], "at timestamp_ntz")
        seen = scorecast.predict_frame(df, path, result_type="string", **options)
        made = scorecast.predict_frame(local, back, result_type="timestamp", **options)
        assert seen.first().p == "2040-07-01 12:00:00"
        assert made.select(F.unix_seconds("p")).first()[0] == at.timestamp()
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)


@pytest.mark.parametrize("other", [{"n": None}, None], ids=["null member", "null record"])
def test_integers_beside_nulls_in_records_stay_integers(tmp_path, other):
    """A member is of the same type in every batch, and no digit of it is lost."""
    member = Object((Property("n", Scalar("long"), required=False),))
    path = saved(tmp_path, lambda data: [r and r["n"] for r in data["who"]], Spec(member, "who"))
    table = pa.table({"who": [{"n": 2**63 - 1}, other]})
    got = scorecast.load_model(path).predict(table)
    assert strict_texts(got) == [f"int {2**63 - 1}", "~"]


def test_one_column_beside_absent_inputs_is_taken_by_name(spark, tmp_path):
    """A column with the name of an input is that input, in every call shape."""
    inputs = [Spec(Scalar("double"), name, required=False) for name in "ab"]
    path = saved(tmp_path, lambda data: [data.columns[0]] * len(data), *inputs)
    udf = scorecast.spark_udf(spark, path, "string", preflight=False)
    df = spark.createDataFrame([(1.0,)], "b double")
    calls = [udf("b"), udf(F.struct("b")), udf(F.col("b"))]
    assert list(df.select(*calls).first()) == ["b", "b", "b"]


@pytest.mark.parametrize("interface", ["arrow", "pandas", "column"])
def test_columns_that_are_never_null_may_be_kept(spark, tmp_path, interface):
    """NOT NULL columns, as `spark.range` gives them, are kept as others are."""
    path = saved(tmp_path, lambda data: data["id"], Spec(Scalar("long"), "id"))
    df = spark.range(2, numPartitions=1)
    scored = scorecast.predict_frame(
        df, path, result_type="long", interface=interface, preflight=False
    )
    assert scored.collect() == [(0, 0), (1, 1)]


def test_clock_times_do_not_depend_on_the_rows_before(tmp_path):
    """What an instant becomes as a clock time is the same, whichever zone another row has."""
    noon = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)
    east = noon.astimezone(dt.timezone(dt.timedelta(hours=2)))
    kind = pa.timestamp("us")
    together = to_predictions([east, noon], 2, kind).to_pylist()
    alone = [to_predictions([value], 1, kind).to_pylist()[0] for value in (east, noon)]
    assert together == alone


@pytest.mark.parametrize("returned", [[20000, Decimal("1.5")], [Decimal("1.5"), 20000]], ids=str)
def test_decimals_may_stand_beside_integers(returned):
    """What fits alone fits in every batch, whatever the rows before."""
    kind = pa.decimal128(20, 3)
    for value in returned:
        assert to_predictions([value], 1, kind).to_pylist() == [value]
    assert to_predictions(returned, 2, kind).to_pylist() == returned
