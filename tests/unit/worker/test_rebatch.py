"""Full batches for the model, and the rows back in the batches in which they came."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scorecast.worker.rebatch import rebatched


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(1, 20))
def test_the_model_sees_full_batches_and_no_row_moves(sizes, size):
    """Every call but the last has exactly the size asked for; rows keep their batch and order."""
    start = 0
    batches = []
    for count in sizes:
        batches.append(
            pa.RecordBatch.from_pydict({"x": pa.array(range(start, start + count), pa.int64())})
        )
        start += count
    seen = []

    def predict(batch):
        if batch.num_rows:
            seen.append(batch.num_rows)
        return pa.array([value * 2 for value in batch.column("x").to_pylist()], pa.int64())

    came = list(rebatched(iter(batches), size, predict))

    assert [batch for batch, _ in came] == batches
    for batch, predictions in came:
        expected = [value * 2 for value in batch.column("x").to_pylist()]
        assert predictions.to_pylist() == expected
        assert predictions.type == pa.int64()
    assert seen[:-1] == [size] * max(0, len(seen) - 1)
    assert sum(seen) == start
    assert len(seen) == -(-start // size)


def test_batches_are_given_on_as_soon_as_their_rows_are_predicted():
    """At most one batch of the model is held back, not a whole task."""
    taken = []

    def source():
        for i in range(100):
            taken.append(i)
            yield pa.RecordBatch.from_pydict({"x": pa.array([i] * 4)})

    came = rebatched(source(), 10, lambda batch: batch.column("x"))
    next(came)

    assert len(taken) == 3
