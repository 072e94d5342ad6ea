"""Where rows come from: the file of the input and the row in it, for messages and quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Places:
    """How batches say where their rows come from.

    Attributes:
        file: Position of the column with the number of the file, or None.
        row: Position of the column with the row in its file, counted from 0, or None.
        names: Number of a file -> its path, for people.
    """

    file: int | None = None
    row: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)

    def files_of(self, batch: pa.RecordBatch) -> pa.Array:
        """Give the path of the file of each row; NULL where it is not known."""
        if self.file is None:
            return pa.nulls(batch.num_rows, pa.string())
        coded = batch.column(self.file).dictionary_encode()
        names = [self.names.get(number) for number in coded.dictionary.to_pylist()]
        return pc.take(pa.array(names, pa.string()), coded.indices)

    def describe(self, batches: Sequence[pa.RecordBatch], before: int, partition: int) -> str:
        """Say in a sentence where rows are that were being predicted on.

        Args:
            batches: The rows.
            before: Rows of the task before them.
            partition: Number of the task.
        """
        rows = sum(batch.num_rows for batch in batches)
        if not rows:
            return f"It happened in task {partition}."
        text = f"It happened in rows {before} to {before + rows - 1} of task {partition}"
        if self.file is None:
            return f"{text}."
        filled = [batch for batch in batches if batch.num_rows]
        first, last = (self._place(filled[0], 0), self._place(filled[-1], -1))
        if first[0] == last[0]:
            return f'{text}: file "{first[0]}"{_rows(first[1], last[1])}.'
        return (
            f'{text}: from file "{first[0]}"{_rows(first[1], None)} '
            f'to file "{last[0]}"{_rows(last[1], None)}.'
        )

    def _place(self, batch: pa.RecordBatch, at: int) -> tuple[str | None, int | None]:
        files = batch.column(self.file)
        row = None if self.row is None else batch.column(self.row)[at % batch.num_rows].as_py()
        return self.names.get(files[at % batch.num_rows].as_py()), row


def _rows(first: int | None, last: int | None) -> str:
    if first is None:
        return ""
    return f", row {first}" if last is None else f", rows {first} to {last}"
