"""infer_signature gives what MLflow infers, and clear errors where MLflow gives up."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorecast.errors import ConfigError, InputMismatchError
from scorecast.models.infer import infer_signature
from scorecast.models.signature import (
    AnyValue,
    Array,
    Map,
    Object,
    Property,
    Scalar,
    Signature,
    Spec,
    Tensor,
)
from scorecast.models.signature_json import parse_signature

mlflow_models = pytest.importorskip("mlflow.models")

GAVE_UP = (Spec(AnyValue()),)


def by_mlflow(**data: Any) -> Signature:
    """What MLflow itself infers, as our value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"inputs": "model_input", "outputs": "model_output", "params": "params"}
        signature = mlflow_models.infer_signature(**{names[k]: v for k, v in data.items()})
        return parse_signature(signature.to_dict())


def by_us(**data: Any) -> Signature:
    """What scorecast infers, whatever it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return infer_signature(**data)


def column(values: Any, dtype: Any = None) -> pd.DataFrame:
    """A frame with the one column "a"."""
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


NUMPY_DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"),
    *("float16", "float32", "float64"),
]
NULLABLE_DTYPES = [
    *("boolean", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32"),
    *("Float32", "Float64"),
]
FRAMES: dict[str, pd.DataFrame] = {
    **{f"numpy {dtype}": column([1, 0], dtype) for dtype in NUMPY_DTYPES},
    **{f"nullable {dtype}": column([1, 0], dtype) for dtype in NULLABLE_DTYPES},
    **{f"nullable {dtype} with NA": column([1, None], dtype) for dtype in NULLABLE_DTYPES},
    **{f"no rows of {dtype}": column([], dtype) for dtype in ("float64", "int64", "str", object)},
    "float with NaN": column([1.0, None]),
    "infinite": column([np.inf, -np.inf]),
    "text": column(["a", "b"]),
    "text with None": column(["a", None]),
    "text of dtype str": column(["a", None], "str"),
    "text of dtype string": column(["a", pd.NA], "string"),
    "text of dtype object": column(["a", np.nan], object),
    "text that is None alone": column([None, None], "str"),
    "None alone": column([None, None], object),
    "NaN alone": column([np.nan, np.nan]),
    "integers of dtype object": column([1, 2], object),
    "integers with None of dtype object": column([1, None], object),
    "integers and floats of dtype object": column([1, 2.5], object),
    "integers beyond 64 bits": column([2**70]),
    "booleans with None": column([True, None], object),
    "bytes": column([b"a", None]),
    "bytearrays": column([bytearray(b"a")]),
    "datetimes": column(pd.to_datetime(["2020-01-01", None])),
    "datetimes in microseconds": column(np.array(["2020-01-01"], "datetime64[us]")),
    "datetimes in a zone": column(pd.to_datetime(["2020-01-01"], utc=True)),
    "datetimes of dtype object": column([datetime(2020, 1, 1), None], object),  # noqa: DTZ001
    "dates": column([date(2020, 1, 1), None]),
    "category of text": column(["a", "b", "a"], "category"),
    "category of text with None": column(["a", None], "category"),
    "category of integers": column([1, 2], "category"),
    "category of floats": column(np.array([1, 2], "float32")).astype("category"),
    "lists": column([[1, 2], [3]]),
    "lists, empty and None": column([[1.5], [], None]),
    "lists with None": column([["a", None], [None]]),
    "lists of lists": column([[[1.0], []], [[2.0, 3.0]]]),
    "empty lists alone": column([[], []]),
    "arrays": column([np.array([1.0, 2.0]), np.array([3.0])]),
    "arrays of float32": column([np.ones(2, "float32")]),
    "arrays of int32": column([np.ones(2, "int32")]),
    "arrays of text": column([np.array(["a", "b"])]),
    "arrays of bytes": column([np.array([b"a", b"b"])]),
    "arrays of booleans": column([np.array([True])]),
    "arrays of datetimes": column([np.array(["2020-01-01"], "datetime64[ns]")]),
    "arrays of objects": column([np.array(["a", None], object)]),
    "arrays, one empty": column([np.array([1.0]), np.array([])]),
    "arrays, one with NaN": column([np.array([1.0, np.nan]), np.array([np.nan])]),
    "arrays of NaN alone": column([np.array([np.nan])]),
    "arrays of NaN alone of float32": column([np.array([np.nan], "float32")]),
    "arrays of two axes": column([np.ones((2, 3)), np.zeros((1, 3))]),
    "lists of arrays": column([[np.array([1.0])], []]),
    "dicts": column([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]),
    "dicts with other members": column([{"x": 1}, {"y": "a"}, {"x": 3}]),
    "dicts with None": column([{"x": None, "y": 1}, {"x": 1.5, "y": None}, None]),
    "dicts, first None": column([None, {"x": 1}, {"x": 1}]),
    "dicts of dicts": column([{"x": {"y": [1]}}, {"x": {"y": [], "z": "a"}}]),
    "dicts with an empty dict": column([{"x": {}}, {"x": {"y": 1}}]),
    "lists of dicts": column([[{"x": 1}, {"y": 2.5}], []]),
    "arrow int64": column([1, None], "int64[pyarrow]"),
    "arrow float": column([1.5, None], "float[pyarrow]"),
    "arrow text": column(["a", None], "string[pyarrow]"),
    "arrow text type": column(["a", None], pd.ArrowDtype(pa.string())),
    "arrow timestamp": column([datetime(2020, 1, 1)], "timestamp[us][pyarrow]"),  # noqa: DTZ001
    "arrow date": column([date(2020, 1, 1)], pd.ArrowDtype(pa.date32())),
    "arrow lists": column([[1.0], []], pd.ArrowDtype(pa.list_(pa.float64()))),
    "arrow structs": column([{"x": 1}], pd.ArrowDtype(pa.struct([("x", pa.int64())]))),
    "columns without names": pd.DataFrame(np.ones((2, 3))),
    "columns with numbers": pd.DataFrame(np.ones((2, 2)), columns=[3, 1]),
    "many columns": pd.DataFrame({"b": [1.0], "a": ["x"], "c": [None]}),
    "index that is no range": pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"]),
}
OTHERS: dict[str, Any] = {
    "array": np.ones(3),
    "array of two axes": np.ones((2, 3), "float32"),
    "array of four axes": np.ones((2, 8, 8, 3), "uint8"),
    "array without rows": np.empty((0, 2)),
    **{f"array of {t}": np.zeros(2, t) for t in ("bool", "int16", "uint64", "complex128")},
    "array of text": np.array(["abc", "d"]),
    "array of bytes": np.array([b"abc", b"d"]),
    "array of datetimes": np.array(["2020-01-01"], "datetime64[ns]"),
    "array of timedeltas": np.array([1], "timedelta64[s]"),
    "array of objects": np.array([1, "a", None], object),
    "dict of arrays": {"x": np.ones((2, 3)), "y": np.array(["a", "b"])},
    "dict of lists": {"x": [1, 2], "y": ["a", None], "z": []},
    "dict of values": {"i": 1, "f": 1.5, "s": "a", "b": b"a", "t": True, "n": None},
    "dict of arrays and values": {"x": np.ones(2), "y": 1.5},
    "dict of dicts": {"x": {"y": {"z": [1.5]}}, "d": date(2020, 1, 1)},
    "list of dicts": [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}],
    "list of dicts with other keys": [{"x": 1}, {"y": [1.5]}, {"x": None}],
    "list of dicts with None": [{"x": None, "y": {"z": 1}}, {"x": "a", "y": None}],
    "list of dicts with NaN": [{"x": float("nan")}, {"x": 1.5}],
    "list of numbers": [1.5, 2.5],
    "list of integers with None": [None, 1],
    "list of None": [None],
    "list of text": ["a", "b"],
    "list of lists": [[1, 2], [3]],
    "list of arrays": [np.array([1.0]), np.array([2.0])],
    "list of datetimes": [datetime(2020, 1, 1)],  # noqa: DTZ001
    "empty list": [],
    "list and an empty list": [[], [1]],
    "series": pd.Series([1.5, 2.5]),
    "series with a name": pd.Series([1.5, None], name="y"),
    "series of a frame without names": pd.DataFrame(np.ones((2, 2)))[0],
    "series of objects": pd.Series([{"x": 1}, {"x": None}], name="y"),
    "text": "a sentence",
    "bytes": b"abc",
    "number": 1.5,
    "numpy number": np.float32(1.5),
    "integer": 7,
    "boolean": True,
    "datetime": datetime(2020, 1, 1),  # noqa: DTZ001
    "numpy datetime": np.datetime64("2020-01-01"),
    "NaN": float("nan"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_described_as_by_mlflow(name: str) -> None:
    """The columns of a DataFrame get the names, types and optionality that MLflow gives them."""
    expected = by_mlflow(inputs=FRAMES[name])

    assert expected.inputs != GAVE_UP
    assert by_us(inputs=FRAMES[name]) == expected


@pytest.mark.parametrize("name", OTHERS)
def test_other_data_is_described_as_by_mlflow(name: str) -> None:
    """Arrays, dicts, lists, Series and single values are described as MLflow describes them."""
    expected = by_mlflow(inputs=OTHERS[name], outputs=OTHERS[name])

    assert by_us(inputs=OTHERS[name], outputs=OTHERS[name]) == expected


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_a_sparse_matrix_is_described_as_by_mlflow(form: str) -> None:
    """A scipy sparse matrix is a tensor with free rows, as in MLflow."""
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.coo_matrix(np.eye(3, 4, dtype="float32")).asformat(form)

    assert by_us(inputs=matrix) == by_mlflow(inputs=matrix)
    assert by_us(inputs=sparse.coo_array(np.eye(3))).inputs == (Spec(Tensor("float64", (-1, 3))),)


PARAMS: dict[str, Any] = {
    "text": "a",
    "integer": 3,
    "float": 0.5,
    "boolean": True,
    "numpy float32": np.float32(0.1),
    "numpy int32": np.int32(3),
    "numpy text": np.str_("a"),
    "date": date(2020, 1, 1),
    "datetime": datetime(2020, 1, 1, 12, 30),  # noqa: DTZ001
    "numpy datetime": np.datetime64("2020-01-01T12:00"),
    "integers": [1, 2],
    "integers and floats": [1, 2.5],
    "texts": ["a", "b"],
    "booleans": [True, False],
    "array": np.array([1.5, 2.5], "float32"),
    "dates": [date(2020, 1, 1), date(2020, 1, 2)],
    "dict": {"x": 1, "y": [1.5], "z": {"s": "a", "n": None}},
}


@pytest.mark.parametrize("name", PARAMS)
def test_params_are_described_as_by_mlflow(name: str) -> None:
    """Params get the types, shapes and stored defaults that MLflow gives them."""
    params = {"first": 1, name: PARAMS[name]}
    if isinstance(PARAMS[name], np.ndarray):
        # MLflow cannot store the array that it keeps as the default.
        expected = by_mlflow(params={"first": 1, name: PARAMS[name].tolist()})
        assert expected.params is not None
        ours = by_us(params=params).params or ()
        assert [p.default for p in ours] == [p.default for p in expected.params]
        assert ours[1].type == Scalar("float")
        return

    assert by_us(params=params) == by_mlflow(params=params)


def test_inputs_outputs_and_params_are_described_together() -> None:
    """All three parts of one call end up in one signature, as in MLflow."""
    data = {"inputs": FRAMES["text"], "outputs": np.ones(2), "params": {1: 2}}

    assert by_us(**data) == by_mlflow(**data)
    assert by_us(inputs=[1.5], params={}).params is None


# --- random data ----------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(width=32),
    st.text(max_size=2),
    st.binary(max_size=2),
    st.dates(),
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2030, 1, 1)),  # noqa: DTZ001
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=6,
)
ALIKE = st.one_of(
    st.lists(st.none() | st.booleans(), min_size=3, max_size=3),
    st.lists(st.none() | st.integers(-5, 5), min_size=3, max_size=3),
    st.lists(st.none() | st.floats(), min_size=3, max_size=3),
    st.lists(st.none() | st.text(max_size=2), min_size=3, max_size=3),
    st.lists(st.none() | st.lists(st.none() | st.floats()), min_size=3, max_size=3),
    st.lists(
        st.none()
        | st.fixed_dictionaries({}, optional={"x": st.integers(), "y": st.text() | st.none()}),
        min_size=3,
        max_size=3,
    ),
)


def check_against_mlflow(data: Any) -> None:
    """The same description, or an error of ours where MLflow gives up."""
    expected = by_mlflow(inputs=data).inputs
    try:
        described = by_us(inputs=data).inputs
    except InputMismatchError:
        assert expected == GAVE_UP
    else:
        assert described == expected


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=3), ALIKE, min_size=1, max_size=4))
def test_random_frames_are_described_as_by_mlflow(columns: dict[str, list[Any]]) -> None:
    """Any frame whose columns hold values of one kind is described as MLflow does it."""
    check_against_mlflow(pd.DataFrame(columns))


@settings(max_examples=200, deadline=None)
@given(st.lists(NESTED, min_size=1, max_size=3))
def test_random_object_columns_are_described_as_by_mlflow(values: list[Any]) -> None:
    """A column of arbitrary nested values is described as by MLflow, or refused."""
    check_against_mlflow(pd.DataFrame({"a": pd.Series(values, dtype=object)}))


@settings(max_examples=200, deadline=None)
@given(NESTED.filter(lambda value: value is not None))
def test_random_json_is_described_as_by_mlflow(value: Any) -> None:
    """Arbitrary nested dicts, lists and values are described as by MLflow, or refused."""
    check_against_mlflow(value)


# --- Arrow ----------------------------------------------------------------------------------------

TABLES: dict[str, pa.Table] = {
    "numbers": pa.table({"i": pa.array([1, 2], "int8"), "l": [1, 2], "d": [1.5, None]}),
    "unsigned": pa.table({"a": pa.array([1], "uint16"), "b": pa.array([1], "uint32")}),
    "halves": pa.table({"a": pa.array([np.float16(1)]), "b": pa.array([1.5], "float32")}),
    "integers with nulls": pa.table({"a": pa.array([1, None], "int32")}),
    "NaN": pa.table({"a": [1.5, float("nan")]}),
    "booleans": pa.table({"a": [True, False], "b": [True, None]}),
    "text": pa.table({"a": ["x", None], "b": pa.array(["x", "y"], "large_string")}),
    "bytes": pa.table({"a": [b"x", None], "b": pa.array([b"x", b"y"], pa.binary(1))}),
    "times": pa.table({"a": [date(2020, 1, 1)], "b": pa.array([0], pa.timestamp("us", "UTC"))}),
    "categories": pa.table({"a": pa.array(["x", None]).dictionary_encode()}),
    "nulls alone": pa.table({"a": pa.nulls(2)}),
    "lists": pa.table({"a": [[1.5, 2.5], []], "b": [["x"], None], "c": [[[1.5]], [[]]]}),
    "fixed lists": pa.table({"a": pa.array([[1.5, 2.5]], pa.list_(pa.float64(), 2))}),
    "structs": pa.table({"a": [{"x": 1, "y": "b"}, {"x": None, "y": "c"}], "b": [None, {"z": 1}]}),
    "lists of structs": pa.table({"a": [[{"x": 1.5}], [{"x": None}]]}),
}


@pytest.mark.parametrize("name", TABLES)
def test_an_arrow_table_is_described_as_the_frame_it_would_become(name: str) -> None:
    """A pyarrow Table or RecordBatch gets the signature of its DataFrame."""
    table = TABLES[name]
    expected = by_mlflow(inputs=table.to_pandas())

    assert expected.inputs != GAVE_UP
    assert by_us(inputs=table) == expected
    assert by_us(inputs=table.combine_chunks().to_batches()[0]) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.list_(pa.int8()), Array(Scalar("integer"))),
        (pa.string_view(), Scalar("string")),
        (pa.binary_view(), Scalar("binary")),
        (pa.map_(pa.string(), pa.int64()), Map(Scalar("long"))),
        (pa.large_list(pa.list_(pa.string())), Array(Array(Scalar("string")))),
        (pa.struct([("y", pa.int64()), ("x", pa.float32())]), None),
        (pa.fixed_shape_tensor(pa.float32(), [2]), Array(Scalar("float"))),
    ],
    ids=str,
)
def test_an_arrow_table_without_rows_is_described_by_its_types(kind: Any, expected: Any) -> None:
    """The types of a table are enough; no value has to be there."""
    table = pa.schema([("a", kind)]).empty_table()
    members = (Property("x", Scalar("float")), Property("y", Scalar("long")))

    assert by_us(inputs=table).inputs == (Spec(expected or Object(members), "a"),)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (pa.decimal128(5, 2), "Cast it to double"),
        (pa.uint64(), "Cast it to double"),
        (pa.duration("s"), "Cast it to a number of seconds"),
        (pa.time32("s"), "Cast it to another type"),
        (pa.struct([("m", pa.decimal128(5, 2))]), 'in member "m" its type is decimal128(5, 2)'),
        (pa.list_(pa.time32("s")), "Cast it to another type"),
        (pa.map_(pa.int32(), pa.int32()), "Cast it to another type"),
    ],
    ids=str,
)
def test_an_arrow_type_without_description_names_the_column(kind: Any, advice: str) -> None:
    """An Arrow type that signatures lack is an error with the column, the type and a way out."""
    with pytest.raises(InputMismatchError, match='column "price": ') as caught:
        infer_signature(pa.schema([("price", kind)]).empty_table())
    assert advice in str(caught.value)


# --- where MLflow gives up ------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, str]] = {
    "two types": (column([1, "secret"], object), "two types, long and string"),
    "two types in lists": (column([["secret"], [1]]), "two types"),
    "two types in one list": (column([["secret", 1]]), "two types, string and long"),
    "two types in a member": (column([{"x": 1}, {"x": "secret"}]), 'in member "x" it holds values'),
    "list and text": (column([["secret"], "secret"]), "two types"),
    "Decimals": (column([Decimal("1.5")]), "holds Decimal objects"),
    "Decimals in dicts": (column([{"x": [Decimal("1.5")]}]), 'in member "x" it holds Decimal'),
    "tuples": (column([(1, 2)]), "Convert them to lists"),
    "times": (column([time(1, 2)]), "Convert them to text"),
    "timedeltas": (column(pd.to_timedelta([1])), "Convert it to seconds"),
    "timedelta objects": (column([[timedelta(1)]]), "Convert them to seconds"),
    "periods": (column(pd.period_range("2020", periods=1)), "Convert them to timestamps"),
    "intervals": (column(pd.interval_range(0, 1)), "holds Interval objects"),
    "uint64": (column([1], "uint64"), "its type is uint64"),
    "complex": (column([1j]), "its type is complex128"),
    "keys that are no text": (column([{1: 2}]), "a key that is int"),
    "own objects": (column([pytest]), "holds module objects"),
    "series in a dict": ({"price": pd.Series([1])}, "Pass a DataFrame instead"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_that_mlflow_gives_up_on_is_an_error_naming_the_column(name: str) -> None:
    """Instead of a signature that checks nothing there is an error: column, reason, way out."""
    data, reason = REFUSED[name]
    data = data.rename(columns={"a": "price"}) if isinstance(data, pd.DataFrame) else data
    assert by_mlflow(inputs=data).inputs == GAVE_UP

    with pytest.raises(InputMismatchError, match='Cannot describe the inputs: column "price"') as e:
        infer_signature(data)
    assert reason in str(e.value)
    assert "AnyValue()" in str(e.value)
    assert "secret" not in str(e.value)


def test_all_columns_that_cannot_be_described_are_named_at_once() -> None:
    """One error lists every column in question, and only those."""
    frame = pd.DataFrame({"a": [Decimal(1)], "b": [1.5], "c": [{1}]})

    with pytest.raises(InputMismatchError, match=r'column "a".*column "c"') as caught:
        infer_signature(outputs=frame)
    assert '"b"' not in str(caught.value)
    assert "the outputs" in str(caught.value)


class DataFrame:
    """Stands for the frames of Spark and others."""


UNUSABLE: dict[str, tuple[Any, str]] = {
    "frame without columns": (pd.DataFrame(index=[1]), "there are no columns"),
    "empty dict": ({}, "there are no columns"),
    "list of empty dicts": ([{}], "there are no columns"),
    "columns of one name": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "called a"),
    "columns with tuples": (
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
        "Rename the columns",
    ),
    "one column of two without a name": (
        pd.DataFrame([[1, 2]], columns=["a", None]),
        "1 of 2 column names are not text",
    ),
    "keys that are no text": ({1: [1.5]}, "a key of the dict is int"),
    "array keys that are no text": ({1: np.ones(2)}, "a key of the dict is int"),
    "array without axes": (np.array(1.5), "first axis is rows"),
    "structured array": (np.zeros(2, [("x", int)]), "Cast the array"),
    "list of two types": ([1, "a"], "two types"),
    "tuple": ((1, 2), "tuple objects"),
    "set": ({1, 2}, "set objects"),
    "index": (pd.Index([1, 2]), "Index objects"),
    "Decimal": (Decimal(1), "Convert them to float"),
    "frame of Spark": (DataFrame(), "such as df.limit(100).toArrow()"),
    "generator": ((i for i in [1]), "generator objects"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_data_of_an_unusable_form_is_an_error(name: str) -> None:
    """Data that is no table, array, list or value is refused in words."""
    data, reason = UNUSABLE[name]

    with pytest.raises(InputMismatchError, match=r"Cannot describe .*the inputs") as caught:
        infer_signature(data)
    assert reason in str(caught.value)


DESCRIBED_HERE_ONLY: dict[str, tuple[Any, Any]] = {
    "pandas timestamps in lists": (column([[pd.Timestamp(0)]]), Array(Scalar("datetime"))),
    "category of timestamps": (column(pd.to_datetime([0])).astype("category"), Scalar("datetime")),
    "datetimes in zones": (
        column([[datetime(2020, 1, 1, tzinfo=UTC), pd.Timestamp(0)]]),
        Array(Scalar("datetime")),
    ),
    "small integers in arrays": (column([np.ones(2, "uint8")]), Array(Scalar("integer"))),
    "half floats in arrays": (column([np.ones(2, "float16")]), Array(Scalar("float"))),
    "empty arrays alone": (column([np.array([])]), AnyValue()),
    "arrays without axes": (column([np.array(1.5)]), Scalar("double")),
    "sparse column": (column(pd.arrays.SparseArray([1.0, 0.0])), Scalar("double")),
    "empty category": (column([], "category"), AnyValue()),
}


@pytest.mark.parametrize("name", DESCRIBED_HERE_ONLY)
def test_some_data_is_described_here_that_mlflow_gives_up_on(name: str) -> None:
    """Where the type is plain to see, scorecast declares it although MLflow does not."""
    data, expected = DESCRIBED_HERE_ONLY[name]

    assert by_mlflow(inputs=data).inputs == GAVE_UP
    assert by_us(inputs=data).inputs == (Spec(expected, "a"),)


def test_a_series_without_name_may_lack_values() -> None:
    """An unnamed Series with missing values is one optional column; MLflow has no word for it."""
    assert by_us(outputs=pd.Series([1.5, None])).outputs == (
        Spec(Scalar("double"), required=False),
    )


BAD_PARAMS: dict[str, tuple[Any, str]] = {
    "None": (None, "a default of NoneType"),
    "empty dict": ({}, "an empty dict"),
    "empty list": ([], "with at least one in it"),
    "list of lists": ([[1]], "a list of values"),
    "tuple": ((1, 2), "a default of tuple"),
    "bytes": (b"a", "no params of bytes"),
    "two types": ([1, "a"], "expected string, got int"),
    "boolean among integers": ([1, True], "expected long, got bool"),
    "None among numbers": ([1, None], "a default of NoneType"),
    "complex": (1j, "complex128"),
    "beyond 64 bits": (2**64, "for which signatures have no type"),
    "dict with a date": ({"x": date(2020, 1, 1)}, "date in it cannot be stored"),
    "dict with a set": ({"x": {1}}, "set objects"),
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_a_param_without_a_type_is_an_error(name: str) -> None:
    """A default that does not show a type that params can have is refused with the param's name."""
    value, reason = BAD_PARAMS[name]

    with pytest.raises(InputMismatchError, match="Cannot describe the params: limit: ") as caught:
        infer_signature(params={"limit": value})
    assert reason in str(caught.value)


def test_params_that_are_no_dict_are_an_error() -> None:
    """Params are names with values; a list of them is refused."""
    with pytest.raises(InputMismatchError, match="params must be a dict"):
        infer_signature(params=["limit"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int8(3), ("integer", 3)),
        (np.uint32(3), ("long", 3)),
        (np.datetime64("2020-01-01T01:02:03.000000004"), ("datetime", "2020-01-01T01:02:03")),
        (pd.Timestamp("2020-01-01"), ("datetime", "2020-01-01T00:00:00")),
    ],
)
def test_params_of_more_numpy_types_are_described(value: Any, expected: tuple[str, Any]) -> None:
    """Numpy and pandas values that MLflow refuses as defaults are described."""
    (param,) = infer_signature(params={"a": value}).params or ()

    assert (str(param.type), param.default) == expected


def test_the_default_of_a_dict_param_is_a_copy() -> None:
    """A dict given as a default may be changed later without changing the signature."""
    default = {"x": np.array([1.5]), "n": np.int64(1)}
    (param,) = infer_signature(params={"a": default}).params or ()
    default.clear()

    assert param.default == {"x": [1.5], "n": 1}


def test_nothing_to_describe_is_an_error() -> None:
    """A call without any data is a mistake, as in MLflow."""
    with pytest.raises(ConfigError, match="at least one of inputs, outputs and params"):
        infer_signature(params={})


# --- the warning ----------------------------------------------------------------------------------


def test_integer_inputs_without_missing_values_are_warned_of_once() -> None:
    """One warning names the integer inputs in which a later null would be an error."""
    frame = pd.DataFrame({"id": [1], "n": np.array([1], "int8"), "x": [1.5]})

    with pytest.warns(UserWarning, match=r"Integer inputs without missing values: id, n\.") as seen:
        infer_signature(frame, outputs=frame)
    assert [warning.filename for warning in seen] == [__file__]


def test_many_integer_inputs_make_a_short_warning() -> None:
    """A frame of hundreds of integer columns does not fill the screen."""
    frame = pd.DataFrame(np.ones((1, 8), int))

    with pytest.warns(UserWarning, match=r": 0, 1, 2, 3, 4 and 3 more\."):
        infer_signature(frame)


@pytest.mark.parametrize(
    "data",
    [
        {"outputs": pd.DataFrame({"n": [1]})},
        {"inputs": np.ones((2, 2), int)},
        {"inputs": pd.DataFrame({"n": pd.array([1, None], "Int64")})},
        {"inputs": pd.DataFrame({"n": [1.0, None]})},
        {"params": {"n": 1}},
    ],
)
def test_nothing_else_is_warned_of(data: dict[str, Any]) -> None:
    """Outputs, tensors, params and integers that may be missing give no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        infer_signature(**data)
