"""Row groups of parquet files -> Arrow batches in the types in which Spark hands rows to Python.

Runs on workers, once per attempt of a task. No row goes through the JVM. The driver has found out
before that each column can be read so that it equals what Spark reads, see
`scorecast.batch.engines.choose`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorecast.errors import InputDataError, InputFileError, OutputError, one_line
from scorecast.worker.conditions import Comparison, may_meet, met
from scorecast.worker.storage import filesystem_of, is_local

BATCH_ROWS = 65_536
"""Rows of a batch: larger ones gain nothing more, see benchmarks/inner_loop.py."""

_BATCH_BYTES = 64 << 20
_BROKEN = re.compile(r'The input file "(.+)" is broken: ', re.DOTALL)
# What stores say that do not answer; it may be otherwise a moment later.
_STORE = re.compile(
    r"AWS Error|HTTP|Azure|google::cloud|GCS|HDFS|curl|connect|timed? ?out", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Span:
    """Row groups of one file that are read one after the other.

    Attributes:
        path: Path or URI of the file, as Spark lists it.
        name: The file as people write it, for messages.
        file: Number of the file, for `scorecast.worker.places`.
        groups: Numbers of the row groups, ascending, without gaps.
        first_row: Row of the file that the first group begins with.
        rows: Rows in the groups.
        directory: Values of the columns that come from the names of directories, in their order.
        row_bytes: Bytes of a row, as good as known.
    """

    path: str
    name: str
    file: int
    groups: tuple[int, ...]
    first_row: int
    rows: int
    directory: tuple[Any, ...]
    row_bytes: int


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """How spans are read; decided on the driver. Small, picklable.

    Attributes:
        columns: Columns of the batches, with the types that they have there.
        directory: Names of those that come from the names of directories.
        conditions: What rows have to meet, on columns of the batches or on `more`.
        more: Columns that only conditions need.
        batch_rows: Most rows of a batch.
        together: Whether rows of several files may come in one batch.
    """

    columns: pa.Schema
    directory: tuple[str, ...] = ()
    conditions: tuple[Comparison, ...] = ()
    more: pa.Schema = field(default_factory=lambda: pa.schema([]))
    batch_rows: int = BATCH_ROWS
    together: bool = True

    @property
    def schema(self) -> pa.Schema:
        """All columns that are read."""
        return pa.schema([*self.columns, *self.more])


def read_spans(spans: Sequence[Span], plan: ReadPlan) -> Iterator[pa.RecordBatch]:
    """Read the rows of spans that meet the conditions.

    Yields:
        Batches with the columns of the plan, then the number of the file and the row in it, named
        ``c0``, ``c1`` and so on. Small ones, as those of small files, come together.

    Raises:
        InputFileError: A file is broken.
        InputDataError: A file cannot be reached, or was replaced.
    """
    found = _of_spans(spans, plan)
    return _together(found, plan.batch_rows) if plan.together else found


def _of_spans(spans: Sequence[Span], plan: ReadPlan) -> Iterator[pa.RecordBatch]:
    for span in spans:
        rows = 0
        for row, batch in _read(span, plan):
            rows += batch.num_rows
            placed = _placed(_as_planned(batch, span, plan), span.file, row, plan)
            if placed.num_rows:
                yield placed
        if not plan.conditions and rows != span.rows:
            message = (
                f'The input file "{span.name}" gave {rows} rows, and its footer told {span.rows} '
                "when the job started. Run again once nothing changes the input."
            )
            raise InputDataError(message)


def _together(batches: Iterator[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    """Join batches that are together no larger than a large one: each costs a call of a model."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if waiting and (rows + batch.num_rows > most or size + batch.nbytes > _BATCH_BYTES):
            # Nothing of what is passed on is held while the model works on it.
            ready, waiting, rows, size = _joined(waiting), [], 0, 0
            yield ready
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= most or size >= _BATCH_BYTES:
            ready, waiting, rows, size = _joined(waiting), [], 0, 0
            yield ready
    if waiting:
        yield _joined(waiting)


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    (joined,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return joined


def _read(span: Span, plan: ReadPlan) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Read batches as they are in the file, each with the row of the file it begins with."""
    with _opened(span) as file:
        names = _names(file.schema_arrow.names, plan)
        in_file = list(dict.fromkeys(names.values()))
        # One by one: of a store, all row groups that are asked for stay in memory to the last.
        for first, group in _kept(file.metadata, span, plan, names):
            row = first
            batches = file.iter_batches(
                _batch_rows(span, plan), row_groups=[group], columns=in_file, use_threads=False
            )
            for batch in batches:
                yield row, batch
                row += batch.num_rows


def _as_planned(batch: pa.RecordBatch, span: Span, plan: ReadPlan) -> pa.RecordBatch:
    """Give the columns of the plan in its types; those of directories have one value for all."""
    names = _names(batch.schema.names, plan)
    arrays = []
    for wanted in plan.schema:
        if wanted.name in plan.directory:
            value = span.directory[plan.directory.index(wanted.name)]
            arrays.append(pa.repeat(pa.scalar(value, wanted.type), batch.num_rows))
        else:
            column = batch.column(batch.schema.get_field_index(names[wanted.name]))
            arrays.append(_converted(column, wanted, span))
    return pa.RecordBatch.from_arrays(arrays, schema=plan.schema)


def _converted(column: pa.Array, wanted: pa.Field, span: Span) -> pa.Array:
    if column.type == wanted.type:
        return column
    try:
        return column.cast(wanted.type)
    except pa.ArrowException as error:
        message = (
            f'The column "{wanted.name}" of the input file "{span.name}" is {column.type} and '
            f"cannot be read as {wanted.type}: {one_line(error)}. Nothing was published. Use "
            "--engine spark, or correct the file."
        )
        raise InputDataError(message) from error


def _placed(batch: pa.RecordBatch, file: int, row: int, plan: ReadPlan) -> pa.RecordBatch:
    """Add the places of rows, and leave out the rows that do not meet the conditions."""
    rows = batch.num_rows
    places = [
        pa.array(np.full(rows, file, np.int64)),
        pa.array(np.arange(row, row + rows, dtype=np.int64)),
    ]
    columns = [*batch.columns[: len(plan.columns)], *places]
    placed = pa.RecordBatch.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))])
    return placed.filter(met(batch, plan.conditions)) if plan.conditions else placed


def _names(in_file: Sequence[str], plan: ReadPlan) -> dict[str, str]:
    """Map the columns of the plan to those of a file; case counts where there is a choice."""
    folded = {name.casefold(): name for name in in_file}
    exact = set(in_file)
    return {
        name: name if name in exact else folded[name.casefold()]
        for name in plan.schema.names
        if name not in plan.directory
    }


def _kept(
    metadata: Any, span: Span, plan: ReadPlan, names: dict[str, str]
) -> Iterator[tuple[int, int]]:
    """Give the row groups in which rows may meet the conditions, each with its first row."""
    places = {metadata.schema.column(i).path: i for i in range(len(metadata.schema))}
    row = span.first_row
    for number in span.groups:
        group = metadata.row_group(number)
        if all(_may_hold(group, places, names, condition) for condition in plan.conditions):
            yield row, number
        row += group.num_rows


def _may_hold(
    group: Any, places: dict[str, int], names: dict[str, str], condition: Comparison
) -> bool:
    """Tell by its statistics whether a row group may hold a row that meets a condition."""
    place = places.get(names.get(condition.column, ""))
    statistics = None if place is None else group.column(place).statistics
    # Statistics of doubles say nothing of NaN, and those of text may be cut off.
    if statistics is None or not statistics.has_min_max or type(statistics.min) is not int:
        return True
    return may_meet(condition, statistics.min, statistics.max)


def _batch_rows(span: Span, plan: ReadPlan) -> int:
    return max(1, min(plan.batch_rows, _BATCH_BYTES // max(1, span.row_bytes)))


@contextmanager
def _opened(span: Span) -> Iterator[Any]:
    """Open a file, and tell for all that is read from it whether it is broken or out of reach."""
    try:
        filesystem, path = filesystem_of(span.path)
        with pq.ParquetFile(
            path,
            filesystem=filesystem,
            # A file that is cut off while it is mapped would kill the worker.
            memory_map=False,
            pre_buffer=not is_local(filesystem),
            coerce_int96_timestamp_unit="us",
            page_checksum_verification=True,
        ) as file:
            yield file
    except OutputError as error:
        raise InputDataError(str(error)) from error
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(span.name, error) from error


def _unreadable(name: str, error: Exception) -> InputDataError:
    """Tell a file that is broken from one that its store does not give."""
    reason = one_line(error).rstrip(".")
    number = getattr(error, "errno", None)
    if number is not None or (isinstance(error, OSError) and _STORE.search(reason)):
        reason = os.strerror(number) if number else reason
        return InputDataError(
            f'The input file "{name}" cannot be read: {reason}. Nothing was published. Make it '
            "readable for the workers, and run again."
        )
    return InputFileError(
        f'The input file "{name}" is broken: {reason}. Nothing was published. Write the file '
        "again, or leave such files out with --on-corrupt skip."
    )


def broken_file(error: Exception) -> str | None:
    """Give the name of the file that an error of `read_spans` says is broken, or None."""
    found = _BROKEN.match(str(error)) if isinstance(error, InputFileError) else None
    return None if found is None else found[1]
