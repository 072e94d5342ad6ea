"""What a run logs, on stderr: lines for people, or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

LogFormat: TypeAlias = Literal["text", "json"]

_LOGGER = "scorecast"


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the fields of pyspark's own logger.

    ``ts`` (ISO 8601, UTC), ``level``, ``logger``, ``msg``, ``context`` (an object) and, of an
    error, ``exception`` with ``class``, ``msg`` and ``stacktrace``; see `pyspark.logger`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Give the line of a record."""
        entry: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "msg": record.getMessage(),
            "context": getattr(record, "context", {}),
        }
        if record.exc_info and (error := record.exc_info[1]) is not None:
            frames = traceback.extract_tb(error.__traceback__)
            entry["exception"] = {
                "class": type(error).__name__,
                "msg": str(error),
                "stacktrace": [
                    {"class": None, "method": f.name, "file": f.filename, "line": str(f.lineno)}
                    for f in frames
                ],
            }
        return json.dumps(entry, default=str)


@contextmanager
def logging_to_stderr(log_format: LogFormat, *, level: int = logging.INFO) -> Iterator[None]:
    """Write what scorecast logs to stderr while the block runs.

    Warnings of Python go the same way as JSON, so that each line is an object.

    Args:
        log_format: How.
        level: Least level that is written.
    """
    logger = logging.getLogger(_LOGGER)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter())
    before = logger.level, logger.propagate
    warnings = logging.getLogger("py.warnings")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    if log_format == "json":
        logging.captureWarnings(True)  # noqa: FBT003 - the one argument of the function
        warnings.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        warnings.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        if log_format == "json":
            logging.captureWarnings(False)  # noqa: FBT003
