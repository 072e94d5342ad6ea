"""Columns -> numpy arrays, for models that declare tensors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Signature, Spec, Tensor
from scorecast.worker.input_plan import plan_by_name, plan_by_position
from scorecast.worker.inputs import to_model_input

CANARY = 7_777_777


def tensor(columns: Any, dtype: str, *shape: int) -> Any:
    """What a model with one unnamed tensor gets for one column, or for several."""
    arrays = list(columns) if isinstance(columns, tuple) else [columns]
    batch = pa.RecordBatch.from_arrays(arrays, names=[""] * len(arrays))
    plan = plan_by_position(Signature((Spec(Tensor(dtype, shape)),)), batch.schema)
    return to_model_input(batch, plan)


def assert_array(actual: Any, expected: np.ndarray[Any, Any]) -> None:
    """Hold an array to dtype, shape and values of another."""
    assert isinstance(actual, np.ndarray)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int8, np.int64, np.uint16, np.bool_]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4),
        elements={"allow_nan": True},
    )
)
def test_lists_are_the_array_that_they_were_made_of(array: np.ndarray[Any, Any]) -> None:
    """An array that was stored as lists, of any depth, reaches the model as that array."""
    column = pa.array(array.tolist())
    declared = (-1, *array.shape[1:])

    assert_array(tensor(column, array.dtype.name, *declared), array)
    assert_array(tensor(column, array.dtype.name, *[-1] * array.ndim), array)


@given(hnp.arrays(np.float64, (5, 6), elements=st.floats(allow_nan=True)))
def test_columns_beside_each_other_and_flat_lists_are_the_same_tensor(
    array: np.ndarray[Any, Any],
) -> None:
    """Plain columns, one list column and a flattened one give the declared shape, rows first."""
    columns = tuple(pa.array(array[:, i]) for i in range(6))
    flat = pa.array(list(array))

    assert_array(tensor(columns, "float64", -1, 6), array)
    assert_array(tensor(columns, "float64", -1, 2, 3), array.reshape(5, 2, 3))
    assert_array(tensor(flat, "float64", -1, 2, 3), array.reshape(5, 2, 3))
    assert_array(tensor(flat, "float64", -1, 2, -1), array.reshape(5, 2, 3))


@pytest.mark.parametrize("kind", [pa.large_list(pa.int32()), pa.list_(pa.int32(), 2)], ids=str)
def test_all_kinds_of_lists_and_their_slices_are_tensors(kind: pa.DataType) -> None:
    """Lists of fixed size and of large offsets count as lists; a slice is its own rows."""
    column = pa.array([[0, 0], [1, 2], [3, 4]], kind)[1:]

    assert_array(tensor(column, "float32", -1, 2), np.array([[1, 2], [3, 4]], np.float32))


def test_several_tensors_are_given_by_name() -> None:
    """A model with named tensors gets a dict, each in its own dtype."""
    batch = pa.RecordBatch.from_pydict({"y": [1, 2], "x": [[1.0, 2.0], [3.0, 4.0]]})
    specs = (Spec(Tensor("float32", (-1, 2)), "x"), Spec(Tensor("int64", (-1, 1)), "y"))

    given_to_model = to_model_input(batch, plan_by_name(Signature(specs), batch.schema))

    assert isinstance(given_to_model, dict)
    assert list(given_to_model) == ["x", "y"]
    assert_array(given_to_model["x"], np.array([[1, 2], [3, 4]], np.float32))
    assert_array(given_to_model["y"], np.array([[1], [2]]))


@pytest.mark.parametrize(
    ("column", "shape"),
    [
        (pa.array([[1.0, 2.0], [3.0]]), (-1, 2)),
        (pa.array([[1.0, 2.0], [3.0]]), (-1, -1)),
        (pa.array([[1.0, 2.0], None]), (-1, 2)),
        (pa.array([[1.0, 2.0, 3.0]]), (-1, 2)),
        (pa.array([[[1.0], [2.0]], [[3.0], None]]), (-1, 2, 1)),
        (pa.array([[[1.0], [2.0]], [[3.0]]]), (-1, 2, 1)),
        (pa.array([[[1.0, 2.0, 3.0]]]), (-1, 3, 1)),
        (pa.array([[[1.0, 2.0, 3.0]]]), (-1, -1, 2)),
        (pa.array([[1.0, 2.0, 3.0]]), (-1, 2, -1)),
        (pa.array([[1.0, 2.0, 3.0, 4.0]]), (-1, -1, 2, -1)),
        (pa.array([1.0]), (-1, 2, -1)),
        (pa.array([[1.0, 2.0]]), (-1,)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(column: pa.Array, shape: tuple[int, ...]) -> None:
    """Ragged, missing and differently shaped lists are errors, never padded or reordered."""
    with pytest.raises(InputMismatchError, match=r'[Cc]olumn "0?"'):
        tensor(column, "float64", *shape)


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (pa.array([[1, CANARY]]), "int8"),
        (pa.array([[1, -1]]), "uint8"),
        (pa.array([[1, 777_777_777]]), "float32"),
        (pa.array([[1.0, 7.77e77]]), "float32"),
        (pa.array([[1.0, 77_777.0]]), "float16"),
        (pa.array([[1, 2**60 + 777]]), "float64"),
    ],
)
def test_numbers_that_the_dtype_cannot_hold_are_refused(column: pa.Array, dtype: str) -> None:
    """Nothing overflows or wraps around; the error names the row and not the value."""
    column = pa.concat_arrays([pa.array([[0, 0]], column.type)] * 3 + [column])

    with pytest.raises(InputMismatchError) as caught:
        tensor(column, dtype, -1, 2)

    assert "row 3" in str(caught.value)
    assert "77" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_integers_become_floats_exactly() -> None:
    """A double holds integers that a float does not."""
    big = 2**53 - 1

    assert_array(tensor(pa.array([big]), "float64", -1), np.array([float(big)]))
    with pytest.raises(InputMismatchError, match="row 0"):
        tensor(pa.array([big]), "float32", -1)


def test_floats_are_rounded_to_the_declared_dtype() -> None:
    """Doubles become the nearest float32, as models of that dtype expect."""
    assert_array(tensor(pa.array([[0.1]]), "float32", -1, 1), np.array([[0.1]], np.float32))


def test_nulls_are_nan_in_floats_and_errors_in_integers_and_texts() -> None:
    """A missing value becomes NaN or NaT where there is one, else an error with its row."""
    assert_array(tensor(pa.array([[1.0, None]]), "float64", -1, 2), np.array([[1.0, np.nan]]))
    assert_array(tensor(pa.array([[1, None]]), "float32", -1, 2), np.array([[1.0, np.nan]], "f4"))
    for column, dtype in (
        (pa.array([[1, 2], [3, None]]), "int64"),
        (pa.array([["a", "b"], ["c", None]]), "str"),
        (pa.array([[True, True], [True, None]]), "bool"),
    ):
        with pytest.raises(InputMismatchError, match="1 nulls, the first in row 1"):
            tensor(column, dtype, -1, 2)


@pytest.mark.parametrize(
    ("columns", "dtype", "expected"),
    [
        (
            (pa.array(["a", "long text"]), pa.array(["b", "c"])),
            "str",
            [["a", "b"], ["long text", "c"]],
        ),
        (pa.array([["a", "bc"]]), "str", [["a", "bc"]]),
        (pa.array([[b"a", b"bc"]]), "bytes", [[b"a", b"bc"]]),
        (pa.array([["a", None]]), "object", [["a", None]]),
        ((pa.array(["a"]).dictionary_encode(), pa.array(["b"])), "object", [["a", "b"]]),
    ],
)
def test_texts_keep_all_their_characters(columns: Any, dtype: str, expected: Any) -> None:
    """Texts of any length arrive whole, in one column or several."""
    array = tensor(columns, dtype, -1, 2)

    assert array.tolist() == expected
    assert array.dtype.kind == np.dtype(dtype).kind


def test_times_are_local_times() -> None:
    """A tensor of datetimes holds the clock of the zone, missing ones as NaT."""
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    column = pa.array([noon, None], pa.timestamp("us", "Europe/Paris"))

    expected = np.array(["2024-07-01T14:00", "NaT"], "datetime64[ns]")
    assert_array(tensor(column, "datetime64[ns]", -1), expected)


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (pa.array([[1.5]]), "int64"),
        (pa.array([["1"]]), "float64"),
        (pa.array([[1]]), "bool"),
        (pa.array([[True]]), "int64"),
        (pa.array([["a"]]), "bytes"),
        (pa.array([[1]]), "str"),
        (pa.array([[1]]), "datetime64[ns]"),
        (pa.array([[1]]), "timedelta64[ns]"),
    ],
)
def test_values_of_another_kind_are_refused_before_any_row(column: pa.Array, dtype: str) -> None:
    """A tensor takes numbers for numbers and texts for texts, decided by type alone."""
    with pytest.raises(InputMismatchError, match=f"the model takes tensor\\({dtype[:5]}"):
        tensor(column, dtype, -1, 1)


@pytest.mark.parametrize(
    "columns",
    [
        pa.array([1.0, 2.0]),
        pa.array([[1.0], [2.0]]),
        pa.array([[1.0], [2.0]], pa.list_(pa.float64(), 1)),
        pa.array([1, 2]),
        (pa.array([1.0, 2.0]), pa.array([3.0, 4.0])),
    ],
    ids=["doubles", "lists", "lists of one length", "whole numbers", "two columns"],
)
def test_a_model_may_write_into_its_tensor(columns: Any) -> None:
    """The array is the model's own: writing into it leaves the batch as it was."""
    arrays = columns if isinstance(columns, tuple) else (columns,)
    before = [array.to_pylist() for array in arrays]
    width = len(arrays)

    made = tensor(columns, "float64", *((-1, width) if width > 1 else (-1,) * _axes(arrays[0])))
    made[:] = 0

    assert not made.any()
    assert [array.to_pylist() for array in arrays] == before


def _axes(array: pa.Array) -> int:
    return 2 if pa.types.is_nested(array.type) else 1


def test_no_rows_have_the_declared_shape() -> None:
    """An empty batch is an empty array that a model could still be called with."""
    assert tensor(pa.array([], pa.list_(pa.float64())), "float32", -1, 2, 3).shape == (0, 2, 3)
    assert tensor((pa.array([], pa.float64()),) * 2, "float32", -1, 2).shape == (0, 2)
