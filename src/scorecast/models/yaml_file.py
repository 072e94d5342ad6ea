"""Read YAML. Driver only; a few small files per model, and values of the command line.

A file of a model may have been written to do harm: what is read is limited in size, in depth and in
what its aliases stand for, before anything is built of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# The parser in C is 70 times as fast, which a signature of thousands of columns makes seconds of.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A signature of 2,000 columns with long names takes 0.3 MB, one of 20,000 takes 3.
LARGEST = 8 << 20
_DEEPEST = 100
# Values that a document may stand for with its aliases written out; they are few in real ones.
_MOST_BY_ALIASES = 100_000


class NotYamlError(ValueError):
    """A text is not YAML that is read here; the message says why or where it stops to be."""


def read_yaml(file: Path) -> Any:
    """Read a file of plain YAML.

    Raises:
        OSError: The file cannot be read.
        NotYamlError: See `parse_yaml`; or it is larger than `LARGEST`.
    """
    with file.open("rb") as stream:
        text = stream.read(LARGEST + 1)
    if len(text) > LARGEST:
        message = f"it is larger than {LARGEST:,} bytes"
        raise NotYamlError(message)
    return parse_yaml(text)


def parse_yaml(text: str | bytes) -> Any:
    """Read plain YAML: no tag makes an object of a class.

    Args:
        text: The YAML; bytes are UTF-8.

    Raises:
        NotYamlError: It is not YAML, holds a date that does not exist, a key twice, more than
            `_DEEPEST` levels, or aliases that stand for more than they could write out.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        _check(decoded)
        return yaml.load(decoded, Loader=_LOADER)  # noqa: S506 - both loaders are safe
    except NotYamlError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        message = f"it is not YAML{_where(getattr(error, 'problem_mark', None))}"
        raise NotYamlError(message) from error


@dataclass(slots=True)
class _Level:
    """A list or mapping that is being read; `size` counts the values in it, aliases written out."""

    anchor: str | None
    keys: set[str] | None
    at_key: bool = True
    size: int = 1


def _check(text: str) -> None:
    """Follow the events of the parser, which builds nothing, and refuse what would do harm."""
    levels = [_Level(None, None)]
    sizes: dict[str, int] = {}
    total = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            keys: set[str] | None = set() if isinstance(event, yaml.MappingStartEvent) else None
            levels.append(_Level(event.anchor, keys))
            if len(levels) > _DEEPEST:
                message = f"it has more than {_DEEPEST} levels{_where(event.start_mark)}"
                raise NotYamlError(message)
            continue
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            done = levels.pop()
            size = done.size
            if done.anchor is not None:
                sizes[done.anchor] = size
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            if event.anchor is not None:
                sizes[event.anchor] = size
        elif isinstance(event, yaml.AliasEvent):
            size = sizes.get(str(event.anchor), _MOST_BY_ALIASES + 1)  # else it contains itself
            total += size
            if total > _MOST_BY_ALIASES:
                message = f"its aliases stand for too many values{_where(event.start_mark)}"
                raise NotYamlError(message)
        else:
            continue
        _add(levels[-1], event, size)


def _add(level: _Level, event: Any, size: int) -> None:
    level.size += size
    if level.keys is None:
        return
    if level.at_key and isinstance(event, yaml.ScalarEvent):
        if event.value in level.keys:
            message = f"it holds the key {event.value!r} twice{_where(event.start_mark)}"
            raise NotYamlError(message)
        level.keys.add(event.value)
    level.at_key = not level.at_key


def _where(mark: Any) -> str:
    return "" if mark is None else f" at line {mark.line + 1}"
