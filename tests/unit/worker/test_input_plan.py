"""Which column becomes which input, and what is said when none does."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from scorecast.errors import InputMismatchError
from scorecast.models.signature import (
    AnyValue,
    Array,
    Object,
    Property,
    Scalar,
    Signature,
    Spec,
    Tensor,
)
from scorecast.worker.input_plan import plan_by_name, plan_by_position

DOUBLE, LONG, STRING = pa.float64(), pa.int64(), pa.string()


def signature(*specs: Spec) -> Signature:
    """A signature of inputs alone."""
    return Signature(specs)


def named(name: str | None, kind: Any = "double", *, required: bool = True) -> Spec:
    """An input; unnamed where the name is None."""
    return Spec(Scalar(kind) if isinstance(kind, str) else kind, name, required)


AGE_AND_PRICE = signature(named("age", "long"), named("price"))


def schema(**columns: pa.DataType) -> pa.Schema:
    """The columns of a frame."""
    return pa.schema(columns.items())


def unnamed(*kinds: pa.DataType) -> pa.Schema:
    """Columns as a column function gets them."""
    return pa.schema([("", kind) for kind in kinds])


def test_columns_are_found_by_name_whatever_their_order() -> None:
    """Other columns and another order change nothing: the model gets what it declares."""
    plan = plan_by_name(AGE_AND_PRICE, schema(id=STRING, price=DOUBLE, name=STRING, age=LONG))

    assert [(c.source, c.name) for c in plan.columns] == [(3, "age"), (1, "price")]
    assert plan.form == "frame"


def test_all_that_is_wrong_with_the_columns_is_told_at_once() -> None:
    """Missing, misspelt, repeated and wrongly typed columns are in one error, with a cure each."""
    wanted = signature(
        named("age", "long"), named("price"), named("zip", "string"), named("when", "datetime")
    )
    got = pa.schema(
        [("Age", LONG), ("prise", DOUBLE), ("zip", LONG), ("zip", STRING), ("when", STRING)]
    )

    with pytest.raises(InputMismatchError) as caught:
        plan_by_name(wanted, got)

    lines = str(caught.value).splitlines()
    assert lines[1:-1] == [
        '  - column "zip" occurs more than once; rename or drop one',
        '  - column "age" (long) is missing. Did you mean "Age"?',
        '  - column "price" (double) is missing. Did you mean "prise"?',
        '  - column "zip" is long, the model takes string; cast it to string',
        '  - column "when" is string, the model takes datetime; cast it to timestamp',
    ]
    assert "age: long, price: double, zip: string, when: datetime" in lines[-1]


def test_repeated_columns_that_the_model_does_not_take_are_no_problem() -> None:
    """Only what becomes an input must be there once."""
    got = pa.schema([("x", LONG), ("age", LONG), ("x", STRING), ("price", DOUBLE)])

    assert [c.source for c in plan_by_name(AGE_AND_PRICE, got).columns] == [1, 3]


def test_optional_columns_may_be_left_out_by_name() -> None:
    """A declared optional column that is not there is not asked for; none at all is an error."""
    wanted = signature(named("a"), named("b", required=False), named("c"))

    assert [c.name for c in plan_by_name(wanted, schema(c=DOUBLE, a=DOUBLE)).columns] == ["a", "c"]
    with pytest.raises(InputMismatchError, match="no input columns are given"):
        plan_by_name(signature(named("b", required=False)), schema(x=DOUBLE))


def test_columns_without_names_are_taken_in_order() -> None:
    """By position the model's own names are used."""
    plan = plan_by_position(AGE_AND_PRICE, unnamed(LONG, DOUBLE))

    assert [(c.source, c.name) for c in plan.columns] == [(0, "age"), (1, "price")]


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_a_wrong_number_of_columns_is_refused(count: int) -> None:
    """Too few and too many columns by position are errors with both numbers and the order."""
    with pytest.raises(InputMismatchError) as caught:
        plan_by_position(AGE_AND_PRICE, unnamed(*[DOUBLE] * count))

    assert f"takes 2 input columns, got {count}" in str(caught.value)
    assert "age: long, price: double" in str(caught.value)


def test_optional_columns_at_the_end_may_be_left_out_by_position() -> None:
    """By position only the last columns can be missing, and the error says how many may."""
    wanted = signature(named("a"), named("b", required=False), named("c", required=False))

    for count in (1, 2, 3):
        assert len(plan_by_position(wanted, unnamed(*[DOUBLE] * count)).columns) == count
    with pytest.raises(InputMismatchError, match="takes 1 to 3 input columns, got 4"):
        plan_by_position(wanted, unnamed(*[DOUBLE] * 4))
    middle = signature(named("a", required=False), named("b"))
    with pytest.raises(InputMismatchError, match="takes 2 input columns, got 1"):
        plan_by_position(middle, unnamed(DOUBLE))


def test_an_unnamed_signature_takes_named_columns_in_order() -> None:
    """A model that knows no names gets numbers for them, whatever the columns are called."""
    plan = plan_by_name(signature(named(None), named(None)), schema(y=DOUBLE, x=DOUBLE))

    assert [(c.source, c.name) for c in plan.columns] == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("got", "names"), [(schema(b=STRING, a=LONG), ["b", "a"]), (unnamed(LONG, LONG), ["0", "1"])]
)
def test_without_a_signature_all_columns_are_inputs(got: pa.Schema, names: list[str]) -> None:
    """A model that declares nothing gets every column as it is; without names, numbered texts."""
    plan = plan_by_name(Signature(), got)

    assert [c.name for c in plan.columns] == names
    assert {c.declared for c in plan.columns} == {None}


TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
BINARIES = [pa.binary(), pa.large_binary(), pa.binary(4)]
INTEGERS = [pa.int8(), pa.int16(), pa.uint8(), pa.uint16(), pa.int32()]
MOMENTS = [pa.timestamp("s"), pa.timestamp("us", "UTC"), pa.date32(), pa.date64()]
LONGS = [*INTEGERS, pa.uint32(), pa.int64()]
DECIMALS = [pa.decimal128(10, 2), pa.decimal256(50, 2)]
ALL = list(
    dict.fromkeys(
        [
            pa.bool_(),
            *LONGS,
            pa.uint64(),
            pa.float16(),
            pa.float32(),
            pa.float64(),
            *DECIMALS,
            *TEXTS,
            *BINARIES,
            *MOMENTS,
            pa.time64("us"),
            pa.duration("us"),
            pa.list_(pa.float64()),
            pa.struct([("a", pa.int64())]),
            pa.map_(pa.string(), pa.int64()),
        ]
    )
)
ALLOWED = {
    "boolean": [pa.bool_()],
    "integer": INTEGERS,
    "long": LONGS,
    "float": [*LONGS, pa.uint64(), pa.float16(), pa.float32()],
    "double": [*LONGS, pa.uint64(), pa.float16(), pa.float32(), pa.float64(), *DECIMALS],
    "string": TEXTS,
    "binary": BINARIES,
    "datetime": MOMENTS,
}


@pytest.mark.parametrize("got", ALL, ids=str)
@pytest.mark.parametrize("declared", ALLOWED)
def test_which_column_types_fit_which_declaration(declared: str, got: pa.DataType) -> None:
    """Nothing is narrowed, parsed or formatted: other types are refused before any row is read."""
    wanted = signature(named("x", declared))

    if got in ALLOWED[declared]:
        plan_by_name(wanted, schema(x=got))
        return
    with pytest.raises(InputMismatchError, match=f"the model takes {declared}"):
        plan_by_name(wanted, schema(x=got))


RECORD = Object((Property("a", Scalar("double")), Property("b", Scalar("string"), required=False)))


@pytest.mark.parametrize(
    ("declared", "got", "fits"),
    [
        (Array(Scalar("double")), pa.list_(pa.int32()), True),
        (Array(Scalar("double")), pa.large_list(pa.float32()), True),
        (Array(Scalar("double")), pa.list_(pa.float64(), 3), True),
        (Array(Scalar("double")), pa.list_(pa.string()), False),
        (Array(Scalar("double")), pa.float64(), False),
        (Array(Array(Scalar("string"))), pa.list_(pa.list_(pa.string())), True),
        (RECORD, pa.struct([("b", STRING), ("a", pa.int32())]), True),
        (RECORD, pa.struct([("a", DOUBLE)]), True),
        (RECORD, pa.struct([("b", STRING)]), False),
        (RECORD, pa.struct([("a", DOUBLE), ("c", STRING)]), False),
        (RECORD, pa.struct([("a", STRING)]), False),
        (RECORD, pa.map_(STRING, DOUBLE), False),
        (AnyValue(), pa.struct([("z", pa.duration("s"))]), True),
        (Scalar("long"), pa.null(), True),
        (Array(RECORD), pa.list_(pa.struct([("a", DOUBLE)])), True),
    ],
    ids=str,
)
def test_which_nested_types_fit(declared: Any, got: pa.DataType, fits: bool) -> None:  # noqa: FBT001 - a table
    """Lists, records and maps fit by what is inside; records may lack optional members only."""
    wanted = signature(named("x", declared))

    if fits:
        plan_by_name(wanted, schema(x=got))
        return
    with pytest.raises(InputMismatchError, match='column "x" is '):
        plan_by_name(wanted, schema(x=got))


def test_integers_that_became_floats_get_the_reason() -> None:
    """The usual way in which an integer column arrives as double is explained."""
    with pytest.raises(InputMismatchError, match="integer column with nulls becomes double"):
        plan_by_name(signature(named("x", "long")), schema(x=DOUBLE))


def test_an_error_about_thousands_of_columns_stays_readable() -> None:
    """Of very many problems the first are shown, and how many there are."""
    wide = signature(*(named(f"c{i}") for i in range(2000)))

    with pytest.raises(InputMismatchError) as caught:
        plan_by_name(wide, schema(x=DOUBLE))

    assert len(str(caught.value)) < 3000
    assert str(caught.value).count("and 1980 more") == 2


@pytest.mark.parametrize(
    ("shape", "got", "problem"),
    [
        ((-1, 3), unnamed(DOUBLE, DOUBLE, DOUBLE), None),
        ((-1, 2, 2), unnamed(*[DOUBLE] * 4), None),
        ((-1, -1), unnamed(*[DOUBLE] * 7), None),
        ((-1, 3), unnamed(DOUBLE, DOUBLE), "takes 3 values per row, got 2 columns"),
        ((-1, 3), unnamed(DOUBLE, DOUBLE, STRING), "is string, the model takes tensor"),
        ((-1, 3), unnamed(pa.list_(DOUBLE)), None),
        ((-1, 3), unnamed(pa.list_(DOUBLE), DOUBLE), "takes 1 input columns, got 2"),
        ((-1,), unnamed(DOUBLE), None),
        ((-1,), unnamed(DOUBLE, DOUBLE), "takes 1 input columns, got 2"),
    ],
)
def test_one_tensor_is_one_list_column_or_as_many_plain_ones(
    shape: tuple[int, ...], got: pa.Schema, problem: str | None
) -> None:
    """Columns beside each other are counted on the driver against the declared shape."""
    wanted = signature(Spec(Tensor("float64", shape)))

    if problem is None:
        assert plan_by_position(wanted, got).form == "tensor"
        return
    with pytest.raises(InputMismatchError, match=problem):
        plan_by_position(wanted, got)


def test_named_tensors_are_found_by_name() -> None:
    """A model with several tensors, or one with a name, gets a dict of them."""
    wanted = signature(Spec(Tensor("float32", (-1, 2)), "x"), Spec(Tensor("int64", (-1,)), "y"))
    got = schema(y=LONG, z=STRING, x=pa.list_(DOUBLE))

    plan = plan_by_name(wanted, got)

    assert (plan.form, [(c.name, c.source) for c in plan.columns]) == (
        "named_tensors",
        [("x", 2), ("y", 0)],
    )
    with pytest.raises(InputMismatchError, match="takes 1 input columns, got 2"):
        plan_by_position(signature(wanted.inputs[0]), unnamed(DOUBLE, DOUBLE))
