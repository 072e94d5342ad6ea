"""Formats of local files, told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from scorecast.errors import ConfigError

Format: TypeAlias = Literal["csv", "json", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}


def format_of(path: Path, what: str) -> Format:
    """Tell the format of a file by its name; `what` it is goes into the error.

    Raises:
        ConfigError: The name ends in none of the known ways.
    """
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        message = (
            f'Cannot tell the format of the {what} "{path}" by its name. Expected a name that ends '
            f"in one of: {', '.join(_SUFFIXES)}."
        )
        raise ConfigError(message)
    return found


def output_format(output: Path | None, asked: Format | None) -> Format:
    """Give the format to write: the one asked for, else by the name, else csv for stdout.

    Raises:
        ConfigError: The format or the name is not known.
    """
    if asked is not None:
        if asked not in get_args(Format):
            message = (
                f'The output format is "{asked}". Choose one of: {", ".join(get_args(Format))}.'
            )
            raise ConfigError(message)
        return asked
    return "csv" if output is None else format_of(output, "output")
