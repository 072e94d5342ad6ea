"""What models return -> as many predictions as rows, in their order, or an error that says why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from scorecast.errors import OutputMismatchError
from scorecast.worker.outputs import nan_as_null, to_predictions

DOUBLE = pa.float64()
LIST = pa.list_(pa.field("element", DOUBLE))
RECORD = pa.struct([("a", DOUBLE), ("b", pa.string())])


def predictions(returned: Any, rows: int, kind: pa.DataType = DOUBLE) -> list[Any]:
    """Convert, and hold the result to what is promised for every result."""
    array = to_predictions(returned, rows, kind)
    assert array.type.equals(kind, check_metadata=True)
    assert len(array) == rows
    array.validate(full=True)
    return array.to_pylist()  # type: ignore[no-any-return]


def refusal(returned: Any, rows: int, kind: pa.DataType = DOUBLE) -> str:
    """The words in which a prediction is refused, without a cause that shows more."""
    with pytest.raises(OutputMismatchError) as caught:
        to_predictions(returned, rows, kind)
    assert caught.value.__cause__ is None
    return str(caught.value)


WRONG_SHAPES = {
    "too few": (lambda: np.zeros(4), "4 predictions"),
    "too many": (lambda: [0.0] * 6, "6 predictions"),
    "none": (lambda: np.zeros(0), "0 predictions"),
    "twice": (lambda: pd.Series(np.zeros(10)), "10 predictions"),
    "one": (lambda: [0.5], "1 predictions"),
    "in another order": (
        lambda: pd.Series(np.zeros(5), index=[4, 3, 2, 1, 0]),
        "5 predictions with the index of its input in another order",
    ),
    "scalar": (lambda: 0.5, "returned float"),
    "numpy scalar": (lambda: np.float64(0.5), "returned float64"),
    "0-d array": (lambda: np.array(0.5), "returned ndarray of shape ()"),
    "nothing": (lambda: None, "returned NoneType"),
    "generator": (lambda: (x for x in [0.5] * 5), "returned generator"),
    "text": (lambda: "0.5 0", "returned str"),
    "bytes": (lambda: b"01234", "returned bytes"),
    "set": (lambda: {0.1, 0.2, 0.3, 0.4, 0.5}, "returned set"),
    "no columns": (lambda: pd.DataFrame(index=range(5)), "0 predictions"),
    "empty dict": (dict, "0 predictions"),
    "dict of scalars": (lambda: {"p": 0.5}, 'float as its column "p"'),
    "dict of unequal columns": (
        lambda: {"p": [0.5] * 5, "q": [0.5] * 3},
        '3 predictions in the column "q"',
    ),
    "transposed": (lambda: np.zeros((2, 5)), "2 predictions"),
    "Arrow": (lambda: pa.array([0.5] * 4), "4 predictions"),
}


@pytest.mark.parametrize("kind", [DOUBLE, LIST, RECORD, pa.map_(pa.string(), DOUBLE)], ids=str)
@pytest.mark.parametrize("case", WRONG_SHAPES)
def test_anything_but_one_prediction_per_row_is_refused(case: str, kind: pa.DataType) -> None:
    """The error says what was returned and for how many rows, whatever the result type."""
    returned, actual = WRONG_SHAPES[case]

    message = refusal(returned(), 5, kind)

    assert actual in message
    assert "5 rows" in message or "5 predictions" in message
    assert "xpected" in message


@pytest.mark.parametrize("name", ["Series", "DataFrame", "dict of Series"])
@pytest.mark.parametrize(
    ("labels", "accepted"),
    [
        ([0, 1, 2], True),
        ([2, 1, 0], False),
        ([0, 2, 1], False),
        ([0, 0, 1], False),
        ([2, 2, 2], False),
        ([10, 11, 12], True),
        ([5, 3, 9], True),
        (["c", "b", "a"], True),
        ([0.5, 0.2, 0.1], True),
        (range(2, -1, -1), False),
        (range(0, 6, 2), True),
        (pd.Index([2, 1, 0], dtype="int8"), False),
        (pd.Index([2, 1, 0], dtype="Int64"), False),
        (pd.date_range("2024", periods=3)[::-1], True),
    ],
    ids=str,
)
def test_rows_in_another_order_are_refused(name: str, labels: Any, accepted: bool) -> None:  # noqa: FBT001 - a table
    """An index that shuffles the rows is an error; labels that say nothing of order are ignored."""
    series = pd.Series([0.1, 0.2, 0.3], index=labels)
    returned = {"Series": series, "DataFrame": series.to_frame(), "dict of Series": {"p": series}}

    if accepted:
        assert predictions(returned[name], 3) == [0.1, 0.2, 0.3]
    else:
        assert "another order" in refusal(returned[name], 3)


class Tensor:
    """As much of a torch tensor as there is to see from outside."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values, np.float32)

    def detach(self) -> Tensor:
        """Leave the graph."""
        return self

    def cpu(self) -> np.ndarray[Any, Any]:
        """Come from the device."""
        return self._values


class BFloat16(Tensor):
    """A tensor of a dtype that numpy does not have."""

    def cpu(self) -> Any:
        """Come from the device."""
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        message = "Got unsupported ScalarType BFloat16"
        raise TypeError(message)

    def float(self) -> np.ndarray[Any, Any]:
        """Convert to a dtype that numpy has."""
        return self._values


class Frame:
    """As much of a data frame of another library as Arrow needs to see."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.columns = table.schema.names

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._table.to_pandas().to_numpy()


class WithArray:
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.array([0.25, 0.5, 0.75])


COLUMNS = {
    "list": [0.25, 0.5, 0.75],
    "tuple": (0.25, 0.5, 0.75),
    "array": np.array([0.25, 0.5, 0.75]),
    "float32 array": np.array([0.25, 0.5, 0.75], np.float32),
    "float16 array": np.array([0.25, 0.5, 0.75], np.float16),
    "long double array": np.array([0.25, 0.5, 0.75], np.longdouble),
    "array of the other byte order": np.array([0.25, 0.5, 0.75], ">f8"),
    "strided array": np.array([0.25, 9, 0.5, 9, 0.75])[::2],
    "array of objects": np.array([0.25, 0.5, 0.75], object),
    "column vector": np.array([[0.25], [0.5], [0.75]]),
    "matrix": np.asmatrix([[0.25], [0.5], [0.75]]),
    "sparse column": scipy.sparse.csr_matrix([[0.25], [0.5], [0.75]]),
    "list of lists of one": [[0.25], [0.5], [0.75]],
    "list of arrays of one": [np.array([0.25]), np.array([0.5]), np.array([0.75])],
    "list of 0-d arrays": [np.array(0.25), np.array(0.5), np.array(0.75)],
    "list of numpy scalars": [np.float32(0.25), np.float64(0.5), 0.75],
    "Series": pd.Series([0.25, 0.5, 0.75]),
    "nullable Series": pd.Series([0.25, 0.5, 0.75], dtype="Float64"),
    "Arrow-backed Series": pd.Series([0.25, 0.5, 0.75], dtype="double[pyarrow]"),
    "sparse Series": pd.Series(pd.arrays.SparseArray([0.25, 0.5, 0.75])),
    "categorical": pd.Series([0.25, 0.5, 0.75], dtype="category"),
    "Index": pd.Index([0.25, 0.5, 0.75]),
    "pandas array": pd.array([0.25, 0.5, 0.75], dtype="Float64"),
    "DataFrame": pd.DataFrame({"p": [0.25, 0.5, 0.75]}),
    "dict": {"p": [0.25, 0.5, 0.75]},
    "records": [{"p": 0.25}, {"p": 0.5}, {"p": 0.75}],
    "record array": np.array([(0.25,), (0.5,), (0.75,)], [("p", "f8")]),
    "Arrow array": pa.array([0.25, 0.5, 0.75]),
    "chunked array": pa.chunked_array([[0.25], [0.5, 0.75]]),
    "Arrow table": pa.table({"p": [0.25, 0.5, 0.75]}),
    "record batch": pa.RecordBatch.from_pydict({"p": [0.25, 0.5, 0.75]}),
    "tensor": Tensor([0.25, 0.5, 0.75]),
    "tensor of bfloat16": BFloat16([0.25, 0.5, 0.75]),
    "frame of another library": Frame(pa.table({"p": [0.25, 0.5, 0.75]})),
    "tensor with a column": Tensor([[0.25], [0.5], [0.75]]),
    "list of tensors": [Tensor(0.25), Tensor(0.5), Tensor(0.75)],
    "anything with __array__": WithArray(),
}


@pytest.mark.parametrize("form", COLUMNS)
def test_one_number_per_row_may_come_in_any_form(form: str) -> None:
    """Arrays, lists, frames, dicts, records, tensors and Arrow data give the same predictions."""
    assert predictions(COLUMNS[form], 3) == [0.25, 0.5, 0.75]


BLOCK = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
SEVERAL = {
    "array": BLOCK,
    "array by columns": np.asfortranarray(BLOCK),
    "list of lists": BLOCK.tolist(),
    "list of tuples": [tuple(row) for row in BLOCK],
    "list of arrays": list(BLOCK),
    "array of arrays": pd.Series(list(BLOCK)).to_numpy(),
    "Series of lists": pd.Series(BLOCK.tolist()),
    "DataFrame": pd.DataFrame(BLOCK),
    "DataFrame beside text": pd.DataFrame(BLOCK).assign(label=["x", "y", None]),
    "dict": {"a": BLOCK[:, 0], "b": BLOCK[:, 1]},
    "records": [{"a": a, "b": b} for a, b in BLOCK],
    "Arrow lists": pa.array(BLOCK.tolist()),
    "Arrow lists of fixed size": pa.array(BLOCK.tolist(), pa.list_(pa.float32(), 2)),
    "Arrow table": pa.table({"a": BLOCK[:, 0], "b": BLOCK[:, 1]}),
    "sparse": scipy.sparse.csr_matrix(BLOCK),
    "tensor": Tensor(BLOCK),
    "list of tensors": [Tensor(row) for row in BLOCK],
    "column of lists": pd.DataFrame({"p": BLOCK.tolist()}),
}


@pytest.mark.parametrize("form", SEVERAL)
def test_several_numbers_per_row_may_come_in_any_form(form: str) -> None:
    """For an array all columns that fit are taken, in their order, and lists as they are."""
    assert predictions(SEVERAL[form], 3, LIST) == BLOCK.tolist()


class Score(pydantic.BaseModel):
    a: float
    b: str | None = None


class Pair(NamedTuple):
    b: str
    a: float


RECORDS = {
    "DataFrame": pd.DataFrame({"b": ["x", "y"], "other": [0, 0], "a": [1, 2]}),
    "dict": {"b": ["x", "y"], "a": np.array([1, 2])},
    "records": [{"a": 1, "b": "x"}, {"b": "y", "a": 2.0}],
    "records with more": [{"a": 1, "b": "x", "other": [0]}, {"a": 2, "b": "y"}],
    "Series of records": pd.Series([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
    "tuples": [(1, "x"), (2, "y")],
    "lists": [[1, "x"], [2, "y"]],
    "named tuples": [Pair("x", 1), Pair("y", 2)],
    "pydantic models": [Score(a=1, b="x"), Score(a=2, b="y")],
    "record array": np.array([(1, "x"), (2, "y")], [("a", "i4"), ("b", "U1")]),
    "array of objects": np.array([[1, "x"], [2, "y"]], object),
    "Arrow table": pa.table({"b": ["x", "y"], "a": [1, 2]}),
    "frame of another library": Frame(pa.table({"b": ["x", "y"], "a": [1, 2]})),
    "Arrow structs": pa.array([{"b": "x", "a": 1}, {"b": "y", "a": 2}]),
    "Arrow-backed Series": pd.Series(
        pa.array([{"b": "x", "a": 1}, {"b": "y", "a": 2}]).to_pandas(),
    ),
}


@pytest.mark.parametrize("form", RECORDS)
def test_records_are_filled_by_the_names_of_their_fields(form: str) -> None:
    """Columns and members go to the field of their name, values without names by position."""
    expected = [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}]

    assert predictions(RECORDS[form], 2, RECORD) == expected


def test_records_of_all_kinds_may_be_missing_or_inside_others() -> None:
    """Pydantic models and named tuples count as records wherever they stand."""
    kind = pa.struct([("best", RECORD), ("all", pa.list_(RECORD))])
    returned = [None, {"best": Score(a=1), "all": [Pair("x", 2.0), None, {"a": 3}]}]

    assert predictions([None, Score(a=1)], 2, RECORD) == [None, {"a": 1.0, "b": None}]
    assert predictions(returned, 2, kind)[1] == {
        "best": {"a": 1.0, "b": None},
        "all": [{"a": 2.0, "b": "x"}, None, {"a": 3.0, "b": None}],
    }


def test_lists_per_column_become_lists_of_lists() -> None:
    """For an array of arrays each column of lists is one element."""
    returned = pd.DataFrame({"p": [[1.0], [2.0, 3.0]], "q": [[4.0], []], "label": ["x", "y"]})

    assert predictions(returned, 2, pa.list_(LIST)) == [[[1.0], [4.0]], [[2.0, 3.0], []]]
    records = pd.DataFrame({"p": [{"a": 1.0}], "q": [{"a": 2.0}], "label": ["x"]})
    assert predictions(records, 1, pa.list_(pa.struct([("a", DOUBLE)]))) == [
        [{"a": 1.0}, {"a": 2.0}]
    ]
    maps = predictions(records, 1, pa.list_(pa.map_(pa.string(), DOUBLE)))
    assert maps == [[[("a", 1.0)], [("a", 2.0)]]]


def test_a_block_of_numbers_fills_records_by_position() -> None:
    """The columns of an array are the fields in their order; another number of them is refused."""
    kind = pa.struct([("p", DOUBLE), ("q", pa.float32())])

    assert predictions(BLOCK, 3, kind) == [{"p": p, "q": q} for p, q in BLOCK]
    assert "2 fields: p, q" in refusal(np.zeros((3, 3)), 3, kind)


@pytest.mark.parametrize("returned", [[0.5, None], np.array([0.5, np.nan]), pd.Series([0.5, None])])
def test_plain_values_fill_a_record_of_one_field(returned: Any) -> None:
    """One value per row is the one field of a record."""
    result = predictions(returned, 2, pa.struct([("p", DOUBLE)]))

    assert result[0] == {"p": 0.5}
    assert result[1]["p"] is None or np.isnan(result[1]["p"])


def test_columns_that_are_missing_for_a_record_are_named() -> None:
    """The error lists the fields, the columns and those that lack."""
    message = refusal(pd.DataFrame({"a": [1], "B": ["x"]}), 1, RECORD)

    assert "fields a, b" in message
    assert "columns a, B: b missing" in message


def test_members_that_records_lack_are_null_unless_misspelt() -> None:
    """A record without an optional member has NULL there; one with another name is an error."""
    assert predictions([{"a": 1.0}, None, {"b": "x"}], 3, RECORD) == [
        {"a": 1.0, "b": None},
        None,
        {"a": None, "b": "x"},
    ]
    message = refusal([{"a": 1.0, "b": "x"}, {"a": 1.0, "B": "x"}], 2, RECORD)
    assert "a record with the members a, B" in message
    assert "row 1" in message


SCALARS = pd.DataFrame(
    {"flag": [True, False], "n": [1, 2], "label": ["x", None], "when": pd.to_datetime(["2024"] * 2)}
)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.bool_(), [True, False]),
        (pa.int32(), [1, 2]),
        (DOUBLE, [1.0, 2.0]),
        (pa.string(), ["x", None]),
        (pa.date32(), [pd.Timestamp("2024").date()] * 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", [lambda f: f, lambda f: dict(f.items()), pa.Table.from_pandas])
def test_of_several_columns_the_one_that_fits_is_taken(
    form: Any, kind: pa.DataType, expected: list[Any]
) -> None:
    """A scalar result takes the only column of its kind, by dtype as in MLflow."""
    assert predictions(form(SCALARS), 2, kind) == expected


def test_categories_are_of_the_kind_of_their_values() -> None:
    """A categorical column of texts is chosen for text, and not for numbers."""
    frame = pd.DataFrame({"label": pd.Categorical(["x", "y"]), "p": [0.1, 0.2]})

    assert predictions(frame, 2, pa.string()) == ["x", "y"]
    assert predictions(frame, 2) == [0.1, 0.2]


def test_several_columns_that_fit_are_an_error_that_names_them() -> None:
    """No column is chosen silently; the error shows how to ask for all."""
    message = refusal(pd.DataFrame({"p0": [0.1], "p1": [0.9], "label": ["x"]}), 1)

    assert "p0, p1 of them fit" in message
    assert "`p0` TYPE, `p1` TYPE, `label` TYPE" in message
    assert "none of them fit" in refusal(SCALARS, 2, pa.binary())
    assert predictions(pd.DataFrame({"z": [1j], "p": [0.5]}), 1) == [0.5]


def test_a_missing_record_is_a_missing_value() -> None:
    """Of a list of records with gaps the column that fits is taken, gaps being NULL."""
    returned = [{"label": "x", "p": 0.5}, None, {"label": "y"}]

    assert predictions(returned, 3) == [0.5, None, None]


def test_a_column_without_values_does_not_make_a_choice_unclear() -> None:
    """A text column that happens to be all missing is not mistaken for the number asked for."""
    frame = pd.DataFrame({"label": pd.Series([None, None], dtype=object), "p": [0.1, 0.2]})

    assert predictions(frame, 2) == [0.1, 0.2]
    assert predictions(frame, 2, pa.string()) == [None, None]


def test_whether_a_column_belongs_to_an_array_does_not_depend_on_the_batch() -> None:
    """Where missing values hide the kind of a column, its lists are refused, never shortened."""
    frame = pd.DataFrame({"p": [0.1, 0.2], "q": pd.Series([None, None], dtype=object)})

    assert "q hold no value" in refusal(frame, 2, LIST)
    assert predictions(frame.astype({"q": "float"}), 2, LIST)[0][0] == 0.1
    assert "none of them is of that type" in refusal(
        pd.DataFrame({"a": ["x"], "b": ["y"]}), 1, LIST
    )


def test_records_of_different_members_are_no_array() -> None:
    """Lists made of records have the same members in every row, or there are none."""
    assert "does not fit" in refusal([{"a": 1.0}, {"a": 1.0, "b": 2.0}], 2, LIST)


def test_several_values_per_row_are_not_one() -> None:
    """A block of columns is no scalar; the error shows its shape and the type to ask for."""
    message = refusal(np.zeros((3, 2)), 3)

    assert "shape (3, 2)" in message
    assert "array<double>" in message
    assert predictions(np.zeros((0, 2)), 0, LIST) == []


def test_columns_of_one_name_are_refused() -> None:
    """Two columns that cannot be told apart are an error, also in Arrow and after becoming text."""
    for returned in (
        pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]),
        pd.DataFrame([[1.0, 2.0]], columns=[1, "1"]),
        pa.table([[1.0], [2.0]], names=["a", "a"]),
    ):
        assert "some of one name" in refusal(returned, 1)


@given(st.lists(st.lists(st.floats(width=32) | st.none(), max_size=4) | st.none(), max_size=6))
def test_ragged_lists_stay_ragged(rows: list[list[float] | None]) -> None:
    """Lists of any length come back as they were: nothing is cut off, filled up or renamed."""
    result = predictions(rows, len(rows), pa.list_(pa.field("element", pa.float32())))

    assert repr(result) == repr(rows)


def test_nan_as_null_does_not_break_a_promise() -> None:
    """NULL in a member that may not be NULL is an error like any other."""
    kind = pa.struct([pa.field("y", pa.float64(), nullable=False)])
    made = to_predictions([{"y": float("nan")}], 1, kind)
    with pytest.raises(OutputMismatchError, match='"y"'):
        nan_as_null(made)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["\ud800"], pa.string()),
        ([Decimal("sNaN"), 1.0], pa.float64()),
        ([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())),
    ],
    ids=["half a surrogate pair", "signalling NaN", "one key twice"],
)
def test_values_that_no_library_converts_are_errors_of_ours(values: Any, wanted: Any) -> None:
    """So that on_error finds their rows."""
    with pytest.raises(OutputMismatchError):
        to_predictions(values, len(values), wanted)


def test_large_numbers_become_decimals_beside_decimals() -> None:
    """Digits are counted by the type of the result, not by Python's context."""
    made = to_predictions([1e27, Decimal(1)], 2, pa.decimal128(38, 2))
    assert made.to_pylist() == [Decimal(int(1e27)), Decimal(1)]


def test_lists_of_one_value_may_be_missing() -> None:
    """A missing one is NULL, as a missing value is."""
    assert to_predictions([[1.0], None], 2, pa.float64()).to_pylist() == [1.0, None]
