"""The engine for parquet in, parquet out: Spark plans and tries again, no row goes through the JVM.

Each task reads row groups with pyarrow, predicts, writes its part file and gives back one record.
Driver only, but for the closure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from scorecast.batch.engines.job import Attempt, Shared, plan_task, run_tasks, sent_columns
from scorecast.batch.engines.reading import Reading
from scorecast.batch.engines.spans import divide
from scorecast.batch.inputs import Inputs
from scorecast.batch.units import UnitOutcome
from scorecast.worker.places import Places
from scorecast.worker.row_groups import ReadPlan, Span, read_spans
from scorecast.worker.task import TaskPlan, TaskRecord

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def predict_unit(shared: Shared, inputs: Inputs, attempt: Attempt, reading: Reading) -> UnitOutcome:
    """Predict on a unit.

    Args:
        shared: What all units share.
        inputs: Where rows come from.
        attempt: The unit.
        reading: How files are read.

    Raises:
        Exception: Whatever Spark raises when a task fails too often, or the job is cancelled.
    """
    spark = inputs.source.df.sparkSession
    names = inputs.source.df.columns
    job = shared.job
    model = job.frame.model
    read = reading.plan(
        sent_columns(job, names),
        model.time_zone,
        # A batch that fails as a whole takes no rows of other files with it.
        together=model.options.isolate != "batch",
    )
    spans = reading.spans(attempt.files)
    numbers = {span.file: span.name for span in spans}
    at = len(read.columns)
    task = plan_task(shared, attempt, Places(at, at + 1, numbers), names)
    tasks = divide(spans, reading.cores, reading.sizes)
    records = _run(spark, tasks, read, task) if tasks else []
    return UnitOutcome(records, inputs.rows_read(attempt.files, records, None))


def _run(
    spark: SparkSession, tasks: Sequence[Sequence[Span]], read: ReadPlan, plan: TaskPlan
) -> list[TaskRecord]:
    """Run the tasks of a unit: each gets its number, by which it finds what to read."""

    def on_numbers(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number in (value.as_py() for batch in numbers for value in batch.column(0)):
            yield from read_spans(tasks[number], read)

    return run_tasks(spark.range(0, len(tasks), 1, len(tasks)), plan, on_numbers)
