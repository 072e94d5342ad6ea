"""Separate columns -> predictions, as a column function of Spark gets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Object, Property, Scalar, Spec, Tensor
from scorecast.worker.columns import ColumnsPlan, predict_columns
from scorecast.worker.handle import ModelHandle

Handle = Callable[..., ModelHandle]
A, B = Spec(Scalar("double"), "a"), Spec(Scalar("double"), "b")
ONE, TWO = pa.array([1.0, 2.0]), pa.array([10.0, 20.0])
NAMES = pa.list_(pa.string())


def minus(data: Any) -> Any:
    """Predict a - b."""
    return data["a"] - data["b"]


def column_names(data: Any) -> Any:
    """Predict the names of the columns."""
    return [list(map(str, data.columns))] * len(data)


def predicted(batches: Any, model: Any, names: Any, result: pa.DataType) -> list[Any]:
    """Predict with a plan of these parts; gives plain lists."""
    plan = ColumnsPlan(model, result, names=names)
    return [array.to_pylist() for array in predict_columns(batches, plan)]


def test_columns_without_names_are_the_inputs_in_order(handle: Handle) -> None:
    """The first column is the first input of the model."""
    plan = (handle(minus, [A, B]), None, pa.float64())

    assert predicted([(TWO, ONE), [ONE, TWO]], *plan) == [[9.0, 18.0], [-9.0, -18.0]]


def test_columns_with_names_are_matched_by_name(handle: Handle) -> None:
    """Columns whose names the driver knows go to the inputs of these names."""
    plan = (handle(minus, [A, B]), ("b", "c", "a"), pa.float64())

    assert predicted([(TWO, TWO, ONE)], *plan) == [[-9.0, -18.0]]


def test_a_struct_stands_for_the_columns_inside(handle: Handle) -> None:
    """One struct is matched by the names of its fields; a missing struct is missing inputs."""
    struct = pa.StructArray.from_arrays([TWO, ONE], names=["b", "a"], mask=pa.array([False, True]))
    plan = (handle(minus, [A, B]), None, pa.float64())

    for batches in ([(struct,)], [struct]):
        first, second = predicted(batches, *plan)[0]
        assert first == -9.0
        assert np.isnan(second)


def test_a_struct_is_the_input_of_a_model_that_takes_a_record(handle: Handle) -> None:
    """A model whose only input is an object gets the struct itself, as dicts."""
    record = Object((Property("a", Scalar("double")), Property("b", Scalar("double"))))
    total = handle(lambda data: [row["a"] + row["b"] for row in data["r"]], [Spec(record, "r")])
    struct = pa.StructArray.from_arrays([TWO, ONE], names=["b", "a"])

    assert predicted([(struct,)], total, None, pa.float64()) == [[11.0, 22.0]]


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ((ONE,), ["0"]),
        ((ONE, TWO), ["0", "1"]),
        ((pa.StructArray.from_arrays([ONE, TWO], names=["q", "p"]),), ["q", "p"]),
    ],
)
def test_without_a_signature_columns_are_numbered(
    handle: Handle, arrays: tuple[pa.Array, ...], names: list[str]
) -> None:
    """A model that declares nothing gets texts "0", "1" as names, or those of the struct."""
    assert predicted([arrays], handle(column_names), None, NAMES) == [[names] * 2]


def test_the_names_of_the_signature_are_given_to_the_model(handle: Handle) -> None:
    """Whatever columns are called outside, the model sees its own names."""
    assert predicted([(ONE, TWO)], handle(column_names, [A, B]), None, NAMES) == [[["a", "b"]] * 2]


def test_one_list_column_is_a_tensor(handle: Handle) -> None:
    """A model of one tensor takes a column of arrays, or as many plain columns."""
    sums = handle(lambda data: data.sum(axis=1), [Spec(Tensor("float64", (-1, 2)))])
    lists = pa.array([[1.0, 10.0], [2.0, 20.0]])

    assert predicted([(lists,)], sums, None, pa.float64()) == [[11.0, 22.0]]
    assert predicted([(ONE, TWO)], sums, None, pa.float64()) == [[11.0, 22.0]]


def test_empty_batches_give_empty_results_before_and_after_others(handle: Handle) -> None:
    """Batches without rows are answered without asking the model, wherever they stand."""
    batches = [(ONE[:0], TWO[:0]), (TWO, ONE), (ONE[:0], TWO[:0])]

    assert predicted(batches, handle(minus, [A, B]), None, pa.float64()) == [[], [9.0, 18.0], []]


@pytest.mark.parametrize(
    ("arrays", "names", "problem"),
    [
        ((ONE,), None, "takes 2 input columns, got 1"),
        ((ONE, TWO, TWO), None, "takes 2 input columns, got 3"),
        ((ONE, pa.array(["x", "y"])), None, "is string, the model takes double"),
        ((ONE, TWO), ("a", "c"), r'column "b" \(double\) is missing'),
        ((pa.StructArray.from_arrays([ONE], names=["a"]),), None, 'column "b"'),
    ],
)
def test_columns_that_do_not_fit_are_refused_at_the_first_rows(
    handle: Handle, arrays: Any, names: Any, problem: str
) -> None:
    """The words are those of the check on the driver."""
    with pytest.raises(InputMismatchError, match=problem):
        predicted([arrays], handle(minus, [A, B]), names, pa.float64())


def test_a_record_around_the_only_record_stands_for_columns(handle: Handle) -> None:
    """struct(*) of a frame whose one column is the model's record is not that record."""

    def model(data: Any) -> Any:
        return [record["p"] for record in data["s"]]

    spec = Spec(Object((Property("p", Scalar("double")),)), "s")
    record = pa.StructArray.from_arrays([ONE], names=["p"])
    outer = pa.StructArray.from_arrays([record], names=["s"])
    for given in (record, outer):
        assert predicted([given], handle(model, [spec]), None, pa.float64()) == [ONE.to_pylist()]
