"""Where options come from: the command line, the environment, a job's file, defaults.

Click itself decides, in that order; here stand the file, what is said of the environment, and the
table of ``--show-config``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from scorecast.cli.command import variable
from scorecast.errors import ConfigError

if TYPE_CHECKING:
    from scorecast.cli.job_file import JobFile

PREFIX = "SCORECAST"
"""What the names of variables begin with."""

OTHER_VARIABLES = frozenset(
    {
        "SCORECAST_ARCHIVE_LIMIT",
        "SCORECAST_CACHE_DIR",
        "SCORECAST_CACHE_LIMIT",
        "SCORECAST_MAP_WEIGHTS",
        "SCORECAST_MLFLOW_CLIENT",
        "SCORECAST_MODEL_CACHE_SIZE",
        "SCORECAST_PREFLIGHT",
    }
)
"""Variables of scorecast that are no options; no option may have such a name."""

_FILE = "scorecast.job_file"
# How like an option a variable must be; the prefix that they share counts.
_NEAR = 0.85
# They say where to look, or what only a person at a terminal asks for.
_COMMAND_LINE_ONLY = ("config", "show_config", "verbose")


def _read_config(ctx: click.Context, option: click.Parameter, file: str | None) -> None:
    if ctx.resilient_parsing:
        return
    _refuse_variables(ctx, os.environ)
    if file is None:
        return
    from scorecast.cli.job_file import read_job_file

    del option
    found = read_job_file(file, list(file_options(ctx.command)), ctx)
    ctx.default_map = dict(found.values)
    ctx.meta[_FILE] = found


config_option = click.option(
    "--config",
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    allow_from_autoenv=False,
    callback=_read_config,
    help="YAML file with options, path or URI. Keys are names of options; the command line and "
    "the environment win.",
)

show_config_option = click.option(
    "--show-config",
    is_flag=True,
    allow_from_autoenv=False,
    help="Print each option, its value and where that is from, and end without Spark.",
)


def file_options(command: click.Command) -> Iterator[click.Option]:
    """Give the options of a command that a job's file may hold."""
    for param in command.params:
        if isinstance(param, click.Option) and param.name not in _COMMAND_LINE_ONLY:
            yield param


def _refuse_variables(ctx: click.Context, environ: Mapping[str, str]) -> None:
    """Refuse variables of options that are not taken from there.

    Without them, the job would do something else than whoever set them wants.
    """
    for option in _options(ctx.command):
        name = variable(option, ctx)
        if not option.allow_from_autoenv and environ.get(name):
            given = option.opts[0]
            message = (
                f"The environment variable {name} is set, and {given} is not taken from the "
                f"environment. Give {given} on the command line, and unset {name}."
            )
            raise ConfigError(message)


def misspelt_variables(ctx: click.Context, environ: Mapping[str, str]) -> Iterator[str]:
    """Give a warning for each variable that looks like one of an option and is not read."""
    known = {variable(option, ctx) for option in _options(ctx.command)}
    for name in sorted(environ):
        if name in known | OTHER_VARIABLES or not environ[name]:
            continue
        near = get_close_matches(name, known, n=1, cutoff=_NEAR)
        if near and name.startswith(f"{PREFIX}_"):
            yield f"the environment variable {name} is not read. Did you mean {near[0]}?"


def _options(command: click.Command) -> Iterator[click.Option]:
    return (param for param in command.params if isinstance(param, click.Option))


def config_table(ctx: click.Context, shown: Mapping[str, Any]) -> str:
    """Give each option of a command, its value and where that is from, as aligned lines.

    Args:
        ctx: Context of the command, with its options parsed.
        shown: Values as they may be shown, by the names of options.
    """
    rows = [("option", "value", "from")]
    for option in file_options(ctx.command):
        name = str(option.name)
        rows.append((option.opts[0].lstrip("-"), _text(shown[name]), _source(ctx, name)))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]
    return "\n".join(lines)


def _source(ctx: click.Context, name: str) -> str:
    source = ctx.get_parameter_source(name)
    file: JobFile | None = ctx.meta.get(_FILE)
    if source is ParameterSource.COMMANDLINE:
        return "command line"
    if source is ParameterSource.ENVIRONMENT:
        return f"environment, {PREFIX}_{name.upper()}"
    if source is ParameterSource.DEFAULT_MAP and file is not None:
        return f"{file.name}, line {file.lines[name]}"
    return "default"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_of_name(of)}" for name, of in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)


def _of_name(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
