"""Arrow batches -> a local file or stdout, complete or not at all."""

from __future__ import annotations

import base64
import json
import math
import re
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as pt

from scorecast.errors import OutputError
from scorecast.local.formats import Format
from scorecast.worker.arrow_types import is_list, readable
from scorecast.worker.nested import is_nested

Write = Callable[[pa.RecordBatch], None]

_SPECIAL = re.compile('[,"\r\n]')
_NOTHING = '""'


def check_writable(schema: pa.Schema, kind: Format) -> None:
    """Refuse columns that a format has no form for, before any row is predicted.

    Raises:
        OutputError: There are some; all of them are named.
    """
    nested = [f"{f.name} ({readable(f.type)})" for f in schema if is_nested(f.type)]
    if kind == "csv" and nested:
        message = (
            f"The columns {', '.join(nested)} cannot be written as csv. Write json or parquet, or "
            "keep other columns."
        )
        raise OutputError(message)


@contextmanager
def open_output(output: Path | None) -> Iterator[IO[bytes]]:
    """Give a stream; a file is written beside its place and renamed when the block has ended.

    Raises:
        OutputError: The file cannot be written.
    """
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    temporary = output.with_name(f".{output.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as stream:
            yield stream
        temporary.replace(output)
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
    """Write all batches, and give the number of rows."""
    rows = 0
    with _writer(stream, schema, kind) as write:
        for batch in batches:
            write(batch)
            rows += batch.num_rows
    return rows


def _writer(stream: IO[bytes], schema: pa.Schema, kind: Format) -> AbstractContextManager[Write]:
    match kind:
        case "parquet":
            return _parquet_writer(stream, schema)
        case "csv":
            return _csv_writer(stream, schema)
        case "json":
            return _json_writer(stream)


@contextmanager
def _parquet_writer(stream: IO[bytes], schema: pa.Schema) -> Iterator[Write]:
    try:
        writer = pq.ParquetWriter(stream, schema)
    except pa.ArrowNotImplementedError as error:
        message = f"The columns cannot be written as parquet: {error}. Write json, or keep others."
        raise OutputError(message) from error
    with writer:
        yield writer.write_batch


@contextmanager
def _csv_writer(stream: IO[bytes], schema: pa.Schema) -> Iterator[Write]:
    """Write with quotes only where they are needed, which neither Arrow nor Python does.

    Arrow quotes all texts, Python none that hold a carriage return, which others read as a line.
    """

    def write_lines(lines: Iterable[Iterable[str]]) -> None:
        # A line of nothing is no row to most readers.
        stream.write("".join(f"{','.join(cells) or _NOTHING}\n" for cells in lines).encode())

    def write(batch: pa.RecordBatch) -> None:
        write_lines(zip(*(map(_csv_cell, c.to_pylist()) for c in batch.columns), strict=True))

    write_lines([map(_quoted, schema.names)])
    yield write


@contextmanager
def _json_writer(stream: IO[bytes]) -> Iterator[Write]:
    def write(batch: pa.RecordBatch) -> None:
        for record in batch.to_pylist():
            values = {f.name: _json_value(record[f.name], f.type) for f in batch.schema}
            text = json.dumps(values, ensure_ascii=False, allow_nan=False)
            stream.write(f"{text}\n".encode())

    yield write


def _csv_cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
    return _quoted(_text(value))


def _quoted(text: str) -> str:
    if _SPECIAL.search(text) is None:
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _json_value(value: Any, kind: pa.DataType) -> Any:
    """Give a value that JSON has a form for; floats that it has no numbers for are as in Spark."""
    if value is None:
        return None
    if pt.is_map(kind):
        return {_text(key): _json_value(item, kind.item_type) for key, item in value}
    if is_list(kind):
        return [_json_value(item, kind.value_type) for item in value]
    if pt.is_struct(kind):
        return {member.name: _json_value(value[member.name], member.type) for member in kind}
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
        case str() | bool() | int() | float():
            return value
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
