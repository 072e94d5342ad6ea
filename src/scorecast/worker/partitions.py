"""Which rows belong into which partition directory, named as Spark names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import types as pt

from scorecast.errors import OutputError, did_you_mean

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"

# What Spark, like Hive, escapes in the name of a directory.
_ESCAPED = {code: f"%{code:02X}" for code in (*range(1, 32), 127, *map(ord, "\"#%'*/:=?\\{[]^"))}

_EPOCH = date(1970, 1, 1)
# The calendar repeats itself after so many years and days.
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
_FOUR_DIGITS = 9999


def partition_problems(schema: pa.Schema, partition_by: Sequence[str]) -> list[str]:
    """Say what is wrong with the columns to partition by. Runs on the driver, once per job.

    Args:
        schema: Columns of the output.
        partition_by: Names of columns of it.

    Returns:
        One sentence per problem; none where files can be written.
    """
    problems = []
    for name in dict.fromkeys(partition_by):
        if (times := partition_by.count(name)) > 1:
            problems.append(f'the output is partitioned by "{name}" {times} times; name it once.')
        found = schema.get_all_field_indices(name)
        if not found:
            problems.append(
                f'the output cannot be partitioned by "{name}", which is not among its columns: '
                f"{', '.join(schema.names)}.{did_you_mean(name, schema.names)}"
            )
        elif len(found) > 1:
            problems.append(
                f'the output cannot be partitioned by "{name}", which is the name of '
                f"{len(found)} columns; rename all but one."
            )
        elif _namer(schema.field(found[0]).type) is None:
            problems.append(
                f'the output cannot be partitioned by "{name}" of type '
                f"{schema.field(found[0]).type}; only by strings, integers, booleans, dates and "
                "decimals. Cast the column, or partition by another one."
            )
    if schema.names and set(schema.names) <= set(partition_by):
        problems.append(
            "the output cannot be partitioned by all of its columns, since nothing is left to "
            "write into the files; leave out at least one."
        )
    return problems


def default_partition(names: Sequence[str]) -> str:
    """Give the directory of rows without partition values; empty for no columns."""
    return "/".join(f"{_escaped(name)}={NO_VALUE}" for name in names)


def split(columns: Sequence[tuple[str, pa.ChunkedArray]]) -> Iterator[tuple[str, pa.Array]]:
    """Tell which rows belong into which directory. Runs on workers, once per row group.

    Args:
        columns: Names and values of the columns to partition by, at least one.

    Yields:
        A directory such as ``day=2024-05-01/plan=plus`` and the rows of it, in their order.

    Raises:
        OutputError: A value cannot be in the name of a directory.
    """
    ids = np.zeros(len(columns[0][1]), dtype=np.int64)
    directories = [""]
    for name, values in columns:
        codes, names = _coded(name, values)
        # As few ids as there are combinations, so that they stay small whatever the columns.
        combined, ids = np.unique(ids * len(names) + codes, return_inverse=True)
        pairs = (divmod(int(code), len(names)) for code in combined)
        directories = [f"{directories[left]}/{names[right]}" for left, right in pairs]
    order = np.argsort(ids, kind="stable")
    ends = np.cumsum(np.bincount(ids, minlength=len(directories)))
    for directory, rows in zip(directories, np.split(order, ends[:-1]), strict=True):
        yield directory[1:], pa.array(rows)


def _coded(name: str, values: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Give the number of each value's directory, and the names of the directories."""
    if pt.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    encoded = values.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    as_text = _namer(values.type)
    if as_text is None:
        message = (
            f'The output cannot be partitioned by "{name}" of type {values.type}. '
            "Cast the column, or partition by another one."
        )
        raise OutputError(message)
    numbers: dict[str, int] = {}
    translated = []
    for value in encoded.dictionary:
        text = as_text(value) if value.is_valid else ""
        if "\0" in text:
            message = (
                f'The output cannot be partitioned by "{name}": a value of it holds the character '
                "NUL, which no file system takes in a name. Remove it from the column."
            )
            raise OutputError(message)
        # NULL and the empty string share a directory.
        directory = f"{_escaped(name)}={_escaped(text) or NO_VALUE}"
        translated.append(numbers.setdefault(directory, len(numbers)))
    codes = np.asarray(translated, dtype=np.int64)[encoded.indices.to_numpy(zero_copy_only=False)]
    return codes, list(numbers)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED)


def _namer(kind: pa.DataType) -> Callable[[pa.Scalar], str] | None:
    """Give what turns a value into text as Spark's cast to string does, or None."""
    if pt.is_dictionary(kind):
        return _namer(kind.value_type)
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_integer(kind):
        return lambda value: str(value.as_py())
    if pt.is_boolean(kind):
        return lambda value: "true" if value.as_py() else "false"
    if pt.is_decimal(kind):
        return lambda value: format(value.as_py(), "f")
    if pt.is_date32(kind):
        return _date_text
    return None


def _date_text(value: pa.Scalar) -> str:
    """Write a date of any year, also of those that Python does not have."""
    cycles, days = divmod(value.value, _CYCLE_DAYS)
    day = _EPOCH + timedelta(days=days)
    year = day.year + cycles * _CYCLE_YEARS
    sign = "-" if year < 0 else "+" if year > _FOUR_DIGITS else ""
    return f"{sign}{abs(year):04d}-{day:%m-%d}"
