"""`predict_frame`: all columns and the prediction, in one pass, by both interfaces."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest
from pyspark.errors import PythonException
from pyspark.sql import functions as F
from pyspark.sql import types as st

import scorecast
from scorecast.errors import (
    ConfigError,
    InputDataError,
    InputMismatchError,
    OutputMismatchError,
)
from scorecast.models.signature import Scalar, Signature, Spec
from scorecast.spark.failures import error_in_worker
from scorecast.spark.versions import VARIANTS

INTERFACES = ("arrow", "pandas")


@pytest.mark.parametrize("interface", INTERFACES)
def test_equals_the_model_on_the_driver(people, people_df, proba_model, interface):
    """Every row keeps its columns and gets the prediction that load_model gives it."""
    got = (
        scorecast.predict_frame(people_df, proba_model, interface=interface)
        .orderBy("id")
        .toPandas()
    )
    expected = scorecast.load_model(proba_model).predict(people)
    assert list(got.columns) == [*people.columns, "prediction"]
    assert np.stack(got["prediction"].to_list()).tobytes() == expected.tobytes()
    pd.testing.assert_frame_equal(got[list(people.columns)], people, check_dtype=False)


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """Save a linear model of 20 doubles; give it with rows to predict on, some values missing."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(3)
    rows = pd.DataFrame(rng.normal(size=(300, 20)), columns=[f"x.{i}" for i in range(20)])
    rows[rng.random(rows.shape) < 0.1] = np.nan
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(rows, rng.normal(size=300))
    signature = scorecast.infer_signature(rows, model.predict(rows))
    path = scorecast.save_model(model, tmp_path_factory.mktemp("linear") / "m", signature=signature)
    return path, rows.assign(id=range(300))


@pytest.mark.parametrize("keep", ["none", ["id"], ["id", "x.3"], "all"])
def test_doubles_give_the_same_to_the_last_bit_however_they_are_sent(spark, linear, keep):
    """Neither what is kept nor the interface changes a prediction; NULL is NaN to the model."""
    path, rows = linear
    df = spark.createDataFrame(rows).coalesce(1)
    numbers = [F.col(f"`{name}`") for name in rows.columns[:-1]]
    nulls = (F.when(~F.isnan(x), x).alias(n) for x, n in zip(numbers, rows.columns, strict=False))
    df = df.select("id", *nulls)
    got = scorecast.predict_frame(df, path, keep=keep).toPandas()
    kept = df.columns if keep == "all" else [] if keep == "none" else keep
    assert list(got.columns) == [*kept, "prediction"]
    # The session has batches of 64 rows, and a model may compute other last digits for others.
    model = scorecast.load_model(path)
    expected = [model.predict(rows[i : i + 64]) for i in range(0, len(rows), 64)]
    assert got["prediction"].to_numpy().tobytes() == np.concatenate(expected).tobytes()
    if "id" in kept:
        assert got["id"].tolist() == rows["id"].tolist()


def test_keep_and_output_column(people_df, churn_model):
    """Only the kept columns are in the result, and the prediction is called as asked."""
    kept = scorecast.predict_frame(people_df, churn_model, keep=["id", "plan"], output_column="p")
    assert kept.columns == ["id", "plan", "p"]
    none = scorecast.predict_frame(people_df, churn_model, keep="none")
    assert none.columns == ["prediction"]
    assert none.count() == 500


def test_schema_is_known_without_running(people_df, proba_model):
    """The schema says what the rows will hold; kept columns keep their types."""
    df = scorecast.predict_frame(people_df, proba_model)
    assert df.schema.fields[:-1] == people_df.schema.fields
    assert df.schema["prediction"].dataType == st.ArrayType(st.DoubleType())


def test_columns_by_position(people, people_df, churn_model):
    """Columns of other names are taken in the order given."""
    renamed = people_df.withColumnsRenamed({"age": "A", "income": "B", "plan": "C", "since": "D"})
    got = scorecast.predict_frame(renamed, churn_model, columns=["A", "B", "C", "D"])
    expected = scorecast.load_model(churn_model).predict(people)
    assert got.orderBy("id").toPandas()["prediction"].tolist() == expected.tolist()


@pytest.mark.parametrize("interface", INTERFACES)
def test_kept_columns_of_every_type_are_untouched(spark, tmp_path, interface):
    """Decimals, dates, times, binary and nested values come out as they went in."""
    schema = (
        "id long, big decimal(38,10), day date, at timestamp, ntz timestamp_ntz, raw binary, "
        "list array<int>, map map<string,int>, rec struct<a: int, b: array<string>>, "
        "small short, tiny byte, flag boolean, f float, nothing void"
    )
    rows = [
        (
            1,
            decimal.Decimal("12345678901234567890.1234567890"),
            dt.date(1969, 1, 2),
            dt.datetime(2024, 3, 31, 2, 30, tzinfo=dt.UTC),
            dt.datetime(1960, 1, 1),  # noqa: DTZ001 - this type has no zone
            b"\x00\xff",
            [1, None, 3],
            {"k": None},
            (None, ["x", None]),
            -5,
            7,
            True,
            1.5,
            None,
        ),
        tuple([2] + [None] * 13),
    ]
    df = spark.createDataFrame(rows, schema).drop("nothing")

    def model(data):
        return data["id"] * 2

    signature = Signature(inputs=(Spec(Scalar("long"), "id"),))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    got = scorecast.predict_frame(df, path, result_type="long", interface=interface)
    assert got.drop("prediction").schema == df.schema
    assert sorted(got.drop("prediction").collect()) == sorted(df.collect())
    assert sorted(row.prediction for row in got.collect()) == [2, 4]


@pytest.mark.parametrize("interface", INTERFACES)
def test_nulls_and_nan_reach_the_model_alike(spark, tmp_path, interface):
    """Both interfaces give a model the same values: integers stay integers, nulls stay missing."""

    def model(data):
        return [
            f"{data.dtypes['n']} {data.dtypes['x']} {'-' if pd.isna(n) else n} {x}"
            for n, x in zip(data["n"], data["x"], strict=True)
        ]

    signature = Signature(
        inputs=(Spec(Scalar("long"), "n", required=False), Spec(Scalar("double"), "x"))
    )
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    df = spark.createDataFrame(
        [(0, 2**60 + 1, 1.0), (1, None, float("nan")), (2, 3, None)], "id long, n long, x double"
    )
    got = scorecast.predict_frame(df, path, result_type="string", interface=interface)
    assert [row.prediction for row in got.orderBy("id").collect()] == [
        f"Int64 float64 {2**60 + 1} 1.0",
        "Int64 float64 - nan",
        "Int64 float64 3 nan",
    ]


@pytest.mark.parametrize("interface", INTERFACES)
def test_nan_stays_nan_on_both_interfaces(people_df, tmp_path, interface):
    """A NaN prediction is NaN, not NULL, also through pandas."""

    def model(data):
        return np.where(data["id"] % 2 == 0, np.nan, 1.0)

    path = scorecast.save_model(model, tmp_path / "m")
    got = scorecast.predict_frame(people_df, path, result_type="double", interface=interface)
    counts = got.select(F.count_if(F.isnan("prediction")), F.count("prediction")).first()
    assert tuple(counts) == (250, 500)


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_lost_row_is_an_error(people_df, tmp_path, interface):
    """Spark does not count the rows of mapIn functions; scorecast does."""

    def model(data):
        return list(data["id"])[:-1]

    path = scorecast.save_model(model, tmp_path / "m")
    with pytest.raises(PythonException) as failed:
        scorecast.predict_frame(people_df, path, result_type="long", interface=interface).collect()
    assert isinstance(error_in_worker(failed.value), OutputMismatchError)


def test_empty_frames_and_partitions(spark, people_df, churn_model):
    """No rows in, no rows out, with the full schema."""
    got = scorecast.predict_frame(people_df.where("id < 0"), churn_model)
    assert got.count() == 0
    assert got.columns == [*people_df.columns, "prediction"]
    one = scorecast.predict_frame(people_df.where("id = 7").repartition(4), churn_model)
    assert one.count() == 1


def test_all_schema_problems_are_named_at_once(people_df, churn_model):
    """A missing and a mistyped column are both in one error, before any task runs."""
    wrong = people_df.withColumnRenamed("plan", "plans").withColumn("age", F.col("age") * 1.5)
    with pytest.raises(InputMismatchError) as failed:
        scorecast.predict_frame(wrong, churn_model)
    text = str(failed.value)
    assert 'column "plan" (string) is missing' in text
    assert 'Did you mean "plans"?' in text
    assert 'column "age" is double, the model takes integer' in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": ["ids"]}, 'Did you mean "id"'),
        ({"columns": ["age", "incme"]}, 'Did you mean "income"'),
        ({"output_column": "plan"}, '"plan" already'),
        ({"interface": "polars"}, "arrow"),
    ],
)
def test_wrong_options(people_df, churn_model, options, words):
    """Options that name what is not there, or what is there already, are refused."""
    with pytest.raises(ConfigError, match=words):
        scorecast.predict_frame(people_df, churn_model, **options)


def test_repeated_column_names_are_refused(people_df, churn_model):
    """A frame in which a name means two columns is refused, naming it."""
    twice = people_df.select("*", people_df["age"])
    with pytest.raises(InputDataError, match="several columns of one name: age"):
        scorecast.predict_frame(twice, churn_model)


def test_columns_that_python_cannot_take_may_stay_out(spark, churn_model, people_df):
    """A column of a type without Arrow form does no harm when nobody asks for it."""
    odd = people_df.withColumn("v", F.expr("INTERVAL '1' YEAR"))
    assert scorecast.predict_frame(odd, churn_model, keep=["id"]).count() == 500
    with pytest.raises(ConfigError, match='"v" of type interval year cannot pass'):
        scorecast.predict_frame(odd, churn_model, interface="arrow")


def test_columns_of_every_type_are_kept_untouched(spark, churn_model, people_df):
    """Also those that Spark does not send to Python; they stay on its side."""
    kinds = {
        "year": "INTERVAL '1-2' YEAR TO MONTH",
        "day": "INTERVAL '1 02:03:04.000005' DAY TO SECOND",
        "exact": "CAST(id AS DECIMAL(38, 18)) / 3",
        "nested": "named_struct('a', array(id, NULL), 'm', map('k', double('NaN')))",
        "bytes": "CAST(CAST(id AS STRING) AS BINARY)",
        "moment": "timestamp'2024-03-31 02:30:00'",
    }
    if VARIANTS:
        kinds["any"] = "parse_json('{\"a\": 1.5}')"
    wide = people_df.selectExpr("*", *(f"{sql} AS {name}" for name, sql in kinds.items()))
    predicted = scorecast.predict_frame(wide, churn_model)
    assert predicted.schema.fields[:-1] == wide.schema.fields
    texts = [f"CAST({name} AS STRING) AS {name}" for name in kinds if name != "bytes"]
    columns = ["id", "hex(bytes) AS bytes", *texts]
    rows = predicted.selectExpr(*columns).orderBy("id").collect()
    assert rows == wide.selectExpr(*columns).orderBy("id").collect()


@pytest.mark.parametrize("interface", ["auto", "arrow", "pandas", "column"])
def test_interfaces_agree(interface, people, people_df, churn_model):
    """However rows reach the model, each gets the prediction of the driver."""
    predicted = scorecast.predict_frame(people_df, churn_model, interface=interface, keep=["id"])
    got = predicted.orderBy("id").toPandas()["prediction"]
    assert got.tolist() == scorecast.load_model(churn_model).predict(people).tolist()
