"""The command that repeats a run, ready for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import Any

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.manifest import Run
from scorecast.models.yaml_file import NotYamlError, parse_yaml
from scorecast.redaction import STARS, redacted

_ONE_BY_ONE = {"input_options": "input-option", "params": "param"}
_NAMES = ("columns", "keep", "partition_by")
_YAML_VALUES = ("params", "model_config")
_LISTED = 20
_LOCATIONS = ("input", "output", "model_uri")

MOST_INPUTS = 100
"""Paths of the input that a command names."""


def repeat_command(run: Run) -> str:
    """Give the command line that does again what a run did, on the very same model files.

    Values that are secret stand as stars in it, as they do in the manifest.
    """
    words = ["scorecast batch-predict"]
    if master := run.spark_conf.get("spark.master"):
        words.append(_option("master", master))
    options = {**run.options, "model_digest": run.model["digest"]}
    for name, value in ordered(options):
        # 0 equals False, and is an option that somebody may have given.
        if value is not None and value is not False and value != default_of(name):
            words += _words(name, value)
    return " \\\n    ".join(words)


def not_spelled(options: Mapping[str, Any]) -> str:
    """Give the options with names of columns that a command line would take for others."""
    lists = {name: options[name] for name in _NAMES if isinstance(options.get(name), list | tuple)}
    wrong = [
        f"--{name.replace('_', '-')}"
        for name, value in lists.items()
        if list(value) in (["all"], ["none"])
        or any("," in each or each != each.strip() for each in value)
    ]
    return " and ".join(wrong)


def ordered(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give options in the order of the configuration, unknown ones at the end."""
    order = {member.name: at for at, member in enumerate(fields(BatchPredictConfig))}
    yield from sorted(options.items(), key=lambda item: order.get(item[0], len(order)))


def default_of(name: str) -> Any:
    """Give the value that an option has where it is not given; as JSON has it."""
    for member in fields(BatchPredictConfig):
        if member.name == name:
            if member.default_factory is not MISSING:
                return json.loads(json.dumps(member.default_factory()))
            value = None if member.default is MISSING else member.default
            return list(value) if isinstance(value, tuple) else value
    return None


def option_text(name: str, value: Any) -> str:
    """Give the value of an option as people read it."""
    if isinstance(value, str):
        return redacted(value) if name in _LOCATIONS else value
    if isinstance(value, list | tuple):
        more = len(value) - _LISTED
        texts = [option_text(name, item) for item in value[:_LISTED]]
        return ", ".join([*texts, f"and {more:,} more"] if more > 0 else texts)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={option_text('', item)}" for key, item in value.items())
    return "" if value is None else json.dumps(value, default=str)


def _words(name: str, value: Any) -> list[str]:
    flag = _ONE_BY_ONE.get(name, name.replace("_", "-"))
    if value is True:
        return [f"--{flag}"]
    if isinstance(value, Mapping):
        spell = _yaml if name in _YAML_VALUES else str
        return [_option(flag, f"{key}={spell(item)}") for key, item in value.items()]
    if name == "input":
        given = [value] if isinstance(value, str) else value
        return [_option(flag, redacted(path)) for path in given[:MOST_INPUTS]]
    if isinstance(value, list | tuple):
        return [_option(flag, ",".join(map(str, value)))]
    return [_option(flag, option_text(name, value))]


def _option(flag: str, value: str) -> str:
    # What begins with a dash would be taken for an option.
    joint = "=" if value.startswith("-") else " "
    return f"--{flag}{joint}{shlex.quote(value)}"


def _yaml(value: Any) -> str:
    """Give a value so that YAML reads it as it is."""
    if isinstance(value, str) and value == STARS:
        return value
    if isinstance(value, str):
        with suppress(NotYamlError):
            if parse_yaml(value) == value:
                return value
    return json.dumps(value)
