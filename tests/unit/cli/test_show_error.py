"""Errors as a person sees them and as a log keeps them: processes, with and without terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RUN = "import sys; from scorecast.cli.main import main; sys.exit(main())"
MISSING = ["predict", "/absent/model", "in.csv"]


@pytest.fixture
def terminal(src_on_path: dict[str, str]) -> Callable[..., tuple[int, str]]:
    """Run a command whose stderr is a terminal; give its exit code and what is on it."""

    def run(*arguments: str, **environment: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            env={**src_on_path, "COLUMNS": "70", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                got = os.read(ours, 4096)
            except OSError:  # how Linux says that the other side is closed
                break
            if not got:
                break
            shown += got
        os.close(ours)
        return process.wait(), shown.decode().replace("\r\n", "\n")

    return run


@pytest.fixture
def pipe(src_on_path: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command without a terminal."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            env={**src_on_path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_log_keeps_the_message_in_one_line(pipe: Callable) -> None:
    """Code and message, where to read on, and nothing else."""
    done = pipe(*MISSING)

    assert (done.returncode, done.stdout) == (4, "")
    first, last = done.stderr.splitlines()
    assert first.startswith(
        'Error SC402: No model at "/absent/model": there is no such directory. '
    )
    assert last == "scorecast explain SC402"


def test_a_terminal_shows_a_sentence_a_line(terminal: Callable) -> None:
    """What, where and what to do stand below one another, within the width and in colour."""
    code, shown = terminal(*MISSING)
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)

    assert code == 4
    assert "\x1b[31m" in shown
    lines = plain.splitlines()
    assert lines[0] == 'Error SC402: No model at "/absent/model": there is no such directory.'
    assert [line for line in lines[1:-1] if not line.startswith("  ")] == []
    assert lines[1:3] == [
        '  The nearest that exists is "/".',
        "  Check the path; a model is the directory that holds a file named",
    ]
    assert lines[-1] == "scorecast explain SC402"
    assert max(map(len, lines)) <= 70


def test_colours_are_for_the_asking(terminal: Callable, pipe: Callable) -> None:
    """NO_COLOR takes them from a terminal, FORCE_COLOR gives them to a log; not if empty."""
    assert "\x1b" not in terminal(*MISSING, NO_COLOR="1")[1]
    assert "\x1b" in terminal(*MISSING, NO_COLOR="")[1]
    assert "\x1b[31m" in pipe(*MISSING, FORCE_COLOR="1").stderr
    assert "\x1b" not in pipe(*MISSING, FORCE_COLOR="1", NO_COLOR="1").stderr


def test_the_traceback_on_request(pipe: Callable, tmp_path: Path) -> None:
    """--verbose shows it with the cause; the last two lines are the same."""
    (tmp_path / "MLmodel").write_text("a: [")
    arguments = ["inspect", str(tmp_path)]
    quiet, loud = pipe(*arguments), pipe(*arguments, "--verbose")

    assert quiet.returncode == loud.returncode == 4
    assert "Traceback" not in quiet.stderr
    assert "yaml.parser.ParserError" in loud.stderr
    assert "scorecast.errors.MLmodelError: " in loud.stderr
    assert loud.stderr.splitlines()[-2:] == quiet.stderr.splitlines()


def test_a_bug_keeps_its_traceback(src_on_path: dict[str, str]) -> None:
    """What is no error of scorecast is not made to look like one."""
    code = (
        "import sys; from scorecast.cli import main as cli; "
        "cli.group.main = lambda **_: 1 / 0; sys.exit(cli.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=src_on_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "scorecast explain" not in done.stderr
