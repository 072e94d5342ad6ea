"""What Spark says when it cannot read an input -> what people need to know. Driver only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from scorecast.batch.file_names import shown, shown_raw
from scorecast.spark.failures import reason
from scorecast.spark.versions import condition_of

# Spark says it in the text of a nested exception of Java only.
_NOT_PARQUET = re.compile(r"(?:file:)?(\S.*?) is not a Parquet file", re.MULTILINE)
_CALENDAR = re.compile(r"datasource option \"(\w+RebaseMode)\"")

_MALFORMED = (
    "a record is malformed, and Spark does not say in which file. Mend it, or take such "
    "records as NULL with --input-option mode=PERMISSIVE."
)
# Words of Spark and of the libraries below it -> what people need to know.
_KNOWN = {
    "(TIMESTAMP(NANOS": (
        "it holds times in nanoseconds, which Spark does not read from parquet. Write it with "
        'microseconds, in pandas with to_parquet(..., coerce_timestamps="us").'
    ),
    "Relative path in absolute URI": (
        'Spark does not read files that have ":" in their names. Rename them.'
    ),
    "encrypted footer": "it is encrypted, and the session has no keys for it.",
    "org.apache.orc.": "a file of it is broken or no ORC file.",
    "MALFORMED_RECORD_IN_PARSING": _MALFORMED,
    "Malformed records are detected": _MALFORMED,
}

_END = r"(?:\.\s+(?:SQLSTATE|Could not|Data type|Details|Please|Column|File does)|\.\s*$)"
# Percent-encoded.
_READING = re.compile(rf"Encountered error while reading file (\S+?){_END}", re.MULTILINE)
_HEADER = re.compile(r"CSV file: (\S+)$", re.MULTILINE)
# As the name is.
_FOOTER = re.compile(
    rf"(?:Encountered error while reading file|Could not read footer for file:) (.+?){_END}",
    re.MULTILINE,
)
_FOREIGN = re.compile(
    r"(?:java\.lang\.RuntimeException: (\w+:/.+?) is not a Parquet file"
    r"|Malformed ORC file (\w+:/.+?)\. Invalid)",
    re.MULTILINE,
)
# Errors about a file that is whole: it is gone, of other types, or its store does not answer.
_NOT_CORRUPT = re.compile(
    r"FILE_NOT_EXIST|DATA_TYPE_MISMATCH|READ_ANCIENT_DATETIME|Parquet column cannot be converted"
    r"|java\.io\.FileNotFoundException|SparkFileNotFoundException|AccessDenied|AccessControl"
    r"|Permission denied|java\.net\.(?!URI)\w+|java\.io\.InterruptedIOException"
    r"|java\.lang\.OutOfMemoryError"
)


def reason_of(error: Exception) -> str:
    """Give one sentence that says why Spark cannot read an input; no values of rows in it."""
    text = str(error)
    condition = condition_of(error) or ""
    if condition == "PATH_NOT_FOUND":
        missing = re.search(r"Path does not exist: (.+?)\.(?:\s|$)", text)
        named = f' "{shown_raw(missing[1])}"' if missing else ""
        hint = ' In globs, write \\[ for a "[" that is part of a name.' if "[" in named else ""
        return f"the path{named} does not exist.{hint}"
    if condition == "UNABLE_TO_INFER_SCHEMA":
        return "it holds no files of that format, or only empty ones (0 bytes)."
    if condition == "COLUMN_ALREADY_EXISTS":
        twice = re.search(r"The column `(.+?)` already exists", text)
        named = f" {twice[1]}" if twice else ""
        return f"it holds the column{named} more than once; Spark does not tell case."
    broken = _NOT_PARQUET.search(text)
    if broken is not None:
        return f'"{_last_name(broken[1])}" is not a parquet file.'
    if "READ_ANCIENT_DATETIME" in text:
        given = _CALENDAR.search(text)
        option = given[1] if given else "datetimeRebaseMode"
        return (
            "it holds dates before 1582-10-15 or times before 1900-01-01 and does not say in which "
            f"calendar. Give --input-option {option}=CORRECTED where Spark 3 or newer, pandas or "
            f"Arrow wrote it, and {option}=LEGACY where Spark 2 or an old Hive did."
        )
    for words, sentence in _KNOWN.items():
        if words in text:
            return sentence
    found = corrupt_file_of(error)
    line = f'the file "{found}" cannot be read.' if found else reason(error)
    return line if line.endswith((".", "?")) else f"{line}."


def corrupt_file_of(error: Exception) -> str | None:
    """Give the file that an error of Spark says is broken, as `scorecast.batch.file_names.shown`.

    Spark 3.5 does not name the file of a malformed record of csv or json.

    Args:
        error: What a job of Spark ended with.

    Returns:
        The file; None when the error names none, or one that is whole: one that is gone or has
        columns of other types, or a store that does not answer.
    """
    text = str(error)
    if _NOT_CORRUPT.search(text):
        return None
    if "CANNOT_READ_FILE_FOOTER" in text and (found := _FOOTER.search(text)):
        return shown_raw(found[1])
    if found := _READING.search(text) or _HEADER.search(text):
        return shown(found[1])
    found = _FOREIGN.search(text)
    return None if found is None else shown_raw(found[1] or found[2])


def _last_name(path: str) -> str:
    """Drop the text of Java before the path of a file."""
    return shown_raw(path.rpartition("Exception: ")[2])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Spark 4 from logging errors that the block is there to find out."""
    loggers = []
    with suppress(ImportError):
        from pyspark.logger import PySparkLogger

        names = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
        loggers = [PySparkLogger.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(_drop)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_drop)


def _drop(_record: object) -> bool:
    return False
