"""Parquet files on stores that Spark has no connector for, listed by pyarrow. Driver only.

The rules are Spark's: files and directories whose names begin with a dot or an underscore are
hidden, globs are those of Hadoop without alternatives, columns of directories are those below the
path that was given, and the columns are those of the first file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from urllib.parse import quote, unquote

import pyarrow as pa
from pyarrow import fs
from pyspark.sql import types as st

from scorecast.batch.file_names import shown
from scorecast.batch.footers import Footer, corrupt_error, read_footers, schema_of_spark
from scorecast.errors import ConfigError, InputDataError, OutputError, one_line
from scorecast.spark.types import from_arrow
from scorecast.worker.partitions import NO_VALUE
from scorecast.worker.storage import filesystem_of

_GLOB = re.compile(r"[*?\[]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/]*")
_NO_CONNECTOR = re.compile(
    r"No FileSystem for scheme|UnsupportedFileSystemException"
    r"|Class org\.apache\.hadoop\.fs\.\S+ not found"
)
_INT = re.compile(r"-?\d{1,18}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# What Spark takes for another type than text.
_OTHER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?|\d{4}-\d{2}-\d{2}[ T].*")


@dataclass(frozen=True, slots=True)
class Listed:
    """Files, and the columns of their rows.

    Attributes:
        files: Their URIs, sorted.
        schema: Columns of the files, then those of directories.
    """

    files: tuple[str, ...]
    schema: st.StructType


def lacks_connector(error: Exception) -> bool:
    """Tell whether Spark says that it does not know a store at all."""
    return _NO_CONNECTOR.search(str(error)) is not None


def list_parquet(paths: Sequence[str], *, skip_corrupt: bool) -> Listed:
    """List the files of paths, and look up their columns in the first one.

    Args:
        paths: URIs of files and directories, and globs.
        skip_corrupt: Whether to take the columns from another file when the first is broken.

    Raises:
        InputDataError: There is nothing to read, or the store does not answer.
    """
    found = _found(paths)
    files = tuple(sorted(found))
    schema = _schema(_first_footer(files, skip_corrupt=skip_corrupt))
    taken = {name.casefold() for name in schema.names}
    directories = [
        st.StructField(name, _kind(name, values))
        for name, values in _directories(found.values()).items()
    ]
    if twice := [field.name for field in directories if field.name.casefold() in taken]:
        message = (
            f'The column "{twice[0]}" of the input is in the files and in the names of directories.'
            " Rename one of them."
        )
        raise InputDataError(message)
    return Listed(files, st.StructType([*schema.fields, *directories]))


def list_files(paths: Sequence[str]) -> tuple[str, ...]:
    """Give `Listed.files` alone, without looking into any file.

    Raises:
        InputDataError: There is nothing to read, or the store does not answer.
    """
    return tuple(sorted(_found(paths)))


def _found(paths: Sequence[str]) -> dict[str, str]:
    """Give the URI of each file, and its path below what was given."""
    found = {uri: below for path in paths for uri, below in _files(path)}
    if not found:
        message = (
            f'The input "{", ".join(map(shown, paths))}" holds no files, but for hidden ones, '
            "whose names begin with _ or a dot."
        )
        raise InputDataError(message)
    return found


def _files(path: str) -> Iterator[tuple[str, str]]:
    """Give the URI of each file of a path, and its path below what was given."""
    scheme = _SCHEME.match(path)
    if scheme is None:
        message = f'The input "{shown(path)}" is on another kind of store than the others.'
        raise ConfigError(message)
    parts = path[scheme.end() :].strip("/").split("/")
    fixed = next((i for i, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    base = "/".join([scheme[0], *parts[:fixed]])
    pattern = [re.compile(translate(part)) for part in parts[fixed:]]
    try:
        filesystem, root = filesystem_of(base)
        infos = _listed(filesystem, root)
    except OutputError as error:
        raise InputDataError(str(error)) from error
    except OSError as error:
        message = (
            f'Cannot list the input "{shown(path)}": {one_line(error)}. Check the path, and that '
            "the driver may read there."
        )
        raise InputDataError(message) from error
    for info in infos:
        below = info.path[len(root) :].strip("/")
        steps = below.split("/") if below else []
        if len(steps) < len(pattern) or any(map(_hidden, steps)):
            continue
        if all(rule.match(step) for rule, step in zip(pattern, steps, strict=False)):
            inside = "/".join(steps[len(pattern) :])
            yield quote(f"{base}/{below}".rstrip("/"), safe=":/=@,+&$!'()*"), inside


def _listed(filesystem: fs.FileSystem, root: str) -> list[fs.FileInfo]:
    if filesystem.get_file_info(root).type == fs.FileType.File:
        return [filesystem.get_file_info(root)]
    selector = fs.FileSelector(root, recursive=True, allow_not_found=True)
    return [info for info in filesystem.get_file_info(selector) if info.is_file]


def _hidden(name: str) -> bool:
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _first_footer(files: Sequence[str], *, skip_corrupt: bool) -> Footer:
    for file in files:
        footers, corrupt = read_footers([file])
        if footers:
            return footers[0]
        if not skip_corrupt:
            raise corrupt_error(corrupt)
    message = f"None of the {len(files):,} input files can be read as parquet, such as {files[0]}."
    raise InputDataError(message)


def _schema(footer: Footer) -> st.StructType:
    """Give the columns of a file, as Spark has written them or by their types in parquet."""
    if (written := schema_of_spark(footer.spark_schema)) is not None:
        return written
    fields = []
    for field in footer.schema:
        try:
            kind = st.IntegerType() if pa.types.is_null(field.type) else from_arrow(field.type)
        except KeyError as error:
            message = (
                f'The column "{field.name}" of {shown(footer.path)} is {field.type}, which Spark '
                "does not read from parquet. Write it in another type, or leave it out."
            )
            raise InputDataError(message) from error
        fields.append(st.StructField(field.name, kind))
    return st.StructType(fields)


def _directories(paths: Iterable[str]) -> dict[str, list[str]]:
    """Give the values of each column of directories."""
    columns: dict[str, list[str]] = {}
    for path in paths:
        for part in path.split("/")[:-1]:
            name, equals, value = part.partition("=")
            if equals:
                columns.setdefault(unquote(name), []).append(value)
    return columns


def _kind(name: str, values: Sequence[str]) -> st.DataType:
    """Give the type that Spark finds for the values of directories."""
    known = [value for value in values if value != NO_VALUE]
    if known and all(map(_INT.fullmatch, known)):
        small = all(-(2**31) <= int(value) < 2**31 for value in known)
        return st.IntegerType() if small else st.LongType()
    if known and all(map(_DAY.fullmatch, known)):
        return st.DateType()
    if any(map(_OTHER.fullmatch, known)) and all(
        _OTHER.fullmatch(value) or _INT.fullmatch(value) for value in known
    ):
        message = (
            f'The values of "{name}" in the names of directories are numbers with a point or '
            "times. Only Spark reads these: give it the connector of the store "
            "(spark.jars.packages), or name the directories otherwise."
        )
        raise InputDataError(message)
    return st.StringType()
