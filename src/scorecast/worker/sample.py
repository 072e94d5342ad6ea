"""A few rows predicted as a task predicts, with what is needed to do the same again elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import pyarrow as pa

from scorecast.worker.options import PredictOptions
from scorecast.worker.predict import PredictPlan, predict_batches
from scorecast.worker.row_groups import ReadPlan, Span, read_spans

_PREDICTION = "prediction"
_ROW = pa.schema(
    [
        ("stream", pa.binary()),
        ("seconds", pa.float64()),
        ("versions", pa.map_(pa.string(), pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a sample and what was predicted for them.

    Attributes:
        batch: The rows, with the columns of the plan.
        predictions: One for each of them.
        seconds: What a second call on the same rows took.
        versions: Versions of packages where it was predicted.
    """

    batch: pa.RecordBatch
    predictions: pa.Array
    seconds: float
    versions: dict[str, str | None]


def predict_sample(
    batches: Iterable[pa.RecordBatch], plan: PredictPlan, *, rows: int, packages: Iterable[str]
) -> Sample | None:
    """Predict on the first rows that come. Runs in a task, or on the driver.

    Args:
        batches: Rows, in batches with at least the columns of the plan.
        plan: What to predict.
        rows: How many rows.
        packages: Distributions whose versions are told.

    Returns:
        The sample; None where no rows come.

    Raises:
        ScorecastError: As `predict_batches`.
    """
    first = list(_first(batches, rows))
    if not first:
        return None
    made = [predictions for _, predictions in predict_batches(first, plan)]
    started = time.monotonic()
    for _ in predict_batches(first, plan):
        pass
    seconds = time.monotonic() - started
    joined = pa.Table.from_batches(first).combine_chunks().to_batches()[0]
    return Sample(joined, pa.concat_arrays(made), seconds, {p: _version(p) for p in packages})


def read_first(tasks: Sequence[Sequence[Span]], plan: ReadPlan) -> Iterator[pa.RecordBatch]:
    """Read the spans of the first task that has rows that meet the conditions."""
    for spans in tasks:
        found = False
        for batch in read_spans(spans, plan):
            found = True
            yield batch
        if found:
            return


def results_of(predictions: pa.Array, options: PredictOptions) -> tuple[pa.Array, list[str]]:
    """Tell what the model predicted from why it failed.

    Args:
        predictions: As a task makes them.
        options: How it makes them.

    Returns:
        A prediction for each row, NULL where the model failed, and the texts of the errors.
    """
    if options.on_error != "struct":
        return predictions, []
    results, texts, *_ = predictions.flatten()
    return results, texts.drop_null().to_pylist()


def to_row(sample: Sample) -> pa.RecordBatch:
    """Give a sample as a batch of one row: `stream`, `seconds` and `versions`."""
    table = pa.Table.from_batches([sample.batch]).append_column(_PREDICTION, sample.predictions)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    row = {
        "stream": sink.getvalue().to_pybytes(),
        "seconds": sample.seconds,
        "versions": list(sample.versions.items()),
    }
    return pa.RecordBatch.from_pylist([row], _ROW)


def from_row(stream: bytes, seconds: float, versions: dict[str, str | None]) -> Sample:
    """Read what `to_row` gave."""
    table = pa.ipc.open_stream(pa.py_buffer(stream)).read_all().combine_chunks()
    (batch,) = table.to_batches()
    width = batch.num_columns - 1
    return Sample(batch.select(range(width)), batch.column(width), seconds, versions)


def _first(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
