"""Counters of predictions, against counting one by one."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from scorecast.worker.tally import Tally

NAN, INF = math.nan, math.inf
ODD = [NAN, INF, -INF, -0.0, 1.5, None]


def count(values) -> tuple[int, int]:
    """Count NaN and infinity in nested lists and dicts."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list):
        found = [count(value) for value in values]
        return sum(nan for nan, _ in found), sum(inf for _, inf in found)
    is_number = isinstance(values, float)
    return int(is_number and math.isnan(values)), int(is_number and math.isinf(values))


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
def test_numbers(kind):
    """NaN, infinity and NULL are each counted once; zero and numbers are not."""
    tally = Tally()
    tally.add(6, 0, pa.array(np.array(ODD[:5], kind.to_pandas_dtype())))
    tally.add(6, 2, pa.nulls(3, kind))
    assert (tally.rows_in, tally.rows_failed) == (12, 2)
    assert (tally.n_null, tally.n_nan, tally.n_inf) == (3, 1, 2)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.list_(pa.float64()), [[NAN, INF], None, [], [1.0, NAN]]),
        (pa.large_list(pa.float64()), [[NAN, INF], None, [], [1.0, NAN]]),
        (pa.list_(pa.float64(), 2), [[NAN, INF], [-INF, 1.0], [1.0, 2.0]]),
        (pa.list_(pa.list_(pa.float32())), [[[NAN], []], [[INF, NAN]]]),
        (pa.struct([("a", pa.float64()), ("b", pa.string())]), [{"a": NAN, "b": "x"}, None]),
        (pa.map_(pa.string(), pa.float64()), [[("k", NAN), ("l", INF)], []]),
    ],
)
def test_nested_numbers(kind, values):
    """Numbers inside of arrays, structs and maps are counted; NULL only as a whole."""
    tally = Tally()
    tally.add(len(values), 0, pa.array(values, kind))
    plain = [dict(value) if pa.types.is_map(kind) else value for value in values]
    assert (tally.n_nan, tally.n_inf) == count(plain)
    assert tally.n_null == values.count(None)


def test_values_that_nobody_sees_do_not_count():
    """What lies below a NULL, or outside a slice, is not in the output."""
    numbers = pa.array([NAN, INF, 1.0])
    hidden = pa.StructArray.from_arrays([numbers], ["a"], mask=pa.array([True, True, False]))
    tally = Tally()
    tally.add(3, 0, hidden)
    tally.add(1, 0, numbers.slice(2))
    tally.add(1, 0, pa.array([[NAN], [1.0], [INF]]).slice(1, 1))
    assert (tally.n_null, tally.n_nan, tally.n_inf) == (2, 0, 0)


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.bool_(), pa.date32(), pa.binary()])
def test_other_types_have_no_odd_numbers(kind):
    """Only NULL is counted where there are no numbers of that kind."""
    tally = Tally()
    tally.add(2, 0, pa.nulls(2, kind))
    assert (tally.n_null, tally.n_nan, tally.n_inf) == (2, 0, 0)


@given(some.lists(some.lists(some.one_of(some.none(), some.floats()), max_size=8), max_size=5))
def test_any_batches(batches):
    """Sums over batches are those of all values, also where large numbers add up to infinity."""
    tally = Tally()
    for values in batches:
        tally.add(len(values), 0, pa.array(values, pa.float64()))
    everything = [value for values in batches for value in values]
    assert (tally.n_nan, tally.n_inf) == count(everything)
    assert tally.n_null == everything.count(None)
    assert tally.rows_in == len(everything)
