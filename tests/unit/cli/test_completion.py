"""Completion in shells, without a server that answers."""

import contextlib
import os
import socket
import subprocess
import sys

import pytest

from scorecast.cli.main import main

CODE = "from scorecast.cli.main import entry_point; entry_point()"


def complete(line: str, word: str, uri: str) -> subprocess.CompletedProcess[str]:
    """Ask as the script of bash does."""
    environ = {
        **os.environ,
        "_SCORECAST_COMPLETE": "bash_complete",
        "COMP_LINE": line,
        "COMP_WORD": word,
        "MLFLOW_TRACKING_URI": uri,
    }
    environ.pop("MLFLOW_REGISTRY_URI", None)
    return subprocess.run(
        [sys.executable, "-c", CODE],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextlib.contextmanager
def silent_server():
    """Listen, and answer nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_does_not_answer_keeps_nobody():
    """MLflow's own patience is minutes; nothing is printed."""
    with silent_server() as uri:
        done = complete("scorecast inspect models:/ch", "/ch", uri)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@pytest.mark.parametrize("uri", ["", "http://127.0.0.1:9", "sqlite:///nothing.db", "no address"])
def test_without_a_server_nothing_is_said(uri):
    """A message would end up in the line that is typed."""
    done = complete("scorecast batch-predict --model-uri models:/", "/", uri)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("line", "word", "answer"),
    [
        ("scorecast insp", "insp", "plain,inspect"),
        ("scorecast inspect build/", "build/", "file,build/"),
        ("scorecast batch-predict --model-uri=bui", "bui", "file,bui"),
        ("scorecast batch-predict --model-d", "--model-d", "plain,--model-digest"),
        ("scorecast batch-predict --mode=app", "app", "plain,append"),
    ],
)
def test_commands_options_and_files(line, word, answer):
    """These need no server, whatever bash takes for a word."""
    assert complete(line, word, "").stdout.split() == [answer]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(shell, capsys):
    """It is what asks."""
    assert main(["completion", shell]) == 0
    assert f"_SCORECAST_COMPLETE={shell}_complete" in capsys.readouterr().out
