"""A command of click whose help has groups of options, environment names and examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import click

Option: TypeAlias = Callable[[Any], Any]
"""What `click.option` gives."""

Groups: TypeAlias = Sequence[tuple[str, Sequence[Option]]]
"""Headings, and the options below each."""

TERMINAL = "Terminal"

_SETTINGS = {"show_default": True, "help_option_names": ["-h", "--help"]}


@dataclass(slots=True)
class Shown:
    """How a command talks to the terminal; one for each call of `main`.

    Attributes:
        verbose: Whether errors come with their tracebacks.
        as_json: Whether errors are JSON, as all that is logged.
    """

    verbose: bool = False
    as_json: bool = False


class Command(click.Command):
    """A command whose options stand in groups; those of decorators stand below ``Options``.

    Args:
        groups: Headings and options, in the order of the help. ``--verbose`` and ``--help`` are
            added below ``Terminal``.
        examples: Commands that the help shows. They run as they stand after ``make demo``.
        environment: Variables that the command reads, apart from those of its options, each with a
            line on it.
        rest: As for `click.Command`.
    """

    def __init__(
        self,
        *args: Any,
        groups: Groups = (),
        examples: Sequence[str],
        environment: Sequence[tuple[str, str]] = (),
        **rest: Any,
    ) -> None:
        self.examples = tuple(examples)
        self.environment = tuple(environment)
        self._headings = {"--help": TERMINAL}
        made = []
        for heading, options in (*groups, (TERMINAL, (_VERBOSE,))):
            for option in map(_made, options):
                option.show_envvar = option.allow_from_autoenv
                self._headings[option.opts[-1]] = heading
                made.append(option)
        rest["params"] = [*rest.get("params", ()), *made]
        rest["context_settings"] = {**_SETTINGS, **rest.get("context_settings", {})}
        super().__init__(*args, **rest)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and say of a wrong value from the environment that it is from there."""
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            name = None if error.param is None else error.param.name
            source = None if name is None else ctx.get_parameter_source(name)
            if error.param is None or source is not click.core.ParameterSource.ENVIRONMENT:
                raise
            message = f"{error.message} It is from the environment, {variable(error.param, ctx)}."
            raise click.BadParameter(message, ctx, error.param) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below their headings, and the variables after them."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                heading = self._headings.get(param.opts[-1], "Options")
                groups.setdefault(heading, []).append(record)
        if self.environment:
            groups["Environment"] = list(self.environment)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and what else the epilog says."""
        with formatter.section("Examples, after `make demo`"):
            margin = " " * formatter.current_indent
            for example in self.examples:
                formatter.write("".join(f"{margin}{line}\n" for line in example.splitlines()))
        super().format_epilog(ctx, formatter)


def variable(param: click.Parameter, ctx: click.Context) -> str:
    """Give the environment variable that an option of a command is taken from."""
    return f"{ctx.auto_envvar_prefix}_{str(param.name).upper()}"


def _made(option: Option) -> click.Option:
    """Give the option that a decorator of click would add."""
    made = click.command()(option(lambda: None)).params[0]
    if not isinstance(made, click.Option):
        message = f"{made!r} is no option"
        raise TypeError(message)
    return made


def _set_verbose(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it
    ctx.ensure_object(Shown).verbose = value


_VERBOSE = click.option(
    "--verbose",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_set_verbose,
    help="Show the tracebacks of an error too, those of Python and of the JVM.",
)
