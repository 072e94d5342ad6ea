"""Spark types and Arrow types: the pairs that Spark itself exchanges with Python."""

import pyarrow as pa
import pytest
from pyspark.sql import types as st

from scorecast.errors import ConfigError
from scorecast.models.signature import Array, Map, Object, Property, Scalar, Signature, Spec, Tensor
from scorecast.spark.types import from_arrow, parse_result_type, to_arrow
from scorecast.worker.result_types import result_type_of

TYPES = [
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "string",
    "binary",
    "date",
    "timestamp",
    "timestamp_ntz",
    "decimal(10,2)",
    "array<double>",
    "array<array<int>>",
    "map<string,double>",
    "struct<a:int,b:array<struct<c:string>>>",
]


@pytest.mark.parametrize("ddl", TYPES)
def test_arrow_type_is_the_one_that_spark_sends(spark, ddl):
    """What Spark hands to a worker for a type is what scorecast plans for."""

    def show(batches):
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"t": [str(batch.schema.field(0).type)]})

    df = spark.createDataFrame([(None,)], f"x {ddl}")
    sent = df.mapInArrow(show, "t string").first().t
    zone = spark.conf.get("spark.sql.session.timeZone")
    assert str(to_arrow(df.schema["x"].dataType, zone)) == sent


@pytest.mark.parametrize(
    ("declared", "ddl"),
    [
        (Scalar("integer"), "int"),
        (Scalar("datetime"), "timestamp"),
        (Scalar("binary"), "binary"),
        (Array(Scalar("float")), "array<float>"),
        (Map(Scalar("long")), "map<string,bigint>"),
        (
            Object((Property("a", Scalar("long")), Property("b", Scalar("string")))),
            "struct<a:bigint,b:string>",
        ),
        (Tensor("int64", (-1,)), "bigint"),
        (Tensor("float32", (-1, 3)), "array<float>"),
        (Tensor("float64", (-1, 2, 2)), "array<array<double>>"),
        (Tensor("uint8", (-1,)), "smallint"),
        (Tensor("str", (-1,)), "string"),
    ],
)
def test_declared_output_gives_the_spark_type(declared, ddl):
    """One declared output gives its bare type."""
    signature = Signature(outputs=(Spec(declared, "y"),))
    assert from_arrow(result_type_of(signature)).simpleString() == ddl


def test_several_declared_outputs_give_a_struct():
    """Several outputs become the fields of a record, by name or number."""
    signature = Signature(outputs=(Spec(Scalar("long"), "label"), Spec(Scalar("double"))))
    assert from_arrow(result_type_of(signature)).simpleString() == "struct<label:bigint,1:double>"


@pytest.mark.parametrize(
    ("text", "ddl"),
    [
        ("bool", "boolean"),
        ("long", "bigint"),
        ("a int, b array<double>", "struct<a:int,b:array<double>>"),
        (st.DateType(), "date"),
    ],
)
def test_result_types_are_read_as_mlflow_writes_them(spark, text, ddl):
    """DDL text, MLflow's aliases and Spark types are all result types."""
    assert parse_result_type(spark, text).simpleString() == ddl


@pytest.mark.parametrize("text", ["dubble", "array<", "", "interval day to second no"])
def test_other_text_is_an_error(spark, text):
    """Text that is no type is named in the error, with examples of types."""
    with pytest.raises(ConfigError, match="result type"):
        parse_result_type(spark, text)
