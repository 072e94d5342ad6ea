"""The profile of a task: which rows it is of, and that each counts once."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorecast.worker.column_profile import column_from_plain
from scorecast.worker.profile import ProfilePlan, Profiler, merged, sampled


def batch(first, rows, **columns):
    """Make a batch: a number, then the row of the file."""
    numbers = pa.array(np.arange(first, first + rows))
    return pa.RecordBatch.from_pydict({"x": numbers, **columns, "row": numbers})


def profile(batches, plan, predict=lambda batch: batch.column(0)):
    """Profile batches."""
    profiler = Profiler(plan)
    for each in batches:
        profiler.add(each, predict(each), None)
    return profiler.result()


@settings(deadline=None)
@given(
    st.integers(0, 10**9),
    st.lists(st.integers(1, 700), min_size=1, max_size=8),
    st.integers(1, 10),
)
def test_sample_does_not_depend_on_how_rows_are_cut(first, sizes, bits):
    """The same rows are in the sample whether they come in one piece or in many."""
    whole = sampled(first, sum(sizes), bits) + first
    pieces, start = [], first
    for size in sizes:
        pieces.extend(sampled(start, size, bits) + start)
        start += size
    assert whole.tolist() == pieces
    assert abs(len(whole) - sum(sizes) / 2**bits) <= 2


@pytest.mark.parametrize("period", [2, 7, 8, 24, 64, 1000])
def test_sample_meets_every_part_of_a_cycle(period):
    """Rows that repeat themselves, as hours of a day do, are met evenly."""
    hours = sampled(0, 1_000_000, 6) % period
    share = np.bincount(hours, minlength=period) / len(hours) * period
    assert (np.abs(share - 1) < 0.35).all()


def test_rows_that_a_condition_left_out():
    """The sample is that of the whole file, without the rows that are gone."""
    rows = np.flatnonzero(np.arange(50_000) % 3)
    plan = ProfilePlan((0,), 4, 1)
    gone = pa.RecordBatch.from_pydict({"x": rows, "row": rows})
    found = profile([gone.slice(0, 20_000), gone.slice(20_000)], plan)
    expected = [row for row in sampled(0, 50_000, 4) if row % 3]
    column = column_from_plain(found["columns"][0])
    assert found["rows"] == len(expected)
    assert (column.low, column.high) == (expected[0], expected[-1])


def test_tasks_in_any_order_and_of_any_size():
    """Merged, two ways to divide a file give the same statistics."""
    plan = ProfilePlan((0,), 3, 1)
    one = merged([profile([batch(0, 40_000)], plan)])
    parts = [profile([batch(s, 5000), batch(s + 5000, 3000)], plan) for s in range(0, 40_000, 8000)]
    other = merged(reversed(parts))
    for mine, theirs in zip(one["columns"], other["columns"], strict=True):
        a, b = column_from_plain(mine), column_from_plain(theirs)
        assert (a.count, a.low, a.high) == (b.count, b.low, b.high)
        assert a.moments.mean == pytest.approx(b.moments.mean, rel=1e-12)
        assert a.distinct.estimate == b.distinct.estimate
    assert one["rows"] == other["rows"] == 5000


def test_positions_in_the_task_where_no_others_are_known():
    """Without rows of files every task counts its own rows."""
    plan = ProfilePlan((0,), 2, None)
    found = profile([batch(0, 100), batch(100, 0), batch(100, 900)], plan)
    assert found["rows"] == 250


def test_rows_without_prediction_count_as_inputs():
    """What is quarantined reached the model, and has no prediction."""
    profiler = Profiler(ProfilePlan((0,), 0, 1))
    well = pa.array([True] * 6 + [False] * 4)
    made = pa.array([1.5] * 6 + [None] * 4)
    profiler.add(batch(0, 10), made, well)
    found = profiler.result()
    inputs, predictions = map(column_from_plain, found["columns"])
    assert (inputs.count, predictions.count, predictions.null) == (10, 6, 0)


def test_members_of_a_struct_are_columns():
    """A missing struct is a missing member of each."""
    made = pa.array([{"a": 1.0, "b": "x"}, None, {"a": None, "b": "y"}])
    found = profile([batch(0, 3)], ProfilePlan((0,), 0, 1), lambda _batch: made)
    _, a, b = map(column_from_plain, found["columns"])
    assert (a.kind, a.null, b.kind, b.frequent.counts) == (
        "number",
        2,
        "category",
        {"x": 1, "y": 1},
    )


def test_dictionaries_are_their_values():
    """However Arrow holds them."""
    coded = pa.array(["a", "b", "a"]).dictionary_encode()
    found = profile([batch(0, 3, code=coded), batch(3, 3, code=coded)], ProfilePlan((1,), 0, 2))
    assert column_from_plain(found["columns"][0]).frequent.counts == {"a": 4, "b": 2}


def test_nothing_came():
    """A task whose sample is empty is not one that could take none, and merges with others."""
    plan = ProfilePlan((0,), 10, 1)
    for none in (profile([], plan), profile([batch(0, 0)], plan), profile([batch(1, 3)], plan)):
        assert none == merged([none]) == {"rows": 0, "bits": 10, "columns": []}
    some = profile([batch(0, 3000)], plan)
    assert (some["rows"], some["bits"]) == (3, 10)
    for profiles in ([None, some, None], [none, some], [some, none]):
        assert merged(profiles) == merged([some])
    assert merged([None]) is None
