"""Inference params are checked as MLflow checks them, and more strictly where it loses data."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scorecast.errors import InputMismatchError
from scorecast.models.params import complete_params
from scorecast.models.signature import (
    AnyValue,
    Array,
    Map,
    Object,
    Param,
    Property,
    Scalar,
    Signature,
)
from scorecast.models.signature_json import dump_signature

mlflow_utils = pytest.importorskip("mlflow.models.utils")

DAY, NOON = date(2020, 1, 1), datetime(2020, 1, 1, 12, 30)  # noqa: DTZ001
FILTER = Object(
    (
        Property("limit", Scalar("double"), required=False),
        Property("tags", Array(Scalar("string")), required=False),
        Property("town", Scalar("string")),
    )
)
DEFAULTS: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "long": 1,
    "float": 1.5,
    "double": 1.5,
    "string": "a",
    "datetime": "2020-01-01",
}


def declared(kind: str | Object, default: Any, *, many: bool = False) -> Signature:
    """A signature with the one param "p"."""
    scalar = Scalar(kind) if isinstance(kind, str) else kind  # type: ignore[arg-type]
    return Signature(params=(Param("p", scalar, default, (-1,) if many else None),))


def by_mlflow(signature: Signature, params: Any) -> Any:
    """The params that MLflow would hand to the model."""
    from mlflow.types.schema import ParamSchema

    schema = ParamSchema.from_json(dump_signature(signature)["params"])
    return mlflow_utils._enforce_params_schema(params, schema)


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal, and of the same Python types: True is not 1."""
    assert ours == theirs
    assert {k: type(v) for k, v in ours.items()} == {k: type(v) for k, v in theirs.items()}


SAME = [
    ("boolean", False),
    ("boolean", np.False_),
    ("integer", 5),
    ("integer", np.int32(5)),
    ("long", 5),
    ("long", np.int64(5)),
    ("long", np.int32(5)),
    ("float", 2.5),
    ("float", 2),
    ("float", np.float32(2.5)),
    ("double", 2.5),
    ("double", 2),
    ("double", np.float64(2.5)),
    ("double", np.float32(2.5)),
    ("double", float("inf")),
    ("string", "b"),
    ("string", np.str_("b")),
    ("string", ""),
    ("datetime", DAY),
    ("datetime", NOON),
    ("datetime", "2020-01-02"),
    ("datetime", "2020-01-02T03:04:05.678"),
    ("datetime", np.datetime64("2020-01-02")),
    ("datetime", np.datetime64("2020-01-02T03:04")),
]


@pytest.mark.parametrize(("kind", "value"), SAME)
def test_values_are_converted_as_by_mlflow(kind: str, value: Any) -> None:
    """A value that fits reaches the model as the same Python value as with MLflow."""
    signature = declared(kind, DEFAULTS[kind])

    assert_same(complete_params(signature, {"p": value}), by_mlflow(signature, {"p": value}))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", [1, 2]),
        ("long", np.array([1, 2])),
        ("double", [1, 2.5]),
        ("string", ["a", "b"]),
        ("boolean", [True, np.False_]),
        ("datetime", ["2020-01-01", NOON]),
        ("string", []),
    ],
)
def test_lists_are_converted_as_by_mlflow(kind: str, value: Any) -> None:
    """A param of shape (-1,) takes lists and arrays of one axis and gives a list."""
    signature = declared(kind, [DEFAULTS[kind]], many=True)

    assert_same(complete_params(signature, {"p": value}), by_mlflow(signature, {"p": value}))
    assert complete_params(signature, None) == by_mlflow(signature, None)


@pytest.mark.parametrize("kind", DEFAULTS)
def test_defaults_are_filled_in_as_by_mlflow(kind: str) -> None:
    """A param that is not given has its default, as the type that it is declared with."""
    signature = declared(kind, DEFAULTS[kind])

    for given in (None, {}):
        ours = complete_params(signature, given)
        assert_same(ours, by_mlflow(signature, given))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("boolean", 1),
        ("boolean", "true"),
        ("integer", 1.5),
        ("integer", True),
        ("integer", "1"),
        ("long", 1.0),
        ("long", True),
        ("double", "1.5"),
        ("double", True),
        ("double", Decimal("1.5")),
        ("string", 1),
        ("string", b"a"),
        ("datetime", 5),
        ("datetime", "yesterday"),
        ("string", ["a"]),
        ("string", {"a": 1}),
    ],
)
def test_values_that_mlflow_refuses_are_refused(kind: str, value: Any) -> None:
    """A value of another type is an error that names the param and both types."""
    signature = declared(kind, DEFAULTS[kind])
    with pytest.raises(Exception, match="Invalid parameters found"):
        by_mlflow(signature, {"p": value})

    with pytest.raises(InputMismatchError, match=r"Invalid params: p: .+\."):
        complete_params(signature, {"p": value})


@pytest.mark.parametrize("value", [1, "ab", [[1]], np.ones((2, 2), int), np.array(1), {"a": 1}])
def test_lists_that_mlflow_refuses_are_refused(value: Any) -> None:
    """A param of shape (-1,) takes neither one value nor lists of lists."""
    signature = declared("long", [1], many=True)
    with pytest.raises(Exception, match="Invalid parameters found"):
        by_mlflow(signature, {"p": value})

    with pytest.raises(InputMismatchError, match="Invalid params: p: "):
        complete_params(signature, {"p": value})


STRICTER = [
    ("integer", 2**31, r"does not fit into integer \(32 bits\)"),
    ("long", -(2**63) - 1, r"does not fit into long \(64 bits\)"),
    ("long", None, "expected long, got NoneType"),
    ("string", None, "expected string, got NoneType"),
    ("datetime", np.datetime64("NaT"), "expected datetime, got NaT"),
]


@pytest.mark.parametrize(("kind", "value", "reason"), STRICTER)
def test_values_that_the_declared_type_cannot_hold_are_refused(
    kind: str, value: Any, reason: str
) -> None:
    """Numbers out of range and None for a param with a default are errors; MLflow lets them by."""
    signature = declared(kind, DEFAULTS[kind])
    by_mlflow(signature, {"p": value})

    with pytest.raises(InputMismatchError, match=reason):
        complete_params(signature, {"p": value})


def test_none_in_a_list_is_refused() -> None:
    """A list may not hold None; MLflow lets it by."""
    signature = declared("long", [1], many=True)
    assert by_mlflow(signature, {"p": [None]}) == {"p": [None]}

    with pytest.raises(InputMismatchError, match="expected long, got NoneType"):
        complete_params(signature, {"p": [None]})


NANOSECONDS = "2020-01-02T03:04:05.123456789"
WIDER = [
    ("integer", np.int8(5), 5),
    ("long", np.uint32(5), 5),
    ("float", np.float64(2.5), 2.5),
    ("double", np.int64(2), 2.0),
    ("datetime", np.datetime64(NANOSECONDS), datetime.fromisoformat(NANOSECONDS[:26])),
    ("datetime", "2020-01-02T03:04:05+00:00", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("datetime", pd.Timestamp(NOON), NOON),
]


@pytest.mark.parametrize(("kind", "value", "expected"), WIDER)
def test_more_numpy_and_time_values_are_taken(kind: str, value: Any, expected: Any) -> None:
    """Numpy numbers of any width and times with a zone or nanoseconds are taken too."""
    assert complete_params(declared(kind, DEFAULTS[kind]), {"p": value}) == {"p": expected}


def test_tuples_are_lists() -> None:
    """A tuple is taken for a param of shape (-1,)."""
    assert complete_params(declared("long", [1], many=True), {"p": (1, 2)}) == {"p": [1, 2]}


def test_bytes_are_taken_where_they_are_declared() -> None:
    """A signature made by hand may declare a param of bytes."""
    assert complete_params(declared("binary", b""), {"p": bytearray(b"a")}) == {"p": b"a"}


def test_none_is_a_value_where_it_is_the_default() -> None:
    """A param whose default is None may be left out or given as None."""
    signature = declared("string", None)

    assert complete_params(signature, None) == by_mlflow(signature, None) == {"p": None}
    assert complete_params(signature, {"p": None}) == {"p": None}
    assert complete_params(signature, {"p": "a"}) == {"p": "a"}


# --- dicts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"town": "Oslo"},
        {"town": "Oslo", "limit": 1.5, "tags": ["a"]},
        {"town": "Oslo", "limit": None, "tags": []},
    ],
)
def test_a_dict_that_fits_is_passed_on(value: dict[str, Any]) -> None:
    """A param declared as an object takes dicts with its members, and passes them on as given."""
    signature = declared(FILTER, {"town": "Rome"})
    copied = json.loads(json.dumps(value))

    assert complete_params(signature, {"p": value}) == by_mlflow(signature, {"p": copied})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Oslo", "expected object<.*>, got str"),
        ({}, 'the member "town" \\(string\\) is missing'),
        ({"town": None}, 'member "town": expected string, got NoneType'),
        ({"town": "Oslo", "land": 1, "sea": 2}, "unknown members land, sea; it has: limit, tags"),
        ({"town": "Oslo", "limit": "many"}, 'member "limit": expected double, got str'),
        ({"town": "Oslo", "tags": "a"}, 'member "tags": expected array<string>, got str'),
        ({"town": "Oslo", "tags": [1]}, 'member "tags": expected string, got int'),
    ],
)
def test_a_dict_that_does_not_fit_is_refused(value: Any, reason: str) -> None:
    """Missing, unknown and wrong members are errors here as with MLflow, with the member's name."""
    signature = declared(FILTER, {"town": "Rome"})
    with pytest.raises(Exception, match="Invalid parameters found"):
        by_mlflow(signature, {"p": value})

    with pytest.raises(InputMismatchError, match=f"Invalid params: p: {reason}"):
        complete_params(signature, {"p": value})


def test_maps_and_anything_are_checked_inside_dicts() -> None:
    """Members may be maps and values of any type."""
    kind = Object((Property("any", AnyValue()), Property("map", Map(Scalar("long")))))
    signature = declared(kind, {"any": 1, "map": {}})
    fitting = {"any": {"x": [1, "a"]}, "map": {"a": 1}}

    assert complete_params(signature, {"p": fitting}) == {"p": fitting}
    with pytest.raises(InputMismatchError, match='member "map": expected long, got str'):
        complete_params(signature, {"p": {"any": 1, "map": {"a": "b"}}})


# --- names ----------------------------------------------------------------------------------------


def test_unknown_params_are_ignored_with_a_warning() -> None:
    """A name that the model does not declare is dropped, as by MLflow, and named in a warning."""
    signature = declared("long", 1)

    with pytest.warns(UserWarning, match="Ignored params a, b; the model declares: p"):
        assert complete_params(signature, {"p": 2, "b": 1, "a": 1}) == {"p": 2}


def test_params_for_a_model_without_any_are_ignored_with_a_warning() -> None:
    """A model that declares no params gets none."""
    with pytest.warns(UserWarning, match="The model declares no params; ignored: a, b"):
        assert complete_params(Signature(), {"b": 1, "a": 2}) is None
    with pytest.warns(UserWarning, match="the model declares: none"):
        assert complete_params(Signature(params=()), {"a": 2}) == {}
    assert complete_params(Signature(), {}) is None


def test_names_that_are_no_text_become_text() -> None:
    """The key 1 is the param "1", as with MLflow."""
    signature = Signature(params=(Param("1", Scalar("long"), 0),))

    assert complete_params(signature, {1: 5}) == by_mlflow(signature, {1: 5}) == {"1": 5}  # type: ignore[dict-item]


def test_params_that_are_no_dict_are_refused() -> None:
    """A list of params is an error, as with MLflow."""
    with pytest.raises(
        InputMismatchError, match="params must be a dict of name to value, got list"
    ):
        complete_params(declared("long", 1), [("p", 1)])  # type: ignore[arg-type]


def test_all_invalid_params_are_named_at_once() -> None:
    """One error lists every param that does not fit."""
    signature = Signature(
        params=tuple(Param(name, Scalar("long"), 1) for name in ("a", "b", "c")),
    )

    with pytest.raises(InputMismatchError, match=r"a: expected long, got str; c: expected long, "):
        complete_params(signature, {"a": "x", "b": 2, "c": 1.5})
