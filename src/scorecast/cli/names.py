"""Lists of names, and names with values, on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from scorecast.models.yaml_file import NotYamlError, parse_yaml


def split_names(text: str) -> tuple[str, ...]:
    """Split ``a,b,c``; a name with a comma in it cannot be given."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def kept_columns(text: str) -> str | tuple[str, ...]:
    """Read the value of ``--keep``."""
    return text if text in ("all", "none") else split_names(text)


def named_texts(
    ctx: click.Context, option: click.Parameter, given: Sequence[str]
) -> dict[str, str]:
    """Read the values of an option ``NAME=VALUE`` that may be given several times."""
    del ctx, option
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            message = f'"{text}" is not of the form NAME=VALUE.'
            raise click.BadParameter(message)
        if name in pairs:
            message = f'"{name}" is given twice.'
            raise click.BadParameter(message)
        pairs[name] = value
    return pairs


def named_values(
    ctx: click.Context, option: click.Parameter, given: Sequence[str]
) -> dict[str, Any] | None:
    """Read such values as YAML: numbers, true, lists in brackets, else texts; None without any."""
    pairs = named_texts(ctx, option, given)
    try:
        return {name: parse_yaml(value) for name, value in pairs.items()} or None
    except NotYamlError as error:
        message = f"a value cannot be read: {error}"
        raise click.BadParameter(message) from error
