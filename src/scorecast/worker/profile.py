"""The profile of a task: statistics of a sample of its rows, taken while it predicts.

Which rows are in the sample follows from their position in their file alone, so that it is the same
whatever tasks the rows come to and in whatever order, on every engine: of each block of ``2^bits``
rows one, at a place that changes from block to block. A stride of always the same place would meet
the same hour of every day in a file that is sorted by time. Where a source tells no position, it is
that in the task.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from scorecast.errors import MissingExtraError
from scorecast.worker.column_profile import (
    ColumnProfile,
    column_from_plain,
    kind_of,
    new_quantiles,
)
from scorecast.worker.storage import filesystem_of, is_local, make_directory, write_failed

# Many batches give a few rows each; statistics of a column cost a call whatever the rows.
_ROWS_AT_ONCE = 16_384
_BYTES_AT_ONCE = 32 << 20
# 2^64 divided by the golden ratio: its multiples spread evenly (Knuth, section 6.4).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """What is profiled; decided on the driver. Small, picklable.

    Attributes:
        inputs: Positions of the columns of a batch that the model is given.
        bits: One row of ``2^bits`` is profiled; 0 for all.
        row: Position of the column with the row in its file, or None.
        folder: Path or URI of the directory for the profiles of tasks, where they write any.
    """

    inputs: tuple[int, ...]
    bits: int
    row: int | None = None
    folder: str = ""


def sampled(first: int, rows: int, bits: int) -> np.ndarray[Any, Any]:
    """Give which of some rows are in the sample.

    Args:
        first: Position of the first row in its file.
        rows: How many rows follow one another from there.
        bits: One row of ``2^bits`` is in the sample.

    Returns:
        Indices from 0 to `rows` - 1, sorted.
    """
    blocks = np.arange(first >> bits, ((first + rows - 1) >> bits) + 1, dtype=np.int64)
    found = (blocks << bits) + _offsets(blocks, bits) - first
    within: np.ndarray[Any, Any] = found[(found >= 0) & (found < rows)]
    return within


def _offsets(blocks: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    spread = blocks.astype(np.uint64) * _GOLDEN
    offsets: np.ndarray[Any, Any] = (spread >> np.uint64(64 - bits)).astype(np.int64)
    return offsets


@dataclass(slots=True)
class Profiler:
    """Takes the statistics of one task.

    Attributes:
        plan: What to profile.
        columns: Statistics of the columns so far, those of inputs first; empty before any row.
    """

    plan: ProfilePlan
    columns: list[ColumnProfile] = field(default_factory=list)
    _inputs: list[pa.RecordBatch] = field(default_factory=list)
    _predictions: list[pa.Array] = field(default_factory=list)
    _waiting: int = 0
    _bytes: int = 0
    _seen: int = 0
    _rows: int = 0

    def add(self, batch: pa.RecordBatch, predictions: pa.Array, well: pa.Array | None) -> None:
        """Take in a batch, once its predictions are certain.

        Args:
            batch: The rows.
            predictions: One for each row.
            well: Whether a row has its prediction; None for all of them.
        """
        taken = self._taken(batch)
        self._seen += batch.num_rows
        part = batch.select(self.plan.inputs)
        if taken is not None:
            rows = pa.array(taken)
            part, predictions = part.take(rows), predictions.take(rows)
            well = None if well is None else well.take(rows)
        if not len(predictions):
            return
        self._rows += len(predictions)
        self._waiting += len(predictions)
        self._inputs.append(part)
        self._predictions.append(predictions if well is None else predictions.filter(well))
        self._bytes += part.get_total_buffer_size()
        if self._waiting >= _ROWS_AT_ONCE or self._bytes >= _BYTES_AT_ONCE:
            self._count()

    def result(self) -> dict[str, Any]:
        """Give the profile as values that JSON can hold; without columns where it is of no row."""
        self._count()
        columns = [column.to_plain() for column in self.columns]
        return {"rows": self._rows, "bits": self.plan.bits, "columns": columns}

    def _taken(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any] | None:
        plan, rows = self.plan, batch.num_rows
        if not plan.bits:
            return None
        if plan.row is None or not rows:
            return sampled(self._seen, rows, plan.bits)
        places = batch.column(plan.row)
        first, last = places[0].as_py(), places[-1].as_py()
        if last - first + 1 == rows:
            return sampled(first, rows, plan.bits)
        # A condition has left rows out, or they come from several files.
        numbers = places.to_numpy(zero_copy_only=False)
        blocks = numbers >> plan.bits
        return np.flatnonzero(numbers == (blocks << plan.bits) + _offsets(blocks, plan.bits))

    def _count(self) -> None:
        if not self._inputs:
            return
        inputs = [
            pa.concat_arrays([_plain(part.column(i)) for part in self._inputs])
            for i in range(len(self.plan.inputs))
        ]
        arrays = [*inputs, *members(pa.concat_arrays(self._predictions))]
        self._inputs, self._predictions, self._waiting, self._bytes = [], [], 0, 0
        if not self.columns:
            self.columns = [ColumnProfile.of(kind_of(array.type)) for array in arrays]
        for column, array in zip(self.columns, arrays, strict=True):
            column.add(array)


def members(predictions: pa.Array) -> Sequence[pa.Array]:
    """Give the predictions column by column: those of a struct are its members."""
    if not pa.types.is_struct(predictions.type):
        return [predictions]
    flat: Sequence[pa.Array] = predictions.flatten()
    return flat


def can_profile() -> bool:
    """Tell whether the library for profiles is installed in this process."""
    try:
        new_quantiles()
    except MissingExtraError:
        return False
    return True


def merged(profiles: Iterable[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    """Merge profiles of the same columns and ``bits``, such as those of the tasks of a unit.

    Args:
        profiles: What `Profiler.result` gave, or this function; None where none could be taken.

    Returns:
        None where none was taken of anything.
    """
    whole: dict[str, Any] | None = None
    columns = list[ColumnProfile]()
    for profile in profiles:
        if profile is None:
            continue
        if whole is None:
            whole = dict(profile)
            continue
        columns = columns or [column_from_plain(column) for column in whole["columns"]]
        more = [column_from_plain(column) for column in profile["columns"]]
        for column, other in zip(columns, more, strict=bool(columns and more)):
            column.merge(other)
        columns = columns or more
        whole["rows"] += profile["rows"]
    if whole is not None and columns:
        whole["columns"] = [column.to_plain() for column in columns]
    return whole


def write_profile(folder: str, unit: str, name: str, content: Mapping[str, Any]) -> str:
    """Write the profile of a task: of wide data it is too large for what Spark collects.

    Runs on a worker, once per attempt of a task.

    Args:
        folder: Path or URI of the directory for profiles, which has to be there on a local file
            system.
        unit: Name of the unit.
        name: Name of the task, which no other attempt has.
        content: What `Profiler.result` gave.

    Returns:
        Path of the file in `folder`.

    Raises:
        OutputError: The file system refuses.
        ValueError: No folder is given.
    """
    if not folder:
        message = "the plan names no directory for statistics"
        raise ValueError(message)
    path = f"{unit}/{name}.json"
    filesystem, root = filesystem_of(folder)
    try:
        if is_local(filesystem):
            make_directory(f"{root}/{unit}", root)
        with filesystem.open_output_stream(f"{root}/{path}") as stream:
            stream.write(json.dumps(content).encode())
    except OSError as error:
        raise write_failed("statistics", filesystem, root, error) from error
    return path


def _plain(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
