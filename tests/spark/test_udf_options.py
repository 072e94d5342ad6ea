"""`spark_udf`: call shapes, result types and options beyond the plain call."""

import datetime as dt
import decimal
import os
import warnings

import numpy as np
import pandas as pd
import pytest
from pyspark.errors import PythonException
from pyspark.sql import functions as F
from pyspark.sql import types as st

import scorecast
from scorecast.errors import ConfigError, InputMismatchError, ModelPredictError
from scorecast.models.signature import AnyValue, Object, Property, Scalar, Signature, Spec
from scorecast.spark.failures import error_in_worker
from scorecast.spark.versions import HAS_ARROW_UDF, VARIANTS

DOUBLE = Scalar("double")


@pytest.fixture
def numbers(spark):
    """Rows with a = 0 .. 19 and b = 10 * a, in three partitions."""
    rows = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) * 10})
    return spark.createDataFrame(rows).repartition(3).cache()


@pytest.fixture
def minus(tmp_path):
    """A model that predicts a - b."""

    def model(data):
        return data["a"] - data["b"]

    signature = Signature(inputs=(Spec(DOUBLE, "a"), Spec(DOUBLE, "b")))
    return scorecast.save_model(model, tmp_path / "minus", signature=signature)


def values(df, column):
    """Give the predictions by the value of a."""
    return dict(df.select("a", column.alias("p")).collect())


def expected():
    """What the model predicts, by the value of a."""
    return {float(a): a - 10.0 * a for a in range(20)}


@pytest.mark.parametrize(
    "call",
    [
        lambda udf: udf(F.col("b"), F.col("a")),
        lambda udf: udf("b", F.col("a")),
        lambda udf: udf(F.lit("x").alias("other"), F.col("b"), F.col("a")),
        lambda udf: udf((F.col("a") * 10).alias("b"), F.col("a")),
        lambda udf: udf("b", "other", "a"),
    ],
    ids=["swapped columns", "text and column", "one too many", "alias", "texts with one too many"],
)
def test_columns_are_matched_by_name(spark, numbers, minus, call):
    """Column expressions carry their names, so their order does not matter (MLflow swaps them)."""
    udf = scorecast.spark_udf(spark, minus, "double")
    df = numbers.withColumn("other", F.lit(None).cast("string"))
    assert values(df, call(udf)) == expected()


def test_expressions_without_the_names_are_taken_by_position(spark, numbers, minus):
    """Expressions have no name of an input; the first is the first input, even the same twice."""
    udf = scorecast.spark_udf(spark, minus, "double")
    assert values(numbers, udf(F.col("a") + 0, F.col("a") * 10)) == expected()
    with pytest.warns(UserWarning, match="more than once"):
        twice = udf(F.col("a"), F.col("a"))
    assert set(values(numbers, twice).values()) == {0.0}


def test_too_many_expressions_are_an_error(spark, numbers, minus):
    """By position nothing is left out."""
    udf = scorecast.spark_udf(spark, minus, "double")
    with pytest.raises(PythonException) as failed:
        numbers.select(udf(F.col("a") + 0, F.col("a") + 1, F.lit(1.0))).collect()
    assert "takes 2 input columns, got 3" in str(error_in_worker(failed.value))


def test_sql(spark, numbers, minus):
    """A registered function is called by position or with a struct."""
    udf = scorecast.spark_udf(spark, minus, "double")
    numbers.createOrReplaceTempView("numbers")
    udf.register(spark, "predict_one")
    spark.udf.register("predict_two", udf)
    spark.udf.register("predict_three", udf.__wrapped__)
    for name in ("predict_one", "predict_two", "predict_three"):
        assert dict(spark.sql(f"SELECT a, {name}(a, b) FROM numbers").collect()) == expected()
    query = "SELECT a, predict_one(struct(b, a)) FROM numbers WHERE predict_one(a, b) <= 0"
    assert dict(spark.sql(query).collect()) == expected()


def test_three_hundred_columns(spark, tmp_path):
    """More columns than functions of the JVM take arguments."""
    names = [f"x{i}" for i in range(300)]

    def model(data):
        return data.to_numpy() @ np.arange(300.0)

    signature = Signature(inputs=tuple(Spec(DOUBLE, name) for name in names))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    df = spark.range(3).select(
        *((F.col("id") + i).cast("double").alias(f"x{i}") for i in range(300))
    )
    udf = scorecast.spark_udf(spark, path, "double")
    wanted = [float((np.arange(300) + i) @ np.arange(300)) for i in range(3)]
    for call in (udf(*df.columns), udf(*map(F.col, reversed(names))), udf(F.struct("*"))):
        assert sorted(row.p for row in df.select(call.alias("p")).collect()) == wanted


def test_several_structs(spark, numbers, tmp_path):
    """Each struct is an input of its own when there are several."""

    def model(data):
        return [x["v"] - y["v"] for x, y in zip(data["x"], data["y"], strict=True)]

    record = Object((Property("v", DOUBLE),))
    signature = Signature(inputs=(Spec(record, "x"), Spec(record, "y")))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    udf = scorecast.spark_udf(spark, path, "double")
    one, other = F.struct(F.col("a").alias("v")), F.struct(F.col("b").alias("v"))
    assert values(numbers, udf(one, other)) == expected()
    assert values(numbers, udf(other.alias("y"), one.alias("x"))) == expected()


RESULTS = [
    ("tinyint", np.array([1, -128, 127], "int64"), [1, -128, 127]),
    ("smallint", [1, None, 2**15 - 1], [1, None, 2**15 - 1]),
    ("int", np.array([1, 2, 2**31 - 1], "int64"), [1, 2, 2**31 - 1]),
    ("bigint", [2**62 + 1, None, -(2**63)], [2**62 + 1, None, -(2**63)]),
    ("float", np.array([0.5, 1.5, np.inf], "float32"), [0.5, 1.5, float("inf")]),
    ("double", [1, 2.5, None], [1.0, 2.5, None]),
    ("boolean", [True, None, False], [True, None, False]),
    ("string", ["a", None, "ü"], ["a", None, "ü"]),
    ("binary", [b"\x00\xff", None, b""], [b"\x00\xff", None, b""]),
    (
        "date",
        np.array(["2024-02-29", "NaT", "1969-12-31"], "datetime64[D]"),
        [dt.date(2024, 2, 29), None, dt.date(1969, 12, 31)],
    ),
    (
        "timestamp_ntz",
        np.array(["2024-02-29T12:00:00.000001", "NaT", "1900-01-01"], "datetime64[us]"),
        [dt.datetime(2024, 2, 29, 12, 0, 0, 1), None, dt.datetime(1900, 1, 1)],  # noqa: DTZ001
    ),
    (
        "decimal(20,3)",
        [decimal.Decimal("12345678901234567.125"), None, 7],
        [decimal.Decimal("12345678901234567.125"), None, decimal.Decimal("7.000")],
    ),
    ("array<bigint>", [[1], [], None], [[1], [], None]),
    ("array<array<int>>", [[[1], [2, 3]], [[]], [None]], [[[1], [2, 3]], [[]], [None]]),
    (
        "map<string,double>",
        [{"a": 1.0}, {}, None],
        [{"a": 1.0}, {}, None],
    ),
    (
        "struct<n:int,t:array<string>>",
        [{"n": 1, "t": ["x", None]}, {"n": None, "t": None}, None],
        [(1, ["x", None]), (None, None), None],
    ),
]


@pytest.mark.parametrize(("kind", "returned", "wanted"), RESULTS, ids=[case[0] for case in RESULTS])
def test_result_types(spark, tmp_path, kind, returned, wanted):
    """Every type of Spark can be a result, with its nulls."""

    def model(data):
        return [returned[i] for i in data["id"]] if isinstance(returned, list) else returned

    path = scorecast.save_model(model, tmp_path / "m")
    udf = scorecast.spark_udf(spark, path, kind, preflight=False)
    df = spark.range(3).coalesce(1)
    rows = df.select(udf(F.struct("id")).alias("p")).collect()
    if not HAS_ARROW_UDF and kind.startswith("struct"):
        # A frame of pandas has no missing record, only one whose members are missing.
        wanted = [(None,) * 2 if value is None else value for value in wanted]
    assert [tuple(v) if isinstance(v, st.Row) else v for (v,) in rows] == wanted


@pytest.mark.skipif(not VARIANTS, reason="this version of Spark has no variants")
def test_variant_results(spark, tmp_path):
    """A variant holds what the model returned, alone and inside of other types."""

    def model(data):
        return [{"score": i / 2, "why": {"top": ["a", i]}, "all": [i, "x"]} for i in data["id"]]

    signature = Signature(outputs=(Spec(AnyValue()),))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    inferred = scorecast.spark_udf(spark, path)
    assert inferred.result_type == st.VariantType()
    struct = scorecast.spark_udf(
        spark, path, "score double, why variant, all array<variant>", preflight=False
    )
    df = spark.range(2).select(
        "id", inferred(F.struct("id")).alias("v"), struct(F.struct("id")).alias("s")
    )
    assert df.schema["v"].dataType == st.VariantType()
    rows = df.selectExpr(
        "variant_get(v, '$.why.top[1]', 'int') = id AS one",
        "variant_get(s.why, '$.top[1]', 'int') = id AS two",
        "s.score = id / 2 AS three",
        "variant_get(s.all[0], '$', 'int') = id AS four",
    ).collect()
    assert [tuple(row) for row in rows] == [(True,) * 4] * 2
    framed = scorecast.predict_frame(spark.range(2), path, preflight=False)
    assert framed.where("variant_get(prediction, '$.score', 'double') = id / 2").count() == 2
    with pytest.raises(ConfigError, match="parse_json"):
        inferred.register(spark, "predict_variant")


@pytest.fixture
def picky(tmp_path):
    """A model that predicts 2 * a and fails on a = 7 and a = 13."""

    def model(data):
        if data["a"].isin([7.0, 13.0]).any():
            message = "unlucky"
            raise ValueError(message)
        return data["a"] * 2

    signature = Signature(inputs=(Spec(DOUBLE, "a"),))
    return scorecast.save_model(model, tmp_path / "picky", signature=signature)


def test_failing_rows_are_null_or_say_why(spark, numbers, picky):
    """Rows that the model fails on do not cost the others their prediction."""
    rows = numbers.coalesce(1)
    null = scorecast.spark_udf(spark, picky, "double", on_error="null")
    wanted = {a: None if a in (7.0, 13.0) else a * 2 for a in np.arange(20.0)}
    assert values(rows, null("a")) == wanted
    framed = scorecast.predict_frame(rows, picky, result_type="double", on_error="struct")
    assert framed.schema["prediction"].dataType.simpleString() == (
        "struct<result:double,error:string>"
    )
    got = {row.a: row.prediction for row in framed.collect()}
    assert {a: p.result for a, p in got.items()} == wanted
    assert {a for a, p in got.items() if p.error is not None} == {7.0, 13.0}
    assert "unlucky" in got[7.0].error
    udf = scorecast.spark_udf(spark, picky, "double", on_error="struct")
    assert udf.result_type == framed.schema["prediction"].dataType
    assert {a: p.result for a, p in values(rows, udf("a")).items()} == wanted


def test_a_batch_that_fails_everywhere_ends_the_job(spark, numbers, picky):
    """A model that fails on every row is broken, and on_error="null" does not hide it."""
    udf = scorecast.spark_udf(spark, picky, "double", on_error="null")
    with pytest.raises(PythonException) as failed:
        numbers.where("a IN (7, 13)").coalesce(1).select(udf("a")).collect()
    assert isinstance(error_in_worker(failed.value), ModelPredictError)


@pytest.mark.parametrize("front", ["udf", "frame"])
def test_batch_size_reaches_across_the_batches_of_spark(spark, tmp_path, front):
    """The model sees full batches though Spark sends smaller ones, and larger ones cut."""

    def model(data):
        return [len(data)] * len(data)

    path = scorecast.save_model(model, tmp_path / "m")
    key = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(key)
    spark.conf.set(key, "7")
    try:
        df = spark.range(50).coalesce(1)
        for size in (20, 3):
            if front == "udf":
                udf = scorecast.spark_udf(spark, path, "long", batch_size=size)
                made = df.select("id", udf(F.struct("id")).alias("prediction"))
            else:
                made = scorecast.predict_frame(df, path, result_type="long", batch_size=size)
            got = [row.prediction for row in made.orderBy("id").collect()]
            assert got == [size] * (50 // size * size) + [50 % size] * (50 % size)
    finally:
        spark.conf.set(key, before)


def test_environment_variables_of_a_call(spark, tmp_path):
    """The model sees them; the worker does not keep them."""

    def model(data):
        return [os.environ.get("SCORECAST_TEST_CALL", "none")] * len(data)

    path = scorecast.save_model(model, tmp_path / "m")
    with_value = scorecast.spark_udf(
        spark, path, "string", extra_env={"SCORECAST_TEST_CALL": "some"}
    )
    without = scorecast.spark_udf(spark, path, "string")
    df = spark.range(4).select(
        with_value(F.struct("id")).alias("one"), without(F.struct("id")).alias("two")
    )
    assert {tuple(row) for row in df.collect()} == {("some", "none")}


def test_model_config_reaches_the_workers(spark, tmp_path):
    """As a dict and as a YAML file (MLflow loses it on clusters)."""
    path = tmp_path / "m"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, about type hints
        from mlflow import pyfunc

        class Model(pyfunc.PythonModel):
            def predict(self, context, model_input, params=None):
                return [context.model_config["limit"]] * len(model_input)

        pyfunc.save_model(path, python_model=Model(), model_config={"limit": 1})
    file = tmp_path / "config.yaml"
    file.write_text("limit: 3\n")
    df = spark.range(2)
    for config, limit in ((None, 1), ({"limit": 2}, 2), (str(file), 3)):
        udf = scorecast.spark_udf(spark, path, "long", model_config=config)
        assert [row.p for row in df.select(udf(F.struct("id")).alias("p")).collect()] == [limit] * 2


def test_other_environments_are_refused(spark, minus):
    """What is not there yet is an error, before the model is looked at."""
    with pytest.raises(ConfigError, match='env_manager is "virtualenv"'):
        scorecast.spark_udf(spark, "/nowhere", "double", env_manager="virtualenv")
    assert scorecast.spark_udf(spark, minus, "double", env_manager="local")


def test_only_differing_requirements_are_warned_about(spark, minus):
    """The warning names what differs and nothing else."""
    with (minus / "requirements.txt").open("a") as file:
        file.write("\nnumpy==1.0.0\npandas>=1\n")
    with pytest.warns(UserWarning, match=r"numpy is .*==1\.0\.0") as caught:
        scorecast.spark_udf(spark, minus, "double")
    assert len(caught) == 1
    assert "pandas" not in str(caught[0].message)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_error": "ignore"}, "on_error"),
        ({"isolate": "column"}, "isolate"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "7"}, "batch_size"),
        ({"extra_env": {"A": 1}}, "extra_env"),
    ],
)
def test_wrong_options_fail_before_the_model_is_looked_at(spark, options, words):
    """Options are checked first."""
    with pytest.raises(ConfigError, match=words):
        scorecast.spark_udf(spark, "/nowhere", "double", **options)


def test_nondeterministic_calls_the_model_once_per_row(spark, numbers, minus):
    """Marked so, a function is not evaluated again for a filter on its own column."""
    udf = scorecast.spark_udf(spark, minus, "double").asNondeterministic()
    assert not udf.deterministic
    df = numbers.select("a", udf("a", "b").alias("p")).where("p < 0")
    plan = df._jdf.queryExecution().executedPlan().toString()
    assert plan.count("ArrowEvalPython") == 1
    assert df.count() == 19


def test_notebooks_show_a_table(spark, minus):
    """Name, digest, inputs with types and an example of a call."""
    udf = scorecast.spark_udf(spark, minus, "double")
    html = udf._repr_html_()
    assert udf.metadata.digest in html
    for text in ("<td>a</td><td>double</td>", "df.withColumn(&quot;prediction&quot;, udf("):
        assert text in html


def test_nan_as_null(spark, numbers, tmp_path):
    """MLflow's NULL for NaN can be had."""

    def model(data):
        return np.full(len(data), np.nan)

    path = scorecast.save_model(model, tmp_path / "m")
    null = scorecast.spark_udf(spark, path, "double", nan_as_null=True)
    nan = scorecast.spark_udf(spark, path, "double")
    counts = numbers.select(
        F.count(null(F.struct("a"))).alias("not_null"),
        F.count_if(F.isnan(nan(F.struct("a")))).alias("nan"),
    )
    assert tuple(counts.first()) == (0, 20)


def test_nullable_integers(spark, tmp_path):
    """Integers beside NULL reach the model exactly, in every batch as the same dtype."""

    def model(data):
        return [f"{data['n'].dtype}:{value}" for value in data["n"]]

    signature = Signature(inputs=(Spec(Scalar("long"), "n"),))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    df = spark.createDataFrame([(2**62 + 1,), (None,)], "n long").coalesce(1)
    wanted = {f"Int64:{2**62 + 1}", "Int64:<NA>"}
    udf = scorecast.spark_udf(spark, path, "string", nullable_integers=True)
    if HAS_ARROW_UDF:
        assert {row.p for row in df.select(udf("n").alias("p")).collect()} == wanted
    else:
        with pytest.raises(PythonException) as rounded:
            df.select(udf("n")).collect()
        assert "integers with nulls reach Python as doubles" in str(error_in_worker(rounded.value))
    small = spark.createDataFrame([(7,), (None,)], "n long").coalesce(1)
    assert {row.p for row in small.select(udf("n").alias("p")).collect()} == {
        "Int64:7",
        "Int64:<NA>",
    }
    framed = scorecast.predict_frame(df, path, result_type="string", nullable_integers=True)
    assert {row.prediction for row in framed.collect()} == wanted
    with pytest.raises(PythonException) as failed:
        df.select(scorecast.spark_udf(spark, path, "string")("n")).collect()
    assert isinstance(error_in_worker(failed.value), InputMismatchError)
