"""One part file: how it is written, and the schema that readers find in it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as pt

from scorecast.errors import OutputMismatchError, UnknownNameError
from scorecast.worker.storage import Sink

# spark.sql.parquet.compression.codec -> codec of Arrow, and what Spark puts into names of files.
# Arrow writes the LZ4 of the parquet specification, Spark's "lz4" is an older form of Hadoop.
CODECS = {
    "none": ("none", ""),
    "uncompressed": ("none", ""),
    "snappy": ("snappy", ".snappy"),
    "gzip": ("gzip", ".gz"),
    "zstd": ("zstd", ".zstd"),
    "brotli": ("brotli", ".br"),
    "lz4": ("lz4", ".lz4raw"),
    "lz4_raw": ("lz4", ".lz4raw"),
}


@dataclass(frozen=True, slots=True)
class PartOptions:
    """How part files are written; decided on the driver. Small, picklable.

    Attributes:
        schema: Columns of the batches, in their order.
        spark_schema: JSON of the Spark schema of the columns in the files, which are those that
            the output is not partitioned by; empty to leave it out.
        spark_version: Version of Spark, for the footer; empty to leave it out.
        compression: Codec by the name that ``spark.sql.parquet.compression.codec`` has for it.
        partition_by: Names of columns whose values make directories.
        row_group_rows: Most rows of a row group.
        row_group_bytes: Most bytes of a row group in memory, but for a single row that is larger.

    Raises:
        UnknownNameError: There is no such codec.
    """

    schema: pa.Schema
    spark_schema: str
    spark_version: str
    compression: str
    partition_by: tuple[str, ...] = ()
    row_group_rows: int = 1 << 20
    row_group_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.compression.lower() not in CODECS:
            raise UnknownNameError.from_table("compression", self.compression, CODECS)


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part file that is complete.

    Attributes:
        path: Path relative to the folder, with ``/``; directories of partitions included.
        rows: Rows in it.
        bytes: Size.
        sha256: Digest of its content, in hex.
    """

    path: str
    rows: int
    bytes: int
    sha256: str


class OpenPart:
    """A file that rows are written to. Runs on a worker."""

    def __init__(self, path: str, sink: Sink, schema: pa.Schema, options: PartOptions) -> None:
        self._path, self._sink, self._rows = path, sink, 0
        codec, _ = CODECS[options.compression.lower()]
        self._footer: list[Any] = []
        self._writer = pq.ParquetWriter(
            pa.PythonFile(sink, mode="w"),
            schema,
            compression=codec,
            use_dictionary=True,
            write_statistics=True,
            use_compliant_nested_type=True,
            store_decimal_as_integer=True,
            # Spark stores none: types that Arrow has beside parquet's would differ between readers.
            store_schema=False,
            metadata_collector=self._footer,
        )
        # Arrow leaves the metadata of a schema out together with the schema.
        self._writer.add_key_value_metadata(schema.metadata or {})

    def write(self, table: pa.Table) -> None:
        """Write a table as one row group."""
        self._rows += table.num_rows
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def finish(self) -> PartFile:
        """Write the footer, close the file and say what is in it.

        Raises:
            OutputMismatchError: The footer tells other rows than were written.
            OSError: The store refuses.
        """
        self._writer.close()
        self._sink.close()
        written = self._footer[0].num_rows
        if written != self._rows:
            raise lost_rows(PurePosixPath(self._path).name, written, self._rows)
        return PartFile(self._path, written, self._sink.size, self._sink.sha256)

    def drop(self) -> None:
        """End the writer, which writes its footer to a sink that has been discarded."""
        with suppress(Exception):
            self._writer.close()


def lost_rows(name: str, written: int, expected: int) -> OutputMismatchError:
    """Say that a file holds other rows than were written to it."""
    return OutputMismatchError(
        f'Part file "{name}" holds {written} rows and {expected} were written to it; nothing was '
        "published. Run the job again; should it happen again, the disk or pyarrow is at fault."
    )


def column_types(options: PartOptions) -> pa.Schema:
    """Give the columns of the batches with types as files have them."""
    return pa.schema([_as_stored(field) for field in options.schema])


def stored_positions(options: PartOptions) -> list[int]:
    """Give where the columns of the files are among those of the batches."""
    names = options.schema.names
    return [at for at, name in enumerate(names) if name not in options.partition_by]


def file_schema(options: PartOptions) -> pa.Schema:
    """Give the columns of the files, with what Spark looks for in the footer."""
    types = column_types(options)
    footer = {
        b"org.apache.spark.version": options.spark_version.encode(),
        b"org.apache.spark.sql.parquet.row.metadata": options.spark_schema.encode(),
    }
    return pa.schema(
        [types.field(at) for at in stored_positions(options)],
        metadata={key: value for key, value in footer.items() if value},
    )


def _as_stored(field: pa.Field) -> pa.Field:
    return pa.field(field.name, _stored_type(field.type), nullable=True)


def _stored_type(kind: pa.DataType) -> pa.DataType:
    """Give the type with all inside nullable and times in microseconds, as Spark has them."""
    if pt.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pt.is_duration(kind):
        return pa.duration("us")
    if pt.is_time(kind):
        return pa.time64("us")
    if pt.is_struct(kind):
        return pa.struct([_as_stored(kind.field(i)) for i in range(kind.num_fields)])
    if pt.is_map(kind):
        value = pa.field("value", _stored_type(kind.item_type), nullable=True)
        return pa.map_(pa.field("key", _stored_type(kind.key_type), nullable=False), value)
    if pt.is_large_list(kind):
        return pa.large_list(_as_stored(kind.value_field))
    if pt.is_fixed_size_list(kind):
        return pa.list_(_as_stored(kind.value_field), kind.list_size)
    if pt.is_list(kind):
        return pa.list_(_as_stored(kind.value_field))
    return kind
