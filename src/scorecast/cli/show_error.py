"""What is printed of an error: what failed, its code, and where to read on."""

from __future__ import annotations

import re
import shutil
import textwrap
import traceback
from collections.abc import Iterator, Mapping
from typing import TextIO

import click

from scorecast.cli.exit_codes import error_code
from scorecast.errors import ScorecastError
from scorecast.redaction import redacted

# Ends of sentences; what follows begins with a capital.
_SENTENCES = re.compile(r"(?<=[.?!]) (?=[A-Z])")
_WIDEST = 100


def colours(environ: Mapping[str, str]) -> bool | None:
    """Say whether to print in colours; None leaves it to whether there is a terminal.

    NO_COLOR switches them off (https://no-color.org), FORCE_COLOR on; empty ones do not count.
    """
    if environ.get("NO_COLOR"):
        return False
    return True if environ.get("FORCE_COLOR") else None


def show_error(error: ScorecastError, stream: TextIO, *, verbose: bool, color: bool | None) -> None:
    """Print an error of ours in a few lines, and with `verbose` its tracebacks before them.

    On a terminal every sentence of the message has a line: what, where, why, what to do. In a log
    the message is as it is, so that it is found by its words.

    Args:
        error: The error.
        stream: Where to.
        verbose: Whether the tracebacks of Python and of the JVM are shown.
        color: As `colours` says.
    """
    if verbose:
        click.echo(redacted("".join(_tracebacks(error))), file=stream, color=color)
    code = error_code(error)
    message = str(error)
    if stream.isatty():
        message = _in_lines(message, min(shutil.get_terminal_size().columns, _WIDEST))
    head = click.style(f"Error {code}:", fg="red", bold=True)
    click.echo(f"{head} {message}", file=stream, color=color)
    click.echo(click.style(f"scorecast explain {code}", dim=True), file=stream, color=color)


def _in_lines(message: str, width: int) -> str:
    """Give every sentence lines of its own, those after the first one indented."""
    lines: list[str] = []
    for line in message.splitlines():
        item = 2 if line.lstrip().startswith("- ") else 0
        margin = max(len(line) - len(line.lstrip()), 2)
        for number, sentence in enumerate(_SENTENCES.split(line.lstrip())):
            lines.append(
                textwrap.fill(
                    sentence,
                    width,
                    initial_indent=" " * (margin + item * bool(number)) if lines else "",
                    subsequent_indent=" " * (margin + item),
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
    return "\n".join(lines)


def _tracebacks(error: BaseException) -> Iterator[str]:
    """Give the traceback of an error with its causes, and the stacks of the JVM."""
    yield from traceback.format_exception(error)
    cause: BaseException | None = error
    while cause is not None:
        # pyspark keeps the stack beside the message that it makes of an exception of the JVM.
        stack = getattr(cause, "_stackTrace", None)
        if isinstance(stack, str) and stack:
            yield f"\nStack of the JVM:\n{stack}"
        cause = cause.__cause__ or cause.__context__
