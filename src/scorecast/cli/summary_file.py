"""What became of a run, as JSON for programs, whether it went well or not."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorecast.cli.exit_codes import BUG, INTERRUPTED, OK, SKIPPED, error_code, exit_code
from scorecast.errors import OutputError, ScorecastError, one_line
from scorecast.redaction import redacted

if TYPE_CHECKING:
    from scorecast.batch.report import RunReport

_LOG = logging.getLogger(__name__)

STDOUT = "-"

Tell = Callable[["RunReport"], None]


@contextmanager
def summary_file(place: str | None) -> Iterator[Tell]:
    """Write what becomes of a run when the block ends, also when it ends by an error.

    Args:
        place: Path or URI of a file, which is replaced; `STDOUT` for stdout; None for nowhere.

    A file that cannot be written is a warning: what was published stays published.

    Yields:
        What to call with the report of the run.
    """
    reports: list[RunReport] = []
    try:
        yield reports.append
    except BaseException as error:
        _write(place, _failed(error))
        raise
    if reports:
        _write(place, _published(reports[0]))


def _published(report: RunReport) -> dict[str, Any]:
    return {
        "status": "already published" if report.already_published else "published",
        "exit_code": SKIPPED if report.skipped else OK,
        "error": None,
        **report.as_dict(),
    }


def _failed(error: BaseException) -> dict[str, Any]:
    if isinstance(error, ScorecastError):
        code, text = exit_code(error), str(error)
    elif isinstance(error, click.ClickException):
        code, text = error.exit_code, redacted(error.format_message())
    elif isinstance(error, SystemExit):
        code, text = error.code if isinstance(error.code, int) else BUG, "ended by a signal"
    elif isinstance(error, KeyboardInterrupt):
        code, text = INTERRUPTED, f"interrupted. {error}".strip()
    else:
        code, text = BUG, one_line(error)
    kind = error_code(error) if isinstance(error, ScorecastError) else None
    told = {"code": kind, "class": type(error).__name__, "message": text}
    return {"status": "failed", "exit_code": code, "error": told}


def _write(place: str | None, values: dict[str, Any]) -> None:
    if place is None:
        return
    text = json.dumps(values, indent=2) + "\n"
    if place == STDOUT:
        click.echo(text, nl=False)
        return
    from scorecast.worker.storage import filesystem_of, is_local

    try:
        filesystem, path = filesystem_of(place)
        if is_local(filesystem):
            _replace(Path(path), text)
            return
        with filesystem.open_output_stream(path) as stream:
            stream.write(text.encode())
    except (OSError, OutputError) as error:
        _LOG.warning(
            'Cannot write the summary "%s": %s. The run itself is not touched by that. Name '
            "another file with --summary-json.",
            redacted(place),
            one_line(error),
        )


def _replace(path: Path, text: str) -> None:
    """Write a file so that nobody reads half of it."""
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        new.write_text(text, "utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
