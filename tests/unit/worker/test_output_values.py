"""Which values become what: the rules of conversion, whatever they come in."""

# ruff: noqa: DTZ001 - times without a zone are among the values tested

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorecast.errors import OutputMismatchError
from scorecast.worker.outputs import to_predictions

NAN, INF = float("nan"), float("inf")
PARIS = pa.timestamp("us", "Europe/Paris")
LOCAL = pa.timestamp("us")
TEXT, LONG, INT, DOUBLE, FLOAT = pa.string(), pa.int64(), pa.int32(), pa.float64(), pa.float32()
MONEY = pa.decimal128(10, 2)
ERROR = "an error"


def predictions(returned: Any, kind: pa.DataType) -> list[Any]:
    """Convert one value per row, and hold the result to its type."""
    array = to_predictions(returned, len(returned), kind)
    assert array.type.equals(kind, check_metadata=True)
    array.validate(full=True)
    return array.to_pylist()  # type: ignore[no-any-return]


def same(actual: Any, expected: Any) -> bool:
    """Equality in which NaN is NaN, zeros have signs, and 1 is not 1.0 is not True."""
    return repr(actual) == repr(expected)


def frame(values: Any, **options: Any) -> pd.DataFrame:
    """A frame of one column."""
    return pd.DataFrame({"p": pd.Series(values, **options)})


# Every row: what MLflow's reference calls the requested type, what the model returned, and ours.
MLFLOW_TABLE: list[tuple[str, pa.DataType, Any, Any]] = [
    *(
        (f"int from {dtype}", INT, np.array([1, 0], dtype), [1, 0])
        for dtype in ("int8", "int16", "int32", "uint8", "uint16", "int64", "uint32", "bool")
    ),
    ("int from integral float", INT, np.array([1.0, 2.0]), [1, 2]),
    ("int out of range", INT, np.array([1, 2**31]), ERROR),
    *(
        (f"long from {dtype}", LONG, np.array([1, 0], dtype), [1, 0])
        for dtype in ("int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")
    ),
    ("long from uint64 out of range", LONG, np.array([2**63], np.uint64), ERROR),
    ("long with None", LONG, [1, None, 2], [1, None, 2]),
    ("long with NA", LONG, pd.Series([1, None, 2], dtype="Int64"), [1, None, 2]),
    *(
        (f"double from {dtype}", DOUBLE, np.array([1, 2], dtype), [1.0, 2.0])
        for dtype in ("int8", "int64", "uint32", "float16", "float32", "float64")
    ),
    ("double from nullable integers", DOUBLE, pd.Series([1, None], dtype="Int64"), [1.0, None]),
    ("double with some None", DOUBLE, [0.5, None], [0.5, None]),
    ("float from double", FLOAT, np.array([0.5, 0.1]), [0.5, float(np.float32(0.1))]),
    ("double from bool", DOUBLE, np.array([True, False]), [1.0, 0.0]),
    ("double from text", DOUBLE, np.array(["a", "b"]), ERROR),
    ("double from numeric text", DOUBLE, ["1.5", "2"], ERROR),
    ("double from decimals", DOUBLE, [Decimal("1.5"), Decimal(2)], [1.5, 2.0]),
    ("double, all None", DOUBLE, [None, None], [None, None]),
    ("double from text and float", DOUBLE, pd.DataFrame({"l": ["x"], "p": [0.5]}), [0.5]),
    ("double from several columns", DOUBLE, np.array([[0.1, 0.9]]), ERROR),
    ("double from three axes", DOUBLE, np.zeros((2, 2, 2)), ERROR),
    ("string with None and NaN", TEXT, ["a", None, NAN], ["a", None, None]),
    ("string from numbers", TEXT, [1, 2.5, True], ["1", "2.5", "True"]),
    ("string from bytes", TEXT, [b"ab", "c"], ["ab", "c"]),
    ("string from integers and NA", TEXT, pd.Series([1, None], dtype="Int64"), ["1", None]),
    ("boolean from bool", pa.bool_(), np.array([True, False]), [True, False]),
    ("boolean from integers", pa.bool_(), np.array([1, 0]), ERROR),
    ("boolean with None", pa.bool_(), np.array([True, None], object), [True, None]),
    ("array from a block", pa.list_(DOUBLE), np.array([[1.0, 2.0]]), [[1.0, 2.0]]),
    ("array from ragged lists", pa.list_(DOUBLE), [[1.0], [1.0, 2.0]], [[1.0], [1.0, 2.0]]),
    ("array<long> from ragged lists", pa.list_(LONG), [[1], [1, 2], []], [[1], [1, 2], []]),
    ("array<string> from ragged lists", pa.list_(TEXT), [["a"], ["b", "c"]], [["a"], ["b", "c"]]),
    ("array<string> with a None row", pa.list_(TEXT), [["a"], None], [["a"], None]),
    ("array<int> from int64", pa.list_(INT), np.array([[1, 2]]), [[1, 2]]),
    ("array from a Series of arrays", pa.list_(DOUBLE), pd.Series([np.ones(2)]), [[1.0, 1.0]]),
    ("array from a column of arrays", pa.list_(DOUBLE), frame([np.ones(2)]), [[1.0, 1.0]]),
    ("2-D array with a None row", pa.list_(pa.list_(LONG)), [[[1]], None], [[[1]], None]),
    (
        "3-D array with a None row",
        pa.list_(pa.list_(pa.list_(LONG))),
        [[[[1]]], None, [None, [None, [2]]]],
        [[[[1]]], None, [None, [None, [2]]]],
    ),
    (
        "2-D array in a struct with None",
        pa.struct([("a", pa.list_(pa.list_(LONG)))]),
        [{"a": None}, {"a": [[1], None]}],
        [{"a": None}, {"a": [[1], None]}],
    ),
    ("ragged inner rows", pa.list_(pa.list_(LONG)), [[[1], [2, 3]]], [[[1], [2, 3]]]),
    ("map from records", pa.map_(TEXT, DOUBLE), [{"a": 1.0}, {}], [[("a", 1.0)], []]),
    ("map from a column", pa.map_(TEXT, DOUBLE), frame([{"a": 1.0}]), [[("a", 1.0)]]),
    (
        "struct integer overflow",
        pa.struct([("a", INT)]),
        frame([2**40]).rename(columns={"p": "a"}),
        ERROR,
    ),
    ("struct integer from 1.9", pa.struct([("a", INT)]), [{"a": 1.9}], ERROR),
    (
        "struct integer with null",
        pa.struct([("a", INT)]),
        [{"a": 1}, {"a": None}],
        [{"a": 1}, {"a": None}],
    ),
    (
        "struct text with null",
        pa.struct([("b", TEXT)]),
        pd.DataFrame({"b": ["x", None]}),
        [{"b": "x"}, {"b": None}],
    ),
    (
        "struct with a map of None",
        pa.struct([("m", pa.map_(TEXT, LONG))]),
        [{"m": {"a": 1}}, {"m": None}],
        [{"m": [("a", 1)]}, {"m": None}],
    ),
    (
        "struct without a field",
        pa.struct([("a", INT), ("b", INT)]),
        pd.DataFrame({"a": [1]}),
        ERROR,
    ),
    ("byte", pa.int8(), np.array([1, -128]), [1, -128]),
    ("short", pa.int16(), np.array([1, 2**15]), ERROR),
    ("date", pa.date32(), [date(2024, 1, 1)], [date(2024, 1, 1)]),
    ("timestamp", LOCAL, [datetime(2024, 1, 1, 12)], [datetime(2024, 1, 1, 12)]),
    ("binary", pa.binary(), [b"\xff", None], [b"\xff", None]),
    ("decimal", MONEY, [Decimal("1.5"), None], [Decimal("1.50"), None]),
]


@pytest.mark.parametrize(
    ("kind", "returned", "expected"),
    [pytest.param(*row, id=name) for name, *row in MLFLOW_TABLE],
)
def test_results_that_mlflow_has_a_rule_for(
    kind: pa.DataType, returned: Any, expected: Any
) -> None:
    """What MLflow converts right is converted the same; what it damages is right or an error."""
    if expected is ERROR:
        with pytest.raises(OutputMismatchError):
            predictions(returned, kind)
    else:
        assert same(predictions(returned, kind), expected)


def _containers(
    values: list[Any], numpy: str | None, pandas: str | None, arrow: pa.DataType
) -> Any:
    """The same values in all that models return them in; None where a dtype cannot hold them."""
    yield "list", values
    yield "objects", np.array([*values, "x"], object)[:-1]
    yield "Series of objects", pd.Series(values, dtype=object)
    yield "Arrow", pa.array(values, arrow)
    yield "Arrow-backed", pd.Series(pd.array(pa.array(values, arrow), dtype=pd.ArrowDtype(arrow)))
    if numpy is not None:
        yield "numpy", np.array(values, numpy)
        yield "Series", pd.Series(np.array(values, numpy))
    if pandas is not None:
        yield "pandas", pd.Series(values, dtype=pandas)


FLOATS = [1.5, NAN, INF, -INF, -0.0]
SAME_IN_EVERY_CONTAINER: list[tuple[pa.DataType, Any, Any, list[Any]]] = [
    (DOUBLE, FLOATS, ("float64", None, DOUBLE), FLOATS),
    (FLOAT, FLOATS, ("float64", None, DOUBLE), FLOATS),
    (DOUBLE, [1.5, None], (None, "Float64", DOUBLE), [1.5, None]),
    (LONG, [1.0, NAN], ("float64", None, DOUBLE), [1, None]),
    (LONG, [1, None], (None, "Int64", LONG), [1, None]),
    (LONG, [2**62 + 1, None], (None, "Int64", LONG), [2**62 + 1, None]),
    (LONG, [True, False], ("bool", "boolean", pa.bool_()), [1, 0]),
    (LONG, [1.0, INF], ("float64", None, DOUBLE), [ERROR]),
    (LONG, [1.0, 1.5], ("float64", "Float64", DOUBLE), [ERROR]),
    (LONG, [1.0, 1e19], ("float64", "Float64", DOUBLE), [ERROR]),
    (INT, [1, 2**31], ("int64", "Int64", LONG), [ERROR]),
    (FLOAT, [1.0, 1e39], ("float64", "Float64", DOUBLE), [ERROR]),
    (DOUBLE, [1, 2**53 + 1], ("int64", "Int64", LONG), [ERROR]),
    (TEXT, ["a", None], (None, "str", TEXT), ["a", None]),
    (TEXT, [0.5, NAN], ("float64", None, DOUBLE), ["0.5", None]),
    (TEXT, [7, 8], ("int64", "Int64", LONG), ["7", "8"]),
    (TEXT, [True, False], ("bool", "boolean", pa.bool_()), ["True", "False"]),
    (
        TEXT,
        [datetime(2024, 1, 1, 12), None],
        ("datetime64[us]", "datetime64[us]", LOCAL),
        ["2024-01-01 12:00:00", None],
    ),
    (TEXT, [Decimal("1.50"), None], (None, None, MONEY), ["1.50", None]),
    (pa.bool_(), [True, None], (None, "boolean", pa.bool_()), [True, None]),
    (
        LOCAL,
        [datetime(2024, 1, 1, 12), None],
        ("datetime64[ns]", "datetime64[us]", pa.timestamp("ms")),
        [datetime(2024, 1, 1, 12), None],
    ),
    (
        pa.date32(),
        [datetime(2024, 1, 1), None],
        ("datetime64[ns]", "datetime64[s]", pa.timestamp("ns")),
        [date(2024, 1, 1), None],
    ),
    (
        pa.date32(),
        [datetime(2024, 1, 1), datetime(2024, 1, 1, 12)],
        ("datetime64[ns]", None, LOCAL),
        [ERROR],
    ),
    (pa.binary(), [b"\0", None], (None, None, pa.binary()), [b"\0", None]),
    (MONEY, [Decimal("1.5"), None], (None, None, pa.decimal128(5, 1)), [Decimal("1.50"), None]),
    (MONEY, [0.1, NAN], ("float64", None, DOUBLE), [Decimal("0.10"), None]),
    (MONEY, [3, 4], ("int64", "Int64", LONG), [Decimal("3.00"), Decimal("4.00")]),
    (MONEY, [3, 10**9], ("int64", "Int64", LONG), [ERROR]),
    (MONEY, [1.0, 1e9], ("float64", "Float64", DOUBLE), [ERROR]),
    (MONEY, [Decimal("1.1"), Decimal("1.555")], (None, None, pa.decimal128(5, 3)), [ERROR]),
    (pa.list_(LONG), [[1, None], None], (None, None, pa.list_(INT)), [[1, None], None]),
    (pa.list_(DOUBLE), [[NAN, None], []], (None, None, pa.list_(FLOAT)), [[NAN, None], []]),
    (pa.list_(LONG), [[1], [2, 2**40]], (None, None, pa.list_(LONG)), [[1], [2, 2**40]]),
    (pa.list_(INT), [[1, 2], [2**40]], (None, None, pa.list_(LONG)), [ERROR]),
    (
        pa.struct([("a", DOUBLE), ("b", TEXT)]),
        [{"a": NAN, "b": None}, None],
        (None, None, pa.struct([("b", TEXT), ("a", FLOAT)])),
        [{"a": NAN, "b": None}, None],
    ),
]


@pytest.mark.parametrize(("kind", "values", "dtypes", "expected"), SAME_IN_EVERY_CONTAINER, ids=str)
def test_the_container_does_not_change_the_result(
    kind: pa.DataType, values: list[Any], dtypes: tuple[Any, Any, pa.DataType], expected: list[Any]
) -> None:
    """A list, numpy, pandas of every backing and Arrow give one and the same answer."""
    for name, returned in _containers(values, *dtypes):
        if expected == [ERROR]:
            with pytest.raises(OutputMismatchError, match="row 1"):
                predictions(returned, kind)
        else:
            assert same(predictions(returned, kind), expected), name


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (np.array([1j]), DOUBLE),
        (pd.Series(pd.period_range("2024", periods=2, freq="Y")), LONG),
        (pd.Series(pd.interval_range(0, 2)), LONG),
        ([object()], DOUBLE),
        ([timedelta(1)], LONG),
        (np.array([timedelta(1)], "m8[s]"), LONG),
        ([{"a": "x"}], DOUBLE),
        ([[1.0, 2.0]], DOUBLE),
        (["2024-01-01"], pa.date32()),
        ([20240101], LOCAL),
        (["true"], pa.bool_()),
        ([0.5], pa.binary()),
        (["text"], pa.binary()),
        ([0.5], pa.list_(DOUBLE)),
        (["text"], pa.list_(TEXT)),
        ([{"a": 1}], pa.list_(DOUBLE)),
        ([{1.0, 2.0}], pa.list_(DOUBLE)),
        ([1.0], pa.map_(TEXT, DOUBLE)),
        (["ab"], pa.map_(TEXT, TEXT)),
        ([["ab", "cd"]], pa.map_(TEXT, TEXT)),
        ([{"a": "x"}], pa.map_(TEXT, DOUBLE)),
        ([{"a": 1.5}], pa.map_(TEXT, LONG)),
        ([{None: 1.5}], pa.map_(TEXT, DOUBLE)),
        ([1.0], pa.struct([("a", DOUBLE), ("b", DOUBLE)])),
        ([(1.0,)], pa.struct([("a", DOUBLE), ("b", DOUBLE)])),
        (["ab"], pa.struct([("a", TEXT), ("b", TEXT)])),
        (pa.array([{"a": "x", "c": "y"}]), pa.struct([("a", TEXT), ("b", TEXT)])),
        (pd.Series([{"a": "x", "c": "y"}]), pa.struct([("a", TEXT), ("b", TEXT)])),
        ([b"\xff"], TEXT),
        (np.array([b"\xff"]), TEXT),
    ],
)
def test_values_of_another_kind_are_refused(returned: Any, kind: pa.DataType) -> None:
    """Nothing is parsed, taken apart or reinterpreted: numbers are no texts, texts no lists."""
    with pytest.raises(OutputMismatchError):
        predictions(returned, kind)


def test_blocks_do_not_fill_what_takes_one_value() -> None:
    """Several values per row inside of a record's field are refused with their shape."""
    columns = {"a": np.zeros((2, 3))}

    with pytest.raises(OutputMismatchError, match=r'shape \(2, 3\) in "a", expected double'):
        to_predictions(columns, 2, pa.struct([("a", DOUBLE)]))
    lists = to_predictions(columns, 2, pa.struct([("a", pa.list_(DOUBLE))]))
    assert lists.to_pylist() == [{"a": [0.0, 0.0, 0.0]}] * 2


def test_times_of_all_libraries_may_stand_side_by_side() -> None:
    """Objects of numpy, pandas and Python are one kind of time, and a date is its midnight."""
    noon = datetime(2024, 1, 1, 12)
    objects = [np.datetime64(noon), pd.Timestamp(noon), noon, pd.NaT, None]

    assert predictions(objects, LOCAL) == [noon, noon, noon, None, None]
    assert predictions(objects, TEXT) == ["2024-01-01 12:00:00"] * 3 + [None, None]
    midnight = datetime(2024, 1, 1)
    assert predictions([noon.date(), noon], LOCAL) == [midnight, noon]
    assert predictions([noon.date(), midnight], pa.date32()) == [noon.date()] * 2
    with pytest.raises(OutputMismatchError, match="row 1"):
        predictions([noon.date(), noon], pa.date32())
    with pytest.raises(OutputMismatchError, match=r"single nanoseconds.*row 1"):
        predictions([noon, pd.Timestamp(noon) + pd.Timedelta(1, "ns")], LOCAL)


@pytest.mark.parametrize("kind", [LOCAL, PARIS])
def test_clock_times_are_not_mixed_with_instants(kind: pa.DataType) -> None:
    """Times with and without a zone in one column are refused, whichever comes first."""
    times = [datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)]

    for values in (times, times[::-1]):
        with pytest.raises(OutputMismatchError, match="with and without a zone"):
            predictions(values, kind)


def test_mixed_values_are_judged_one_by_one() -> None:
    """Whether a value is accepted does not depend on the values beside it."""
    assert same(predictions([True, 0.5, Decimal("1.5"), None], DOUBLE), [1.0, 0.5, 1.5, None])
    assert predictions([np.True_, 2], LONG) == [1, 2]
    assert predictions([1.5, pd.NA, pd.NaT, None], DOUBLE) == [1.5, None, None, None]
    assert same(predictions([Decimal("NaN"), 1], DOUBLE), [NAN, 1.0])
    assert predictions([Decimal("NaN"), Decimal(1)], MONEY) == [None, Decimal("1.00")]
    with pytest.raises(OutputMismatchError, match="row 1"):
        predictions([b"x", "y"], pa.binary())
    assert predictions([{"b": 1}, {"b": "x"}], pa.struct([("b", TEXT)])) == [{"b": "1"}, {"b": "x"}]
    assert predictions([[1], ["x"]], pa.list_(TEXT)) == [["1"], ["x"]]


@pytest.mark.parametrize("row", [0, 3, 7])
@pytest.mark.parametrize(
    ("good", "bad", "arrow", "kind"),
    [
        (1, 2**40, LONG, INT),
        (1, "x", None, LONG),
        ([1, 2, 3], [1, 2.5], pa.list_(DOUBLE), pa.list_(LONG)),
        ([[1], [2]], [[1], [2, 2**40]], pa.list_(pa.list_(LONG)), pa.list_(pa.list_(INT))),
        (
            {"a": [1, 2]},
            {"a": [2**40]},
            pa.struct([("a", pa.list_(LONG))]),
            pa.struct([("a", pa.list_(INT))]),
        ),
        ({"a": 1, "b": 2}, {"c": 2.5}, pa.map_(TEXT, DOUBLE), pa.map_(TEXT, LONG)),
        (
            [{"a": 1}, {"a": 2}],
            [{"a": 1.5}],
            pa.list_(pa.struct([("a", DOUBLE)])),
            pa.list_(pa.struct([("a", LONG)])),
        ),
        (np.array([1.0, 2.0]), np.array([2.5]), pa.list_(DOUBLE), pa.list_(LONG)),
    ],
)
def test_the_row_that_does_not_fit_is_named(
    good: Any, bad: Any, arrow: pa.DataType | None, kind: pa.DataType, row: int
) -> None:
    """The error counts rows of the batch, however deep inside of one the value is."""
    values = [good] * 8
    values[row] = bad

    forms = [values, pd.Series(values), *([] if arrow is None else [pa.array(values, arrow)])]
    for returned in forms:
        with pytest.raises(OutputMismatchError, match=f"row {row} of the batch"):
            predictions(returned, kind)


def test_the_member_that_does_not_fit_is_named() -> None:
    """The error says where inside of records the value is, from columns and from dicts."""
    kind = pa.struct([("id", LONG), ("scores", pa.struct([("best", INT)]))])
    records = [{"id": 1, "scores": {"best": 2**40}}]

    for returned in (records, pd.DataFrame(records)):
        with pytest.raises(OutputMismatchError, match=r'in "scores\.best"'):
            predictions(returned, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (7_777_777_777, INT),
        (7777.5, LONG),
        ("7777", LONG),
        (b"\xff7777", TEXT),
        ([7_777_777_777], pa.list_(INT)),
        ({"a": 7777.5}, pa.struct([("a", LONG)])),
        (Decimal("77777777777.77"), MONEY),
        (datetime(7777, 7, 7, 7), pa.date32()),
    ],
)
def test_errors_show_no_values(value: Any, kind: pa.DataType) -> None:
    """A prediction may be personal: no error and no cause of one holds it."""
    for returned in ([value, value], pd.Series([value, value]), pa.array([value, value])):
        with pytest.raises(OutputMismatchError) as caught:
            predictions(returned, kind)

        assert "777" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        (datetime(2024, 7, 1, 14), datetime(2024, 7, 1, 12, tzinfo=UTC)),
        (datetime(2024, 10, 27, 2, 30), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        (datetime(2024, 3, 31, 2, 30), datetime(2024, 3, 31, 1, 0, tzinfo=UTC)),
        (date(2024, 7, 1), datetime(2024, 6, 30, 22, tzinfo=UTC)),
    ],
    ids=["usual", "twice", "never", "date"],
)
def test_times_without_a_zone_are_local(local: Any, instant: datetime) -> None:
    """A model that returns clock time means the clock of the session, as in a cast of Spark."""
    for returned in ([local], pd.Series([local], dtype=object), pa.array([local])):
        (prediction,) = predictions(returned, PARIS)
        assert prediction.astimezone(UTC) == instant


def test_times_with_a_zone_keep_their_instant_or_their_clock() -> None:
    """An instant stays one in a timestamp, and is the clock of its own zone without a zone."""
    returned = pd.Series([pd.Timestamp("2024-07-01 14:00", tz="Europe/Paris")])

    utc = predictions(returned, pa.timestamp("us", "UTC"))
    assert utc == [datetime(2024, 7, 1, 12, tzinfo=UTC)]
    assert predictions(returned, LOCAL) == [datetime(2024, 7, 1, 14)]
    midnight = pd.Series([pd.Timestamp("2024-07-01", tz="Europe/Paris")])
    assert predictions(midnight, pa.date32()) == [date(2024, 7, 1)]


def test_times_finer_than_the_type_are_refused() -> None:
    """Nanoseconds that Spark cannot hold are not dropped silently."""
    fine = np.array(["2024-01-01T00:00:00.000000001"], "datetime64[ns]")

    with pytest.raises(OutputMismatchError, match="row 0"):
        predictions(fine, LOCAL)


@pytest.mark.parametrize("unit", ["Y", "M", "D", "h", "m", "s", "ms", "us", "ns"])
def test_datetimes_of_every_unit_are_times(unit: str) -> None:
    """Numpy's datetimes are taken in each of their units, NaT as NULL."""
    returned = np.array(["2024-01-01", "NaT"], f"datetime64[{unit}]")

    assert predictions(returned, LOCAL) == [datetime(2024, 1, 1), None]


def test_what_only_pandas_has_a_type_for_may_become_text() -> None:
    """Periods and complex numbers have no type in Arrow, and a text like anything."""
    periods = pd.Series(pd.period_range("2024-01", periods=2, freq="M"))

    assert predictions(periods, TEXT) == ["2024-01", "2024-02"]
    assert predictions(np.array([1 + 2j]), TEXT) == ["(1+2j)"]


def test_masked_values_are_null() -> None:
    """What a masked array hides does not come out."""
    masked = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])

    assert predictions(masked, pa.list_(DOUBLE)) == [[1.0, None], [3.0, 4.0]]
    assert predictions(masked[:, 1], DOUBLE) == [None, 4.0]


STRICT = pa.struct(
    [
        pa.field("a", LONG, nullable=False),
        ("l", pa.list_(pa.field("element", LONG, nullable=False))),
    ]
)


def test_nulls_that_the_type_forbids_are_refused() -> None:
    """A field or element declared without nulls has none; a missing record around it may be."""
    for wrap in (
        list,
        lambda rows: pa.array(rows, pa.struct([("a", LONG), ("l", pa.list_(LONG))])),
    ):
        assert predictions(wrap([{"a": 1, "l": [1]}, None]), STRICT) == [{"a": 1, "l": [1]}, None]
        for row, member in (({"a": None, "l": []}, "a"), ({"a": 1, "l": [1, None]}, "l")):
            with pytest.raises(OutputMismatchError, match=f'null in "{member}".*not null.*row 1'):
                predictions(wrap([{"a": 1, "l": []}, row]), STRICT)
    with pytest.raises(OutputMismatchError, match="not null"):
        predictions(pd.DataFrame({"a": [1, None], "l": [[1], [2]]}), STRICT)


# Arrow types, and values that they hold exactly.
_PLAIN = [
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-(2**7), 2**7 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.string(), st.text()),
    (pa.binary(), st.binary()),
    (pa.date32(), st.dates()),
    (pa.timestamp("us"), st.datetimes().map(lambda moment: moment.replace(fold=0))),
    (pa.decimal128(20, 3), st.decimals(-(10**16), 10**16, allow_nan=False, places=3)),
]


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = inner.map(lambda t: (pa.list_(pa.field("element", t[0])), st.lists(t[1], max_size=3)))
    structs = st.lists(inner, min_size=1, max_size=3).map(
        lambda ts: (
            pa.struct([(f"m{i}", t[0]) for i, t in enumerate(ts)]),
            st.tuples(*(t[1] for t in ts)).map(lambda v: {f"m{i}": x for i, x in enumerate(v)}),
        )
    )
    maps = inner.map(
        lambda t: (
            pa.map_(pa.string(), t[0]),
            st.dictionaries(st.text(), t[1], max_size=3).map(lambda d: list(d.items())),
        )
    )
    nested = lists | structs | maps
    return nested.map(lambda t: (t[0], st.none() | t[1]))


_TYPES = st.recursive(
    st.sampled_from(_PLAIN).map(lambda t: (t[0], st.none() | t[1])), _nested, max_leaves=4
)


@given(st.data())
def test_values_of_a_type_come_back_as_they_are(data: st.DataObject) -> None:
    """Random values of random types survive as lists, as Arrow data and in a Series."""
    kind, values = data.draw(_TYPES)
    rows = data.draw(st.lists(values, max_size=5))

    for returned in (rows, pa.array(rows, kind), pd.Series(rows, dtype=object)):
        assert same(predictions(returned, kind), rows)


@given(st.lists(st.floats(), max_size=20))
def test_floats_become_integers_exactly_or_not_at_all(values: list[float]) -> None:
    """A long holds the number that the model returned, NULL for NaN, or there is an error."""
    exact = all(math.isnan(v) or (v.is_integer() and -(2**63) <= v < 2**63) for v in values)

    if exact:
        expected = [None if math.isnan(v) else int(v) for v in values]
        assert predictions(np.array(values), LONG) == expected
    else:
        with pytest.raises(OutputMismatchError):
            predictions(np.array(values), LONG)
