"""Whatever stands in an option, no command of it is run and no other option comes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from scorecast.cli.main import group, main
from scorecast.errors import ConfigError

CORPUS = (
    "$(touch HARMED)",
    "`touch HARMED`",
    "; touch HARMED",
    "| touch HARMED",
    "&& touch HARMED",
    "\ntouch HARMED\n",
    "' ; touch HARMED ; '",
    '" ; touch HARMED ; "',
    "-rf",
    "--force",
    "${IFS}touch${IFS}HARMED",
    "> HARMED",
    "!touch HARMED",
    "%x(touch HARMED)",
)
# Where Python starts programs, by whatever function.
_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "pty",
)
_SEEN: list[str] = []
_WATCHING: list[bool] = []
_HOOKED: list[bool] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _WATCHING and event.startswith(_STARTS):
        _SEEN.append(f"{event} {arguments}")


@contextmanager
def watched() -> Iterator[list[str]]:
    """Note every program that is started. A hook stays for ever, so that there is one."""
    if not _HOOKED:
        sys.addaudithook(_watch)
        _HOOKED.append(True)
    _SEEN.clear()
    _WATCHING.append(True)
    try:
        yield _SEEN
    finally:
        _WATCHING.clear()


def commands() -> list[tuple[str, click.Command]]:
    """All commands, those of groups included."""
    found: list[tuple[str, click.Command]] = []

    def walk(words: tuple[str, ...], command: click.Command) -> None:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk((*words, name), inner)
        else:
            found.append((" ".join(words), command))

    walk((), group)
    return found


# What an option needs beside it so that its value goes as far as it can.
_NEEDED = {"batch-predict": {"model_uri": "m", "input": "in.parquet", "output": "out"}}
_KEYED = ("no_name_twice",)


def calls() -> list[Any]:
    """Each parameter of each command."""
    return [
        pytest.param(name, command, parameter, id=f"{name} {parameter.name}")
        for name, command in commands()
        for parameter in command.params
        if not (isinstance(parameter, click.Option) and parameter.is_flag)
    ]


def words_of(
    name: str, command: click.Command, parameter: click.Parameter, value: str
) -> list[list[str]]:
    """Give the ways in which a value can be given to a parameter of a command."""
    needed = _NEEDED.get(name, {})
    before: list[str] = []
    for key, text in needed.items():
        if key != parameter.name:
            before += [f"--{key.replace('_', '-')}", text]
    values = [value]
    if getattr(parameter.callback, "__name__", "") in _KEYED:
        values = [value, f"name={value}", f"{value}=1"]
    if isinstance(parameter, click.Option):
        option = max(parameter.opts, key=len)
        arguments = ["m", "in.csv"][: sum(isinstance(p, click.Argument) for p in command.params)]
        ways = [[*before, option, each, *arguments] for each in values]
        return [*ways, *([*before, f"{option}={each}", *arguments] for each in values)]
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    return [[*before, "--", *(value if each is parameter else "m" for each in arguments)]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory, where Spark cannot be started and no registry is known."""
    from scorecast.errors import RuntimeEnvironmentError

    reached: list[Any] = []

    def stop(**options: Any) -> None:
        reached.append(options)
        message = "Spark would start here."
        raise RuntimeEnvironmentError(message)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("scorecast.spark.session.start_session", stop)
    monkeypatch.setattr("scorecast.spark.doctor.start_session", stop)
    monkeypatch.setattr("scorecast.spark.doctor.check_java", lambda *_, **__: _finding())
    monkeypatch.setattr("scorecast.spark.java.require_java", lambda _: _finding())
    monkeypatch.setattr("scorecast.spark.java.java_home_for_spark", lambda *_: "/java")
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("SCORECAST_MLFLOW_CLIENT", "rest")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return tmp_path


def _finding() -> Any:
    from scorecast.spark.doctor import Finding

    return Finding("java", "ok", "there")


@pytest.mark.parametrize(("name", "command", "parameter"), calls())
def test_no_program_is_started_by_an_option(
    place: Path, name: str, command: click.Command, parameter: click.Parameter
) -> None:
    """Every parameter of every command, with each of the forms in which shells take commands."""
    for value in CORPUS:
        for words in words_of(name, command, parameter, value):
            with watched() as started:
                main([*name.split(), *words])
            assert started == [], (words, started)
            assert not list(place.rglob("HARMED")), words


@pytest.mark.parametrize(("name", "command", "parameter"), calls())
def test_a_value_is_no_option(
    name: str, command: click.Command, parameter: click.Parameter
) -> None:
    """What begins with a dash is the value of its option, and switches nothing on."""
    for value in ("--force", "--deep", "-h", "--version", "--json"):
        for words in words_of(name, command, parameter, value):
            try:
                context = command.make_context(name, list(words))
            except (click.UsageError, ConfigError):
                continue  # it is refused, as a value of no use
            flags = [
                each.name
                for each in command.params
                if isinstance(each, click.Option) and each.is_flag and each.name is not None
            ]
            assert not any(context.params.get(flag) for flag in flags), words
            assert value in str(context.params[str(parameter.name)]), words


def test_the_watch_sees_what_it_should(place: Path) -> None:
    """Programs that are started in the ways that Python has are seen."""
    import os
    import subprocess

    with watched() as started:
        subprocess.run([sys.executable, "-c", ""], check=True)
        os.system("true")
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    assert len({event.split()[0] for event in started}) >= 3


def test_values_reach_the_job(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a condition goes to Spark as it is, as one value."""
    from scorecast.batch import config

    made: list[Any] = []
    given = config.BatchPredictConfig
    monkeypatch.setattr(
        config, "BatchPredictConfig", lambda **o: made.append(given(**o)) or made[-1]
    )
    for value in CORPUS:
        words = ["--model-uri", "m", "--input", "i", "--output", "o", f"--where={value}"]
        assert main(["batch-predict", *words]) == 7
    assert [config.where for config in made] == list(CORPUS)
