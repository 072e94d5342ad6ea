"""Types of options: lists of names, and names with values.

Each takes the text of the command line and, from a file, what the text stands for.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from scorecast.models.yaml_file import NotYamlError, parse_yaml

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:  # older versions of click know no types of types
    _ParamType = click.ParamType


class Words(_ParamType):
    """Any text; a variable of the environment holds several, quoted as in a shell."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take it as it is."""
        del param, ctx
        return value

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Split the value of a variable; ``'my data/*.csv' more.csv`` is two."""
        try:
            return shlex.split(rv)
        except ValueError as error:
            message = f"the words of its environment variable cannot be told: {error}."
            raise click.BadParameter(message) from error


class NamedText(Words):
    """``NAME=VALUE``, or a pair of both; gives the pair."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Split at the first ``=``."""
        if isinstance(value, tuple):
            return value[0], value[1]
        name, equals, text = str(value).partition("=")
        if not (name and equals):
            self.fail(f'"{value}" is not of the form NAME=VALUE.', param, ctx)
        return name, text


class NamedValue(NamedText):
    """The same, with a value of YAML: a number, true, a list in brackets, else a text."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Split, and read the value."""
        name, text = super().convert(value, param, ctx)
        if isinstance(value, tuple):
            return name, text
        try:
            return name, parse_yaml(text)
        except NotYamlError as error:
            self.fail(f"a value cannot be read: {error}", param, ctx)


class Names(_ParamType):
    """``a,b,c``, or a list of names, which may hold commas; gives a tuple.

    Attributes:
        words: Texts that stand for themselves, such as ``all``.
    """

    name = "names"

    def __init__(self, *words: str) -> None:
        self.words = words

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | tuple[str, ...]:
        """Split a text, unless it is one of the words."""
        del param, ctx
        if not isinstance(value, str):
            return tuple(value)
        return value if value in self.words else split_names(value)


WORDS = Words()
NAMED_TEXT = NamedText()
NAMED_VALUE = NamedValue()
NAMES = Names()
KEPT = Names("all", "none")


def split_names(text: str) -> tuple[str, ...]:
    """Split ``a,b,c``; a name with a comma in it cannot be given."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def no_name_twice(
    ctx: click.Context, option: click.Parameter, given: Sequence[tuple[str, Any]]
) -> dict[str, Any]:
    """Make one dict of the pairs of an option that may be given several times."""
    del ctx, option
    pairs = dict(given)
    names = [name for name, _ in given]
    for name in pairs:
        if names.count(name) > 1:
            message = f'"{name}" is given twice.'
            raise click.BadParameter(message)
    return pairs
