"""A sample of a job's input, predicted in a task of Spark and on the driver. Driver only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from scorecast.batch.engines.choose import Choice
from scorecast.batch.engines.job import sent_columns
from scorecast.batch.engines.spans import divide
from scorecast.batch.prepare import Prepared
from scorecast.models.load import flavor_of
from scorecast.spark.column_function import column_of
from scorecast.spark.types import result_to_arrow
from scorecast.worker.handle import ModelHandle
from scorecast.worker.predict import PredictPlan
from scorecast.worker.sample import Sample, from_row, predict_sample, read_first, to_row

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = 1000
"""Rows of a sample."""

# Sums of floating-point numbers differ in their last digits with the order of the summands.
_DOUBLE = 1e-9
_SINGLE = 1e-5

_SPARK_SCHEMA = "stream binary, seconds double, versions map<string,string>"


@dataclass(frozen=True, slots=True)
class Difference:
    """Where driver and worker predict otherwise.

    Attributes:
        row: First row of the sample that differs, from 0.
        place: The prediction, or the member of it.
        size: Largest difference in relation to the value; None where they are no numbers.
        rounding: Whether all differences are those that other orders of summing make.
    """

    row: int
    place: str
    size: float | None
    rounding: bool


def predict_in_task(
    spark: SparkSession, prepared: Prepared, choice: Choice, handle: ModelHandle
) -> Sample | None:
    """Predict on the first rows of the input in one task, as the job will read them.

    Returns:
        The sample; None for an input without rows.

    Raises:
        Exception: Whatever Spark raises when the task fails.
    """
    plan = _plan(prepared, handle)
    packages = _packages(prepared)

    def on_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = predict_sample(batches, plan, rows=ROWS, packages=packages)
        if found is not None:
            yield to_row(found)

    rows, read = _rows(spark, prepared, choice)

    def in_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return on_batches(read(batches))

    found = rows.mapInArrow(in_task, _SPARK_SCHEMA).collect()
    return from_row(bytes(found[0][0]), found[0][1], dict(found[0][2])) if found else None


def predict_here(prepared: Prepared, sample: Sample) -> Sample:
    """Predict on the rows of a sample in this process.

    Raises:
        ScorecastError: The model cannot be loaded here, or fails.
    """
    handle = prepared.model.resolved.local_handle(prepared.model.config)
    rows = sample.batch.num_rows
    found = predict_sample(
        [sample.batch], _plan(prepared, handle), rows=rows, packages=_packages(prepared)
    )
    assert found is not None  # noqa: S101 - a sample has rows
    return found


def first_difference(one: pa.Array, other: pa.Array, name: str) -> Difference | None:
    """Find the first value that differs between predictions of the same rows; NaN equals NaN."""
    first: tuple[int, str] | None = None
    largest: float | None = 0.0
    rounding = True
    for row, pair in enumerate(zip(one.to_pylist(), other.to_pylist(), strict=True)):
        for place, a, b in _leaves(name, *pair):
            if a == b or (a != a and b != b):  # noqa: PLR0124 - NaN
                continue
            first = first or (row, place)
            size = _relative(a, b)
            largest = None if size is None or largest is None else max(largest, size)
            rounding &= size is not None and size <= _rounding(a, b)
    return None if first is None else Difference(*first, largest, rounding)


def _leaves(place: str, a: Any, b: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for name in a:
            yield from _leaves(f"{place}.{name}", a[name], b[name])
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for at, pair in enumerate(zip(a, b, strict=True)):
            yield from _leaves(f"{place}[{at}]", *pair)
    else:
        yield place, a, b


def _relative(a: object, b: object) -> float | None:
    if not (isinstance(a, int | float) and isinstance(b, int | float)):
        return None
    if not (math.isfinite(a) and math.isfinite(b)):
        return None
    return abs(a - b) / max(abs(a), abs(b))


def _rounding(a: float, b: float) -> float:
    """Give what two numbers may be apart: more where the model counts in single precision.

    Its numbers are those of single precision in a double, too; whole ones tell nothing.
    """
    in_single = all(float(np.float32(n)) == n for n in (a, b)) and any(n % 1 for n in (a, b))
    return _SINGLE if in_single else _DOUBLE


def _plan(prepared: Prepared, handle: ModelHandle) -> PredictPlan:
    model = prepared.model
    options = replace(model.options, max_errors=ROWS)
    result = result_to_arrow(model.result_type, model.time_zone)
    return PredictPlan(handle, prepared.frame.inputs, result, model.params, options)


def _packages(prepared: Prepared) -> tuple[str, ...]:
    return ("numpy", "pandas", "pyarrow", *flavor_of(prepared.model.resolved.info).packages)


def _rows(
    spark: SparkSession, prepared: Prepared, choice: Choice
) -> tuple[DataFrame, Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]]:
    """Give what comes to the task, and what reads rows from that."""
    names = prepared.inputs.source.df.columns
    columns = sent_columns(prepared.job, names)
    if choice.reading is None:
        rows, _ = prepared.inputs.rows_of((), count=False)
        selected = (column_of(name).alias(f"c{i}") for i, name in enumerate(columns))
        return rows.limit(ROWS).select(*selected), iter
    reading = choice.reading
    spans = reading.spans([file.path for file in prepared.inputs.held])
    tasks = divide(spans, reading.cores, reading.sizes)
    plan = reading.plan(columns, prepared.model.time_zone, together=True)
    # What is sent to the task grows with them.
    asked = tasks if plan.conditions else tasks[:1]

    def read(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in itertools.islice(numbers, 1):
            yield from read_first(asked, plan)

    return spark.range(0, 1, 1, 1), read
