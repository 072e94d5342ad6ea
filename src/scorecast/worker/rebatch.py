"""Batches of the size that a model likes, whatever the size in which data comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa


def rebatched(
    batches: Iterable[pa.RecordBatch],
    size: int,
    predict: Callable[[pa.RecordBatch], pa.Array],
) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Predict on batches of exactly `size` rows, the last one of what is left.

    Rows are taken together across the batches that come and cut where they are longer. At most
    `size` rows and one incoming batch are held at a time.

    Yields:
        The batches as they came, each with its predictions.
    """
    waiting: deque[pa.RecordBatch] = deque()
    rows: deque[pa.RecordBatch] = deque()
    made: deque[pa.Array] = deque()
    left = ready = 0
    for batch in batches:
        waiting.append(batch)
        rows.append(batch)
        left += batch.num_rows
        while left >= size:
            made.append(predict(_joined(_take(rows, size))))
            left -= size
            ready += size
        while waiting and waiting[0].num_rows <= ready:
            first = waiting.popleft()
            ready -= first.num_rows
            yield first, pa.concat_arrays(_take(made, first.num_rows) or [_none(first, predict)])
    if left:
        made.append(predict(_joined(_take(rows, left))))
    for batch in waiting:
        yield batch, pa.concat_arrays(_take(made, batch.num_rows) or [_none(batch, predict)])


def _none(batch: pa.RecordBatch, predict: Callable[[pa.RecordBatch], pa.Array]) -> pa.Array:
    """Give the predictions of no rows, which have the type of predictions."""
    return predict(batch.slice(0, 0))


def _take(queue: deque[pa.RecordBatch] | deque[pa.Array], count: int) -> list[pa.Array]:
    """Take so many rows off the front of a queue, cutting the last piece where needed."""
    taken = []
    while count:
        piece = queue.popleft()
        taken.append(piece.slice(0, count))
        if len(piece) > count:
            queue.appendleft(piece.slice(count))
        count -= len(taken[-1])
    return taken


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(pieces) == 1:
        return pieces[0]
    # Types that were found per batch, as before Spark 4.1, may differ in their precision. Columns
    # may lack names, by which Arrow would match them.
    names = pieces[0].schema.names
    numbers = [str(i) for i in range(len(names))]
    tables = [pa.Table.from_batches([piece]).rename_columns(numbers) for piece in pieces]
    whole = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    (joined,) = whole.to_batches()
    return pa.RecordBatch.from_arrays(joined.columns, names=names)
