"""Local files -> Arrow batches, read as they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from scorecast.errors import InputDataError
from scorecast.local.formats import format_of
from scorecast.models.signature import Signature, Tensor
from scorecast.worker.arrow_types import arrow_type

_BATCH_ROWS = 16_384


@contextmanager
def open_batches(
    source: Path, signature: Signature
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    kind = format_of(source, "input")
    if not source.is_file():
        message = f'The input "{source}" does not exist, or is not a file. Check the path.'
        raise InputDataError(message)
    try:
        match kind:
            case "parquet":
                with pq.ParquetFile(source) as file:
                    yield file.schema_arrow, file.iter_batches(_BATCH_ROWS)
            case "csv":
                with _open_csv(source, signature) as reader:
                    yield reader.schema, _batches(reader, source)
            case "json":
                table = _read_json(source, signature)
                yield table.schema, iter(table.to_batches(_BATCH_ROWS))
    except pa.ArrowInvalid as error:
        raise _unreadable(source, error) from error


def _open_csv(source: Path, signature: Signature) -> Any:
    types = _declared_types(signature)
    convert = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    return pa.csv.open_csv(source, convert_options=convert)


def _batches(reader: Any, source: Path) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            yield reader.read_next_batch()
        except StopIteration:
            return
        except pa.ArrowInvalid as error:
            raise _unreadable(source, error) from error


def _read_json(source: Path, signature: Signature) -> pa.Table:
    with source.open("rb") as stream:
        is_list = stream.read(1024).lstrip()[:1] == b"["
    if is_list:
        records = json.loads(source.read_text(encoding="utf-8"))
        names = list(dict.fromkeys(name for record in records for name in record))
        return pa.table({name: [record.get(name) for record in records] for name in names})
    fields = [pa.field(name, kind) for name, kind in _declared_types(signature).items()]
    options = pa.json.ParseOptions(explicit_schema=pa.schema(fields))
    return pa.json.read_json(source, parse_options=options)


def _declared_types(signature: Signature) -> dict[str, pa.DataType]:
    """Give the types that text is to be read as, so that they do not depend on the first rows."""
    declared = {
        spec.name: arrow_type(spec.type)
        for spec in signature.inputs or ()
        if spec.name is not None and not isinstance(spec.type, Tensor)
    }
    return {name: kind for name, kind in declared.items() if kind is not None}


def _unreadable(source: Path, error: Exception) -> InputDataError:
    reason = str(error).partition(":")[0] if "conversion error" in str(error) else str(error)
    return InputDataError(
        f'Cannot read "{source}": {reason}. Check that the file is of the format that its name '
        "says, and that its columns hold what the model takes."
    )
