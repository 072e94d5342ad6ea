"""Statistics of a column against pandas, numpy and DuckDB, on values of every kind and odd ones."""

import json
import math
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorecast.worker.column_profile import ColumnProfile, column_from_plain, kind_of
from scorecast.worker.sketches import Distinct, Frequent, hashed

RNG = np.random.default_rng(7)


def profile(*arrays):
    """Profile the arrays of a column."""
    found = ColumnProfile.of(kind_of(arrays[0].type))
    for array in arrays:
        found.add(array)
    return found


def as_sent(found):
    """Give a profile as it comes out of the record of a task."""
    return column_from_plain(json.loads(json.dumps(found.to_plain())))


def test_numbers_as_pandas_and_duckdb_count_them():
    """What is exact is exact: counts, range, mean and deviation."""
    values = RNG.normal(1e6, 3, 50_000)
    values[::7], values[1::1000], values[2::1000] = np.nan, np.inf, -np.inf
    array = pa.array(values, mask=RNG.random(50_000) < 0.1)
    found = profile(*(array[i : i + 7000] for i in range(0, 50_000, 7000)))
    table = pa.table({"x": array})
    query = """
        select count(*), count(*) - count(x), sum(isnan(x)::int), sum(isinf(x)::int),
          min(x) filter (isfinite(x)), max(x) filter (isfinite(x)) from table
    """.replace("table", "seen")
    connection = duckdb.connect()
    connection.register("seen", table)
    expected = connection.execute(query).fetchone()
    assert (found.count, found.null, found.nan, found.inf, found.low, found.high) == expected
    finite = pd.Series(values[np.isfinite(values) & np.asarray(array.is_valid())])
    assert found.moments.n == len(finite)
    assert found.moments.mean == pytest.approx(finite.mean(), rel=1e-14)
    assert found.moments.std == pytest.approx(finite.std(), rel=1e-9)


@pytest.mark.parametrize("order", ["as they come", "sorted", "lognormal"])
def test_quantiles_within_the_bound_of_the_sketch(order):
    """The true rank of each quantile is as near as the library says, with some room."""
    values = RNG.normal(size=200_000)
    values = {"as they come": values, "sorted": np.sort(values), "lognormal": np.exp(3 * values)}[
        order
    ]
    parts = np.array_split(values, 23)
    whole = profile(pa.array(parts[0]))
    for part in parts[1:]:
        whole.merge(as_sent(profile(pa.array(part))))
    bound = whole.quantiles.normalized_rank_error(as_pmf=False)
    ranks = np.linspace(0.01, 0.99, 25)
    found = whole.quantiles.get_quantiles(ranks.tolist(), inclusive=True)
    true = np.searchsorted(np.sort(values), found, side="right") / len(values)
    # The bound holds in 99 of 100 cases for a rank; three times as much is never exceeded.
    assert np.abs(true - ranks).max() < 3 * bound
    assert np.abs(true - ranks).mean() < bound


ODD = st.one_of(
    st.none(),
    st.floats(width=64),
    st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1.7e308, -1.7e308, 5e-324]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(ODD, max_size=40), min_size=1, max_size=5))
def test_parts_merged_are_the_whole(parts):
    """Whatever the values and however they are cut."""
    arrays = [pa.array(part, pa.float64()) for part in parts]
    whole = as_sent(profile(pa.concat_arrays(arrays)))
    merged = as_sent(profile(arrays[0]))
    for array in arrays[1:]:
        merged.merge(as_sent(profile(array)))
    values = [value for part in parts for value in part]
    there = [value for value in values if value is not None]
    finite = [value for value in there if math.isfinite(value)]
    for found in (whole, merged):
        assert (found.count, found.null) == (len(values), len(values) - len(there))
        assert found.nan == sum(map(math.isnan, there))
        assert found.inf == sum(map(math.isinf, there))
        assert (found.low, found.high) == (min(finite, default=None), max(finite, default=None))
        assert found.distinct.estimate == len(set(finite))
        assert found.quantiles.n == len(finite)
    assert np.array_equal(whole.distinct.hashes, merged.distinct.hashes)
    if finite and max(map(abs, finite)) < 1e100:
        scale = max(1e-300, *map(abs, finite))
        assert whole.moments.mean == pytest.approx(np.mean(finite), rel=1e-9, abs=1e-12 * scale)
        assert merged.moments.mean == pytest.approx(np.mean(finite), rel=1e-9, abs=1e-12 * scale)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=30), min_size=1, max_size=4
    )
)
def test_texts_are_counted_one_by_one(parts):
    """Values, and how many different ones, are exact where they are few."""
    merged = profile(pa.array([], pa.string()))
    for part in parts:
        merged.merge(as_sent(profile(pa.array(part, pa.string()))))
    # Not by pandas, which took "" and "\0" for one text before its version 3.
    texts = Counter(text for part in parts for text in part if text is not None)
    assert merged.frequent.counts == texts
    assert merged.distinct.estimate == len(texts)
    assert merged.null == sum(text is None for part in parts for text in part)


def test_frequent_values_among_very_many():
    """Of 100,000 values the frequent ones are found, and their counts are hardly too small."""
    texts = np.array([f"t{i}" for i in RNG.integers(0, 10**6, 100_000)], dtype=object)
    texts[RNG.random(100_000) < 0.2] = "often"
    texts[RNG.random(100_000) < 0.02] = "now and then"
    merged = profile(pa.array([], pa.string()))
    for part in np.array_split(texts, 13):
        merged.merge(as_sent(profile(pa.array(part, pa.string()))))
    true = pd.Series(texts).value_counts()
    found = dict(merged.frequent.most(0.01 * len(texts), 10))
    assert set(found) == {"often", "now and then"}
    for text, count in found.items():
        assert true[text] - len(texts) / 257 <= count <= true[text]
    assert merged.distinct.estimate == pytest.approx(pd.Series(texts).nunique(), rel=0.15)


def test_distinct_numbers_do_not_depend_on_order():
    """The same numbers in another order and in other parts give the same estimate."""
    numbers = np.arange(70_000)
    one, other = Distinct(), Distinct()
    one.add(hashed(numbers))
    for part in np.array_split(RNG.permutation(numbers), 50):
        other.add(hashed(part))
    assert one.estimate == other.estimate == pytest.approx(70_000, rel=0.15)


@pytest.mark.parametrize(("different", "told"), [(512, 512), (513, None), (70_000, None)])
@pytest.mark.parametrize("parts", [1, 2, 7])
def test_floats_are_distinct_up_to_a_limit(different, told, parts):
    """Few are exact and more are not told, however they are cut and however often they occur."""
    numbers = RNG.permutation(np.repeat(np.arange(different) / 7, 3))
    merged = profile(pa.array([], pa.float64()))
    for part in np.array_split(numbers, parts):
        merged.merge(as_sent(profile(*map(pa.array, np.array_split(part, 2)))))
    assert merged.distinct.estimate == told


def test_integers_keep_their_last_digit():
    """Range and frequent values of integers that no float can hold."""
    big = 2**62 + 1
    found = profile(pa.array([big, big, -big, None], pa.int64()))
    assert (found.low, found.high, found.frequent.counts) == (-big, big, {big: 2, -big: 1})
    assert found.distinct.estimate == 2


PARIS = pa.timestamp("us", "Europe/Paris")


@pytest.mark.parametrize(
    ("array", "low", "high"),
    [
        (pa.array([Decimal("1.50"), Decimal("-2.25")], pa.decimal128(38, 2)), -2.25, 1.5),
        (pa.array([date(1969, 12, 31), date(1970, 1, 3)]), -1, 2),
        (
            pa.array([datetime(2024, 7, 1, tzinfo=UTC)] * 2, PARIS),
            datetime(2024, 7, 1, tzinfo=UTC).timestamp() * 1e6,
            datetime(2024, 7, 1, tzinfo=UTC).timestamp() * 1e6,
        ),
        (pa.array([1000, 1000], pa.timestamp("ms")), 1e6, 1e6),
        (pa.array([1500, 2500], pa.timestamp("ns")), 1, 2),
        (pa.array([1.5, 2.5], pa.float32()), 1.5, 2.5),
        (pa.array([1, 2], pa.int8()), 1, 2),
    ],
)
def test_range_of_other_types(array, low, high):
    """Decimals, dates, times with and without a zone are numbers, too."""
    found = profile(array, pa.nulls(3, array.type))
    assert (found.count, found.null, found.low, found.high) == (5, 3, low, high)


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(),
        pa.list_(pa.float64()),
        pa.map_(pa.string(), pa.int64()),
        pa.struct([("a", pa.int64())]),
        pa.duration("us"),
        pa.null(),
    ],
)
def test_nested_values_and_bytes_are_counted_for_null_alone(kind):
    """Nothing of their values is kept."""
    found = as_sent(profile(pa.nulls(3, kind), pa.nulls(2, kind)))
    assert (found.kind, found.count, found.null) == ("other", 5, 5)
    some = {pa.binary(): b"secret", pa.list_(pa.float64()): [1.0]}.get(kind)
    if some is not None:
        plain = profile(pa.array([some, None], kind)).to_plain()
        assert (plain["null"], plain["frequent"], plain["quantiles"]) == (1, [], None)


def test_text_that_is_no_category_and_text_that_is_no_text():
    """Long texts are never listed; bytes that are no UTF-8 end nothing."""
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    )
    found = profile(pa.concat_arrays([pa.array(["x" * 101, "x" * 100, None]), broken]))
    assert (found.count, found.null, found.distinct.estimate) == (4, 1, 3)
    assert set(found.frequent.counts) == {"x" * 100, "\ufffd\ufffd"}
    assert as_sent(found).frequent.counts == found.frequent.counts


def test_booleans():
    """True and False are values with a count."""
    found = as_sent(profile(pa.array([True, False, True, None])))
    assert (found.frequent.counts, found.distinct.estimate) == ({True: 2, False: 1}, 2)


def test_size_does_not_grow_with_the_data():
    """What goes to the driver stays small: a million numbers and as many texts."""
    numbers = profile(*(pa.array(RNG.normal(size=100_000)) for _ in range(10)))
    texts = profile(pa.array([f"text {i}" for i in range(200_000)]))
    assert len(json.dumps(numbers.to_plain())) < 25_000
    assert len(json.dumps(texts.to_plain())) < 25_000


def test_times_beyond_all_calendars():
    """The smallest and largest times that there are do not overflow."""
    ends = pa.array([-(2**63) + 1, 2**63 - 1], pa.timestamp("us", "UTC"))
    found = as_sent(profile(ends))
    assert (found.low, found.high) == (-(2**63) + 1, 2**63 - 1)


def test_summary_of_frequent_values_is_never_too_large():
    """Merged with many others that share nothing, it stays within its size."""
    found = Frequent()
    for start in range(0, 5000, 200):
        found.merge(Frequent(dict.fromkeys(range(start, start + 200), 1)))
    assert len(found.counts) <= 256
    found.add(np.array(["a", "b"], object), np.array([5000, 1]))
    assert found.most(1000, 5)[0][0] == "a"


def test_mean_of_the_same_number_has_no_deviation():
    """Nothing is lost to rounding where there is nothing to lose."""
    found = profile(pa.array([1e9 + 0.1] * 1000), pa.array([1e9 + 0.1] * 10))
    assert found.moments.std == pytest.approx(0, abs=1e-6)
    assert profile(pa.array([3.0])).moments.std is None
