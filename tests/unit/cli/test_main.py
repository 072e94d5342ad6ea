"""The group of commands: help, version, and what becomes of errors."""

from __future__ import annotations

import click
import pytest

import scorecast
from scorecast.cli.main import group, main
from scorecast.cli.names import kept_columns, split_names

COMMANDS = [
    "batch-predict",
    "cache",
    "completion",
    "doctor",
    "inspect",
    "java-home",
    "models",
    "predict",
    "verify",
]


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """The short and the long option give the same list, with a line on each command."""
    assert main([option]) == 0

    lines = capsys.readouterr().out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == COMMANDS
    assert all(len(line.split()) > 3 for line in lines if line.startswith("  "))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Each command explains itself and each of its options."""
    assert main([command, "--help"]) == 0

    out = capsys.readouterr().out
    assert out.startswith(f"Usage: scorecast {command}")
    found = group.get_command(click.Context(group), command)
    assert found is not None
    assert all(p.help for p in found.params if isinstance(p, click.Option))


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints name and version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"scorecast, version {scorecast.__version__}\n"


@pytest.mark.parametrize("arguments", [["predikt"], ["--nope"], ["predict", "--nope"]])
def test_what_cannot_be_understood_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Unknown commands and options exit with 2 and the usage on stderr."""
    assert main(arguments) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage: scorecast" in captured.err


def test_lists_of_names_are_split_at_commas() -> None:
    """Spaces around names do not count, nor do empty ones; all and none are words of their own."""
    assert split_names("a, b c ,,d,") == ("a", "b c", "d")
    assert kept_columns("all") == "all"
    assert kept_columns("none") == "none"
    assert kept_columns("id") == ("id",)


@pytest.mark.parametrize("value", ["[1", "2024-02-31"])
def test_a_value_that_is_no_yaml_is_wrong_usage(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also a day that does not exist: the option and what is wrong are named, without a trace."""
    given = ["batch-predict", "--model-uri", "m", "--input", "i", "--output", "o"]
    assert main([*given, "--param", f"day={value}"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "'--param'" in shown
    assert "it is not YAML" in shown
