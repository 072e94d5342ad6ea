"""Arrow batches -> a local file or stdout, complete or not at all."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from scorecast.errors import OutputError
from scorecast.local.formats import Format


@contextmanager
def open_output(output: Path | None) -> Iterator[IO[bytes]]:
    """Give a stream; a file is written beside its place and renamed when the block has ended."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    temporary = output.with_name(f".{output.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as stream:
            yield stream
        os.replace(temporary, output)
    except OSError as error:
        message = (
            f'Cannot write "{output}": {error.strerror}. What was there before is still there.'
        )
        raise OutputError(message) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_batches(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, stream: IO[bytes], kind: Format
) -> int:
    rows = 0
    try:
        with _writer(stream, schema, kind) as write:
            for batch in batches:
                write(batch)
                rows += batch.num_rows
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        message = (
            f"The columns cannot be written as {kind}: {error}. Lists and records need json or "
            "parquet."
        )
        raise OutputError(message) from error
    return rows


def _writer(stream: IO[bytes], schema: pa.Schema, kind: Format) -> AbstractContextManager[Any]:
    match kind:
        case "parquet":
            return _arrow_writer(pq.ParquetWriter(stream, schema))
        case "csv":
            return _arrow_writer(pa.csv.CSVWriter(stream, schema))
        case "json":
            return _json_writer(stream)


@contextmanager
def _arrow_writer(writer: Any) -> Iterator[Any]:
    with writer:
        yield writer.write_batch if hasattr(writer, "write_batch") else writer.write


@contextmanager
def _json_writer(stream: IO[bytes]) -> Iterator[Any]:
    def write(batch: pa.RecordBatch) -> None:
        for record in batch.to_pylist(maps_as_pydicts="strict"):
            text = json.dumps(record, default=_json_value, ensure_ascii=False)
            stream.write(f"{text}\n".encode())

    yield write


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
