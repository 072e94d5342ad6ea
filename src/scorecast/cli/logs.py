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

from scorecast.cli.exit_codes import BUG, error_code, exit_code
from scorecast.errors import ScorecastError
from scorecast.redaction import redacted, redacted_values

LogFormat: TypeAlias = Literal["text", "json"]

_LOGGER = "scorecast"
_PROGRESS = "scorecast.progress"
_WARNINGS = "py.warnings"


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
        # Before it is JSON, whose quotes would cut a secret in two.
        return json.dumps(redacted_values(entry), default=lambda value: redacted(str(value)))


@contextmanager
def logging_to_stderr(log_format: LogFormat, *, quiet: bool) -> Iterator[None]:
    """Write what scorecast logs to stderr while the block runs.

    As JSON, all that a run tells, and warnings of Python too, so that each line is an object. As
    text, what a person wants to see: progress and warnings.

    Args:
        log_format: How.
        quiet: Whether warnings alone are written.
    """
    as_json = log_format == "json"
    handler = _handler(JsonFormatter() if as_json else logging.Formatter())
    loggers = [logging.getLogger(name) for name in (_LOGGER, _PROGRESS, _WARNINGS)]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    told, progress, warnings = loggers
    told.propagate = False
    told.addHandler(handler)
    told.setLevel(logging.INFO if as_json and not quiet else logging.WARNING)
    progress.setLevel(logging.WARNING if quiet else logging.INFO)
    if as_json:
        logging.captureWarnings(True)  # noqa: FBT003 - the one argument of the function
        warnings.addHandler(handler)
    try:
        yield
    finally:
        if as_json:
            logging.captureWarnings(False)  # noqa: FBT003
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


def log_error(error: Exception, *, verbose: bool) -> None:
    """Write an error as a line of JSON on stderr.

    Args:
        error: One of ours, or a bug.
        verbose: Whether the line holds where it was raised.
    """
    shown = error if verbose else error.with_traceback(None)
    context: dict[str, Any] = {"exit_code": BUG}
    if isinstance(error, ScorecastError):
        context = {"code": error_code(error), "exit_code": exit_code(error)}
    _emit(logging.ERROR, str(error), context, (type(shown), shown, shown.__traceback__))


def log_message(text: str, level: int = logging.ERROR) -> None:
    """Write what is no error of ours, such as what ended a run, as a line of JSON on stderr."""
    _emit(level, text, {}, None)


def _emit(level: int, text: str, context: dict[str, Any], error: Any) -> None:
    record = logging.LogRecord(_LOGGER, level, "", 0, text, None, error)
    record.context = context
    _handler(JsonFormatter()).emit(record)


def _handler(formatter: logging.Formatter) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    return handler
