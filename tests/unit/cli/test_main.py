"""The group of commands: help, version, and what becomes of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

import scorecast
from scorecast.cli.command import Command
from scorecast.cli.main import group, main
from scorecast.cli.names import KEPT

COMMANDS = [
    "batch-predict",
    "cache",
    "completion",
    "doctor",
    "explain",
    "inspect",
    "java-home",
    "models",
    "predict",
    "show",
    "verify",
]


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """The short and the long option give the same list, with a line on each command."""
    assert main([option]) == 0

    lines = capsys.readouterr().out.split("Commands:\n")[1].split("\n\n")[0].splitlines()
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


def leaves(of: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give the words and the value of each command that does something."""
    ctx = click.Context(of)
    for name in of.list_commands(ctx):
        found = of.get_command(ctx, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from leaves(found, *before, name)
        else:
            yield (*before, name), found


@pytest.mark.parametrize(("words", "found"), list(leaves(group)), ids=str)
def test_help_has_groups_and_three_examples(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], found: click.Command
) -> None:
    """Every option stands below one heading, and the examples after all of them."""
    assert isinstance(found, Command)
    assert main([*words, "--help"]) == 0

    out = capsys.readouterr().out
    for param in found.params:
        if isinstance(param, click.Option):
            assert len(re.findall(rf"^  (?:-\w, )?{param.opts[-1]}[ \n]", out, re.MULTILINE)) == 1
    assert out.count("\n  -h, --help ") == 1
    examples = out.split("Examples, after `make demo`:\n")[1]
    assert len(found.examples) == 3
    assert all(f"  {example.splitlines()[0]}\n" in examples for example in found.examples)


def test_help_of_the_job_has_the_groups_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    """And each option the variable that it is taken from, but for those that have none."""
    assert main(["batch-predict", "--help"]) == 0
    out = capsys.readouterr().out

    headings = re.findall(r"^(\w[\w ]+):$", out, re.MULTILINE)
    assert headings == [
        *(
            "Model",
            "Input",
            "Output",
            "Errors",
            "Speed",
            "Profile and drift",
            "Run again",
            "Spark",
            "Terminal",
        ),
        "Environment",
    ]
    words = " ".join(out.split())
    assert "[env var: SCORECAST_MODE; default: error]" in words
    assert "[env var: SCORECAST_INPUT; required]" in words
    assert "never from untrusted input: Spark runs it" in words
    for option in ("WHERE", "CONFIG", "SHOW_CONFIG", "HELP"):
        assert f"SCORECAST_{option}" not in out


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
    assert KEPT("a, b c ,,d,") == ("a", "b c", "d")
    assert KEPT(["a,b", "c"]) == ("a,b", "c")
    assert KEPT("all") == "all"
    assert KEPT("none") == "none"
    assert KEPT("id") == ("id",)


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
