"""Read YAML. Driver only; a few small files per model, and values of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# The parser in C is 70 times as fast, which a signature of thousands of columns makes seconds of.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYamlError(ValueError):
    """A text is not YAML; the message says where it stops to be."""


def read_yaml(file: Path) -> Any:
    """Read a file of plain YAML.

    Raises:
        OSError: The file cannot be read.
        NotYamlError: See `parse_yaml`.
    """
    return parse_yaml(file.read_bytes())


def parse_yaml(text: str | bytes) -> Any:
    """Read plain YAML: no tag makes an object of a class.

    Args:
        text: The YAML; bytes are UTF-8.

    Raises:
        NotYamlError: It is not YAML, or holds a date that does not exist.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        return yaml.load(decoded, Loader=_LOADER)  # noqa: S506 - both loaders are safe
    except (yaml.YAMLError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        where = "" if place is None else f" at line {place.line + 1}"
        message = f"it is not YAML{where}"
        raise NotYamlError(message) from error
