"""Values that the names of Hive's directories hold, as Spark reads them. Driver only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from pyspark.sql import types as st

from scorecast.batch.file_names import local_file, shown
from scorecast.worker.partitions import NO_VALUE

# Types for which Spark's way to read a name is known and plain.
_READ: dict[str, Callable[[str], Any]] = {
    "string": str,
    "int": int,
    "bigint": int,
    "date": dt.date.fromisoformat,
}


class DirectoryError(Exception):
    """Names of directories are to be read by Spark; the message says why."""


def directory_values(
    files: Sequence[str], columns: Sequence[st.StructField], in_files: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    """Give the values of columns that come from directories, for each file.

    Args:
        files: URIs as Spark lists them.
        columns: Columns that are in no file, with the types that Spark has found.
        in_files: Columns that are in files.

    Raises:
        DirectoryError: Spark may read them otherwise.
    """
    for field in columns:
        if field.dataType.simpleString() not in _READ:
            message = f'"{field.name}" is {field.dataType.simpleString()} in names of directories'
            raise DirectoryError(message)
    taken = {name.casefold() for name in in_files}
    return {path: _of_file(path, columns, taken) for path in files}


def _of_file(path: str, columns: Sequence[st.StructField], taken: set[str]) -> tuple[Any, ...]:
    named: dict[str, str] = {}
    for part in (local_file(path) or unquote(path)).split("/")[:-1]:
        name, equals, value = part.partition("=")
        folded = unquote(name).casefold()
        if not equals:
            continue
        if folded in named or folded in taken:
            message = f'"{unquote(name)}" stands twice in the path of {shown(path)}, or also in it'
            raise DirectoryError(message)
        named[folded] = unquote(value)
    return tuple(_value(named, field, path) for field in columns)


def _value(named: dict[str, str], field: st.StructField, path: str) -> Any:
    text = named.get(field.name.casefold())
    if text == NO_VALUE:
        return None
    try:
        return _READ[field.dataType.simpleString()](text or "")
    except ValueError as error:
        message = f'no value of "{field.name}" is read from the path of {shown(path)}'
        raise DirectoryError(message) from error
