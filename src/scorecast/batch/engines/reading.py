"""How the arrow engine reads an input: which row groups of which files, in which columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import types as st

from scorecast.batch.engines.spans import Sizes, spans_of
from scorecast.batch.file_names import shown
from scorecast.batch.footers import Footer
from scorecast.spark.types import to_arrow
from scorecast.worker.conditions import Comparison, met
from scorecast.worker.row_groups import ReadPlan, Span


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of an input that the arrow engine can read. Driver only.

    Attributes:
        schema: Columns of the input.
        footers: Footer of each file.
        directory: Names of needed columns that come from the names of directories.
        values: Their values for each file.
        conditions: What rows have to meet.
        batch_rows: Most rows of a batch.
        sizes: How large tasks are.
        cores: Tasks that run at once.
    """

    schema: st.StructType
    footers: Mapping[str, Footer]
    directory: tuple[str, ...]
    values: Mapping[str, tuple[Any, ...]]
    conditions: tuple[Comparison, ...]
    batch_rows: int
    sizes: Sizes
    cores: int

    def plan(self, columns: Sequence[str], time_zone: str, *, together: bool) -> ReadPlan:
        """Give how workers read.

        Args:
            columns: Columns that tasks take, in their order.
            time_zone: Time zone of the session.
            together: Whether rows of several files may come in one batch.
        """
        conditional = dict.fromkeys(condition.column for condition in self.conditions)
        more = [name for name in conditional if name not in columns]
        return ReadPlan(
            columns=self._arrow(columns, time_zone),
            directory=self.directory,
            conditions=self.conditions,
            more=self._arrow(more, time_zone),
            batch_rows=self.batch_rows,
            together=together,
        )

    def spans(self, files: Sequence[str]) -> list[Span]:
        """Give the row groups of files, one span for each, in the order of the files.

        Files whose directories tell that no row meets the conditions are left out.
        """
        return [
            span
            for number, path in enumerate(files)
            if self._may_meet(path)
            for span in self._of_file(number, path)
        ]

    def _may_meet(self, path: str) -> bool:
        known = [found for found in self.conditions if found.column in self.directory]
        if not known:
            return True
        values = zip(self.directory, self.values[path], strict=True)
        row = pa.RecordBatch.from_pylist([dict(values)], self._arrow(self.directory, "UTC"))
        return bool(met(row, known)[0].as_py())

    def _of_file(self, number: int, path: str) -> Iterator[Span]:
        whole = Span(path, shown(path), number, (), 0, 0, self.values.get(path, ()), 1)
        return spans_of(whole, self.footers[path].groups)

    def _arrow(self, names: Sequence[str], time_zone: str) -> pa.Schema:
        return pa.schema(
            [(name, to_arrow(self.schema[name].dataType, time_zone)) for name in names]
        )
