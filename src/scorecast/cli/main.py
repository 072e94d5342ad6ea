"""The group of commands, and what happens to errors."""

from __future__ import annotations

import importlib
import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence

import click

from scorecast import __version__
from scorecast.cli.command import Shown
from scorecast.cli.exit_codes import BUG, INTERRUPTED, exit_code
from scorecast.cli.logs import log_error, log_message
from scorecast.cli.shells import COMPLETE_VARIABLE, use_own_bash
from scorecast.cli.show_error import colours, show_error
from scorecast.errors import ScorecastError
from scorecast.redaction import redacted, secrets_hidden

_COMMANDS = {
    "batch-predict": "batch_predict",
    "cache": "cache",
    "completion": "completion",
    "doctor": "doctor",
    "explain": "explain",
    "inspect": "inspect",
    "java-home": "java_home",
    "models": "models",
    "predict": "predict",
    "show": "show",
    "verify": "verify",
}


_EPILOG = """
\b
Start with:
  scorecast doctor
  scorecast inspect build/demo/model
  scorecast predict build/demo/model build/demo/flights.parquet --format json | head -3
"""

# They print an error that is raised as well, as pages of JSON with values of the data.
_SPARK_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


class _InterruptedError(Exception):
    """Ctrl-C, in the place of what click would print and forget what is kept."""


class _LazyGroup(click.Group):
    """Imports a command when it is asked for."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command, and let click take nothing that it raises for the end of a prompt."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _InterruptedError(str(error)) from error
        except EOFError as error:
            message = f"EOFError: {error}"
            raise RuntimeError(message) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"scorecast.cli.{_COMMANDS[cmd_name]}")
        command = module.command
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=_LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="scorecast")
def group() -> None:
    """Predict with MLflow-compatible models, on Apache Spark and without it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; errors of scorecast become a few lines on stderr.

    Args:
        arguments: Command and its options; None takes those of the process.
    """
    # pyspark says so at every start; the tests are what shows whether it is true.
    warnings.filterwarnings(
        "ignore", message="PySpark does not yet fully support pandas", category=FutureWarning
    )
    for name in _SPARK_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if COMPLETE_VARIABLE in os.environ:  # a shell asks how its line may go on
        use_own_bash()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    shown, color = Shown(), colours(os.environ)
    try:
        with secrets_hidden():
            result = group.main(
                args=None if arguments is None else list(arguments),
                prog_name="scorecast",
                standalone_mode=False,
                obj=shown,
                color=color,
            )
    except Exception as error:
        code = _tell(error, shown, color=color)
        if code is None:
            raise
        return code
    return result if isinstance(result, int) else 0


def _tell(error: Exception, shown: Shown, *, color: bool | None) -> int | None:
    """Print an error on stderr and give its exit code; None for a bug that Python prints itself."""
    if isinstance(error, click.ClickException):
        usage = io.StringIO()
        error.show(file=usage)
        if shown.as_json:
            log_message(error.format_message())
        else:
            click.echo(redacted(usage.getvalue()), err=True, nl=False)
        return error.exit_code
    if isinstance(error, click.Abort | _InterruptedError):
        told = f"Interrupted. {error}".strip()
        if shown.as_json:
            log_message(told)
        else:
            click.echo(told, err=True)
        return INTERRUPTED
    if shown.as_json:
        log_error(error, verbose=shown.verbose or not isinstance(error, ScorecastError))
        return exit_code(error) if isinstance(error, ScorecastError) else BUG
    if not isinstance(error, ScorecastError):
        return None
    show_error(error, sys.stderr, verbose=shown.verbose, color=color)
    return exit_code(error)


def _terminate(number: int, frame: object) -> None:
    """Leave by an exception, so that what is staged is removed on the way out."""
    del frame
    sys.exit(128 + number)


def entry_point() -> None:
    """Run as a console script."""
    sys.exit(main())


__all__ = ["entry_point", "group", "main"]
