"""The engine that reads whatever Spark reads: rows come to Python as Arrow batches (mapInArrow).

Tasks write part files themselves and send back one record each, so that no prediction goes through
the JVM and what counts as output is what successful tasks name. Driver only, but for the closure.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.errors import ConfigError, InputMismatchError
from scorecast.spark.column_function import column_of
from scorecast.spark.frame import FramePlan
from scorecast.spark.types import is_variant, result_to_arrow, to_arrow
from scorecast.spark.variants import has_variant
from scorecast.worker.handle import ModelHandle
from scorecast.worker.parts import PartOptions, partition_problems
from scorecast.worker.places import Places
from scorecast.worker.predict import PredictPlan
from scorecast.worker.task import TaskPlan, TaskRecord, read_record, run_task

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

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


def plan_job(
    spark: SparkSession,
    df: DataFrame,
    frame: FramePlan,
    *,
    partition_by: Sequence[str],
    quarantine: bool,
) -> Job:
    """Decide how files are written.

    Raises:
        ConfigError: Columns cannot be written, or the output cannot be partitioned by them.
    """
    zone = frame.model.time_zone
    problems = [
        f'column "{field.name}" of type {field.dataType.simpleString()} cannot be written by the '
        "job; leave it out with keep, or cast it"
        for field in frame.schema.fields[:-1]
        if not _passes(field.dataType)
    ]
    if has_variant(frame.schema.fields[-1].dataType):
        problems.append("the result type variant cannot be written by the job; use string")
    if problems:
        raise ConfigError.from_problems("options", problems)
    *kept, output = frame.schema.fields
    schema = pa.schema(
        [
            *(pa.field(field.name, to_arrow(field.dataType, zone)) for field in kept),
            pa.field(output.name, result_to_arrow(frame.model.result_type, zone)),
        ]
    )
    if problems := partition_problems(schema, tuple(partition_by)):
        raise ConfigError.from_problems("options", problems)
    codec, version = str(spark.conf.get(_CODEC)), spark.version
    fields = [*kept, st.StructField(output.name, frame.model.result_type)]
    in_files = st.StructType([field for field in fields if field.name not in partition_by])
    by = st.StructType([frame.schema[name] for name in partition_by])
    parts = PartOptions(schema, _json(in_files), version, codec, tuple(partition_by))
    aside = _aside(df.schema, zone, version, codec, parts.partition_by) if quarantine else None
    return Job(frame, quarantine, parts, aside, st.StructType([*in_files.fields, *by.fields]))


def plan_tasks(  # noqa: PLR0913 - what a task needs to know
    job: Job,
    df: DataFrame,
    handle: ModelHandle,
    *,
    folder: str,
    notes: str,
    unit: str,
    names: Mapping[str, str],
    has_row: bool,
    allowed: int | None,
    batch_timeout: float | None,
) -> tuple[DataFrame, TaskPlan]:
    """Give the frame of exactly the columns that the tasks of a unit take, and their plan.

    Args:
        job: What is the same for all units.
        df: Rows of the unit.
        handle: The model.
        folder: Directory for part files, in one that is there.
        notes: Directory for notes to the driver.
        unit: Name of the unit.
        names: Path of each file as Spark spells it -> its path for people; empty where Spark does
            not tell files apart.
        has_row: Whether Spark tells the row in its file.
        allowed: Rows of the job that may fail.
        batch_timeout: Seconds that a call of the model may take.
    """
    frame = job.frame
    sent = list(frame.columns)
    columns = [column_of(name) for name in sent]
    if job.quarantine:
        rest = [name for name in df.columns if name not in sent]
        sent += rest
        columns += [_as_passing(df.schema[name]) for name in rest]
    places, more = _places(len(columns), names, has_row=has_row)
    selected = df.select(*(c.alias(f"c{i}") for i, c in enumerate([*columns, *more])))
    predict = PredictPlan(
        handle,
        frame.inputs,
        result_to_arrow(frame.model.result_type, frame.model.time_zone),
        frame.model.params,
        frame.model.options,
    )
    plan = TaskPlan(
        predict=predict,
        parts=job.parts,
        quarantine=job.aside,
        columns=tuple(sent.index(name) for name in df.columns) if job.quarantine else (),
        folder=folder,
        base=folder.rpartition("/")[0],
        notes=notes,
        unit=unit,
        places=places,
        allowed=allowed,
        batch_timeout=batch_timeout,
    )
    return selected, plan


def run_tasks(df: DataFrame, plan: TaskPlan) -> list[TaskRecord]:
    """Run the tasks of a unit and give their records, one for each that succeeded.

    Raises:
        Exception: Whatever Spark raises when a task fails too often, or the job is cancelled.
    """

    def on_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        assert context is not None  # noqa: S101 - this runs in a task
        partition, attempt = context.partitionId(), context.attemptNumber()
        record = run_task(batches, plan, partition=partition, attempt=attempt)
        yield pa.RecordBatch.from_pydict({"record": [record.to_json()]})

    return [read_record(row[0]) for row in df.mapInArrow(on_batches, "record string").collect()]


def _places(at: int, names: Mapping[str, str], *, has_row: bool) -> tuple[Places, list[Column]]:
    """Give the columns that say where a row comes from: a number of its file, and the row in it."""
    if not names:
        return Places(), []
    path: Column = F.col("_metadata.file_path")
    salt, numbers = _numbers(names)
    columns = [F.crc32(F.md5(F.concat(F.lit(salt), path)) if salt else path)]
    if has_row:
        columns.append(F.col("_metadata.row_index"))
    return Places(at, at + 1 if has_row else None, numbers), columns


def _numbers(names: Mapping[str, str]) -> tuple[str, dict[int, str]]:
    """Number files by the CRC-32 of their paths, which Spark and Python both have.

    Paths of one length that share it do so with any salt, so a salt goes through MD5 before.
    """
    salt = ""
    while True:
        numbers: dict[int, str] = {}
        for spelling, name in names.items():
            text = (salt + spelling).encode()
            digest = hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
            number = zlib.crc32(digest if salt else text)
            if numbers.setdefault(number, name) != name:
                break
        else:
            return salt, numbers
        salt += "."


def _aside(
    schema: st.StructType, zone: str, version: str, codec: str, partition_by: tuple[str, ...]
) -> PartOptions:
    """Decide how rows that fail are written: in the partitions of the output, where they can."""
    by = partition_by if set(partition_by) <= set(schema.names) else ()
    fields = [
        field if _passes(field.dataType) else st.StructField(field.name, st.StringType())
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
    return PartOptions(arrow, _json(in_files), version, codec, by)


def _as_passing(field: st.StructField) -> Column:
    column = column_of(field.name)
    return column if _passes(field.dataType) else column.cast("string")


def _passes(kind: st.DataType) -> bool:
    """Tell whether values of a type come to Python as they are in parquet."""
    if is_variant(kind):
        return False
    try:
        to_arrow(kind, "UTC")
    except InputMismatchError:
        return False
    return True


def _json(schema: st.StructType) -> str:
    """Give the JSON of a schema as Spark writes it into files, where every column may be NULL."""
    return st.StructType.fromJson(_nullable(schema.jsonValue())).json()


def _nullable(value: Any) -> Any:
    if isinstance(value, list):
        return [_nullable(item) for item in value]
    if not isinstance(value, dict):
        return value
    flags = ("nullable", "containsNull", "valueContainsNull")
    return {k: True if k in flags else _nullable(v) for k, v in value.items()}
