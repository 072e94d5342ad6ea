"""Local files -> Arrow batches, read as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scorecast.errors import InputDataError
from scorecast.local.csv_files import open_csv
from scorecast.local.formats import Format, format_of
from scorecast.local.json_files import open_json
from scorecast.local.rows import Rows, unreadable
from scorecast.models.signature import Signature

_BATCH_ROWS = 16_384


def open_rows(source: Path, signature: Signature, output: Format) -> Rows:
    """Open a file of rows by the format that its name tells.

    Args:
        source: The file.
        signature: What the model declares; texts are read as it says.
        output: Format that kept columns are written in.

    Raises:
        ConfigError: The name tells no format.
        InputDataError: There is no such file, or it cannot be read.
    """
    kind = format_of(source, "input")
    if not source.is_file():
        message = f'The input "{source}" does not exist, or is not a file. Check the path.'
        raise InputDataError(message)
    match kind:
        case "parquet":
            return _open_parquet(source)
        case "csv":
            return open_csv(source, signature, verbatim=output == "csv")
        case "json":
            return open_json(source, signature)


def _open_parquet(source: Path) -> Rows:
    try:
        with pq.ParquetFile(source) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise unreadable(source, str(error).rstrip(".")) from error

    def read(keep: Sequence[str], inputs: Sequence[str]) -> Iterator[pa.RecordBatch]:
        names = [*keep, *inputs]
        wanted = pa.schema([schema.field(name) for name in names])
        try:
            with pq.ParquetFile(source) as file:
                for batch in file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys(names))):
                    arrays = [batch.column(name) for name in names]
                    yield pa.RecordBatch.from_arrays(arrays, schema=wanted)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(source, str(error).rstrip(".")) from error

    return Rows(schema, schema, read)
