"""Part files: parquet that a worker writes and that reads as if Spark had written it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import pyarrow as pa

from scorecast.errors import OutputError, OutputMismatchError
from scorecast.worker.part_files import (
    CODECS,
    OpenPart,
    PartFile,
    PartOptions,
    column_types,
    file_schema,
    lost_rows,
    stored_positions,
)
from scorecast.worker.partitions import default_partition, partition_problems, split
from scorecast.worker.storage import Sink, filesystem_of, is_local, sync_directory, write_failed

__all__ = ["PartFile", "PartOptions", "PartWriter", "partition_problems", "write_empty"]

_MOST_OPEN = 64


class PartWriter:
    """Writes the rows of one task as part files. Runs on workers, once per attempt of a task.

    Rows wait in memory until they fill a row group, then go into one file, or into one per
    partition. Nothing is created before that.
    """

    def __init__(
        self, folder: str, name: str, options: PartOptions, base: str | None = None
    ) -> None:
        """Prepare to write.

        Args:
            folder: Path or URI of the directory for files; it need not be there.
            name: Start of the names of files, which no other attempt has.
            options: How to write.
            base: Path or URI of a directory above it that has to be there, on a local file system;
                None where all may be created.

        Raises:
            OutputError: The file system of `folder` cannot be reached.
        """
        self._filesystem, self._root = filesystem_of(folder)
        self._base = "/" if base is None else filesystem_of(base)[1]
        self._name, self._options = name, options
        self._schema = file_schema(options)
        self._columns = column_types(options)
        self._stored = stored_positions(options)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._waiting_rows = self._waiting_bytes = 0
        self._open: OrderedDict[str, OpenPart] = OrderedDict()
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
                raise lost_rows(self._name, written, self._rows)
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

    def _create(self, directory: str) -> OpenPart:
        count = self._counts.get(directory, 0)
        self._counts[directory] = count + 1
        _, extension = CODECS[self._options.compression.lower()]
        number = f"-c{count:03d}" if count else ""
        name = f"{self._name}{number}{extension}.parquet"
        path = f"{directory}/{name}" if directory else name
        sink = Sink(self._filesystem, f"{self._root}/{path}", self._base)
        self._sinks.append(sink)
        return OpenPart(path, sink, self._schema, self._options)

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
