"""Footers of parquet files: broken files, rows, and columns that differ between files.

Driver only, before anything is predicted: the first file's alone (`plain_columns`), then, once per
job, those of all files. One or two small reads per file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import PySparkException
from pyspark.sql import types as st

from scorecast.batch.calendars import Calendar, calendar_of
from scorecast.batch.file_names import at_most_five, local_file, shown
from scorecast.batch.schema_drift import drift_between, spark_schema
from scorecast.batch.snapshot import on_stores
from scorecast.errors import InputDataError, one_line
from scorecast.spark.types import nullable

_THREADS = 16
_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
_MAGIC = b"PAR1"
_ENCRYPTED = b"PARE"
# The magic at both ends, and the length of the footer.
_SMALLEST = 12
# Most footers are smaller, and come with the first read.
_TAIL = 64 * 1024


@dataclass(frozen=True, slots=True)
class Footer:
    """What the footer of a file says.

    Attributes:
        path: The file as it was given.
        rows: Number of rows.
        schema: Columns, with the types that Spark gives them: strings are ``string`` however they
            are stored, INT96 is a timestamp with a zone.
        groups: Rows and uncompressed bytes of each row group.
        calendar: In which calendar dates and times are, see `scorecast.batch.calendars`.
        spark_schema: JSON of the columns by Spark, which wrote the file; empty where others did.
        past_arrow: Columns that Spark reads and Arrow does not.
    """

    path: str
    rows: int
    schema: pa.Schema
    groups: tuple[tuple[int, int], ...]
    calendar: Calendar
    spark_schema: str = ""
    past_arrow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that the store does not give: gone, forbidden, or out of reach just now.

    Attributes:
        path: The file as it was given.
        reason: What the store says, without a full stop.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A file that was read and is broken.

    Attributes:
        path: The file as it was given.
        reason: What is wrong with it, without a full stop.
    """

    path: str
    reason: str


def read_footers(files: Sequence[str]) -> tuple[list[Footer], list[Corrupt]]:
    """Read the footers of parquet files, in threads.

    Args:
        files: Paths or URIs as Spark lists them.

    Returns:
        The footers, and the files that have none that can be read, each in the order given.

    Raises:
        InputDataError: The store does not give a file.
    """
    places: dict[str, tuple[Any, str]] = {}
    remote = [uri for uri in files if local_file(uri) is None]
    for filesystem, there in on_stores(remote):
        places.update((uri, (filesystem, path)) for uri, path in there)
    # Thousands of files mostly have the same columns: keep one schema for all of them.
    kept: dict[pa.Schema, pa.Schema] = {}
    footers, corrupt, unread = [], [], []
    with ThreadPoolExecutor(_THREADS) as pool:
        for found in pool.map(lambda uri: _read(uri, places.get(uri)), files):
            if isinstance(found, Footer):
                schema = kept.setdefault(found.schema, found.schema)
                footers.append(replace(found, schema=schema))
            elif isinstance(found, Corrupt):
                corrupt.append(found)
            else:
                unread.append(found)
    if unread:
        raise _unread_error(unread)
    return footers, corrupt


def schema_of_spark(text: str) -> st.StructType | None:
    """Read the columns that Spark has written into a footer, see `Footer.spark_schema`.

    Returns:
        The columns; None where there is no such text or it cannot be read, as that of a newer
        Spark: Spark goes by the types in parquet then.
    """
    try:
        return nullable(st.StructType.fromJson(json.loads(text)))
    except (ValueError, LookupError, TypeError, AttributeError, PySparkException):
        return None


def drift(footers: Sequence[Footer], needed: Sequence[str]) -> list[str]:
    """Say where files differ from the first one in columns that a job needs.

    The first file by path is the one that Spark takes the columns from. See
    `scorecast.batch.schema_drift` for the types that may differ.

    Args:
        footers: Footers of all files.
        needed: Names of columns; those in no file at all are columns of directories.

    Returns:
        One text for each file and column, at most five, then how many more.
    """
    ordered = sorted(footers, key=lambda footer: shown(footer.path))
    return at_most_five(drift_between([(shown(f.path), f.schema) for f in ordered], needed))


def corrupt_error(found: Sequence[Corrupt]) -> InputDataError:
    """Build the error for files that cannot be read."""
    return InputDataError(
        f"{_counted(found)} cannot be read as parquet:\n{_listed(found)}\nNothing was predicted "
        "and nothing was published. Write them again, or leave them out with --on-corrupt skip."
    )


def _unread_error(found: Sequence[Unread]) -> InputDataError:
    return InputDataError(
        f"{_counted(found)} cannot be read:\n{_listed(found)}\nNothing was predicted and nothing "
        "was published. Make them readable and run again; --on-corrupt skip leaves out broken "
        "files only."
    )


def _counted(found: Sequence[Corrupt | Unread]) -> str:
    return "1 input file" if len(found) == 1 else f"{len(found):,} input files"


def _listed(found: Sequence[Corrupt | Unread]) -> str:
    lines = at_most_five([f"{shown(file.path)}: {file.reason}" for file in found])
    return "\n".join(f"  - {line}" for line in lines)


def _read(uri: str, place: tuple[Any, str] | None) -> Footer | Corrupt | Unread:
    try:
        return _read_local(uri) if place is None else _read_remote(uri, *place)
    except OSError as error:
        return Unread(uri, (error.strerror or one_line(error)).rstrip("."))


def _read_local(uri: str) -> Footer | Corrupt:
    descriptor = os.open(local_file(uri) or uri, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        return _read_ends(uri, size, lambda count, at: os.pread(descriptor, count, at))
    finally:
        os.close(descriptor)


def _read_remote(uri: str, filesystem: Any, path: str) -> Footer | Corrupt:
    with filesystem.open_input_file(path) as file:
        return _read_ends(uri, file.size(), file.read_at)


def _read_ends(uri: str, size: int, read_at: Callable[[int, int], bytes]) -> Footer | Corrupt:
    if size < _SMALLEST:
        return Corrupt(uri, _too_small(size))
    start = max(size - _TAIL, 0)
    tail = read_at(size - start, start)
    head = tail[:4] if start == 0 else read_at(4, 0)
    if broken := _broken_ends(size, head, tail[-8:]):
        return Corrupt(uri, broken)
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length > len(tail):
        tail = read_at(length, size - length)
    # Arrow reads what has a beginning and a footer; it is spared the search for a file system.
    try:
        metadata = pq.read_metadata(pa.BufferReader(_MAGIC + tail[-length:]))
        said = (metadata.metadata or {}).get(_SPARK_SCHEMA, b"").decode()
        return Footer(
            uri,
            metadata.num_rows,
            spark_schema(metadata),
            _groups(metadata),
            calendar_of(metadata),
            sys.intern(said),  # the same text in thousands of files
            tuple(_fixed_lists_with_nulls(metadata)),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        return Corrupt(uri, f"its footer cannot be read: {one_line(error).rstrip('.')}")


def _groups(metadata: Any) -> tuple[tuple[int, int], ...]:
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return tuple((group.num_rows, group.total_byte_size) for group in groups)


def _fixed_lists_with_nulls(metadata: Any) -> Iterator[str]:
    """Name columns of lists of one length some of which may be NULL: these have another length."""
    schema = metadata.schema.to_arrow_schema()
    for name in (field.name for field in schema if "fixed_size_list" in str(field.type)):
        places = [
            i
            for i in range(len(metadata.schema))
            if metadata.schema.column(i).path.partition(".")[0] == name
        ]
        chunks = (
            metadata.row_group(group).column(place)
            for group in range(metadata.num_row_groups)
            for place in places
        )
        if any(chunk.statistics is None or chunk.statistics.null_count for chunk in chunks):
            yield name


def _too_small(size: int) -> str:
    return f"it is not a parquet file ({size} bytes)" if size else "it is empty (0 bytes)"


def _broken_ends(size: int, head: bytes, tail: bytes) -> str | None:
    if tail.endswith(_ENCRYPTED):
        return "its footer is encrypted"
    if head != _MAGIC and not tail.endswith(_MAGIC):
        return f'it is not a parquet file ("PAR1" is missing at both ends of {size:,} bytes)'
    if not tail.endswith(_MAGIC):
        return f'it is cut off ("PAR1" is missing at the end of {size:,} bytes)'
    if head != _MAGIC:
        return 'its beginning is overwritten ("PAR1" is missing at the start)'
    length = int.from_bytes(tail[:4], "little")
    if length > size - _SMALLEST:
        return f"its footer claims {length:,} bytes, and the file has {size:,}"
    return None
