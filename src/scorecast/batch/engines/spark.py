"""The engine that reads whatever Spark reads: rows come to Python as Arrow batches (mapInArrow).

Tasks write part files themselves and send back one record each, so that no prediction goes through
the JVM and what counts as output is what successful tasks name. Driver only, but for the closure.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.batch.engines.job import Attempt, Shared, passes, plan_task, run_tasks, sent_columns
from scorecast.batch.inputs import Inputs
from scorecast.batch.units import UnitOutcome
from scorecast.spark.column_function import column_of
from scorecast.worker.places import Places

if TYPE_CHECKING:
    from pyspark.sql import Column


def predict_unit(shared: Shared, inputs: Inputs, attempt: Attempt) -> UnitOutcome:
    """Predict on a unit.

    Raises:
        Exception: Whatever Spark raises when a task fails too often, or the job is cancelled.
    """
    rows, counted = inputs.rows_of(attempt.files, count=attempt.count)
    sent = sent_columns(shared.job, rows.columns)
    columns = [_as_passing(rows.schema[name]) for name in sent]
    names, has_row = inputs.names(attempt.files), inputs.source.has_row_index
    places, more = _places(len(columns), names, has_row=has_row)
    selected = rows.select(*(c.alias(f"c{i}") for i, c in enumerate([*columns, *more])))
    task = plan_task(shared, attempt, places, rows.columns)
    records = run_tasks(selected, task, iter)
    return UnitOutcome(records, inputs.rows_read(attempt.files, records, counted()))


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


def _as_passing(field: st.StructField) -> Column:
    column = column_of(field.name)
    return column if passes(field.dataType) else column.cast("string")
