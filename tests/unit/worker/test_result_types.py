"""The type of a prediction: from a short text, or from what the model declares."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from scorecast.errors import ConfigError
from scorecast.models.signature import (
    AnyValue,
    Array,
    Map,
    Object,
    Property,
    Scalar,
    Signature,
    SparkVector,
    Spec,
    Tensor,
)
from scorecast.worker.result_types import parse_simple_type, result_type_of
from scorecast.worker.variants import VARIANT

INSTANT = pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("double", pa.float64()),
        (" Double ", pa.float64()),
        ("float", pa.float32()),
        ("real", pa.float32()),
        ("int", pa.int32()),
        ("INTEGER", pa.int32()),
        ("long", pa.int64()),
        ("bigint", pa.int64()),
        ("short", pa.int16()),
        ("smallint", pa.int16()),
        ("byte", pa.int8()),
        ("tinyint", pa.int8()),
        ("bool", pa.bool_()),
        ("boolean", pa.bool_()),
        ("string", pa.string()),
        ("binary", pa.binary()),
        ("date", pa.date32()),
        ("timestamp", INSTANT),
        ("datetime", INSTANT),
        ("timestamp_ntz", pa.timestamp("us")),
        ("array<double>", pa.list_(pa.float64())),
        ("array< array<INT> >", pa.list_(pa.list_(pa.int32()))),
    ],
)
def test_the_usual_names_are_read_without_spark(text: str, kind: pa.DataType) -> None:
    """The names of Spark's scalar types, their aliases and arrays of them are known."""
    assert parse_simple_type(text) == kind


@pytest.mark.parametrize(
    "text", ["", "dubble", "array<double", "array<>", "map<string,double>", "a double, b string"]
)
def test_what_is_no_type_is_told_with_the_names_that_are(text: str) -> None:
    """The error shows the text and every name that would do."""
    with pytest.raises(ConfigError) as caught:
        parse_simple_type(text)

    assert "Cannot read the result type" in str(caught.value)
    assert "boolean, byte, short, integer, long, float, double, string" in str(caught.value)


def outputs(*kinds: Any) -> Signature:
    """A signature of outputs alone."""
    return Signature(None, tuple(kind if isinstance(kind, Spec) else Spec(kind) for kind in kinds))


RECORD = Object(
    (Property("a", Scalar("long")), Property("b", Array(Scalar("string")), required=False))
)


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        (outputs(Scalar("boolean")), pa.bool_()),
        (outputs(Scalar("integer")), pa.int32()),
        (outputs(Scalar("long")), pa.int64()),
        (outputs(Scalar("float")), pa.float32()),
        (outputs(Scalar("double")), pa.float64()),
        (outputs(Scalar("string")), pa.string()),
        (outputs(Scalar("binary")), pa.binary()),
        (outputs(Scalar("datetime")), INSTANT),
        (outputs(Array(Array(Scalar("double")))), pa.list_(pa.list_(pa.float64()))),
        (outputs(Map(Scalar("long"))), pa.map_(pa.string(), pa.int64())),
        (outputs(RECORD), pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])),
        (outputs(Spec(Scalar("long"), "label")), pa.int64()),
        (
            outputs(Spec(Scalar("string"), "label"), Spec(Scalar("double"), "p")),
            pa.struct([("label", pa.string()), ("p", pa.float64())]),
        ),
        (
            outputs(Scalar("long"), Scalar("double")),
            pa.struct([("0", pa.int64()), ("1", pa.float64())]),
        ),
        (outputs(Tensor("int64", (-1,))), pa.int64()),
        (outputs(Tensor("float32", (-1, 3))), pa.list_(pa.float32())),
        (outputs(Tensor("float64", (-1, 2, 3))), pa.list_(pa.list_(pa.float64()))),
        (outputs(Tensor("uint8", (-1,))), pa.int16()),
        (outputs(Tensor("uint16", (-1,))), pa.int32()),
        (outputs(Tensor("uint32", (-1,))), pa.int64()),
        (outputs(Tensor("float16", (-1,))), pa.float32()),
        (outputs(Tensor("bool", (-1,))), pa.bool_()),
        (outputs(Tensor("str", (-1,))), pa.string()),
        (outputs(Tensor("object", (-1,))), pa.string()),
        (outputs(Tensor("bytes", (-1,))), pa.binary()),
        (outputs(Tensor("datetime64[ns]", (-1,))), INSTANT),
    ],
    ids=str,
)
def test_declared_outputs_have_a_type(declared: Signature, kind: pa.DataType) -> None:
    """One output is its bare type, several are a record; a column tensor is one value per row."""
    assert result_type_of(declared) == kind


@pytest.mark.parametrize(
    "declared", [SparkVector(), Array(SparkVector()), Tensor("complex128", (-1,))], ids=str
)
def test_outputs_without_a_fixed_type_ask_for_one(declared: Any) -> None:
    """An output without a type of Arrow is an error that says to give a result type."""
    with pytest.raises(ConfigError, match="Give a result type"):
        result_type_of(outputs(declared))


@pytest.mark.parametrize("declared", [Signature(), Signature(None, ())])
def test_a_model_without_outputs_gives_doubles_with_a_warning(declared: Signature) -> None:
    """As in MLflow, the type is double where nothing says otherwise, and the user is told."""
    with pytest.warns(UserWarning, match='using "double"'):
        assert result_type_of(declared) == pa.float64()


def test_an_output_of_any_type_is_a_variant() -> None:
    """What may be anything has Spark's type for that, also inside of other types."""
    assert result_type_of(Signature(outputs=(Spec(AnyValue()),))) == VARIANT
    nested = result_type_of(Signature(outputs=(Spec(Array(AnyValue())),)))
    assert nested.value_type == VARIANT


def test_a_chosen_output_gives_its_own_type() -> None:
    """Of several declared outputs the chosen one counts alone."""
    outputs = (Spec(Scalar("string"), "label"), Spec(Scalar("float"), "score"))
    signature = Signature(outputs=outputs)
    assert result_type_of(signature, "score") == pa.float32()
    assert pa.types.is_struct(result_type_of(signature))
