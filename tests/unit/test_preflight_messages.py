"""What the preflight says, and the zip file it ships; nothing here starts Spark."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import scorecast
from scorecast.spark.preflight import (
    PythonFacts,
    differing,
    explain_difference,
    explain_failure,
    package_zip,
    preflight_enabled,
)

DRIVER = PythonFacts(
    python="3.11.7",
    executable="/venv/bin/python",
    prefix="/venv",
    host="laptop",
    versions={"scorecast": "0.1.0", "pandas": "3.1.1", "pyarrow": "25.0.1", "xgboost": "3.2.0"},
)
MISMATCH = (
    "PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.12 "
    "than that in driver: 3.11, PySpark cannot run with different minor versions.\n"
)
NO_PROGRAM = (
    "An error occurred while calling o75.collectToPython.\n"
    ': java.io.IOException: Cannot run program "./env/bin/python" (in directory "/tmp/a"): '
    "error=2, No such file or directory\n\tat java.base/java.lang.ProcessBuilder.start\n"
)
NO_START = (
    "org.apache.spark.SparkException: \nError from python worker:\n"
    "  Traceback (most recent call last):\n"
    '    File "runpy.py", line 185, in _run_module_as_main\n'
    "  ModuleNotFoundError: No module named 'pyspark'\n"
    "PYTHONPATH was:\n  /a:/b\n"
)
NO_DAEMON = "EOFException occurred while reading the port number from pyspark.daemon's stdout.\n"


def worker(versions: Mapping[str, str | None] | None = None, **changes: str) -> PythonFacts:
    """Give a worker like the driver, but for `versions` and other `changes`."""
    facts = dataclasses.replace(DRIVER, versions={**DRIVER.versions, **(versions or {})})
    return dataclasses.replace(facts, **changes)


def message(there: PythonFacts, here: PythonFacts = DRIVER, extra: str | None = None) -> str:
    """Word the problem of the worker `there`."""
    return str(explain_difference(here, there, differing(here, there), extra=extra))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (worker(), []),
        (worker(python="3.11.2"), []),
        (worker(python="3.12.7"), ["Python"]),
        (worker({"pandas": "3.1.9"}), []),
        (worker({"pandas": "3.0.1"}), ["pandas"]),
        (worker({"pandas": "2.1.1"}), ["pandas"]),
        (worker({"pyarrow": None, "pandas": None}), ["pandas", "pyarrow"]),
        (worker({"xgboost": ""}), []),
        (worker({"scorecast": "0.1.1"}), ["scorecast"]),
        (worker({"scorecast": None}), ["scorecast"]),
    ],
)
def test_what_counts_as_a_difference(there: PythonFacts, expected: list[str]) -> None:
    """Minor versions count, patch versions only of scorecast, an unknown version never."""
    assert differing(DRIVER, there) == expected


def test_worker_may_have_what_the_driver_lacks() -> None:
    """A package that only the worker has is no difference."""
    here = dataclasses.replace(DRIVER, versions={**DRIVER.versions, "xgboost": None})
    assert differing(here, worker()) == []


def test_message_names_both_sides_of_each_difference() -> None:
    """The message shows each version on the driver and on the worker, and both interpreters."""
    text = message(worker({"pandas": "2.2.3", "pyarrow": None}, host="node7", prefix="/usr"))
    assert "  pandas: driver 3.1.1, worker 2.2.3\n" in text
    assert "  pyarrow: driver 25.0.1, worker has none\n" in text
    assert "Driver: Python 3.11.7, /venv/bin/python, host laptop\n" in text
    assert "Worker: Python 3.11.7, /venv/bin/python, host node7\n" in text
    assert len(text.splitlines()) == 7


def test_another_environment_on_the_same_machine_is_cured_by_pyspark_python() -> None:
    """On the driver's machine the cure is to run the workers with the driver's Python."""
    text = message(worker({"pandas": None}, prefix="/usr", executable="/usr/bin/python3"))
    assert "Cure: set PYSPARK_PYTHON=/venv/bin/python" in text


def test_another_machine_is_cured_by_installing_the_driver_s_versions_or_an_archive() -> None:
    """On a cluster the cure is the pip line for the executors, or shipping the environment."""
    text = message(worker({"pandas": "2.2.3", "xgboost": None}, host="node7"))
    assert 'on every executor pip install "pandas==3.1.1" "xgboost==3.2.0", or ship' in text
    assert "--archives env.tar.gz#env --conf spark.pyspark.python=./env/bin/python" in text


def test_another_python_on_another_machine_is_not_cured_by_pip() -> None:
    """For another Python version the cure is to ship the environment, not a pip line."""
    text = message(worker(python="3.12.1", host="node7"))
    assert "Python: driver 3.11.7, worker 3.12.1" in text
    assert "Cure: ship the driver's environment" in text
    assert "pip install" not in text


def test_package_that_nobody_has_is_cured_by_the_extra() -> None:
    """A package that the driver lacks as well is installed by scorecast's extra, everywhere."""
    here = dataclasses.replace(DRIVER, versions={**DRIVER.versions, "xgboost": None})
    text = message(worker({"xgboost": None}), here, extra="xgboost")
    assert 'on the driver and on every executor pip install "scorecast[xgboost]"' in text


def test_message_says_how_to_go_on_without_the_check() -> None:
    """The last line names the switch."""
    assert message(worker({"pandas": None})).endswith("set SCORECAST_PREFLIGHT=0.")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MISMATCH, "Python: driver 3.11.7, worker 3.12"),
        (NO_PROGRAM, "./env/bin/python cannot be started: No such file or directory"),
        (NO_START, "does not start as a worker: ModuleNotFoundError: No module named 'pyspark'"),
        (NO_DAEMON, "does not start as a worker"),
    ],
)
@pytest.mark.parametrize("command", [None, "/usr/bin/python3"])
def test_failure_of_the_task_becomes_one_line(text: str, line: str, command: str | None) -> None:
    """Spark's own failures about the worker's Python are told in one line, with the cure."""
    problem = explain_failure(text, DRIVER, command)
    assert problem is not None
    (difference,) = problem.differences
    assert difference.endswith(line)
    assert "PYSPARK_PYTHON=/venv/bin/python" in problem.cure
    assert "--archives" in problem.cure


def test_other_failures_are_not_explained() -> None:
    """A failure that has nothing to do with the worker's Python is left as it is."""
    assert (
        explain_failure("Job 3 cancelled because SparkContext was shut down", DRIVER, None) is None
    )


@pytest.mark.parametrize("value", ["0", "false", " OFF ", "no"])
def test_preflight_is_switched_off(value: str) -> None:
    """The usual words for no switch the check off."""
    assert not preflight_enabled({"SCORECAST_PREFLIGHT": value})


@pytest.mark.parametrize("environ", [{}, {"SCORECAST_PREFLIGHT": ""}, {"SCORECAST_PREFLIGHT": "1"}])
def test_preflight_is_on_by_default(environ: dict[str, str]) -> None:
    """Without a word against it the check is on."""
    assert preflight_enabled(environ)


def test_zip_holds_the_package_and_nothing_compiled() -> None:
    """The zip file has every module under the package's name, twice the same bytes."""
    content = package_zip()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
    assert {"scorecast/__init__.py", "scorecast/spark/preflight.py"} <= set(names)
    assert all(name.startswith("scorecast/") for name in names)
    assert not [name for name in names if "__pycache__" in name]
    assert package_zip() == content


def test_package_runs_from_its_own_zip_and_can_zip_itself_again(tmp_path: Path) -> None:
    """From the zip file, the package has its version and makes the same zip file."""
    shipped = tmp_path / "shipped.zip"
    shipped.write_bytes(package_zip())
    again = tmp_path / "again.zip"
    code = (
        "import json, pathlib, sys; sys.path.insert(0, sys.argv[1]);"
        "import scorecast, scorecast.spark.preflight as p;"
        "pathlib.Path(sys.argv[2]).write_bytes(p.package_zip());"
        "print(json.dumps([scorecast.__file__, scorecast.__version__]))"
    )
    command = [sys.executable, "-I", "-c", code, str(shipped), str(again)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    file, version = json.loads(run.stdout)
    assert file.startswith(str(shipped))
    assert version == scorecast.__version__
    assert again.read_bytes() == shipped.read_bytes()
