"""What a model is given: by declared type, the same in every batch, or an error without values."""

# ruff: noqa: DTZ001 - times without a zone are among the values tested

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scorecast.errors import InputMismatchError, WorkerEnvironmentError
from scorecast.models.signature import (
    AnyValue,
    Array,
    Map,
    Object,
    Property,
    Scalar,
    Signature,
    Spec,
)
from scorecast.worker.input_plan import plan_by_name
from scorecast.worker.inputs import to_model_input

CANARY = 7_777_777_777_777_777_777
PARIS = pa.timestamp("us", "Europe/Paris")
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
NOON_IN_PARIS = pd.Timestamp("2024-07-01 14:00")
NAN = float("nan")


def given_to_model(
    values: Any, declared: Any, kind: pa.DataType | None = None, *, required: bool = True
) -> pd.Series[Any]:
    """The one column of the frame that a model gets for some values of an Arrow type."""
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    declared = Scalar(declared) if isinstance(declared, str) else declared
    batch = pa.RecordBatch.from_arrays([array], names=["x"])
    plan = plan_by_name(Signature((Spec(declared, "x", required),)), batch.schema)
    frame = to_model_input(batch, plan)
    assert isinstance(frame, pd.DataFrame)
    pd.testing.assert_index_equal(frame.index, pd.RangeIndex(len(array)), exact=True)
    return frame["x"]


def everything_said(error: BaseException | None) -> Iterator[str]:
    """The texts that a traceback of an error would show."""
    while error is not None:
        yield str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


CONVERSIONS: list[tuple[str, pa.DataType, Any, Any]] = [
    ("boolean", pa.bool_(), True, np.True_),
    *(("integer", kind, 7, np.int32(7)) for kind in (pa.int8(), pa.int16(), pa.int32())),
    *(("integer", kind, 7, np.int32(7)) for kind in (pa.uint8(), pa.uint16())),
    *(("long", kind, 7, np.int64(7)) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())),
    *(("long", kind, 7, np.int64(7)) for kind in (pa.uint8(), pa.uint16(), pa.uint32())),
    *(("float", kind, 7, np.float32(7)) for kind in (pa.int8(), pa.int64(), pa.uint64())),
    ("float", pa.float32(), 0.1, np.float32(0.1)),
    ("float", pa.float16(), np.float16(0.1), np.float32(np.float16(0.1))),
    *(("double", kind, 7, np.float64(7)) for kind in (pa.int8(), pa.int64(), pa.uint64())),
    ("double", pa.float32(), 0.1, np.float64(np.float32(0.1))),
    ("double", pa.float64(), 0.1, np.float64(0.1)),
    ("double", pa.decimal128(10, 2), Decimal("1.25"), np.float64(1.25)),
    ("double", pa.decimal256(50, 2), Decimal("1.25"), np.float64(1.25)),
    ("datetime", pa.timestamp("s"), datetime(2024, 7, 1), pd.Timestamp("2024-07-01")),
    ("datetime", pa.timestamp("ns"), datetime(2024, 7, 1), pd.Timestamp("2024-07-01")),
    ("datetime", PARIS, NOON, NOON_IN_PARIS),
    ("datetime", pa.date32(), date(2024, 7, 1), pd.Timestamp("2024-07-01")),
    ("datetime", pa.date64(), date(2024, 7, 1), pd.Timestamp("2024-07-01")),
    *(("string", kind, "7", "7") for kind in (pa.string(), pa.large_string(), pa.string_view())),
    ("string", pa.dictionary(pa.int8(), pa.string()), "7", "7"),
    *(("binary", kind, b"7", b"7") for kind in (pa.binary(), pa.large_binary(), pa.binary(1))),
]
DTYPES = {
    "boolean": np.dtype(bool),
    "integer": np.dtype("int32"),
    "long": np.dtype("int64"),
    "float": np.dtype("float32"),
    "double": np.dtype("float64"),
    "datetime": np.dtype("datetime64[ns]"),
    "binary": np.dtype(object),
}
NULLABLE = {"boolean": "boolean", "integer": "Int32", "long": "Int64"}


@pytest.mark.parametrize(("declared", "kind", "value", "expected"), CONVERSIONS, ids=str)
def test_every_allowed_type_becomes_the_declared_dtype(
    declared: str, kind: pa.DataType, value: Any, expected: Any
) -> None:
    """The dtype is the declared one, and the value the same, whatever Arrow type it came in."""
    column = given_to_model([value, value], declared, kind)

    text = pa.array(["x"]).to_pandas().dtype
    assert column.dtype == DTYPES.get(declared, text)
    assert column.tolist() == [expected, expected]


@pytest.mark.parametrize(("declared", "kind", "value", "expected"), CONVERSIONS, ids=str)
@pytest.mark.parametrize("missing", [[], [0], [0, 1]], ids=["none", "some", "all"])
def test_nulls_of_optional_inputs_do_not_change_the_dtype(
    declared: str, kind: pa.DataType, value: Any, expected: Any, missing: list[int]
) -> None:
    """A batch with nulls, one without and one of nothing else have the same dtype."""
    values = [None if i in missing else value for i in range(2)]

    column = given_to_model(values, declared, kind, required=False)

    text = pa.array(["x"]).to_pandas().dtype
    assert str(column.dtype) == NULLABLE.get(declared, str(DTYPES.get(declared, text)))
    assert column.isna().tolist() == [i in missing for i in range(2)]
    assert column.dropna().tolist() == [expected] * (2 - len(missing))


@pytest.mark.parametrize("declared", NULLABLE)
def test_nulls_of_required_integers_and_booleans_are_an_error(declared: str) -> None:
    """The error says how many and where, and how to declare that nulls are possible."""
    value, kind = (True, pa.bool_()) if declared == "boolean" else (7, pa.int32())

    with pytest.raises(InputMismatchError) as caught:
        given_to_model([value, None, value, None], declared, kind)

    message = str(caught.value)
    assert "2 nulls" in message
    assert "batch of 4 rows" in message
    assert "row 1" in message
    assert "required=False" in message
    assert NULLABLE[declared] in message


@pytest.mark.parametrize("declared", ["float", "double", "datetime", "string", "binary"])
def test_a_column_of_nulls_alone_fits_what_can_be_missing(declared: str) -> None:
    """An all-null batch without a type of its own has the dtype of every other batch."""
    column = given_to_model(pa.nulls(2), declared)

    text = pa.array(["x"]).to_pandas().dtype
    assert column.dtype == DTYPES.get(declared, text)
    assert column.isna().all()


def test_nan_of_floats_is_kept_beside_null() -> None:
    """Both are NaN to the model, and infinities stay."""
    column = given_to_model([1.0, NAN, None, -np.inf], "double", pa.float64())

    np.testing.assert_array_equal(column.to_numpy(), [1.0, np.nan, np.nan, -np.inf])


TOO_MUCH = [
    ("double", pa.int64(), [1, CANARY]),
    ("double", pa.uint64(), [1, CANARY]),
    ("float", pa.int32(), [1, 777_777_777]),
    ("datetime", pa.timestamp("us"), [datetime(2024, 1, 1), datetime(7777, 7, 7)]),
    ("datetime", pa.timestamp("s", "UTC"), [datetime(2024, 1, 1), datetime(7777, 7, 7)]),
    ("datetime", pa.date32(), [date(2024, 1, 1), date(7777, 7, 7)]),
    (Array(Scalar("double")), pa.list_(pa.int64()), [[1, 2, 3], [CANARY]]),
    (Map(Scalar("double")), pa.map_(pa.string(), pa.int64()), [{"a": 1}, {"b": CANARY}]),
    (
        Object((Property("a", Array(Scalar("float"))),)),
        pa.struct([("a", pa.list_(pa.int64()))]),
        [{"a": [1, 2]}, {"a": [3, CANARY]}],
    ),
]


@pytest.mark.parametrize(("declared", "kind", "values"), TOO_MUCH, ids=str)
def test_values_that_would_change_are_errors_without_the_values(
    declared: Any, kind: pa.DataType, values: list[Any]
) -> None:
    """The error names column, types and row; neither it nor what caused it shows a value."""
    array = pa.array([values[0], None, *values], kind)

    with pytest.raises(InputMismatchError) as caught:
        given_to_model(array, declared)

    said = list(everything_said(caught.value))
    assert 'Column "x"' in said[0]
    assert "row 3 of 4" in said[0]
    assert not any("777" in text or "2533" in text for text in said)


def test_the_first_row_that_does_not_fit_is_named() -> None:
    """Of several bad rows the error names the first one."""
    values = [1] * 1000
    values[417] = values[418] = values[900] = CANARY

    with pytest.raises(InputMismatchError, match="row 417 of 1000"):
        given_to_model(values, "double", pa.int64())


@pytest.mark.parametrize(
    ("zone", "instants"),
    [
        # The hours around both changes of the clock, of which one exists twice and one never.
        ("Europe/Paris", [datetime(2024, 10, 27, h, 30, tzinfo=UTC) for h in range(3)]),
        ("Europe/Paris", [datetime(2024, 3, 31, h, 30, tzinfo=UTC) for h in range(3)]),
        ("Asia/Kathmandu", [datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]),
        ("America/St_Johns", [datetime(1700, 1, 1, tzinfo=UTC)]),
    ],
)
def test_timestamps_with_a_zone_become_local_time(zone: str, instants: list[datetime]) -> None:
    """Models see the clock of the zone, as pandas shows it with the zone taken off."""
    column = given_to_model(instants, "datetime", pa.timestamp("us", zone))

    clock = ZoneInfo(zone)
    assert column.tolist() == [i.astimezone(clock).replace(tzinfo=None) for i in instants]


def test_a_zone_that_is_unknown_is_a_fault_of_the_machine() -> None:
    """Where the zones of the system are missing, the error says what to install."""
    with pytest.raises(WorkerEnvironmentError, match=r'zone "Nowhere/City".*tzdata'):
        given_to_model([NOON], "datetime", pa.timestamp("us", "Nowhere/City"))


def test_times_inside_lists_and_records_become_local_too() -> None:
    """A time is the same local time wherever it stands."""
    kind = Object((Property("at", Scalar("datetime")),))
    record = given_to_model([{"at": NOON}], kind, pa.struct([("at", PARIS)]))
    listed = given_to_model([[NOON]], Array(Scalar("datetime")), pa.list_(PARIS))

    assert record[0] == {"at": NOON_IN_PARIS}
    assert listed[0].tolist() == [NOON_IN_PARIS]


def test_lists_become_arrays_and_records_dicts() -> None:
    """Nested values reach a model as MLflow gives them: ndarray, dict, None for what is missing."""
    lists = given_to_model([[1, 2], None, []], Array(Scalar("double")), pa.list_(pa.int32()))
    assert isinstance(lists[0], np.ndarray)
    assert lists[0].dtype == np.float64
    assert lists[0].tolist() == [1.0, 2.0]
    assert lists[1] is None
    assert lists[2].tolist() == []

    maps = given_to_model([{"a": 1}, None], Map(Scalar("long")), pa.map_(pa.string(), pa.int8()))
    assert maps.tolist() == [{"a": 1}, None]

    deep = Array(Object((Property("tags", Array(Scalar("string"))),)))
    kind = pa.list_(pa.struct([("tags", pa.list_(pa.string()))]))
    (row,) = given_to_model([[{"tags": ["a", None]}]], deep, kind)
    assert [list(record["tags"]) for record in row] == [["a", None]]


def test_members_of_records_are_found_by_name_and_filled_up() -> None:
    """Their order does not count; an optional member that the data lacks is None everywhere."""
    declared = Object(
        (Property("a", Scalar("double")), Property("z", Scalar("string"), required=False))
    )
    reordered = given_to_model(
        [{"z": "t", "a": 1}], declared, pa.struct([("z", pa.string()), ("a", pa.int32())])
    )
    lacking = given_to_model([{"a": 1}], declared, pa.struct([("a", pa.int32())]))

    assert reordered.tolist() == [{"a": 1.0, "z": "t"}]
    assert lacking.tolist() == [{"a": 1.0, "z": None}]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int32()), pa.large_list(pa.int32()), pa.list_(pa.int32(), 2)], ids=str
)
def test_slices_of_nested_data_are_their_own_rows(kind: pa.DataType) -> None:
    """A batch that is a part of a larger one gives the values of that part."""
    array = pa.array([[1, 2], None, [5, 6], [7, 8]], kind).slice(1, 2)

    column = given_to_model(array, Array(Scalar("double")))

    assert column[0] is None
    assert column[1].tolist() == [5.0, 6.0]


def test_anything_is_given_as_it_is() -> None:
    """A column declared as any is converted as pandas would."""
    values = [{"a": [1]}, None]

    column = given_to_model(values, AnyValue())

    assert column[0] == {"a": np.array([1])}
    assert column[1] is None


@pytest.mark.parametrize("declared", ["float", "double"])
def test_a_frame_of_floats_is_one_block_with_the_values_of_its_columns(declared: str) -> None:
    """All columns of one float type share one column-major block that a model may write into."""
    batch = pa.RecordBatch.from_pydict(
        {
            "a": pa.array([1, 2, 3], pa.int32()),
            "b": pa.array([0.5, None, NAN], pa.float32()),
            "c": pa.array([4, None, 6], pa.int8()),
        }
    )
    specs = tuple(Spec(Scalar(declared), name) for name in "cab")  # type: ignore[arg-type]

    frame = to_model_input(batch, plan_by_name(Signature(specs), batch.schema))

    assert isinstance(frame, pd.DataFrame)
    one_by_one = {n: given_to_model(batch[n], declared) for n in "cab"}
    pd.testing.assert_frame_equal(frame, pd.DataFrame(one_by_one), check_exact=True)
    values = frame.to_numpy(copy=False)
    assert values.flags.f_contiguous
    assert np.shares_memory(values, frame["a"].to_numpy(copy=False))


@pytest.mark.parametrize("declared", ["integer", "long"])
def test_required_integers_are_one_block_too(declared: str) -> None:
    """Integers that cannot be missing share one block; a null in any of them is an error."""
    columns = {"a": pa.array([1, -2], pa.int8()), "b": pa.array([3, 4], pa.int32())}
    batch = pa.RecordBatch.from_pydict(columns)
    specs = tuple(Spec(Scalar(declared), name) for name in "ba")  # type: ignore[arg-type]
    plan = plan_by_name(Signature(specs), batch.schema)

    frame = to_model_input(batch, plan)

    assert isinstance(frame, pd.DataFrame)
    one_by_one = {n: given_to_model(batch[n], declared) for n in "ba"}
    pd.testing.assert_frame_equal(frame, pd.DataFrame(one_by_one), check_exact=True)
    assert np.shares_memory(frame.to_numpy(copy=False), frame["a"].to_numpy(copy=False))
    with pytest.raises(InputMismatchError, match=r'"b" holds 1 nulls .* the first in row 1'):
        to_model_input(batch.set_column(1, "b", pa.array([3, None], pa.int32())), plan)


def packed(columns: dict[str, pa.Array], kind: pa.DataType) -> pa.RecordBatch:
    """The same columns as one of arrays, made row by row."""
    rows = list(zip(*(column.to_pylist() for column in columns.values()), strict=True))
    return pa.RecordBatch.from_pydict({"all": pa.array(rows, pa.list_(kind))})


@pytest.mark.parametrize(("declared", "kind"), [("double", pa.float64()), ("float", pa.float32())])
@pytest.mark.parametrize("rows", [0, 1, 255, 256, 700])
def test_packed_columns_are_the_same_frame(declared: Any, kind: pa.DataType, rows: int) -> None:
    """Columns that come as one of arrays reach the model as if they had come on their own."""
    rng = np.random.default_rng(rows)
    columns = {
        name: pa.array(rng.normal(size=rows), mask=rng.random(rows) < share).cast(kind)
        for name, share in (("a", 0), ("b", 0.3), ("c", 1))
    }
    apart = pa.RecordBatch.from_pydict(columns)
    plan = plan_by_name(
        Signature(tuple(Spec(Scalar(declared), name) for name in columns)), apart.schema
    )
    inputs = tuple(replace(column, source=0) for column in plan.columns)
    together = replace(plan, columns=inputs, packed=True)
    batch = packed(columns, kind)

    for part, same in ((batch, apart), (batch[rows // 3 :], apart[rows // 3 :])):
        frame, expected = to_model_input(part, together), to_model_input(same, plan)
        assert isinstance(frame, pd.DataFrame)
        assert isinstance(expected, pd.DataFrame)
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)
        # The order in memory decides about the last digits of what a model computes.
        assert frame.to_numpy(copy=False).strides == expected.to_numpy(copy=False).strides


def test_labels_that_a_model_changes_are_its_own() -> None:
    """The next batch has the labels of the plan, whatever a model does to those that it got."""
    batch = pa.RecordBatch.from_pydict({"a": [1.0], "b": [2.0]})
    plan = plan_by_name(Signature(), batch.schema)
    first = to_model_input(batch, plan)
    assert isinstance(first, pd.DataFrame)

    first.columns.name = "features"
    first.columns = ["x", "y"]

    second = to_model_input(batch, plan)
    assert isinstance(second, pd.DataFrame)
    pd.testing.assert_frame_equal(second, batch.to_pandas())
    assert second.columns.name is None


def test_a_model_may_write_into_a_block() -> None:
    """A model that changes many columns in place works, and the batch stays as it is."""
    columns = {name: pa.array([1.0, 2.0]) for name in "ab"}
    lists = packed(columns, pa.float64())
    apart = pa.RecordBatch.from_pydict(columns)
    plan = plan_by_name(Signature(), apart.schema)
    inputs = tuple(replace(column, source=0) for column in plan.columns)
    for batch, how in ((apart, plan), (lists, replace(plan, columns=inputs, packed=True))):
        before = batch.to_pylist()
        frame = to_model_input(batch, how)
        assert isinstance(frame, pd.DataFrame)

        frame.iloc[:, :] = 0.0

        assert frame.to_numpy().tolist() == [[0, 0], [0, 0]]
        assert batch.to_pylist() == before


@pytest.mark.parametrize(
    ("declared", "array"),
    [
        ("double", pa.array([1.0, 2.0])),
        ("long", pa.array([1, 2])),
        ("boolean", pa.array([True, False])),
        ("datetime", pa.array([datetime(2024, 1, 1)] * 2, pa.timestamp("ns"))),
        (None, pa.array([1.0, 2.0])),
        (None, pa.array([1, 2])),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_a_model_may_write_into_its_input(
    declared: str | None,
    array: pa.Array,
    required: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A model that changes its frame in place works, and the data of the batch stay as they are."""
    before = array.to_pylist()
    batch = pa.RecordBatch.from_arrays([array], names=["x"])
    specs = None if declared is None else (Spec(Scalar(declared), "x", required),)  # type: ignore[arg-type]
    frame = to_model_input(batch, plan_by_name(Signature(specs), batch.schema))

    assert isinstance(frame, pd.DataFrame)
    frame.iloc[0, 0] = frame.iloc[1, 0]

    assert frame["x"][0] == frame["x"][1]
    assert array.to_pylist() == before


def test_without_a_signature_the_frame_is_the_one_of_pandas() -> None:
    """A model that declares nothing gets what pyarrow itself makes of the batch."""
    batch = pa.RecordBatch.from_pydict(
        {
            "i": pa.array([1, None]),
            "f": pa.array([1.5, None]),
            "s": pa.array(["a", None]),
            "b": pa.array([True, None]),
            "t": pa.array([NOON, None], PARIS),
            "l": pa.array([[1], None]),
            "d": pa.array(["a", "b"]).dictionary_encode(),
        }
    )

    frame = to_model_input(batch, plan_by_name(Signature(), batch.schema))

    pd.testing.assert_frame_equal(frame, batch.to_pandas())


@given(
    hnp.arrays(np.int64, st.integers(1, 20), elements=st.integers(-(2**63), 2**63 - 1)),
)
def test_integers_reach_floats_exactly_or_not_at_all(values: np.ndarray[Any, Any]) -> None:
    """A double holds the same number as the integer that was given, or there is an error."""
    try:
        column = given_to_model(pa.array(values), "double")
    except InputMismatchError:
        assert (np.abs(values.astype(object)) > 2**53).any()
    else:
        assert [int(v) for v in column] == values.tolist()


@given(st.lists(st.none() | st.integers(-100, 100), min_size=1, max_size=8), st.data())
def test_rows_do_not_depend_on_the_rows_beside_them(values: list[int | None], data: Any) -> None:
    """Cutting a batch in two gives the same values and dtypes for every declared type."""
    cut = data.draw(st.integers(0, len(values)))
    for declared in ("integer", "long", "float", "double"):
        array = pa.array(values, pa.int16())
        whole = given_to_model(array, declared, required=False)
        parts = [
            given_to_model(part, declared, required=False) for part in (array[:cut], array[cut:])
        ]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            together = pd.concat(parts, ignore_index=True)
        assert all(part.dtype == whole.dtype for part in parts)
        pd.testing.assert_series_equal(together, whole, check_exact=True)
