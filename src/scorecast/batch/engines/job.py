"""What is the same for all engines and all units of a run: columns, and how files are written.

Driver only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import types as st

from scorecast.batch.provenance import COLUMNS
from scorecast.errors import ConfigError, InputMismatchError
from scorecast.spark.frame import FramePlan
from scorecast.spark.types import is_variant, nullable, result_to_arrow, to_arrow
from scorecast.spark.variants import has_variant
from scorecast.worker.handle import ModelHandle
from scorecast.worker.parts import PartOptions, partition_problems
from scorecast.worker.places import Places
from scorecast.worker.predict import PredictPlan
from scorecast.worker.profile import ProfilePlan
from scorecast.worker.task import TaskPlan, TaskRecord, read_record, run_task

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_CODEC = "spark.sql.parquet.compression.codec"
_REPORT_COLUMNS = ("file", "error_class", "error_message", "model_digest")


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for all units of a run.

    Attributes:
        frame: Which columns are read, kept and given to the model.
        quarantine: Whether rows that fail are written aside.
        parts: How predictions are written.
        aside: How rows that fail are written, or None.
        schema: Schema of the predictions as their readers see it.
    """

    frame: FramePlan
    quarantine: bool
    parts: PartOptions
    aside: PartOptions | None
    schema: st.StructType


def plan_job(  # noqa: PLR0913 - what decides on the columns of files
    spark: SparkSession,
    df: DataFrame,
    frame: FramePlan,
    *,
    partition_by: Sequence[str],
    quarantine: bool,
    provenance: bool,
) -> Job:
    """Decide how files are written.

    Args:
        spark: The session.
        df: The input.
        frame: Which columns are read, kept and given to the model.
        partition_by: Columns whose values make directories.
        quarantine: Whether rows that fail are written aside.
        provenance: Whether the columns of `provenance` follow the prediction.

    Raises:
        ConfigError: Columns cannot be written, or the output cannot be partitioned by them.
    """
    zone = frame.model.time_zone
    problems = [
        f'column "{field.name}" of type {field.dataType.simpleString()} cannot be written by the '
        "job; leave it out with keep, or cast it"
        for field in frame.schema.fields[:-1]
        if not passes(field.dataType)
    ]
    if has_variant(frame.schema.fields[-1].dataType):
        problems.append("the result type variant cannot be written by the job; use string")
    behind = [st.StructField(name, kind) for name, kind in COLUMNS] if provenance else []
    taken = {name.casefold(): name for name in frame.schema.names}
    problems += [
        f'provenance adds the column "{field.name}", and the output has "{taken[field.name]}"; '
        "leave that one out with keep, or name the prediction otherwise with output_column"
        for field in behind
        if field.name in taken
    ]
    if problems:
        raise ConfigError.from_problems("options", problems)
    *kept, output = frame.schema.fields
    schema = pa.schema(
        [
            *(pa.field(field.name, to_arrow(field.dataType, zone)) for field in kept),
            pa.field(output.name, result_to_arrow(frame.model.result_type, zone)),
            *(pa.field(field.name, to_arrow(field.dataType, zone)) for field in behind),
        ]
    )
    if problems := partition_problems(schema, tuple(partition_by)):
        raise ConfigError.from_problems("options", problems)
    codec, version = str(spark.conf.get(_CODEC)), spark.version
    fields = [*kept, st.StructField(output.name, frame.model.result_type), *behind]
    in_files = st.StructType([field for field in fields if field.name not in partition_by])
    named = {field.name: field for field in fields}
    by = st.StructType([named[name] for name in partition_by])
    parts = PartOptions(schema, nullable(in_files).json(), version, codec, tuple(partition_by))
    aside = _aside(df.schema, zone, version, codec, parts.partition_by) if quarantine else None
    return Job(frame, quarantine, parts, aside, st.StructType([*in_files.fields, *by.fields]))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a unit, whatever engine makes it.

    Attributes:
        unit: Name of the unit.
        files: Its files, URIs as Spark lists them; none for an input that is not made of files.
        count: Whether the rows before a condition are to be counted.
        folder: Directory for part files, in one that is there.
        notes: Directory for notes to the driver.
    """

    unit: str
    files: tuple[str, ...]
    count: bool
    folder: str
    notes: str


@dataclass(frozen=True, slots=True)
class Shared:
    """What all units of a run share once the model is shipped.

    Attributes:
        job: Columns, and how files are written.
        handle: The model.
        allowed: Rows of the job that may fail; None where that depends on how many there are.
        batch_timeout: Seconds that a call of the model may take, or None.
        fail_on_nan: Whether NaN in a prediction ends the job.
        constants: Values of the columns of `provenance`, if they are asked for.
        profile: What statistics are taken, or None. Each unit adds where its rows come from.
    """

    job: Job
    handle: ModelHandle
    allowed: int | None
    batch_timeout: float | None
    fail_on_nan: bool
    constants: tuple[pa.Scalar, ...]
    profile: ProfilePlan | None = None


def sent_columns(job: Job, names: Sequence[str]) -> tuple[str, ...]:
    """Give the columns of the input that tasks take, in their order.

    Args:
        job: The job.
        names: All columns of the input.
    """
    sent = job.frame.columns
    return (*sent, *(name for name in names if name not in sent)) if job.quarantine else sent


def plan_task(shared: Shared, attempt: Attempt, places: Places, names: Sequence[str]) -> TaskPlan:
    """Give the plan of the tasks of a unit.

    Args:
        shared: What all units share.
        attempt: The unit.
        places: How rows say where they come from.
        names: All columns of the input.
    """
    job = shared.job
    frame, sent = job.frame, sent_columns(job, names)
    predict = PredictPlan(
        shared.handle,
        frame.inputs,
        result_to_arrow(frame.model.result_type, frame.model.time_zone),
        frame.model.params,
        frame.model.options,
    )
    return TaskPlan(
        predict=predict,
        parts=job.parts,
        quarantine=job.aside,
        columns=tuple(sent.index(name) for name in names) if job.quarantine else (),
        folder=attempt.folder,
        base=attempt.folder.rpartition("/")[0],
        notes=attempt.notes,
        unit=attempt.unit,
        places=places,
        allowed=shared.allowed,
        batch_timeout=shared.batch_timeout,
        fail_on_nan=shared.fail_on_nan,
        constants=shared.constants,
        profile=None if shared.profile is None else replace(shared.profile, row=places.row),
    )


def _aside(
    schema: st.StructType, zone: str, version: str, codec: str, partition_by: tuple[str, ...]
) -> PartOptions:
    """Decide how rows that fail are written: in the partitions of the output, where they can."""
    by = partition_by if set(partition_by) <= set(schema.names) else ()
    fields = [
        field if passes(field.dataType) else st.StructField(field.name, st.StringType())
        for field in schema.fields
    ]
    taken = {name.casefold() for name in schema.names}
    for name in _REPORT_COLUMNS:
        free = name
        while free.casefold() in taken:
            free = f"_{free}"
        fields.append(st.StructField(free, st.StringType()))
    arrow = pa.schema([(field.name, to_arrow(field.dataType, zone)) for field in fields])
    in_files = st.StructType([field for field in fields if field.name not in by])
    return PartOptions(arrow, nullable(in_files).json(), version, codec, by)


def run_tasks(
    df: DataFrame,
    plan: TaskPlan,
    read: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]],
) -> list[TaskRecord]:
    """Run one task for each partition of a frame and give the records of those that succeeded.

    Args:
        df: What comes to the tasks.
        plan: What they do.
        read: Gives the rows of a task, from what comes to it. Runs on workers, once per attempt.
    """

    def on_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        assert context is not None  # noqa: S101 - this runs in a task
        partition, attempt = context.partitionId(), context.attemptNumber()
        record = run_task(read(batches), plan, partition=partition, attempt=attempt)
        yield pa.RecordBatch.from_pydict({"record": [record.to_json()]})

    return [read_record(row[0]) for row in df.mapInArrow(on_batches, "record string").collect()]


def passes(kind: st.DataType) -> bool:
    """Tell whether values of a type come to Python as they are in parquet, on every engine."""
    if is_variant(kind):
        return False
    try:
        to_arrow(kind, "UTC")
    except InputMismatchError:
        return False
    return True
