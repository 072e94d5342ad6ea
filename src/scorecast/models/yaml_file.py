"""Read YAML files. Driver only; a few small files per model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# The parser in C is 70 times as fast, which a signature of thousands of columns makes seconds of.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYamlError(ValueError):
    """A file does not hold YAML; the text says where it stops to be."""


def read_yaml(file: Path) -> Any:
    """Read a file of plain YAML: no tag makes an object of a class.

    Raises:
        OSError: The file cannot be read.
        NotYamlError: It is not YAML, or holds a date that does not exist.
    """
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        where = "" if place is None else f" at line {place.line + 1}"
        message = f"it is not YAML{where}"
        raise NotYamlError(message) from error
