"""Read published part files through pyarrow, where Spark has no connector for their store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from scorecast.worker.partitions import NO_VALUE
from scorecast.worker.storage import filesystem_of


def read_parts(
    files: Sequence[str], schema: pa.Schema, partition_by: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Give the rows of part files. Runs in a Python worker, once per task.

    Args:
        files: Paths or URIs, with directories ``column=value`` of partitions in them.
        schema: Columns to give, those of partitions included.
        partition_by: Columns whose values are in the paths.
    """
    for file in files:
        values = _partition_values(file, partition_by)
        filesystem, path = filesystem_of(file)
        with filesystem.open_input_file(path) as source:
            for batch in pq.ParquetFile(source).iter_batches():
                yield _completed(batch, schema, values)


def _partition_values(file: str, partition_by: Sequence[str]) -> dict[str, str | None]:
    pairs = (step.partition("=") for step in file.split("/") if "=" in step)
    found = {unquote(name): unquote(value) for name, _, value in pairs}
    return {name: None if found[name] == NO_VALUE else found[name] for name in partition_by}


def _completed(
    batch: pa.RecordBatch, schema: pa.Schema, values: Mapping[str, str | None]
) -> pa.RecordBatch:
    columns = [
        pa.array([values[field.name]] * batch.num_rows, pa.string()).cast(field.type)
        if field.name in values
        else batch.column(field.name).cast(field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
