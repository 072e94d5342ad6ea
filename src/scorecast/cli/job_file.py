"""A job's file: YAML whose keys are options -> what click takes as defaults.

A scalar is given to click as the text that stands in the file, so it means what it means on the
command line: ``on-error: null`` is the word, and ``units: 1.5`` is no whole number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import yaml

from scorecast.artifacts.uri import parse_model_uri
from scorecast.cli.names import NamedText, NamedValue, Names
from scorecast.errors import ConfigError, did_you_mean, one_line
from scorecast.filesystems import filesystem_at

_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class JobFile:
    """What a job's file says.

    Attributes:
        name: Path or URI of the file.
        values: Names of options -> values, as `click.Context.default_map` takes them.
        lines: Names of options -> the lines of their keys, from 1.
    """

    name: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]


class _WrongValueError(Exception):
    """A value cannot be one of its option; the message says why."""


def read_job_file(file: str, options: Iterable[click.Option], ctx: click.Context) -> JobFile:
    """Read and check a job's file. Driver only, once per job, before Spark starts.

    Args:
        file: Path, or URI of a store.
        options: What its keys may be.
        ctx: Context of the command.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong; lists every problem of keys
            and types, with its line.
    """
    shown = str(parse_model_uri(file))
    known = {str(option.name): option for option in options}
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    problems = []
    for key, node in _entries(shown, _read(file, shown)):
        name, line = key.value.replace("-", "_"), key.start_mark.line + 1
        option = known.get(name)
        if option is None:
            problems.append(f'line {line}: unknown key "{key.value}".{did_you_mean(name, known)}')
        elif name in lines:
            problems.append(f'line {line}: "{name}" is in line {lines[name]} already')
        else:
            lines[name] = line
            try:
                value = _value(option, node)
                if value is not None:
                    _check(option, value, ctx)
                    values[name] = value
            except _WrongValueError as error:
                problems.append(f'line {line}: "{key.value}" {error}')
    if problems:
        what = f'job file "{shown}"'
        raise ConfigError.from_problems(what, problems)
    return JobFile(shown, values, {name: lines[name] for name in values})


def _read(file: str, shown: str) -> bytes:
    uri = parse_model_uri(file)
    try:
        if not uri.scheme:
            return Path(file).expanduser().read_bytes()
        filesystem, path = filesystem_at(uri.scheme, uri.rest)
        with filesystem.open_input_stream(path) as stream:
            return bytes(stream.read())
    except (pa.ArrowException, OSError, ValueError, RuntimeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or one_line(error)
        message = (
            f'Cannot read the job file "{shown}": {reason}. Give --config the path of a YAML file, '
            "or its URI on a store that the environment has credentials for."
        )
        raise ConfigError(message) from error


def _entries(shown: str, text: bytes) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Give keys and values of the mapping that a file is."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        reason = getattr(error, "problem", None) or "characters that no YAML has"
        message = f'The job file "{shown}"{where}: it is not YAML: {reason}.'
        raise ConfigError(message) from error
    if root is None:
        return
    keys = [key for key, _ in root.value] if isinstance(root, yaml.MappingNode) else [root]
    for key in keys:
        if not isinstance(root, yaml.MappingNode) or not isinstance(key, yaml.ScalarNode):
            message = (
                f'The job file "{shown}", line {key.start_mark.line + 1}: expected lines of the '
                'form "OPTION: VALUE", such as "output: build/delays.parquet".'
            )
            raise ConfigError(message)
    yield from root.value


def _value(option: click.Option, node: yaml.Node) -> Any:
    """Give the value of an option, as click takes it; None for one that is left at its default."""
    if isinstance(node, yaml.ScalarNode) and node.tag == _NULL:
        if not node.value:
            message = "has no value; write null to leave it at its default"
            raise _WrongValueError(message)
        if not (isinstance(option.type, click.Choice) and node.value in option.type.choices):
            return None
    if isinstance(node, yaml.MappingNode):
        if not isinstance(option.type, NamedText):
            message = "is a mapping, expected " + ("a list" if option.multiple else "one value")
            raise _WrongValueError(message)
        return _pairs(node, as_values=isinstance(option.type, NamedValue))
    if isinstance(node, yaml.SequenceNode):
        if not (option.multiple or isinstance(option.type, Names)):
            message = "is a list, expected one value"
            raise _WrongValueError(message)
        return [_text(item) for item in node.value]
    return [_text(node)] if option.multiple else _text(node)


def _pairs(node: yaml.MappingNode, *, as_values: bool) -> list[tuple[str, Any]]:
    return [
        (_text(name), _constructed(value) if as_values else _text(value))
        for name, value in node.value
    ]


def _text(node: yaml.Node) -> str:
    """Give the text that stands in the file."""
    if not isinstance(node, yaml.ScalarNode):
        message = f"holds a list or mapping in line {node.start_mark.line + 1}, expected a text"
        raise _WrongValueError(message)
    return str(node.value)


def _constructed(node: yaml.Node) -> Any:
    """Give the value that YAML reads: a number, true, a list and so on."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        message = f"holds a value that cannot be read in line {node.start_mark.line + 1}"
        raise _WrongValueError(message) from error
    finally:
        loader.dispose()


def _check(option: click.Option, value: Any, ctx: click.Context) -> None:
    """Let click convert a value."""
    try:
        converted = option.type_cast_value(ctx, value)
        if option.callback is not None:
            option.callback(ctx, option, converted)
    except click.BadParameter as error:
        message = f"is wrong: {error.message}"
        raise _WrongValueError(message) from error
