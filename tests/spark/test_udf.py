"""`spark_udf`: the same predictions as the model gives on the driver."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from pyspark.errors import PythonException
from pyspark.sql import functions as F
from pyspark.sql import types as st

import scorecast
from scorecast.errors import (
    ArtifactNotFoundError,
    ConfigError,
    InputMismatchError,
    OutputMismatchError,
)
from scorecast.models.signature import Array, Object, Param, Property, Scalar, Signature, Spec
from scorecast.spark.failures import error_in_worker


def predicted(df, column):
    """Give the values of a new column in the order of the ids."""
    rows = df.select("id", column.alias("p")).orderBy("id").toPandas()
    return rows["p"]


def test_equals_the_model_on_the_driver(spark, people, people_df, churn_model):
    """Every row gets the prediction that load_model gives it, whatever its nulls."""
    udf = scorecast.spark_udf(spark, churn_model, result_type="long")
    expected = scorecast.load_model(churn_model).predict(people)
    assert predicted(people_df, udf(*people_df.columns)).tolist() == expected.tolist()


def test_type_is_taken_from_the_signature(spark, people_df, churn_model, proba_model):
    """A [-1] tensor is a scalar and a [-1, 2] tensor an array."""
    assert scorecast.spark_udf(spark, churn_model).result_type == st.BooleanType()
    assert scorecast.spark_udf(spark, proba_model).result_type == st.ArrayType(st.DoubleType())


def test_array_result_holds_all_columns(spark, people, people_df, proba_model):
    """An array result has one value per column of the prediction, bit for bit."""
    udf = scorecast.spark_udf(spark, proba_model)
    expected = scorecast.load_model(proba_model).predict(people)
    got = np.stack(predicted(people_df, udf(*people_df.columns)).to_list())
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "call",
    [
        lambda udf: udf("since", "plan", "income", "age"),
        lambda udf: udf(F.col("age"), F.col("income"), F.col("plan"), F.col("since")),
        lambda udf: udf(F.struct("since", "id", "plan", "age", "income")),
        lambda udf: udf(F.struct("*")),
        lambda udf: udf(),
    ],
    ids=["names", "columns", "struct", "struct of all", "nothing"],
)
def test_call_shapes(spark, people, people_df, churn_model, call):
    """Names and struct fields are matched by name, expressions by position, and all agree."""
    udf = scorecast.spark_udf(spark, churn_model, result_type="boolean")
    expected = scorecast.load_model(churn_model).predict(people)
    assert predicted(people_df, call(udf)).tolist() == expected.tolist()


def test_other_names_are_taken_by_position_with_a_warning(spark, people, people_df, churn_model):
    """Columns of other names still work, and the user is told how they were taken."""
    udf = scorecast.spark_udf(spark, churn_model)
    renamed = people_df.withColumnRenamed("age", "years")
    with pytest.warns(UserWarning, match="by position"):
        column = udf("years", "income", "plan", "since")
    expected = scorecast.load_model(churn_model).predict(people)
    assert predicted(renamed, column).tolist() == expected.tolist()


def test_struct_result(spark, people_df, tmp_path):
    """A dict of columns fills a struct by name."""

    def model(data):
        return {"double_age": data["age"] * 2.0, "plan": data["plan"]}

    path = scorecast.save_model(model, tmp_path / "m")
    udf = scorecast.spark_udf(spark, path, "plan string, double_age double")
    got = predicted(people_df, udf(F.struct("age", "plan"))).to_list()
    rows = people_df.orderBy("id").select("plan", "age").collect()
    assert [(row["plan"], row["double_age"]) for row in got] == [
        (r.plan, r.age * 2.0) for r in rows
    ]


def test_nan_stays_nan_and_none_becomes_null(spark, people_df, tmp_path):
    """NaN is a value, a missing value is NULL."""

    def model(data):
        ids = data["id"]
        return [None if i % 3 == 0 else float("nan") if i % 3 == 1 else 1.0 for i in ids]

    path = scorecast.save_model(model, tmp_path / "m")
    udf = scorecast.spark_udf(spark, path, "double")
    scored = people_df.withColumn("p", udf(F.struct("id")))
    counts = scored.select(
        F.count_if(F.col("p").isNull()),
        F.count_if(F.isnan("p")),
        F.count_if(F.col("p") == 1.0),
    ).first()
    assert tuple(counts) == (167, 167, 166)


def test_names_with_dots_and_backticks(spark, people, tmp_path):
    """Column names may hold anything that Spark allows."""
    strange = people[["id", "age"]].rename(columns={"age": "a.b `c` ü"})
    names = ["a.b `c` ü"]

    def model(data):
        return data[names[0]] + 1

    signature = Signature(inputs=(Spec(Scalar("integer"), names[0]),))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    df = spark.createDataFrame(strange, "id long, `a.b ``c`` ü` int")
    udf = scorecast.spark_udf(spark, path, "long")
    assert predicted(df, udf(*df.columns)).tolist() == (people["age"] + 1).tolist()
    assert predicted(df, udf()).tolist() == (people["age"] + 1).tolist()


def test_nested_inputs(spark, tmp_path):
    """Arrays reach the model as numpy arrays and records as dicts, as MLflow gives them."""

    def model(data):
        kinds = {type(data["values"][0]).__name__, type(data["who"][0]).__name__}
        return [
            f"{','.join(sorted(kinds))}:{float(sum(values))}:{who['name']}"
            for values, who in zip(data["values"], data["who"], strict=True)
        ]

    signature = Signature(
        inputs=(
            Spec(Array(Scalar("double")), "values"),
            Spec(Object((Property("name", Scalar("string")),)), "who"),
        ),
    )
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    df = spark.createDataFrame(
        [(0, [1.0, 2.0], ("x",)), (1, [], ("y",)), (2, [3.5], ("z",))],
        "id long, values array<double>, who struct<name: string>",
    )
    udf = scorecast.spark_udf(spark, path, "string")
    assert predicted(df, udf("values", "who")).tolist() == [
        "dict,ndarray:3.0:x",
        "dict,ndarray:0.0:y",
        "dict,ndarray:3.5:z",
    ]


def test_tensor_input_from_an_array_column(spark, tmp_path):
    """A tensor model takes one array column, or as many columns as the tensor is wide."""
    X = np.arange(12, dtype="float64").reshape(6, 2)

    def model(data):
        return data @ np.array([1.0, 10.0])

    path = scorecast.save_model(
        model, tmp_path / "m", signature=scorecast.infer_signature(X, model(X))
    )
    df = spark.createDataFrame(pd.DataFrame({"id": range(6), "x": X[:, 0], "y": X[:, 1]}))
    udf = scorecast.spark_udf(spark, path)
    assert predicted(df, udf(F.array("x", "y"))).tolist() == model(X).tolist()
    assert predicted(df, udf(F.col("x"), F.col("y"))).tolist() == model(X).tolist()
    assert predicted(df, udf(F.struct("x", "y"))).tolist() == model(X).tolist()


def test_params_reach_the_model(spark, people_df, tmp_path):
    """Params are completed with their defaults on the driver and given to every batch."""

    def model(data, params=None):
        return data["age"] * params["factor"] + params["shift"]

    signature = Signature(
        inputs=(Spec(Scalar("integer"), "age"),),
        params=(Param("factor", Scalar("double"), 1.0), Param("shift", Scalar("double"), 0.5)),
    )
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    udf = scorecast.spark_udf(spark, path, "double", params={"factor": 2.0})
    ages = predicted(people_df, F.col("age"))
    assert predicted(people_df, udf()).tolist() == (ages * 2.0 + 0.5).tolist()
    with pytest.raises(InputMismatchError, match="factor"):
        scorecast.spark_udf(spark, path, "double", params={"factor": "two"})


def test_prediction_of_a_filtered_and_limited_frame(spark, people_df, churn_model):
    """The column works under filters on itself, limits and aggregation."""
    udf = scorecast.spark_udf(spark, churn_model)
    scored = people_df.withColumn("p", udf(*people_df.columns))
    assert scored.where("p").count() + scored.where("NOT p").count() == 500
    assert len(scored.limit(3).collect()) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"result_type": "dubble"}, ConfigError, "dubble"),
        ({"result_type": "interval year to month"}, ConfigError, "result type"),
    ],
)
def test_bad_result_type_fails_before_the_model_is_looked_at(spark, arguments, error, words):
    """A result type is checked first, even when the model is not there."""
    with pytest.raises(error, match=words):
        scorecast.spark_udf(spark, "/nowhere", **arguments)


def test_unknown_model_path(spark, tmp_path):
    """A wrong path is an error on the driver that names it."""
    with pytest.raises(ArtifactNotFoundError, match="no such directory"):
        scorecast.spark_udf(spark, tmp_path / "nowhere", "double")


def test_no_columns_and_no_names(spark, tmp_path):
    """Without names in the signature, a call without columns says what to give."""
    path = scorecast.save_model(len, tmp_path / "m")
    with pytest.raises(InputMismatchError, match=r"udf\(\*df.columns\)"):
        scorecast.spark_udf(spark, path, "double")()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["age"], "takes 4 input columns, got 1"),
        (["age", "income", "plan", "since", "id"], "takes 4 input columns, got 5"),
        (["age", "plan", "income", "since"], "is string, the model takes double"),
    ],
)
def test_wrong_columns_fail_with_our_words(spark, people_df, churn_model, columns, words):
    """Too few, too many and mistyped columns are errors, never truncated or swapped."""
    udf = scorecast.spark_udf(spark, churn_model)
    with pytest.raises(PythonException) as failed:
        people_df.select(
            udf(*[F.col(name).alias(f"c{i}") for i, name in enumerate(columns)])
        ).collect()
    ours = error_in_worker(failed.value)
    assert isinstance(ours, InputMismatchError)
    assert re.search(words, str(ours))


def test_wrong_number_of_predictions_fails(spark, people_df, tmp_path):
    """A model that loses a row is stopped in the batch where it does."""

    def model(data):
        return np.zeros(len(data) - 1)

    udf = scorecast.spark_udf(spark, scorecast.save_model(model, tmp_path / "m"), "double")
    with pytest.raises(PythonException) as failed:
        people_df.select(udf(F.struct("age"))).collect()
    ours = error_in_worker(failed.value)
    assert isinstance(ours, OutputMismatchError)
    assert pickle.loads(pickle.dumps(ours)).args == ours.args


def test_repr_says_what_it_is(spark, churn_model):
    """The function shows model, inputs, type and digest in one line."""
    text = repr(scorecast.spark_udf(spark, churn_model))
    assert "age, income, plan, since" in text
    assert "boolean" in text
    assert "sha256:" in text
    assert "\n" not in text
