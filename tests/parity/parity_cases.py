"""The table of cases: what MLflow does, what scorecast does, and whether they are to agree.

Rows name sections of the reference of MLflow 3.17.2: "5.n" its list of what must match, "5 dev" its
table of deviations, "1.5" its table of outputs, "Cn" its list of errors in MLflow, "7.n" what
MLflow's own tests assert.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import functions as F

import scorecast
from parity import PIN, Case, Fails, Frame, Gives, Model

NAN = float("nan")
IDS = Frame("id long", [(0,), (1,), (2,)])
TWO_PARTS = Frame("id long", [(0,), (1,), (2,), (3,)], partitions=2)
AB = Frame("a double, b double", [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)])
ABCD = Frame("a long, b long, c long, d long", [(1, 2, 3, 4), (10, 20, 30, 40)])
SMALL_BATCHES = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}


def col(name: str | None, kind: str, **more: Any) -> dict[str, Any]:
    """Declare an input or output, as it stands in an MLmodel file."""
    named = {} if name is None else {"name": name}
    return {"type": kind, **named, "required": True, **more}


def tensor(dtype: str, *shape: int) -> dict[str, Any]:
    """Declare a tensor."""
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": list(shape)}}


def param(name: str, kind: str, default: Any, shape: Any = None) -> dict[str, Any]:
    """Declare a param."""
    return {"name": name, "type": kind, "default": default, "shape": shape}


SIGNED_AB = [col("a", "double"), col("b", "double")]
SIGNED_ABC = [col("a", "long"), col("b", "long"), col("c", "long")]
NONE_FIT = "did not produce any values compatible with the requested type"
OUTPUT = "OutputMismatchError: "
NO_FIT = OUTPUT + "The predictions do not fit the result type"

# What models tell about their input.
names_of = Model(lambda x: [repr(list(x.columns))] * len(x))
ab_names = Model(lambda x: [repr(list(x.columns))] * len(x), inputs=SIGNED_AB)
a_minus_b = Model(lambda x: x["a"] - x["b"], inputs=SIGNED_AB)
abc = Model(lambda x: x["a"] * 100 + x["b"] * 10 + x["c"], inputs=SIGNED_ABC)
abc_optional = Model(
    lambda x: [repr(list(x.columns)) + str(x.notna().sum().sum()) for _ in range(len(x))],
    inputs=[col("a", "double"), {**col("b", "double"), "required": False}],
)
dtypes_of = lambda x: [",".join(map(str, x.dtypes))] * len(x)  # noqa: E731 - pickled by value


def by_id(udf: Any) -> Any:
    """Call with the one column of most frames."""
    return udf("id")


def output(
    name: str,
    wanted: str,
    predict: Any,
    ours: Any,
    mlflow: Any = None,
    *,
    row: str = "1.5",
    frame: Frame = IDS,
    **more: Any,
) -> Case:
    """Make a case about what a model returned."""
    same = mlflow is None or (isinstance(ours, Fails) and isinstance(mlflow, Fails))
    return Case(
        f"{wanted.split(',', maxsplit=1)[0]} from {name}",
        row,
        Model(predict),
        frame,
        by_id,
        "agree" if same else "differ",
        ours,
        mlflow,
        wanted,
        **more,
    )


def failed(text: str) -> Fails:
    """Fail in the worker."""
    return Fails("run", text)


ERROR = failed(NONE_FIT)
MISFIT = failed(NO_FIT)
ONE_TO_THREE = Gives([1, 2, 3])
FLOATS = Gives([1.0, 2.0, 3.0])


def typed(dtype: str) -> Any:
    """Give a model that returns 1, 2, 3 of a dtype."""
    return lambda x: np.array([1, 2, 3], dtype)


def given(values: Any) -> Any:
    """Give a model that returns the same for every batch."""
    return lambda x: values


MIXED = pd.DataFrame(
    {
        "i32": np.array([1, 2, 3], "int32"),
        "i64": np.array([4, 5, 6], "int64"),
        "s": ["a", "b", "c"],
        "f32": np.array([0.5, 1.5, 2.5], "float32"),
        "f64": np.array([7.5, 8.5, 9.5]),
        "b": [True, False, True],
    }
)
SEVERAL = failed("OutputMismatchError: The model returned the columns")
ROWS_OFF = failed("OutputShapeError: The model returned 2 predictions for a batch of 3 rows")

OUTPUTS = [
    *(
        output(t, "int", typed(t), ONE_TO_THREE)
        for t in ("int8", "int16", "int32", "uint8", "uint16")
    ),
    output("int64", "int", typed("int64"), ONE_TO_THREE, ERROR, row="1.5; 5 dev int64"),
    output("int64 out of range", "int", given(np.array([1, 2, 2**40])), MISFIT, ERROR),
    output("uint32", "int", typed("uint32"), ONE_TO_THREE, ERROR),
    output("whole floats", "int", typed("float64"), ONE_TO_THREE, ERROR),
    output("broken floats", "int", given(np.array([1.5, 2, 3])), MISFIT, ERROR),
    output("bool", "int", given(np.array([True, False, True])), Gives([1, 0, 1]), ERROR),
    *(output(t, "long", typed(t), ONE_TO_THREE) for t in ("int32", "int64", "uint8", "uint16")),
    output("uint32", "long", typed("uint32"), ONE_TO_THREE, ERROR),
    output("uint64", "long", typed("uint64"), ONE_TO_THREE, ERROR),
    output("bool", "long", given(np.array([True, False, True])), Gives([1, 0, 1]), ERROR),
    output(
        "list with None",
        "long",
        given([1, None, 2]),
        Gives([1, None, 2]),
        ERROR,
        row="1.5; 5 dev nulls",
    ),
    output(
        "Int64 with NA",
        "long",
        given(pd.Series([1, None, 2], dtype="Int64")),
        Gives([1, None, 2]),
        failed("cannot convert NA to integer"),
        row="1.5; 5 dev nulls",
    ),
    *(output(t, "double", typed(t), FLOATS) for t in ("int64", "float32", "uint8")),
    output("int64", "float", typed("int64"), FLOATS),
    output(
        "Int64 with NA",
        "double",
        given(pd.Series([1, None, 2], dtype="Int64")),
        Gives([1.0, None, 2.0]),
    ),
    output("list with None", "double", given([1.0, None, 2.0]), Gives([1.0, None, 2.0])),
    output(
        "NaN",
        "double",
        given(np.array([1.0, NAN, 2.0])),
        Gives([1.0, NAN, 2.0]),
        Gives([1.0, None, 2.0]),
        row="1.5; 5 dev NaN",
    ),
    output(
        "NaN as null",
        "double",
        given(np.array([1.0, NAN, 2.0])),
        Gives([1.0, None, 2.0]),
        row="5 dev NaN",
        ours_only={"nan_as_null": True},
    ),
    output("bool", "double", given(np.array([True, False, True])), Gives([1.0, 0.0, 1.0]), ERROR),
    output("text", "double", given(["a", "b", "c"]), MISFIT, ERROR),
    output("numbers as text", "double", given(["1", "2", "3"]), MISFIT, ERROR),
    output("Decimal", "double", given([Decimal("1.5")] * 3), Gives([1.5] * 3), ERROR),
    output(
        "None alone", "double", given([None] * 3), Gives([None] * 3), ERROR, row="1.5; 5 dev nulls"
    ),
    output(
        "text and float columns",
        "double",
        given(MIXED[["s", "f64"]]),
        Gives([7.5, 8.5, 9.5]),
        row="1.5; 5.3 one fits",
    ),
    output(
        "2-D",
        "double",
        given(np.arange(6.0).reshape(3, 2)),
        failed(OUTPUT + "The model returned an array of shape (3, 2)"),
        Gives([0.0, 2.0, 4.0]),
        row="1.5; C12; 5 dev several",
    ),
    output("2-D of one", "double", given(np.arange(3.0).reshape(3, 1)), Gives([0.0, 1.0, 2.0])),
    output(
        "3-D",
        "double",
        given(np.zeros((3, 2, 2))),
        failed(OUTPUT + "The model returned an array of shape (3, 2, 2)"),
        failed("Must pass 2-d input"),
    ),
    output(
        "two columns",
        "double",
        given(MIXED[["f32", "f64"]]),
        SEVERAL,
        Gives([0.5, 1.5, 2.5]),
        row="C12; 5 dev several",
    ),
    output(
        "two columns, one chosen",
        "double",
        given(MIXED[["f32", "f64"]]),
        Gives([7.5, 8.5, 9.5]),
        Gives([0.5, 1.5, 2.5]),
        row="5 dev several",
        ours_only={"model_output": "f64"},
    ),
    output("ints", "string", given([1, 2, 3]), Gives(["1", "2", "3"])),
    output("floats", "string", given(np.array([1.5, 2.0, 1e300])), Gives(["1.5", "2.0", "1e+300"])),
    output("bools", "string", given([True, False, True]), Gives(["True", "False", "True"])),
    output(
        "nulls",
        "string",
        given(["a", None, NAN]),
        Gives(["a", None, None]),
        Gives(["a", "nan", "nan"]),
        row="1.5; C11; 5 dev nulls",
    ),
    output(
        "bytes",
        "string",
        given([b"a", b"b", b"c"]),
        Gives(["a", "b", "c"]),
        Gives(["b'a'", "b'b'", "b'c'"]),
    ),
    output("bool", "boolean", given(np.array([True, False, True])), Gives([True, False, True])),
    output(
        "bool",
        "bool",
        given(np.array([True, False, True])),
        Gives([True, False, True]),
        row="1.2 alias; 7.1",
    ),
    output("ints", "boolean", given(np.array([1, 0, 1])), MISFIT, ERROR),
    output(
        "None",
        "boolean",
        given([True, None, False]),
        Gives([True, None, False]),
        ERROR,
        row="1.5; 5 dev nulls",
    ),
    output(
        "2-D",
        "array<double>",
        given(np.arange(6.0).reshape(3, 2)),
        Gives([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]),
    ),
    output(
        "equal lists",
        "array<double>",
        given([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]),
        Gives([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]),
    ),
    output(
        "list of arrays",
        "array<double>",
        given([np.array([0.0, 1.0])] * 3),
        Gives([[0.0, 1.0]] * 3),
    ),
    output(
        "ragged lists",
        "array<double>",
        given([[1.0], [1.0, 2.0], [1.0, 2.0, 3.0]]),
        Gives([[1.0], [1.0, 2.0], [1.0, 2.0, 3.0]]),
        Gives([[1.0, None, None], [1.0, 2.0, None], [1.0, 2.0, 3.0]]),
        row="1.5; C11; 5 dev ragged",
    ),
    output(
        "ragged lists",
        "array<long>",
        given([[1], [1, 2], [1, 2, 3]]),
        Gives([[1], [1, 2], [1, 2, 3]]),
        Gives([[1], [1], [1]]),
        row="1.5; C11; 5 dev ragged",
    ),
    output(
        "ragged lists",
        "array<string>",
        given([["a"], ["a", "b"], ["c"]]),
        Gives([["a"], ["a", "b"], ["c"]]),
        Gives([["a", "nan"], ["a", "b"], ["c", "nan"]]),
        row="1.5; C11; 5 dev ragged",
    ),
    output(
        "None row",
        "array<string>",
        given([["a", "b"], None, ["c", "d"]]),
        Gives([["a", "b"], None, ["c", "d"]]),
        failed("object of type 'NoneType' has no len()"),
        row="1.5; 5 dev nulls",
    ),
    output(
        "int64",
        "array<int>",
        given(np.array([[1, 2]] * 3)),
        Gives([[1, 2]] * 3),
        ERROR,
        row="1.5; 5 dev int64",
    ),
    output(
        "Series of arrays",
        "array<double>",
        given(pd.Series([np.array([1.0, 2.0])] * 3)),
        Gives([[1.0, 2.0]] * 3),
        ERROR,
    ),
    output(
        "column of arrays",
        "array<double>",
        given(pd.DataFrame({"v": [np.array([1.0, 2.0])] * 3})),
        Gives([[1.0, 2.0]] * 3),
        ERROR,
    ),
    output(
        "3-D",
        "array<array<double>>",
        given(np.arange(12.0).reshape(3, 2, 2)),
        Gives(np.arange(12.0).reshape(3, 2, 2).tolist()),
    ),
    output(
        "a None row",
        "array<array<double>>",
        given([[[1.0]], [None], [[2.0]]]),
        Gives([[[1.0]], [None], [[2.0]]]),
        failed("TypeError"),
        row="1.5; 5 dev nulls",
    ),
    output(
        "list of dicts",
        "map<string,double>",
        given([{"a": 1.0}, {"b": 2.0}, {}]),
        Gives([{"a": 1.0}, {"b": 2.0}, {}]),
        failed("RESULT_ROWS_MISMATCH"),
        row="1.5; C14; 5 dev map",
    ),
    output(
        "column of dicts",
        "map<string,double>",
        given(pd.DataFrame({"m": [{"a": 1.0}, {"b": 2.0}, {}]})),
        Gives([{"a": 1.0}, {"b": 2.0}, {}]),
    ),
    output(
        "2**40",
        "struct<a:int>",
        given({"a": [1, 2, 2**40]}),
        MISFIT,
        Gives([{"a": 1}, {"a": 2}, {"a": 0}]),
        row="1.5; C11",
    ),
    output(
        "1.9",
        "struct<a:int>",
        given({"a": [1.0, 1.9, 3.0]}),
        MISFIT,
        Gives([{"a": 1}, {"a": 1}, {"a": 3}]),
        row="1.5; C11",
    ),
    output(
        "null",
        "struct<a:int>",
        given({"a": [1, None, 3]}),
        Gives([{"a": 1}, {"a": None}, {"a": 3}]),
        failed("IntCastingNaNError"),
        row="1.5; 5 dev nulls",
    ),
    output(
        "null",
        "struct<b:string>",
        given({"b": ["x", None, "z"]}),
        Gives([{"b": "x"}, {"b": None}, {"b": "z"}]),
        Gives([{"b": "x"}, {"b": "nan"}, {"b": "z"}]),
        row="1.5; C10; C11; 5 dev nulls",
    ),
    output(
        "nulls alone",
        "struct<b:string>",
        given({"b": [None, None, None]}),
        Gives([{"b": None}] * 3),
        row="1.5; C10",
    ),
    output(
        "map field with None",
        "struct<m:map<string,double>>",
        given({"m": [{"a": 1.0}, None, {}]}),
        Gives([{"m": {"a": 1.0}}, {"m": None}, {"m": {}}]),
        failed("AttributeError"),
        row="1.5; 5 dev nulls",
    ),
    output(
        "missing field",
        "struct<a:int,b:int>",
        given({"a": [1, 2, 3]}),
        failed(OUTPUT + "The result type has the fields a, b"),
        failed("KeyError: 'b'"),
    ),
    Case(
        "struct with a variant",
        "1.5; C15",
        Model(
            lambda x: {"a": [1, 2, 3], "v": ["x", "y", "z"]},
            inputs=[col("id", "long")],
            outputs=[col("a", "long"), col("v", "any")],
        ),
        IDS,
        lambda udf: F.struct(udf("id")["a"].alias("a"), F.to_json(udf("id")["v"]).alias("v")),
        "differ",
        Gives([{"a": 1, "v": '"x"'}, {"a": 2, "v": '"y"'}, {"a": 3, "v": '"z"'}]),
        failed(""),
    ),
    output(
        "too few",
        "double",
        given([1.0, 2.0]),
        ROWS_OFF,
        failed("RESULT_ROWS_MISMATCH"),
        row="1.5; C21",
    ),
    output(
        "too many",
        "double",
        given([1.0] * 4),
        failed("OutputShapeError: The model returned 4 predictions for a batch of 3 rows"),
        failed("OUTPUT_EXCEEDS_INPUT_ROWS"),
        row="1.5; C21",
    ),
    output(
        "too few, then too many",
        "long",
        lambda x: [0, 1, 2] if 0 in set(x.iloc[:, 0]) else [3],
        failed("OutputShapeError: The model returned 3 predictions for a batch of 2 rows"),
        failed("OUTPUT_EXCEEDS_INPUT_ROWS"),
        row="C21",
        frame=Frame("id long", [(0,), (1,), (2,), (3,)]),
        conf=SMALL_BATCHES,
    ),
    # Result types.
    output(
        "int64",
        "short",
        typed("int64"),
        ONE_TO_THREE,
        Fails("make", "Invalid 'spark_udf' result type"),
        row="C20; 5 dev types",
    ),
    output(
        "int64",
        "byte",
        typed("int64"),
        ONE_TO_THREE,
        Fails("make", "Invalid 'spark_udf' result type"),
        row="C20; 5 dev types",
    ),
    output(
        "dates",
        "date",
        given([dt.date(2024, 1, 31)] * 3),
        Gives([dt.date(2024, 1, 31)] * 3),
        Fails("make", "Invalid 'spark_udf' result type"),
        row="C20; 5 dev types",
    ),
    output(
        "times",
        "timestamp",
        given([pd.Timestamp("2024-01-31 12:00")] * 3),
        Gives([dt.datetime(2024, 1, 31, 12, 0)] * 3),  # noqa: DTZ001 - as Spark gives it
        Fails("make", "Invalid 'spark_udf' result type"),
        row="C20; 5 dev types; 7.8",
    ),
    output(
        "times",
        "timestamp_ntz",
        given([pd.Timestamp("2024-01-31 12:00")] * 3),
        Gives([dt.datetime(2024, 1, 31, 12, 0)] * 3),  # noqa: DTZ001 - as Spark gives it
        Fails("make", "Invalid 'spark_udf' result type"),
        row="C20; 5 dev types",
    ),
    output(
        "decimals",
        "decimal(5,2)",
        given([Decimal("1.50")] * 3),
        Gives([Decimal("1.50")] * 3),
        Fails("make", "Invalid 'spark_udf' result type"),
        row="C20; 5 dev types",
    ),
    output(
        "bytes",
        "binary",
        given([b"a", b"b", b"c"]),
        Gives([b"a", b"b", b"c"]),
        Fails("make", "Invalid 'spark_udf' result type"),
        row="C20; 5 dev types",
    ),
    output(
        "a list of times",
        "array<timestamp>",
        given([[pd.Timestamp("2024-01-31")]] * 3),
        Gives([[dt.datetime(2024, 1, 31)]] * 3),  # noqa: DTZ001 - as Spark gives it
        Fails("make", "Invalid 'spark_udf' result type"),
        row="7.8; 5 dev types",
    ),
    output(
        "a time inside",
        "struct<t:timestamp>",
        given({"t": [pd.Timestamp("2024-01-31")] * 3}),
        Gives([{"t": dt.datetime(2024, 1, 31)}] * 3),  # noqa: DTZ001 - as Spark gives it
        Fails("make", "Invalid 'spark_udf' result type"),
        row="7.8; 5 dev types",
    ),
    # A frame of mixed columns.
    output("mixed", "int", given(MIXED), SEVERAL, ONE_TO_THREE, row="7.1; 5 dev several"),
    output("mixed", "long", given(MIXED), SEVERAL, ONE_TO_THREE, row="7.1; 5 dev several"),
    output("mixed", "float", given(MIXED), SEVERAL, FLOATS, row="7.1; 5 dev several"),
    output("mixed", "double", given(MIXED), SEVERAL, FLOATS, row="7.1; 5 dev several"),
    output(
        "mixed",
        "string",
        given(MIXED),
        Gives(["a", "b", "c"]),
        Gives(["1", "2", "3"]),
        row="7.1; 5 dev several",
    ),
    output(
        "mixed",
        "array<string>",
        given(MIXED.drop(columns=["f32", "f64", "b"])),
        Gives([["1", "4", "a"], ["2", "5", "b"], ["3", "6", "c"]]),
        row="5.3; 7.1: for string every column qualifies",
    ),
    output("mixed", "boolean", given(MIXED), Gives([True, False, True]), row="7.1; 5.3 one fits"),
    output("mixed", "array<long>", given(MIXED), Gives([[1, 4], [2, 5], [3, 6]]), row="7.1; 5.3"),
    output(
        "mixed",
        "array<float>",
        given(MIXED),
        Gives([[1.0, 4.0, 0.5, 7.5], [2.0, 5.0, 1.5, 8.5], [3.0, 6.0, 2.5, 9.5]]),
        row="7.1; 5.3",
    ),
    output(
        "mixed",
        "array<double>",
        given(MIXED),
        Gives([[1.0, 4.0, 0.5, 7.5], [2.0, 5.0, 1.5, 8.5], [3.0, 6.0, 2.5, 9.5]]),
        row="7.1; 5.3",
    ),
    output(
        "mixed",
        "array<int>",
        given(MIXED),
        Gives([[1, 4], [2, 5], [3, 6]]),
        Gives([[1], [2], [3]]),
        row="7.1; 5 dev int64",
    ),
    output(
        "mixed", "array<boolean>", given(MIXED), Gives([[True], [False], [True]]), row="7.1; 5.3"
    ),
    output(
        "a dict",
        "a int, b float, c array<long>, d array<double>, e boolean, f string",
        lambda x: {
            "a": [1, 2, 3],
            "b": [0.5, 1.5, 2.5],
            "c": [[1, 2], [3, 4], [5, 6]],
            "d": np.arange(6.0).reshape(3, 2),
            "e": [True, False, True],
            "f": ["x", "y", "z"],
        },
        Gives(
            [
                {"a": 1, "b": 0.5, "c": [1, 2], "d": [0.0, 1.0], "e": True, "f": "x"},
                {"a": 2, "b": 1.5, "c": [3, 4], "d": [2.0, 3.0], "e": False, "f": "y"},
                {"a": 3, "b": 2.5, "c": [5, 6], "d": [4.0, 5.0], "e": True, "f": "z"},
            ]
        ),
        row="7.3",
    ),
    output(
        "tuples",
        "array<struct<a:int,b:string,c:double>>",
        lambda x: [[(1, "x", 0.5), (2, "y", 1.5)]] * len(x),
        Gives([[{"a": 1, "b": "x", "c": 0.5}, {"a": 2, "b": "y", "c": 1.5}]] * 3),
        row="7.14",
    ),
    output(
        "NaN in lists",
        "v array<double>, w double",
        lambda x: {"v": [[1.0, NAN], None, [2.0, 3.0]], "w": [NAN, 1.0, 2.0]},
        Gives([{"v": [1.0, NAN], "w": NAN}, {"v": None, "w": 1.0}, {"v": [2.0, 3.0], "w": 2.0}]),
        Gives([{"v": [1.0, None], "w": None}, {"v": None, "w": 1.0}, {"v": [2.0, 3.0], "w": 2.0}]),
        row="7.15; 5 dev NaN",
    ),
    output(
        "NaN in lists as null",
        "v array<double>, w double",
        lambda x: {"v": [[1.0, NAN], None, [2.0, 3.0]], "w": [NAN, 1.0, 2.0]},
        Gives([{"v": [1.0, None], "w": None}, {"v": None, "w": 1.0}, {"v": [2.0, 3.0], "w": 2.0}]),
        row="7.15; 5 dev NaN",
        ours_only={"nan_as_null": True},
    ),
]


def called(
    name: str,
    row: str,
    model: Model,
    frame: Frame,
    call: Any,
    ours: Any,
    mlflow: Any = None,
    wanted: str | None = "string",
    *,
    differ: bool | None = None,
    **more: Any,
) -> Case:
    """Make a case about how the function is called."""
    same = mlflow is None or (isinstance(ours, Fails) and isinstance(mlflow, Fails))
    same = same if differ is None else not differ
    return Case(
        name, row, model, frame, call, "agree" if same else "differ", ours, mlflow, wanted, **more
    )


NAMES_AB = "['a', 'b']"
BY_POSITION = "so columns are taken by position"
nested = Model(
    lambda x: [
        f"{type(v).__name__} {type(o).__name__} {type(r).__name__} {type(r[0]).__name__} "
        f"{float(sum(v))} {o['n']} {r[0]['m']}"
        for v, o, r in zip(x["v"], x["o"], x["l"], strict=True)
    ],
    inputs=[
        {"type": "array", "items": {"type": "double"}, "name": "v", "required": True},
        {
            "type": "object",
            "properties": {"n": {"type": "string", "required": True}},
            "name": "o",
            "required": True,
        },
        {
            "type": "array",
            "name": "l",
            "required": True,
            "items": {"type": "object", "properties": {"m": {"type": "long", "required": True}}},
        },
    ],
)
NESTED = Frame(
    "v array<double>, o struct<n:string>, l array<struct<m:long>>",
    [([1.0, 2.0], ("x",), [(1,)]), ([3.0], ("y",), [(2,), (3,)])],
)
EIGHT = Frame(
    "b boolean, i int, l long, f float, d double, s string, y binary, t timestamp",
    [(True, 1, 2, 0.5, 1.5, "x", b"y", dt.datetime(2024, 1, 31, 12, 0))] * 2,  # noqa: DTZ001 - wall time
)
EIGHT_INPUTS = [
    col("b", "boolean"),
    col("i", "integer"),
    col("l", "long"),
    col("f", "float"),
    col("d", "double"),
    col("s", "string"),
    col("y", "binary"),
    col("t", "datetime"),
]
eight = Model(dtypes_of, inputs=EIGHT_INPUTS)
no_rows = Model(lambda x: x["a"] * 2 if len(x) else 1 / 0, inputs=[col("a", "double")])
ONE_FULL_PART = Frame("a double", [(1.0,)], partitions=2)
unnamed = Model(
    lambda x: [repr(list(x.columns))] * len(x), inputs=[col(None, "double"), col(None, "double")]
)

CALLS = [
    called(
        "names",
        "5.2; 1.3",
        a_minus_b,
        AB,
        lambda u: u("a", "b"),
        Gives([-9.0, -18.0, -27.0]),
        wanted="double",
    ),
    called(
        "columns",
        "5.2; 1.3",
        a_minus_b,
        AB,
        lambda u: u(F.col("a"), F.col("b")),
        Gives([-9.0, -18.0, -27.0]),
        wanted="double",
    ),
    called(
        "names in another order",
        "C19; 5 dev by name",
        a_minus_b,
        AB,
        lambda u: u("b", "a"),
        Gives([-9.0, -18.0, -27.0]),
        Gives([9.0, 18.0, 27.0]),
        "double",
    ),
    called(
        "columns in another order",
        "C19; 5 dev by name",
        a_minus_b,
        AB,
        lambda u: u(F.col("b"), F.col("a")),
        Gives([-9.0, -18.0, -27.0]),
        Gives([9.0, 18.0, 27.0]),
        "double",
    ),
    called(
        "other names",
        "1.3; 5 dev by name",
        ab_names,
        Frame("x double, y double", [(1.0, 2.0)]),
        lambda u: u("x", "y"),
        Gives([NAMES_AB], warns=BY_POSITION),
        Gives([NAMES_AB]),
        differ=False,
    ),
    called(
        "struct",
        "5.2; 1.3",
        a_minus_b,
        AB,
        lambda u: u(F.struct("a", "b")),
        Gives([-9.0, -18.0, -27.0]),
        wanted="double",
    ),
    called(
        "struct in another order, with more",
        "5.2; 1.3",
        abc,
        ABCD,
        lambda u: u(F.struct("d", "c", "b", "a")),
        Gives([123, 1230]),
        wanted="long",
    ),
    called(
        "struct that lacks one",
        "5.2; 1.3",
        abc,
        ABCD,
        lambda u: u(F.struct("a", "b")),
        failed('column "c" (long) is missing'),
        failed("Model is missing inputs ['c']"),
        "long",
    ),
    called(
        "struct among arguments",
        "5.2; 1.3",
        Model(lambda x: [f"{type(s).__name__}{dict(s)}" for s in x["1"]]),
        AB,
        lambda u: u("a", F.struct("a", "b")),
        Gives(
            ["dict{'a': 1.0, 'b': 10.0}", "dict{'a': 2.0, 'b': 20.0}", "dict{'a': 3.0, 'b': 30.0}"]
        ),
    ),
    called(
        "nothing",
        "5.2; 7.9",
        a_minus_b,
        AB,
        lambda u: u(),
        Gives([-9.0, -18.0, -27.0]),
        wanted="double",
    ),
    called(
        "one row of a tensor of two",
        "7.6",
        Model(
            lambda x: [np.array([1, 2]), np.array([4, 5]), np.array([7, 8])],
            inputs=[col("id", "long")],
            outputs=[tensor("int64", 2)],
        ),
        IDS,
        by_id,
        Gives([[1, 2], [4, 5], [7, 8]], type="array<bigint>"),
        wanted=None,
    ),
    called(
        "nothing, names absent",
        "5.2; 7.9",
        a_minus_b,
        IDS,
        lambda u: u(),
        Fails("select", "AnalysisException"),
        wanted="double",
    ),
    called(
        "nothing, optional",
        "5.2; 7.9",
        abc_optional,
        AB,
        lambda u: u(),
        Fails(
            "call",
            "Cannot apply UDF without column names specified when model signature "
            "contains optional columns.",
        ),
    ),
    called(
        "nothing, unnamed",
        "5.2; 7.9; C17",
        unnamed,
        AB,
        lambda u: u(),
        Fails("call", "The udf expects 2 columns with types: "),
        Fails("call", "The udf expects 2 columns with types: {input_schema.inputs}."),
    ),
    called(
        "nothing, no signature",
        "5.2; 7.9",
        names_of,
        AB,
        lambda u: u(),
        Fails("call", "Attempting to apply udf on zero columns"),
    ),
    called(
        "no signature, two",
        "5.2; 1.3",
        names_of,
        AB,
        lambda u: u("a", "b"),
        Gives(["['0', '1']"] * 3),
    ),
    called("no signature, one", "5.2; 7.2", names_of, AB, lambda u: u("a"), Gives(["['0']"] * 3)),
    called(
        "no signature, struct",
        "5.2; 7.2",
        names_of,
        AB,
        lambda u: u(F.struct("a", "b")),
        Gives([NAMES_AB] * 3),
    ),
    called(
        "unnamed signature", "5.2; 1.3", unnamed, AB, lambda u: u("a", "b"), Gives(["[0, 1]"] * 3)
    ),
    called(
        "one of a name",
        "5.2; 1.3",
        Model(names_of.predict, inputs=[col("only", "double")]),
        AB,
        lambda u: u("a"),
        Gives(["['only']"] * 3),
    ),
    called(
        "three of three",
        "7.10",
        abc,
        ABCD,
        lambda u: u("a", "b", "c"),
        Gives([123, 1230]),
        wanted="long",
    ),
    called(
        "more, by name",
        "7.10; 5 dev more columns",
        abc,
        ABCD,
        lambda u: u("a", "b", "c", "d"),
        Gives([123, 1230]),
        wanted="long",
    ),
    called(
        "all columns of the frame",
        "5 dev more columns",
        abc,
        Frame("z long, a long, b long, c long", [(9, 1, 2, 3)]),
        lambda u: u("z", "a", "b", "c"),
        Gives([123]),
        Gives([912]),
        "long",
    ),
    called(
        "more, by position",
        "5 dev more columns",
        abc,
        Frame("w long, x long, y long, z long", [(1, 2, 3, 4)]),
        lambda u: u("w", "x", "y", "z"),
        failed("The model takes 3 input columns, got 4"),
        Gives([123]),
        "long",
    ),
    called(
        "fewer",
        "7.9; 7.10",
        abc,
        ABCD,
        lambda u: u("a", "b"),
        failed("InputMismatchError: The model takes 3 input columns, got 2"),
        failed(
            "Expected 3 required input columns ['a', 'b', 'c'], but the model received only "
            "2 unnamed input columns"
        ),
        "long",
    ),
    called(
        "optional given", "7.9", abc_optional, AB, lambda u: u("a", "b"), Gives(["['a', 'b']6"] * 3)
    ),
    called(
        "keyword",
        "1.3",
        a_minus_b,
        AB,
        lambda u: u(a="a", b="b"),
        Fails("call", "TypeError"),
        wanted="double",
    ),
    called(
        "SQL",
        "1.3",
        a_minus_b,
        AB,
        lambda u: (_registered(u), F.expr("parity_sql(a, b)"))[1],
        Gives([-9.0, -18.0, -27.0]),
        wanted="double",
    ),
    called(
        "times and dates",
        "7.11",
        Model(
            lambda x: [str(t) for t in x["t"]], inputs=[col("t", "datetime"), col("d", "datetime")]
        ),
        Frame("t timestamp, d date", [(dt.datetime(2024, 1, 31, 12), dt.date(2024, 2, 1))]),  # noqa: DTZ001 - wall time
        lambda u: u("t", "d"),
        Gives(["2024-01-31 12:00:00"]),
    ),
    called(
        "times and dates, dtypes",
        "7.11",
        Model(dtypes_of, inputs=[col("t", "datetime"), col("d", "datetime")]),
        Frame("t timestamp, d date", [(dt.datetime(2024, 1, 31, 12), dt.date(2024, 2, 1))]),  # noqa: DTZ001 - wall time
        lambda u: u("t", "d"),
        Gives(["datetime64[ns],datetime64[ns]"]),
    ),
    called(
        "no rows in a part",
        "7.12",
        no_rows,
        ONE_FULL_PART,
        lambda u: u("a"),
        Gives([2.0]),
        wanted="double",
    ),
    called(
        "no rows in a part, struct",
        "7.12",
        no_rows,
        ONE_FULL_PART,
        lambda u: u(F.struct("a")),
        Gives([2.0]),
        wanted="double",
    ),
    called(
        "eight types",
        "7.13",
        eight,
        EIGHT,
        lambda u: u(*[c["name"] for c in EIGHT_INPUTS]),
        Gives(["bool,int32,int64,float32,float64,str,object,datetime64[ns]"] * 2),
    ),
    called(
        "eight types without columns",
        "7.13",
        eight,
        EIGHT,
        lambda u: u(),
        Gives(["bool,int32,int64,float32,float64,str,object,datetime64[ns]"] * 2),
    ),
    called(
        "nested inputs",
        "7.19",
        nested,
        NESTED,
        lambda u: u("v", "o", "l"),
        Gives(["ndarray dict ndarray dict 3.0 x 1", "ndarray dict ndarray dict 3.0 y 2"]),
    ),
    called(
        "identity on nested",
        "7.20",
        Model(lambda x: x, inputs=nested.inputs, outputs=nested.inputs),
        NESTED,
        lambda u: u("v", "o", "l"),
        Gives(
            [
                {"v": [1.0, 2.0], "o": {"n": "x"}, "l": [{"m": 1}]},
                {"v": [3.0], "o": {"n": "y"}, "l": [{"m": 2}, {"m": 3}]},
            ],
            type="struct<v:array<double>,o:struct<n:string>,l:array<struct<m:bigint>>>",
        ),
        wanted=None,
    ),
    # What depends on the batch.
    called(
        "long as double, 0 and 1",
        "C10",
        Model(lambda x: x["a"], inputs=[col("a", "double")]),
        Frame("a long", [(0,), (1,)]),
        lambda u: u("a"),
        Gives([0.0, 1.0]),
        wanted="double",
    ),
    called(
        "long as double",
        "C10",
        Model(lambda x: x["a"], inputs=[col("a", "double")]),
        Frame("a long", [(0,), (1,), (2,), (3,)]),
        lambda u: u("a"),
        Gives([0.0, 1.0, 2.0, 3.0]),
        failed("Incompatible input types for column a"),
        "double",
        conf=SMALL_BATCHES,
    ),
    called(
        "null in an optional long",
        "C10; 5 dev nulls",
        Model(
            lambda x: [str(x["a"].dtype)] * len(x), inputs=[{**col("a", "long"), "required": False}]
        ),
        Frame("a long", [(0,), (1,), (2,), (None,)]),
        lambda u: u("a"),
        Gives(["Int64"] * 4),
        failed("Incompatible input types for column a"),
        conf=SMALL_BATCHES,
    ),
    called(
        "null in a required long",
        "C10",
        Model(lambda x: x["a"], inputs=[col("a", "long")]),
        Frame("a long", [(0,), (1,), (2,), (None,)]),
        lambda u: u("a"),
        failed('InputMismatchError: Column "a" holds 1 nulls'),
        failed("Incompatible input types for column a"),
        "long",
        conf=SMALL_BATCHES,
    ),
]


def _registered(udf: Any) -> None:
    from pyspark.sql import SparkSession

    SparkSession.active().udf.register("parity_sql", udf.__wrapped__)


# Options.
SIX = [
    param("i", "integer", 1),
    param("l", "long", 2),
    param("d", "double", 0.5),
    param("f", "float", 1.5),
    param("s", "string", "x"),
    param("b", "boolean", True),
]
SIX_LISTS = [
    param("i", "integer", [1], [-1]),
    param("l", "long", [2], [-1]),
    param("d", "double", [0.5], [-1]),
    param("f", "float", [1.5], [-1]),
    param("s", "string", ["x"], [-1]),
    param("b", "boolean", [True], [-1]),
]
six = Model(
    lambda x, params, context: [repr(sorted(params.items()))] * len(x),
    inputs=[col("id", "long")],
    params=SIX,
)
six_lists = Model(
    lambda x, params, context: (
        [
            repr(
                [
                    (k, [getattr(i, "item", lambda i=i: i)() for i in v])
                    for k, v in sorted(params.items())
                ]
            )
        ]
        * len(x)
    ),
    inputs=[col("id", "long")],
    params=SIX_LISTS,
)
without_params = Model(
    lambda x, params, context: [repr(params or {})] * len(x), inputs=[col("id", "long")]
)
configured = Model(
    lambda x, params, context: [repr(sorted(context.model_config.items()))] * len(x),
    inputs=[col("id", "long")],
    config={"t": 0.5, "u": 1},
)
environ = Model(
    lambda x, params, context: [str(os.environ.get("PARITY_ENV"))] * len(x),
    inputs=[col("id", "long")],
)


def option(
    name: str, row: str, model: Model, ours: Any, mlflow: Any = None, **options: Any
) -> Case:
    """Make a case about an option of spark_udf."""
    return called(name, row, model, Frame("id long", [(0,)]), by_id, ours, mlflow, options=options)


DEFAULTS = "[('b', True), ('d', 0.5), ('f', 1.5), ('i', 1), ('l', 2), ('s', 'x')]"
OPTIONS = [
    option("params by default", "5.4; 7.16", six, Gives([DEFAULTS])),
    option(
        "all params",
        "5.4; 7.16",
        six,
        Gives(["[('b', False), ('d', 2.5), ('f', 3.5), ('i', 4), ('l', 5), ('s', 'y')]"]),
        params={"i": 4, "l": 5, "d": 2.5, "f": 3.5, "s": "y", "b": False},
    ),
    option(
        "whole number for a double param",
        "5.4; 1.1.1",
        six,
        Gives([DEFAULTS.replace("('d', 0.5)", "('d', 3.0)")]),
        params={"d": 3},
    ),
    option(
        "unknown param",
        "5.4; 1.1.1",
        six,
        Gives([DEFAULTS], warns="Ignored params no"),
        Gives([DEFAULTS]),
        params={"no": 1},
    ),
    option(
        "param of a wrong type",
        "5.4; 1.1.1",
        six,
        Fails("make", "InputMismatchError: Invalid params: d: "),
        Fails("make", "Invalid parameters found"),
        params={"d": "text"},
    ),
    option(
        "params that are no dict",
        "5.4; 1.1.1",
        six,
        Fails("make", "params must be a dict"),
        Fails("make", "Parameters must be a dictionary"),
        params=["d"],
    ),
    option(
        "params for a model without",
        "5.4; 1.1.1",
        without_params,
        Gives(["{}"], warns="The model declares no params"),
        Gives(["{}"]),
        params={"d": 1.0},
    ),
    option(
        "lists as params",
        "5.4; 7.16",
        six_lists,
        Gives(
            [
                (
                    "[('b', [False]), ('d', [2.5, 3.5]), ('f', [4.5]), ('i', [4]), ('l', [5]), "
                    "('s', ['y', 'z'])]"
                )
            ]
        ),
        params={"i": [4], "l": [5], "d": [2.5, 3.5], "f": [4.5], "s": ["y", "z"], "b": [False]},
    ),
    option(
        "model_config",
        "5.4; C13",
        configured,
        Gives(["[('t', 0.75), ('u', 1)]"]),
        model_config={"t": 0.75},
    ),
    option("stored model_config", "5.4; C13", configured, Gives(["[('t', 0.5), ('u', 1)]"])),
    option(
        "unknown model_config",
        "5.4",
        configured,
        Gives(["[('t', 0.5), ('u', 1)]"], warns="Ignored model_config keys no"),
        Gives(["[('t', 0.5), ('u', 1)]"]),
        model_config={"no": 1},
    ),
    option("extra_env", "5.4; 7.18", environ, Gives(["on"]), extra_env={"PARITY_ENV": "on"}),
    option("extra_env is restored", "5.4; 7.18", environ, Gives(["None"])),
    option(
        "unknown env_manager",
        "5.1; 1.1",
        environ,
        Fails("make", "env_manager"),
        Fails("make", "env_manager"),
        env_manager="none",
    ),
]
for at, case in enumerate(OPTIONS):
    if isinstance(case.ours, Gives) and isinstance(case.mlflow, Gives):
        # A warning of ours stands for MLflow's in its log.
        OPTIONS[at] = replace(case, relation="agree")


def sklearn_classifier(path: Any) -> None:
    """Save a classifier with the signature that MLflow infers."""
    from mlflow import sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [20.0, 20.0, 20.0, 20.0]})
    model = LogisticRegression(C=1000.0).fit(X, [0, 0, 1, 1])
    signature = infer_signature(X, model.predict(X))
    # Each worker would import much of scikit-learn and PyTorch for the format that is the default.
    options = {"serialization_format": "cloudpickle", "pip_requirements": PIN}
    sklearn.save_model(model, path, signature=signature, **options)


def written_by_hand(path: Any) -> None:
    """Write a directory as MLflow 2.4.0 did, with a loader of its own."""
    code = path / "code"
    code.mkdir(parents=True)
    (code / "parity_loader.py").write_text(
        "class Model:\n    def predict(self, data):\n        return data['a'] * 2\n"
        "def _load_pyfunc(path):\n    return Model()\n"
    )
    (path / "MLmodel").write_text(
        "flavors:\n  python_function:\n    code: code\n    env: conda.yaml\n"
        "    loader_module: parity_loader\n    python_version: 3.8.16\n"
        "mlflow_version: 2.4.0\nmodel_uuid: 067c27bc09954838ad6d6bfc89c7eeed\n"
        'signature:\n  inputs: \'[{"name": "a", "type": "double"}]\'\n'
        "  outputs: '[{\"type\": \"double\"}]'\nutc_time_created: '2023-06-13 07:20:26.171023'\n"
    )
    (path / "requirements.txt").write_text("numpy\n")
    (path / "conda.yaml").write_text("name: mlflow-env\n")
    (path / "python_env.yaml").write_text("python: 3.8.16\n")


classifier = Model(save=sklearn_classifier)
FLAT = Frame("a double, b double", [(1.0, 20.0), (2.0, 20.0), (3.0, 20.0)])
FORMATS = [
    called(
        "classifier, long",
        "5.6 skops",
        classifier,
        FLAT,
        lambda u: u(),
        Gives([0, 0, 1]),
        wanted="long",
    ),
    called(
        "classifier, type of its own",
        "5 dev [-1]; 1.2",
        classifier,
        FLAT,
        lambda u: u(),
        Gives([0, 0, 1], type="bigint"),
        Gives([[0], [0], [1]], type="array<bigint>"),
        None,
    ),
    called(
        "classifier, int",
        "5 dev int64",
        classifier,
        FLAT,
        lambda u: u(),
        Gives([0, 0, 1]),
        ERROR,
        "int",
    ),
    called(
        "written by 2.4.0",
        "5.6; 7.17",
        Model(save=written_by_hand),
        AB,
        lambda u: u("a"),
        Gives([2.0, 4.0, 6.0], type="double"),
        wanted=None,
    ),
    called(
        "four outputs",
        "7.4; 1.2",
        Model(
            lambda x: {
                "r1": [1] * len(x),
                "r2": [0.5] * len(x),
                "r3": [True] * len(x),
                "r4": ["x"] * len(x),
            },
            inputs=[col("id", "long")],
            outputs=[
                col("r1", "integer"),
                col("r2", "float"),
                col("r3", "boolean"),
                col("r4", "string"),
            ],
        ),
        IDS,
        by_id,
        Gives(
            [{"r1": 1, "r2": 0.5, "r3": True, "r4": "x"}] * 3,
            type="struct<r1:int,r2:float,r3:boolean,r4:string>",
        ),
        wanted=None,
    ),
    called(
        "a time without result_type",
        "1.2",
        Model(
            lambda x: [pd.Timestamp("2024-01-31")] * len(x),
            inputs=[col("id", "long")],
            outputs=[col("t", "datetime")],
        ),
        IDS,
        by_id,
        Gives([dt.datetime(2024, 1, 31)] * 3, type="timestamp"),  # noqa: DTZ001 - as Spark gives it
        wanted=None,
    ),
    called(
        "a time in a struct without result_type",
        "1.2",
        Model(
            lambda x: {"t": [pd.Timestamp("2024-01-31")] * len(x), "n": [1] * len(x)},
            inputs=[col("id", "long")],
            outputs=[col("t", "datetime"), col("n", "long")],
        ),
        IDS,
        by_id,
        Gives([{"t": dt.datetime(2024, 1, 31), "n": 1}] * 3),  # noqa: DTZ001 - as Spark gives it
        failed("Unsupported field type timestamp in struct type"),
        None,
    ),
]

CASES = [*OUTPUTS, *CALLS, *OPTIONS, *FORMATS]


# Types without a job.
@dataclass(frozen=True, eq=False)
class TypeCase:
    """The type of the column that declared outputs give.

    Attributes:
        id: Name of the test.
        model: A model with these outputs.
        ours: The type, or the beginning of an error, by scorecast.
        mlflow: The same by MLflow.
    """

    id: str
    model: Model
    ours: str
    mlflow: str


def inferred(name: str, outputs: Any, ours: str, mlflow: str | None = None) -> TypeCase:
    """Make a case about declared outputs."""
    model = Model(lambda x: x, inputs=[col("id", "long")], outputs=outputs)
    return TypeCase(name, model, ours, ours if mlflow is None else mlflow)


def result_type_by_mlflow(spark: Any, path: Any, wanted: str | None) -> str:
    """Give the type, or the error after the word error."""
    from mlflow.pyfunc import spark_udf

    try:
        return spark_udf(spark, str(path), wanted).__wrapped__.returnType.simpleString()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return f"error {error}"


def result_type_by_ours(spark: Any, path: Any, wanted: str | None) -> str:
    """Give the type, or the error after the word error."""
    try:
        return scorecast.spark_udf(spark, path, wanted).result_type.simpleString()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return f"error {error}"


INFERRED = [
    *(
        inferred(f"one {kind}", [col(None, kind)], spark_type)
        for kind, spark_type in (
            ("long", "bigint"),
            ("boolean", "boolean"),
            ("integer", "int"),
            ("float", "float"),
            ("double", "double"),
            ("string", "string"),
            ("binary", "binary"),
            ("datetime", "timestamp"),
        )
    ),
    inferred("one named", [col("n", "long")], "bigint"),
    inferred(
        "several unnamed", [col(None, "long"), col(None, "string")], "struct<0:bigint,1:string>"
    ),
    inferred(
        "array", [{"type": "array", "items": {"type": "double"}, "required": True}], "array<double>"
    ),
    inferred(
        "object",
        [
            {
                "type": "object",
                "required": True,
                "properties": {
                    "z": {"type": "long", "required": True},
                    "a": {"type": "string", "required": False},
                },
            }
        ],
        "struct<a:string,z:bigint>",
    ),
    inferred(
        "map",
        [{"type": "map", "values": {"type": "double"}, "required": True}],
        "map<string,double>",
    ),
    inferred("any", [col("v", "any")], "variant"),
    inferred("tensor [2]", [tensor("int64", 2)], "array<bigint>"),
    inferred("tensor [2, 3]", [tensor("float64", 2, 3)], "array<array<double>>"),
    inferred("tensor [-1]", [tensor("int64", -1)], "bigint", "array<bigint>"),
    inferred("tensor [-1, 2]", [tensor("float64", -1, 2)], "array<double>", "array<array<double>>"),
    inferred(
        "tensor [-1, 2, 2]",
        [tensor("float64", -1, 2, 2)],
        "array<array<double>>",
        "error Only 1D or 2D tensors are supported",
    ),
    inferred(
        "tensor of uint8",
        [tensor("uint8", -1, 2)],
        "array<smallint>",
        "error Model output tensor spec type uint8 is not supported",
    ),
]

READ = [
    "int",
    "integer",
    "long",
    "bigint",
    "float",
    "double",
    "string",
    "boolean",
    "bool",
    "array<double>",
    "array<array<long>>",
    "array<struct<a:int>>",
    "struct<a:int,b:array<double>>",
    "a int, b array<double>",
    "map<string,double>",
    "map<string,array<string>>",
    "struct<a:struct<b:string>>",
]
