"""Signatures as values, and as the JSON that MLflow reads and writes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorecast.errors import MLmodelError
from scorecast.models.signature import (
    SCALAR_NAMES,
    AnyValue,
    Array,
    Map,
    Object,
    Param,
    Property,
    Scalar,
    Signature,
    SparkVector,
    Spec,
    Tensor,
    column_names,
    tensor_dtype,
)
from scorecast.models.signature_json import dump_signature, parse_signature

mlflow_models = pytest.importorskip("mlflow.models")

PERSON = Object(
    (
        Property("age", Scalar("long"), required=False),
        Property("name", Scalar("string")),
        Property("tags", Map(Array(Scalar("string"))), required=False),
    )
)
COLUMN_TYPES = {
    **{name: Scalar(name) for name in SCALAR_NAMES},  # type: ignore[arg-type]
    "array": Array(Scalar("double")),
    "array of arrays": Array(Array(Scalar("string"))),
    "array of objects": Array(PERSON),
    "array of any": Array(AnyValue()),
    "array of maps": Array(Map(Scalar("long"))),
    "array of vectors": Array(SparkVector()),
    "object": PERSON,
    "object of everything": Object(
        (
            Property("a", AnyValue(), required=False),
            Property("b", Array(PERSON)),
            Property("c", PERSON),
        )
    ),
    "map": Map(Scalar("float")),
    "map of objects": Map(PERSON),
    "map of maps": Map(Map(Scalar("boolean"))),
    "map of any": Map(AnyValue()),
    "any": AnyValue(),
    "vector": SparkVector(),
}
DTYPES = ["bool", "int8", "uint16", "int64", "float16", "float32", "complex64", "object", "str"]
SIGNATURES = {
    **{name: Signature(inputs=(Spec(kind, "x"),)) for name, kind in COLUMN_TYPES.items()},
    **{
        f"tensor of {dtype}": Signature(inputs=(Spec(Tensor(dtype, (-1, 2))),))
        for dtype in [*DTYPES, "bytes", "datetime64[ns]", "timedelta64[s]"]
    },
    "named tensors": Signature(
        inputs=(Spec(Tensor("float32", (-1, 28, 28)), "x"), Spec(Tensor("int64", (-1,)), "y"))
    ),
    "columns without names": Signature(inputs=(Spec(Scalar("long")), Spec(Scalar("string")))),
    "optional columns": Signature(
        inputs=(Spec(Scalar("long"), "a", required=False), Spec(PERSON, "b", required=False))
    ),
    "optional columns without names": Signature(
        inputs=(Spec(Scalar("long")), Spec(Scalar("double"), required=False))
    ),
    "outputs alone": Signature(outputs=(Spec(Scalar("double"), "y"),)),
    "params": Signature(
        params=(
            Param("limit", Scalar("long"), 3),
            Param("rate", Scalar("double"), 0.5),
            Param("on", Scalar("boolean"), default=True),
            Param("name", Scalar("string"), "a"),
            Param("none", Scalar("string"), None),
            Param("since", Scalar("datetime"), "2020-01-01T00:00:00"),
            Param("days", Scalar("datetime"), ["2020-01-01"], (-1,)),
            Param("stops", Scalar("string"), ["a", "b"], (-1,)),
            Param("filter", Object((Property("x", Scalar("string")),)), {"x": "a"}),
        )
    ),
}


def seen_by_mlflow(signature: Signature) -> Any:
    """MLflow's own object for a signature that scorecast wrote."""
    return mlflow_models.ModelSignature.from_dict(dump_signature(signature))


@pytest.mark.parametrize("name", SIGNATURES)
def test_mlflow_reads_what_scorecast_writes(name: str) -> None:
    """Every signature comes back the same after MLflow has read and written it."""
    signature = SIGNATURES[name]

    assert parse_signature(seen_by_mlflow(signature).to_dict()) == signature


@pytest.mark.parametrize("name", SIGNATURES)
def test_scorecast_writes_the_json_that_mlflow_writes(name: str) -> None:
    """The JSON has the keys and values of MLflow's, in whatever order."""
    ours = dump_signature(SIGNATURES[name])
    theirs = seen_by_mlflow(SIGNATURES[name]).to_dict()

    assert {part: json.loads(text or "null") for part, text in ours.items()} == {
        part: json.loads(text or "null") for part, text in theirs.items()
    }


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_written_signature_reads_back_the_same(name: str) -> None:
    """Writing and reading loses nothing."""
    assert parse_signature(dump_signature(SIGNATURES[name])) == SIGNATURES[name]


def mlflow_signatures() -> dict[str, Any]:
    """Signatures built with MLflow's own classes."""
    from mlflow.types import schema as ms

    return {
        "scalars": ms.Schema([ms.ColSpec(t, t.name) for t in ms.DataType]),
        "nested": ms.Schema(
            [
                ms.ColSpec(ms.Array(ms.Map("string")), "a", required=False),
                ms.ColSpec(ms.Object([ms.Property("z", "long"), ms.Property("a", "long")]), "b"),
                ms.ColSpec(ms.AnyType(), "c"),
                ms.ColSpec(ms.SparkMLVector(), "d"),
            ]
        ),
        "tensors": ms.Schema([ms.TensorSpec(np.dtype("float32"), (-1, 3), "x")]),
        "numbered": ms.Schema([ms.ColSpec("long", 0), ms.ColSpec("long", 1, required=False)]),  # type: ignore[arg-type]
        "params": ms.ParamSchema(
            [
                ms.ParamSpec("a", "datetime", datetime(2020, 1, 1)),  # noqa: DTZ001
                ms.ParamSpec("b", "long", [1, 2], (-1,)),
                ms.ParamSpec("c", ms.Object([ms.Property("x", "double")]), {"x": 1.5}),
            ]
        ),
    }


@pytest.mark.parametrize("name", ["scalars", "nested", "tensors", "numbered", "params"])
def test_what_mlflow_writes_comes_back_to_it_the_same(name: str) -> None:
    """A signature made with MLflow is the same one after scorecast has read and written it."""
    schema = mlflow_signatures()[name]
    parts = {"params": schema} if name == "params" else {"inputs": schema, "outputs": schema}
    original = mlflow_models.ModelSignature(**parts)

    assert seen_by_mlflow(parse_signature(original.to_dict())) == original


TYPES = st.recursive(
    st.sampled_from([*(Scalar(name) for name in SCALAR_NAMES), AnyValue()]),  # type: ignore[arg-type]
    lambda inner: st.one_of(
        st.builds(Array, inner),
        st.builds(Map, inner),
        st.dictionaries(st.text(), st.tuples(inner, st.booleans()), min_size=1, max_size=3).map(
            lambda members: Object(
                tuple(Property(name, *member) for name, member in sorted(members.items()))
            )
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), st.tuples(TYPES, st.booleans()), min_size=1, max_size=4))
def test_random_signatures_pass_through_mlflow(columns: dict[str, Any]) -> None:
    """Arbitrarily nested types and any names survive both writers and both readers."""
    specs = tuple(Spec(kind, name, required) for name, (kind, required) in columns.items())
    signature = Signature(inputs=specs)

    assert parse_signature(seen_by_mlflow(signature).to_dict()) == signature
    assert parse_signature(dump_signature(signature)) == signature


# --- other forms that are in files ----------------------------------------------------------------


def test_optional_columns_of_older_files_are_optional() -> None:
    """Files of MLflow 2.0 say ``optional: true`` where newer ones say ``required: false``."""
    columns = [
        {"name": "a", "type": "long", "optional": True},
        {"name": "b", "type": "long", "optional": False},
        {"name": "c", "type": "long"},
        {"name": "d", "type": "array", "items": {"type": "long"}, "required": None},
    ]
    signature = parse_signature({"inputs": json.dumps(columns)})

    assert [spec.required for spec in signature.inputs or ()] == [False, True, True, True]


def test_params_of_older_files_say_dtype() -> None:
    """Files of MLflow 2.6 call the type of a param ``dtype``, and may leave out the shape."""
    params = '[{"name": "a", "dtype": "long", "default": 1}]'

    assert parse_signature({"params": params}).params == (Param("a", Scalar("long"), 1),)


def test_a_part_may_be_a_list_or_a_bare_object() -> None:
    """Lists that are YAML rather than JSON text, and one object without a list, are read."""
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}
    expected = (Spec(Tensor("float64", (-1,))),)

    assert parse_signature({"inputs": [tensor]}).inputs == expected
    assert parse_signature({"outputs": json.dumps(tensor)}).outputs == expected


@pytest.mark.parametrize("absent", [None, ""])
def test_an_absent_part_is_none(absent: str | None) -> None:
    """A part that is null, empty or left out declares nothing."""
    assert parse_signature({"inputs": absent, "outputs": absent}) == Signature()
    assert parse_signature({"params": "[]"}).params == ()


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([0, 1], (None, None)),
        ([0, 2], ("0", "2")),
        (["0", "1"], ("0", "1")),
        ([None], (None,)),
        ([1.5, True], ("1.5", "True")),
    ],
)
def test_columns_that_pandas_numbers_have_no_name(
    labels: list[Any], names: tuple[str | None, ...]
) -> None:
    """The numbers of a frame without column names mean positions; other labels become text."""
    columns = [{"name": label, "type": "long", "required": True} for label in labels]
    specs = parse_signature({"inputs": json.dumps(columns)}).inputs or ()

    assert tuple(spec.name for spec in specs) == names
    assert tuple(column_names(labels)) == names


@pytest.mark.parametrize(
    ("written", "name"),
    [("<f4", "float32"), ("<U5", "str"), ("S3", "bytes"), ("O", "object"), (">i8", "int64")],
)
def test_dtypes_get_the_names_that_mlflow_uses(written: str, name: str) -> None:
    """However a file spells a dtype, its name is numpy's, without lengths."""
    tensor = {"type": "tensor", "tensor-spec": {"dtype": written, "shape": [-1, 2]}}

    assert tensor_dtype(written) == name
    assert parse_signature({"inputs": json.dumps([tensor])}).inputs == (
        Spec(Tensor(name, (-1, 2))),
    )


BROKEN = {
    "no JSON": "[{",
    "a number": "5",
    "a text": '"double"',
    "a list of texts": '["double"]',
    "no type": '[{"name": "a"}]',
    "unknown type": '[{"type": "decimal"}]',
    "array without items": '[{"type": "array"}]',
    "array of text": '[{"type": "array", "items": "string"}]',
    "object without properties": '[{"type": "object"}]',
    "object with a list": '[{"type": "object", "properties": []}]',
    "map without values": '[{"type": "map"}]',
    "tensor without spec": '[{"type": "tensor"}]',
    "tensor without shape": '[{"type": "tensor", "tensor-spec": {"dtype": "int8"}}]',
    "tensor of no dtype": '[{"type": "tensor", "tensor-spec": {"dtype": "x", "shape": [-1]}}]',
    "shape of text": '[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": ["a"]}}]',
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_a_broken_signature_is_an_error_naming_the_part(part: str, name: str) -> None:
    """What cannot be read is an error that says which part and what is wrong with it."""
    with pytest.raises(MLmodelError, match=f"Cannot read the {part} of the model signature: .+"):
        parse_signature({part: BROKEN[name]})


@pytest.mark.parametrize(
    "param",
    [
        {"type": "long", "default": 1},
        {"name": "a", "default": 1},
        {"name": "a", "type": "long"},
        {"name": "a", "type": "array", "items": {"type": "long"}, "default": []},
        {"name": "a", "type": "long", "default": 1, "shape": 5},
    ],
)
def test_a_broken_param_is_an_error(param: dict[str, Any]) -> None:
    """A param needs a name, a type that params can have and a default."""
    with pytest.raises(MLmodelError, match="Cannot read the params of the model signature: "):
        parse_signature({"params": json.dumps([param])})


# --- values ---------------------------------------------------------------------------------------


def test_a_signature_prints_as_three_readable_lines() -> None:
    """Printing shows names, types, what is optional, and defaults."""
    signature = Signature(
        inputs=(
            Spec(Scalar("long"), "a"),
            Spec(Array(Map(AnyValue())), "b", required=False),
            Spec(Object((Property("age", Scalar("long"), required=False),)), "c"),
        ),
        outputs=(Spec(Tensor("float32", (-1, 2))), Spec(SparkVector())),
        params=(Param("p", Scalar("long"), 3), Param("q", Scalar("string"), ["x"], (-1,))),
    )

    assert str(signature).splitlines() == [
        "inputs: a: long, b: array<map<string, any>> (optional), c: object<age?: long>",
        "outputs: (unnamed): tensor(float32, (-1, 2)), (unnamed): sparkml_vector",
        "params: p: long = 3, q: array<string> = ['x']",
    ]
    assert str(Signature()).splitlines()[0] == "inputs: (not declared)"


def test_a_signature_knows_its_input_names_and_form() -> None:
    """Names are known when all inputs have one; tensors are told from columns."""
    named = Signature(inputs=(Spec(Scalar("long"), "a"), Spec(Scalar("long"), "b")))
    tensor = Signature(inputs=(Spec(Tensor("float32", (-1, 2))),))

    assert named.input_names == ("a", "b")
    assert tensor.input_names is None
    assert Signature().input_names is None
    assert (named.takes_tensors, tensor.takes_tensors) == (False, True)
    assert Signature().takes_tensors is False
