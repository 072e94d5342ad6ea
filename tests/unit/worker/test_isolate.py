"""Finding the rows that a model fails on, by few calls and without losing the others."""

from __future__ import annotations

from math import ceil, log2

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorecast.errors import (
    ModelLoadError,
    ModelPredictError,
    OutputShapeError,
    PredictionError,
    TooManyErrorsError,
)
from scorecast.worker.isolate import (
    Experience,
    isolate_batch,
    isolate_in_calls,
    isolate_rows,
)
from scorecast.worker.outputs import to_predictions


class Model:
    """Predicts the double of each row; raises when a bad row is among them. Counts calls."""

    def __init__(self, bad, error=ModelPredictError):
        self.bad = frozenset(bad)
        self.error = error
        self.calls = 0

    def __call__(self, batch):
        self.calls += 1
        values = batch.column("x").to_pylist()
        if self.bad & set(values):
            raise self.error("no")
        return pa.array([value * 2.0 for value in values], pa.float64())


def rows(count):
    """So many rows of one column."""
    return pa.RecordBatch.from_pydict({"x": list(range(count))})


@given(st.integers(2, 300), st.data())
def test_exactly_the_failing_rows_are_null(count, data):
    """Good rows have their prediction, bad ones NULL and their error, in the order of the rows."""
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=min(count - 1, count // 8 + 1)))
    model = Model(bad)

    found = isolate_rows(rows(count), model, pa.float64())

    assert found.predictions.to_pylist() == [
        None if row in bad else row * 2.0 for row in range(count)
    ]
    assert set(found.errors) == bad
    assert all(isinstance(error, PredictionError) for error in found.errors.values())


@pytest.mark.parametrize("count", [2, 100, 1024, 10_000])
@pytest.mark.parametrize("bad", [0, 1, 3])
def test_calls_grow_with_the_logarithm_of_the_batch(count, bad):
    """A few bad rows cost at most two calls per level and bad row; none costs one call."""
    model = Model({(i * 7919) % count for i in range(min(bad, count - 1))})

    isolate_rows(rows(count), model, pa.float64())

    assert model.calls <= 1 + len(model.bad) * 2 * (ceil(log2(count)) + 1)


@pytest.mark.parametrize("count", [1, 2, 9, 5000])
def test_a_batch_in_which_every_row_fails_is_an_error(count):
    """That is no matter of single rows; it is found without trying each of them."""
    model = Model(range(count))

    with pytest.raises(ModelPredictError, match="Every row"):
        isolate_rows(rows(count), model, pa.float64())

    assert model.calls <= 60


def test_rows_that_fail_at_the_front_do_not_hide_the_others():
    """Many bad rows in a block are not taken for a batch that fails everywhere."""
    found = isolate_rows(rows(1000), Model(range(60)), pa.float64())

    assert sorted(found.errors) == list(range(60))


@pytest.mark.parametrize(
    "bad",
    [range(0, 10_000, 2), range(5000), range(0, 10_000, 4), range(1, 10_000)],
    ids=["every other", "the first half", "every fourth", "all but one"],
)
def test_any_number_of_bad_rows_is_found(bad):
    """However many, with no more than one and a half calls per row."""
    model = Model(bad)
    try:
        found = isolate_rows(rows(10_000), model, pa.float64())
    except ModelPredictError:
        assert len(bad) == 9999
    else:
        assert set(found.errors) == set(bad)
    assert model.calls <= 15_001


def test_a_few_rows_after_good_ones_may_all_fail():
    """The last batch of a task may hold one bad row alone; that does not end the job."""
    found = isolate_rows(rows(2), Model(range(2)), pa.float64(), did_well=True)
    assert found.predictions.to_pylist() == [None, None]
    with pytest.raises(ModelPredictError):
        isolate_rows(rows(100), Model(range(100)), pa.float64(), did_well=True)


@pytest.mark.parametrize("isolate", [isolate_rows, isolate_batch])
def test_predictions_that_are_not_one_per_row_are_no_matter_of_rows(isolate):
    """A model that gives one value per batch is wrong, though one row alone would fit it."""

    def predict(batch):
        return to_predictions(np.array([1.0]), batch.num_rows, pa.float64())

    with pytest.raises(OutputShapeError):
        isolate(rows(10), predict, pa.float64())


def test_other_errors_are_not_of_rows():
    """A model that cannot be loaded fails for all rows, at once."""
    model = Model({3}, ModelLoadError)

    with pytest.raises(ModelLoadError):
        isolate_rows(rows(10), model, pa.float64())

    assert model.calls == 1


def test_a_batch_that_must_stay_together_fails_together():
    """Without looking for rows, all of them get the error."""
    model = Model({3})

    found = isolate_batch(rows(5), model, pa.float64())

    assert found.predictions.to_pylist() == [None] * 5
    assert set(found.errors) == set(range(5))
    assert model.calls == 1


def shifted(start, count):
    """So many rows from a number on."""
    return pa.RecordBatch.from_pydict({"x": list(range(start, start + count))})


class Counting(Model):
    """Counts the rows that it is called on, too."""

    called = 0

    def __call__(self, batch):
        self.called += batch.num_rows
        return super().__call__(batch)


def test_calls_get_smaller_where_rows_fail():
    """With one of 1,000 rows failing, a row is soon predicted on less than twice."""
    model, experience, size = Counting(range(500, 10**6, 1000)), Experience(), 20_000
    for start in range(0, 10 * size, size):
        model.called = 0
        found = isolate_in_calls(
            shifted(start, size), model, pa.float64(), experience, at_most=10**6
        )
        assert set(found.errors) == {
            row - start for row in model.bad if start <= row < start + size
        }
        assert found.predictions.null_count == 20
        assert found.predictions[0].as_py() == start * 2.0
    assert experience == Experience(rows=200_000, failed=200)
    assert model.called < 2 * size


def test_calls_stay_large_where_hardly_any_row_fails():
    """One failing row says nothing of the others."""
    model, experience = Model({17}), Experience()
    isolate_in_calls(rows(10_000), model, pa.float64(), experience, at_most=5)
    model.calls = 0
    isolate_in_calls(shifted(10_000, 10_000), model, pa.float64(), experience, at_most=5)
    assert model.calls == 1


def test_all_calls_of_a_batch_count_against_the_limit():
    """The error tells how many rows failed in the batch, and how many were allowed."""
    model, experience = Model({10, 400, 900, 1300}), Experience(rows=10_000, failed=10)
    with pytest.raises(TooManyErrorsError, match="failed on 4 rows or more, and 3 are allowed"):
        isolate_in_calls(rows(2000), model, pa.float64(), experience, at_most=3)
