"""Which engine does a job, and why. Driver only, once per job, when the footers are known.

The arrow engine takes a job only where it gives the same rows and values as Spark does; the tables
below say where that is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import pyarrow as pa

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.directories import DirectoryError, directory_values
from scorecast.batch.engines.job import Job, passes, sent_columns
from scorecast.batch.engines.reading import Reading
from scorecast.batch.engines.spans import Sizes, task_bytes
from scorecast.batch.file_names import shown
from scorecast.batch.footers import Footer
from scorecast.batch.inputs import Inputs
from scorecast.batch.schema_drift import reads_alike, spark_type
from scorecast.batch.where import simple_conditions
from scorecast.errors import ConfigError, RuntimeEnvironmentError
from scorecast.spark.types import to_arrow
from scorecast.spark.versions import parallelism
from scorecast.worker.conditions import Comparison
from scorecast.worker.row_groups import BATCH_ROWS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EngineName: TypeAlias = Literal["spark", "arrow"]

# Settings of Spark by which it reads parquet otherwise than it is written.
_AS_WRITTEN = {
    "spark.sql.caseSensitive": "false",
    "spark.sql.parquet.binaryAsString": "false",
    "spark.sql.parquet.mergeSchema": "false",
    "spark.sql.parquet.fieldId.read.enabled": "false",
    "spark.sql.parquet.int96TimestampConversion": "false",
}
_CALENDARS = (
    "spark.sql.parquet.datetimeRebaseModeInRead",
    "spark.sql.parquet.int96RebaseModeInRead",
)
_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
_BYTES = "spark.sql.files.maxPartitionBytes"
_DYNAMIC = "spark.dynamicAllocation.enabled"
# What the session says where nobody has set it: then the arrow engine takes what suits it.
_SPARKS_OWN_ROWS = 10_000
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine of a job.

    Attributes:
        engine: Its name.
        reason: Why, as a sentence without a full stop.
        reading: How the arrow engine reads; None for the spark engine.
    """

    engine: EngineName
    reason: str
    reading: Reading | None


def choose_engine(
    spark: SparkSession, config: BatchPredictConfig, inputs: Inputs, job: Job
) -> Choice:
    """Choose the engine that is asked for, or the arrow engine wherever it can do the job.

    Raises:
        ConfigError: The arrow engine is asked for and cannot do the job; says all reasons.
        RuntimeEnvironmentError: It cannot, and Spark has no connector for the input's store.
    """
    found = ["it was asked for"] if config.engine == "spark" else _plan(spark, config, inputs, job)
    if isinstance(found, Reading):
        asked = "it was asked for" if config.engine == "arrow" else "parquet in and out"
        return Choice("arrow", asked, found)
    if config.engine == "arrow":
        told = [f'engine "arrow" cannot do this job: {problem}' for problem in found]
        raise ConfigError.from_problems("batch job options", told)
    if not inputs.source.by_spark:
        raise _needs_connector(config, found)
    return Choice("spark", found[0], None)


def _plan(
    spark: SparkSession, config: BatchPredictConfig, inputs: Inputs, job: Job
) -> Reading | list[str]:
    """Give how the arrow engine reads the input, or why it cannot."""
    if problems := list(_of_job(spark, config, inputs)):
        return problems
    conditions = _conditions(config, inputs)
    if conditions is None:
        return ["only Spark evaluates the condition of --where"]
    columns = sent_columns(job, inputs.source.df.columns)
    if problems := list(_of_columns(spark, inputs, columns, conditions)):
        return problems
    try:
        return _reading(spark, inputs, columns, conditions)
    except DirectoryError as error:
        return [str(error)]


def _needs_connector(
    config: BatchPredictConfig, problems: Sequence[str]
) -> RuntimeEnvironmentError:
    return RuntimeEnvironmentError(
        f'Spark has no connector for the store of the input "{", ".join(config.inputs)}", and '
        f"the spark engine was chosen: {'; '.join(problems)}. Give Spark the connector "
        "(spark.jars.packages), or change what the reason names."
    )


def _of_job(spark: SparkSession, config: BatchPredictConfig, inputs: Inputs) -> Iterator[str]:
    if config.input_format != "parquet":
        yield f"the input format is {config.input_format}"
        return
    if config.input_options:
        yield f"Spark knows the input options {', '.join(config.input_options)}"
    if inputs.held and not inputs.files:
        yield "Spark does not tell the rows of files apart"
    for name, value in _AS_WRITTEN.items():
        if str(spark.conf.get(name, value)).casefold() != value:
            yield f"the session sets {name}"


def _conditions(config: BatchPredictConfig, inputs: Inputs) -> tuple[Comparison, ...] | None:
    if config.where is None:
        return ()
    return simple_conditions(config.where, inputs.source.df.schema)


def _of_columns(
    spark: SparkSession,
    inputs: Inputs,
    columns: Sequence[str],
    conditions: Sequence[Comparison],
) -> Iterator[str]:
    schema = inputs.source.df.schema
    needed = dict.fromkeys([*columns, *(condition.column for condition in conditions)])
    wanted: dict[str, pa.DataType] = {}
    for name in needed:
        kind = schema[name].dataType
        if not passes(kind):
            yield f'column "{name}" is {kind.simpleString()}'
        else:
            wanted[name] = spark_type(to_arrow(kind, "UTC"))
    modern = all(str(spark.conf.get(name)).upper() == "CORRECTED" for name in _CALENDARS)
    with_times = {name for name, kind in wanted.items() if _has_times(kind)}
    seen: set[pa.Schema] = set()
    for footer in inputs.footers.values():
        if with_times and not (
            footer.calendar == "modern" or (footer.calendar == "unsaid" and modern)
        ):
            yield f"dates or times of {shown(footer.path)} may be of another calendar"
            return
        if footer.past_arrow or footer.schema not in seen:
            seen.add(footer.schema)
            yield from _of_types(footer, wanted)


def _of_types(footer: Footer, wanted: Mapping[str, pa.DataType]) -> Iterator[str]:
    found = {field.name.casefold(): field.type for field in footer.schema}
    past_arrow = {name.casefold() for name in footer.past_arrow}
    for name, kind in wanted.items():
        if name.casefold() in past_arrow:
            yield f'column "{name}" of {shown(footer.path)} holds NULL among lists of one length'
        theirs = found.get(name.casefold())
        if theirs is not None and not _alike(theirs, kind):
            yield f'column "{name}" is {theirs} in {shown(footer.path)} and {kind} to Spark'


def _alike(theirs: pa.DataType, ours: pa.DataType) -> bool:
    """Tell whether Arrow converts as Spark does; members of structs it does not look up by case."""
    if pa.types.is_nested(ours):
        return bool(theirs == ours)
    return reads_alike(theirs, ours)


def _has_times(kind: pa.DataType) -> bool:
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return True
    return any(_has_times(kind.field(i).type) for i in range(kind.num_fields))


def _reading(
    spark: SparkSession,
    inputs: Inputs,
    columns: Sequence[str],
    conditions: tuple[Comparison, ...],
) -> Reading:
    schema = inputs.source.df.schema
    in_files = {name.casefold() for f in inputs.footers.values() for name in f.schema.names}
    asked = dict.fromkeys([*columns, *(condition.column for condition in conditions)])
    directory = [schema[name] for name in asked if name.casefold() not in in_files]
    paths = [file.path for file in inputs.files]
    if inputs.footers:
        taken = [name for name in schema.names if name.casefold() in in_files]
        values = directory_values(paths, directory, taken)
    else:
        values = {}
    rows, size = int(str(spark.conf.get(_ROWS))), bytes_of(str(spark.conf.get(_BYTES)))
    return Reading(
        schema=schema,
        footers=inputs.footers,
        directory=tuple(field.name for field in directory),
        values=values,
        conditions=conditions,
        batch_rows=BATCH_ROWS if rows == _SPARKS_OWN_ROWS or rows < 1 else rows,
        sizes=Sizes(
            task_bytes(size, dynamic=str(spark.conf.get(_DYNAMIC, "false")).lower() == "true"),
            bytes_of(str(spark.conf.get("spark.sql.files.openCostInBytes"))),
        ),
        cores=parallelism(spark),
    )


def bytes_of(text: str) -> int:
    """Read a size as Spark writes it, such as ``134217728b`` or ``128m``."""
    found = re.fullmatch(r"(\d+)\s*([kmgt]?)b?", text.strip().lower())
    return int(found[1]) * _UNITS[found[2]] if found else 128 << 20
