"""What statistics a job takes, of which columns and of how many rows. Driver only."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import types as st

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.engines.job import Job
from scorecast.batch.inputs import Inputs
from scorecast.batch.profile_columns import Column
from scorecast.spark.types import result_to_arrow, to_arrow
from scorecast.worker.column_profile import ColumnProfile, kind_of, new_quantiles
from scorecast.worker.profile import ProfilePlan, can_profile

# Enough for a drift of 0.01 to mean something. A row of 20 numbers costs about a microsecond.
_LEAST_ROWS = 1 << 13
# Of wide data fewer rows are as many values, down to where shares of bins are still known.
_LEAST_VALUES = 50 * _LEAST_ROWS
_FEWEST_ROWS = 1 << 10
_MOST_BITS = 10
# What a row is taken to have where nobody knows how many there are.
_BYTES_A_ROW = 100
# Four times as many rows, where a condition leaves some of them, as it may leave few.
_FILTERED_BITS = 2
# For sources that do not say how much there is.
_UNKNOWN_BITS = 4


def plan_profile(config: BatchPredictConfig, job: Job, inputs: Inputs) -> ProfilePlan | None:
    """Decide what statistics are taken.

    Returns:
        None where none are asked for, or none were and the library for them is missing.

    Raises:
        MissingExtraError: The library is missing, and options need it.
    """
    if config.profile == "off":
        return None
    if config.profile == "full" or config.baseline is not None or config.max_drift is not None:
        new_quantiles()
    elif not can_profile():
        return None
    sources = tuple(_sources(job))
    return ProfilePlan(sources, _bits(config, inputs, len(sources)))


def _bits(config: BatchPredictConfig, inputs: Inputs, columns: int) -> int:
    gated = config.baseline is not None or config.max_drift is not None
    rows, files = inputs.total_rows, inputs.held or inputs.listed
    is_known = rows is not None and config.where is None
    if rows is None and files:
        rows = sum(file.size for file in files) // _BYTES_A_ROW
    # Nobody knows how few rows there may be, and few rows drift by chance.
    if config.profile == "full" or (gated and not is_known):
        return 0
    if rows is None:
        return _UNKNOWN_BITS
    bits = sampling_bits(rows, columns)
    return bits if config.where is None else max(0, bits - _FILTERED_BITS)


def sampling_bits(rows: int, columns: int) -> int:
    """Give b so that one row of 2^b makes enough rows, and is one of at most 1,024.

    Args:
        rows: Rows of the input.
        columns: Columns of the profile.
    """
    enough = max(_FEWEST_ROWS, min(_LEAST_ROWS, _LEAST_VALUES // max(columns, 1)))
    return min(_MOST_BITS, max(0, (rows // enough).bit_length() - 1))


def profiled_columns(job: Job, inputs: Inputs) -> list[Column]:
    """Give the columns of a profile, in the order in which tasks give their statistics."""
    schema = inputs.source.df.schema
    given = [(job.frame.columns[i], "input") for i in _sources(job)]
    return [
        *(Column(name, role, schema[name].dataType.simpleString()) for name, role in given),
        *(Column(name, "prediction", kind.simpleString()) for name, kind in _predictions(job)),
    ]


def without_rows(job: Job, inputs: Inputs) -> list[ColumnProfile]:
    """Give the statistics of these columns where no row came to any task."""
    zone, schema = job.frame.model.time_zone, inputs.source.df.schema
    given = [to_arrow(schema[job.frame.columns[i]].dataType, zone) for i in _sources(job)]
    made = [result_to_arrow(kind, zone) for _, kind in _predictions(job)]
    return [ColumnProfile.of(kind_of(kind)) for kind in (*given, *made)]


def _sources(job: Job) -> Iterable[int]:
    """Give the positions of the model's inputs, each once."""
    return dict.fromkeys(column.source for column in job.frame.inputs.columns)


def _predictions(job: Job) -> list[tuple[str, st.DataType]]:
    name, kind = job.frame.schema.names[-1], job.frame.model.result_type
    if not isinstance(kind, st.StructType):
        return [(name, kind)]
    return [(f"{name}.{member.name}", member.dataType) for member in kind]
