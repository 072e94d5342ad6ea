"""Part files: parquet that a worker writes and that reads as if Spark had written it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as pt

from scorecast.errors import OutputError, OutputMismatchError, UnknownNameError
from scorecast.worker.partitions import default_partition, partition_problems, split
from scorecast.worker.storage import Sink, filesystem_of, is_local, sync_directory, write_failed

__all__ = ["PartFile", "PartOptions", "PartWriter", "partition_problems", "write_empty"]

# spark.sql.parquet.compression.codec -> codec of Arrow, and what Spark puts into names of files.
# Arrow writes the LZ4 of the parquet specification, Spark's "lz4" is an older form of Hadoop.
_CODECS = {
    "none": ("none", ""),
    "uncompressed": ("none", ""),
    "snappy": ("snappy", ".snappy"),
    "gzip": ("gzip", ".gz"),
    "zstd": ("zstd", ".zstd"),
    "brotli": ("brotli", ".br"),
    "lz4": ("lz4", ".lz4raw"),
    "lz4_raw": ("lz4", ".lz4raw"),
}

_MOST_OPEN = 64


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
        if self.compression.lower() not in _CODECS:
            raise UnknownNameError.from_table("compression", self.compression, _CODECS)


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


class PartWriter:
    """Writes the rows of one task as part files. Runs on workers, once per attempt of a task.

    Rows wait in memory until they fill a row group, then go into one file, or into one per
    partition. Nothing is created before that.
    """

    def __init__(self, folder: str, name: str, options: PartOptions) -> None:
        """Prepare to write.

        Args:
            folder: Path or URI of the directory for files; it need not be there.
            name: Start of the names of files, which no other attempt has.
            options: How to write.

        Raises:
            OutputError: The file system of `folder` cannot be reached.
        """
        self._filesystem, self._root = filesystem_of(folder)
        self._name, self._options = name, options
        self._schema = _file_schema(options)
        self._columns = _column_types(options)
        self._stored = _stored_positions(options)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._waiting_rows = self._waiting_bytes = 0
        self._open: OrderedDict[str, _OpenPart] = OrderedDict()
        self._counts: dict[str, int] = {}
        self._sinks: list[Sink] = []
        self._done: list[PartFile] = []
        self._failed = False

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows of the schema of the options.

        Raises:
            OutputError: The file system refuses, or a value cannot name a directory.
            OutputMismatchError: Columns are not those of the schema.
        """
        with self._guarded():
            self._rows += batch.num_rows
            for piece in self._pieces(self._conformed(batch)):
                size = piece.nbytes
                full = (
                    self._waiting_rows + piece.num_rows > self._options.row_group_rows
                    or self._waiting_bytes + size > self._options.row_group_bytes
                )
                if full:
                    self._flush()
                self._waiting.append(piece)
                self._waiting_rows += piece.num_rows
                self._waiting_bytes += size

    def close(self, *, at_least_one: bool = False) -> list[PartFile]:
        """Finish all files; local ones survive a loss of power from then on.

        Args:
            at_least_one: Whether to write a file without rows where none came.

        Returns:
            The files in the order in which they were finished; none for no rows unless asked for.

        Raises:
            OutputError: The file system refuses.
            OutputMismatchError: Files do not hold as many rows as came.
        """
        with self._guarded():
            self._flush()
            if at_least_one and not self._sinks:
                directory = default_partition(self._options.partition_by)
                self._write_rows(directory, self._schema.empty_table())
            while self._open:
                self._finish_oldest()
            self._sync_directories()
            written = sum(part.rows for part in self._done)
            if written != self._rows:
                raise _lost(self._name, written, self._rows)
        return list(self._done)

    def abort(self) -> None:
        """Remove the files written so far; never raises.

        Directories stay, since other tasks may be writing into them.
        """
        self._failed = True
        self._waiting.clear()
        for sink in self._sinks:
            sink.discard()
        for part in self._open.values():
            part.drop()
        self._open.clear()
        self._done.clear()

    def _conformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give the batch with columns as files have them: nullable, times in microseconds."""
        if batch.num_columns != len(self._columns):
            message = (
                f"A batch for part files has {batch.num_columns} columns and "
                f"{len(self._columns)} were expected: {', '.join(self._columns.names)}."
            )
            raise OutputMismatchError(message)
        arrays = []
        for array, field in zip(batch.columns, self._columns, strict=True):
            try:
                arrays.append(array if array.type == field.type else array.cast(field.type))
            except pa.ArrowException as error:
                message = (
                    f'Column "{field.name}" of the output is {field.type} and a batch has '
                    f"{array.type} for it, with values that do not fit."
                )
                raise OutputMismatchError(message) from error
        return pa.RecordBatch.from_arrays(arrays, schema=self._columns)

    def _pieces(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Cut a batch that is larger than a row group."""
        rows, size = batch.num_rows, batch.nbytes
        step = self._options.row_group_rows
        if size > self._options.row_group_bytes:
            step = min(step, max(1, rows * self._options.row_group_bytes // size))
        for start in range(0, rows, step):
            yield batch.slice(start, step)

    def _flush(self) -> None:
        """Write the rows that wait as a row group, or as one per partition."""
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting, self._columns)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        by = self._options.partition_by
        if not by:
            self._write_rows("", table)
            return
        groups = list(split([(name, table.column(name)) for name in by]))
        stored = table.select(self._stored).combine_chunks()
        # Open files first: what is written to a file before it is closed needs no other one.
        for directory, rows in sorted(groups, key=lambda group: group[0] not in self._open):
            self._write_rows(directory, stored.take(rows))

    def _write_rows(self, directory: str, table: pa.Table) -> None:
        if directory in self._open:
            self._open.move_to_end(directory)
        else:
            if len(self._open) >= _MOST_OPEN:
                self._finish_oldest()
            self._open[directory] = self._create(directory)
        self._open[directory].write(table)

    def _create(self, directory: str) -> _OpenPart:
        count = self._counts.get(directory, 0)
        self._counts[directory] = count + 1
        _, extension = _CODECS[self._options.compression.lower()]
        number = f"-c{count:03d}" if count else ""
        name = f"{self._name}{number}{extension}.parquet"
        path = f"{directory}/{name}" if directory else name
        sink = Sink(self._filesystem, f"{self._root}/{path}")
        self._sinks.append(sink)
        return _OpenPart(path, sink, self._schema, self._options)

    def _finish_oldest(self) -> None:
        _, part = next(iter(self._open.items()))
        self._done.append(part.finish())
        self._open.popitem(last=False)

    def _sync_directories(self) -> None:
        if not is_local(self._filesystem):
            return
        # Names of directories are in the directory above.
        relative = {place for part in self._done for place in PurePosixPath(part.path).parents}
        for place in sorted(relative, reverse=True):
            sync_directory(f"{self._root}/{place}")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn errors of the file system into ours, and write nothing more after any error."""
        if self._failed:
            message = (
                f'Cannot write part file "{self._name}" in "{self._root}": writing it failed '
                "before or was given up; nothing was published."
            )
            raise OutputError(message)
        try:
            yield
        except OSError as error:
            self._failed = True
            what = f'part file "{self._name}"'
            raise write_failed(what, self._filesystem, self._root, error) from error
        except BaseException:
            self._failed = True
            raise


def write_empty(folder: str, name: str, options: PartOptions) -> PartFile:
    """Write a part file without rows, so that a reader finds the columns.

    Runs once per job without rows. The file of a partitioned output is in the directory of rows
    without partition values.

    Raises:
        OutputError: The file system refuses.
    """
    writer = PartWriter(folder, name, options)
    try:
        (part,) = writer.close(at_least_one=True)
    except BaseException:
        writer.abort()
        raise
    return part


class _OpenPart:
    """A file that rows are written to."""

    def __init__(self, path: str, sink: Sink, schema: pa.Schema, options: PartOptions) -> None:
        self._path, self._sink, self._rows = path, sink, 0
        codec, _ = _CODECS[options.compression.lower()]
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
        self._rows += table.num_rows
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def finish(self) -> PartFile:
        self._writer.close()
        self._sink.close()
        written = self._footer[0].num_rows
        if written != self._rows:
            raise _lost(PurePosixPath(self._path).name, written, self._rows)
        return PartFile(self._path, written, self._sink.size, self._sink.sha256)

    def drop(self) -> None:
        """End the writer, which writes its footer to a sink that has been discarded."""
        with suppress(Exception):
            self._writer.close()


def _lost(name: str, written: int, expected: int) -> OutputMismatchError:
    return OutputMismatchError(
        f'Part file "{name}" holds {written} rows and {expected} were written to it; nothing was '
        "published. Run the job again; should it happen again, the disk or pyarrow is at fault."
    )


def _column_types(options: PartOptions) -> pa.Schema:
    """Give the columns of the batches with types as files have them."""
    return pa.schema([_as_stored(field) for field in options.schema])


def _stored_positions(options: PartOptions) -> list[int]:
    names = options.schema.names
    return [at for at, name in enumerate(names) if name not in options.partition_by]


def _file_schema(options: PartOptions) -> pa.Schema:
    """Give the columns of the files, with what Spark looks for in the footer."""
    types = _column_types(options)
    footer = {
        b"org.apache.spark.version": options.spark_version.encode(),
        b"org.apache.spark.sql.parquet.row.metadata": options.spark_schema.encode(),
    }
    return pa.schema(
        [types.field(at) for at in _stored_positions(options)],
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
