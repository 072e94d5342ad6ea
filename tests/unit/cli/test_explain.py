"""What ``scorecast explain`` says of each error."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from scorecast.cli.exit_codes import CODES
from scorecast.cli.explain import explanations
from scorecast.cli.main import group, main

NAMES = {code: kind.__name__ for kind, code in CODES.items()}


def test_every_code_is_explained_once() -> None:
    """The texts are those of the codes, in their order."""
    assert list(explanations()) == list(NAMES)


@pytest.mark.parametrize("code", NAMES)
def test_an_explanation_has_all_its_parts(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Meaning, causes, what to do and a command, by the code and by the class in any case."""
    assert main(["explain", code.lower()]) == 0
    out = capsys.readouterr().out
    assert main(["explain", NAMES[code]]) == 0
    assert capsys.readouterr().out == out

    assert out.startswith(f"{code} {NAMES[code]}, exit code {code[2]}\n\n**What it means.** ")
    parts = ["**What it means.** ", "**Usual causes.**\n\n- ", "**What to do.** ", "\n\n    "]
    places = [out.index(part) for part in parts]
    assert places == sorted(places)
    assert max(map(len, out.splitlines())) <= 105
    assert "|" not in out.replace("\n    ", "")


def commands(text: str) -> list[list[str]]:
    """Give the commands of scorecast that a text shows, in words."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = re.findall(r"^    (.*)$", joined, re.MULTILINE)
    found = []
    for line in lines:
        words = shlex.split(re.sub(r'^export JAVA_HOME="\$\((.*)\)"$', r"\1", line))
        words = [word for word in words if not word.startswith("SCORECAST_")]
        assert words[0] == "scorecast", line
        found.append(words[1:])
    return found


@pytest.mark.parametrize("code", NAMES)
def test_the_commands_are_ones_that_there_are(code: str) -> None:
    """Every command that an explanation shows is understood, with all its options."""
    shown = commands(explanations()[code])
    assert shown
    for name, *arguments in shown:
        if name == "--version":
            continue
        command = group.get_command(click.Context(group), name)
        assert command is not None, name
        command.make_context(name, arguments)


def test_the_list_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    """Code, class, and when it is raised."""
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[:2] for line in lines] == [[code, NAMES[code]] for code in NAMES]
    assert all(line.endswith(".") and "Raised when" not in line for line in lines)
    assert len({line.index(line.split(maxsplit=2)[2]) for line in lines}) == 1


@pytest.mark.parametrize(
    ("given", "near"),
    [("SC6021", "SC602"), ("OutputExistError", "OutputExistsError"), ("zzz", None)],
)
def test_what_is_no_code(capsys: pytest.CaptureFixture[str], given: str, near: str | None) -> None:
    """It is wrong usage, with the nearest that there is."""
    assert main(["explain", given]) == 2
    shown = capsys.readouterr().err

    assert f'There is no error "{given}".' in shown
    assert (f'Did you mean "{near}"?' in shown) is (near is not None)
