"""Checks of everything that a run needs from its surroundings, each with its cure.

Driver only. The cheap checks come first; Spark is started only when they pass.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scorecast.errors import JavaError
from scorecast.spark.java import require_java
from scorecast.spark.preflight import inspect_workers
from scorecast.spark.session import start_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MINIMUM_PYTHON = (3, 11)
_MINIMUM_VERSIONS = {
    "pyspark": (3, 5),
    "pandas": (2, 2),
    "pyarrow": (18, 0),
    "numpy": (1, 26),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: What was looked at.
        status: "fail" if a run will not work, "warn" if it may not, "ok" otherwise.
        message: What was found, in one line.
        cure: What to do about it; empty if there is nothing to do.
    """

    check: str
    status: Literal["ok", "warn", "fail"]
    message: str
    cure: str = ""


def diagnose(master: str | None) -> Iterator[Finding]:
    """Yield one finding after the other, as soon as each is known.

    Sets ``JAVA_HOME`` in `os.environ` if Spark needs it to start. A Spark session that is started
    is stopped again; one that exists is used and left alone.

    Args:
        master: The Spark master to test; None tests the one that a job would take.
    """
    failed = False
    for finding in _static_findings(os.environ, master):
        failed = failed or finding.status == "fail"
        yield finding
    if failed:
        yield Finding("session", "warn", "not started because of the failures above")
        return
    try:
        handle = start_session(app_name="scorecast doctor", master=master)
    except Exception as error:  # noqa: BLE001 - whatever keeps Spark from starting is the finding
        yield _broken_session(error)
        return
    try:
        yield from _session_findings(handle.spark)
    finally:
        handle.stop()


def check_java(environ: Mapping[str, str], *, is_needed: bool = True) -> Finding:
    """Look for the Java that Spark would be started with.

    Args:
        environ: The environment that is searched, usually `os.environ`.
        is_needed: False if Spark runs behind a Connect server.
    """
    if not is_needed:
        return Finding("java", "ok", "not needed: Spark runs behind a Connect server")
    try:
        java = require_java(environ)
    except JavaError as error:
        message, _, cure = str(error).partition(" Install one: ")
        return Finding("java", "fail", message, cure)
    message = f"Java {java.version} at {java.home} ({java.source})"
    if java.needs_shim:
        message += ", through a launcher that drops the module argument which it does not know"
    home = environ.get("JAVA_HOME")
    if home and java.source != "JAVA_HOME":
        message += f"; JAVA_HOME={home} holds no Java that Spark runs on"
        return Finding("java", "warn", message, 'export JAVA_HOME="$(scorecast java-home)"')
    return Finding("java", "ok", message)


def check_python() -> Finding:
    """Compare this Python with those that scorecast and the installed Spark support."""
    message = f"Python {platform.python_version()} at {sys.executable}"
    if sys.version_info < _MINIMUM_PYTHON:
        needed = ".".join(map(str, _MINIMUM_PYTHON))
        return Finding("python", "fail", f"{message} is too old", f"install Python {needed}")
    known = _metadata_values("pyspark", "Classifier")
    listed = [line.rpartition(" ")[2] for line in known if re.search(r":: Python :: 3\.\d+$", line)]
    if listed and "{}.{}".format(*sys.version_info) not in listed:
        cure = f"use one of Python {', '.join(listed)}"
        return Finding("python", "warn", f"{message} is not one that pyspark lists", cure)
    return Finding("python", "ok", message)


def check_packages(minimum_versions: Mapping[str, tuple[int, int]] | None = None) -> Finding:
    """Look for the packages that every run needs, and their versions.

    Args:
        minimum_versions: Lowest major and minor version by package; None takes scorecast's own.
    """
    found, wrong, cures = [], [], []
    for name, lowest in (minimum_versions or _MINIMUM_VERSIONS).items():
        wanted = f"{name}>={lowest[0]}.{lowest[1]}"
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        if not version:
            wrong.append(f"{name} is not installed")
        elif _numbers(version) < lowest:
            wrong.append(f"{name} {version} is too old")
        else:
            found.append(f"{name} {version}")
            continue
        cures.append(f'"{wanted}"')
    if wrong:
        return Finding("packages", "fail", ", ".join(wrong), f"pip install {' '.join(cures)}")
    return Finding("packages", "ok", ", ".join(found))


def check_spark_submit(environ: Mapping[str, str]) -> Finding:
    """Tell whether ``spark-submit`` is the one that came with this Python's pyspark.

    Args:
        environ: The environment that is searched, usually `os.environ`.
    """
    on_path = shutil.which("spark-submit", path=environ.get("PATH", ""))
    own = Path(sys.executable).with_name("spark-submit")
    cure = f'export PATH="{own.parent}:$PATH"'
    if on_path is None and not own.exists():
        message = "not on PATH, and none beside this Python; jobs can be run without it"
        return Finding("spark-submit", "warn", message, "pip install pyspark")
    if on_path is None and "SPARK_HOME" not in environ:
        # Called by its full path it asks the python3 of PATH where pyspark is.
        message = f"not on PATH, so that {own} looks for Spark in another Python"
        return Finding("spark-submit", "warn", message, cure)
    if on_path is not None and own.exists() and not own.samefile(on_path):
        message = f"{on_path} does not belong to this Python's pyspark"
        return Finding("spark-submit", "warn", message, cure)
    home = environ.get("SPARK_HOME")
    return Finding(
        "spark-submit", "ok", f"{on_path or own}{f', SPARK_HOME={home}' if home else ''}"
    )


def check_extras() -> Finding:
    """List scorecast's extras that are installed and those that are not."""
    needed: dict[str, list[str]] = {}
    for line in _metadata_values("scorecast", "Requires-Dist"):
        found = re.match(r"""([\w.-]+).*;.*\bextra == ["']([\w-]+)["']""", line)
        if found and found[1] != "scorecast":
            needed.setdefault(found[2], []).append(found[1])
    states: dict[bool, list[str]] = {True: [], False: []}
    for extra, packages in sorted(needed.items()):
        states[all(_metadata_values(package, "Name") for package in packages)].append(extra)
    message = "; ".join(
        f"{word}: {', '.join(states[state])}"
        for state, word in ((True, "installed"), (False, "not installed"))
        if states[state]
    )
    return Finding("extras", "ok", message or "scorecast is not installed by pip, so none is known")


def check_workers_of(spark: SparkSession) -> Finding:
    """Compare the workers of `spark` with the driver; runs one task."""
    problem = inspect_workers(spark, ())
    if problem is None:
        return Finding("workers", "ok", "they run Python and packages that fit the driver's")
    message = "; ".join((*problem.differences, *problem.sides))
    return Finding("workers", "fail", message, problem.cure)


def _static_findings(environ: Mapping[str, str], master: str | None) -> Iterator[Finding]:
    """Yield what can be found without starting Spark."""
    server = environ.get("SPARK_REMOTE", "") if master is None else master
    yield check_java(environ, is_needed=not server.startswith("sc://"))
    yield check_python()
    yield check_packages()
    yield check_spark_submit(environ)
    yield check_extras()


def _session_findings(spark: SparkSession) -> Iterator[Finding]:
    """Yield what a running session shows."""
    from scorecast.spark.versions import is_connect

    try:
        spark.range(1).count()
    except Exception as error:  # noqa: BLE001 - whatever keeps a job from running is the finding
        yield _broken_session(error)
        return
    where = "Connect" if is_connect(spark) else f"master {spark.sparkContext.master}"
    yield Finding("session", "ok", f"Spark {spark.version} runs jobs ({where})")
    try:
        yield check_workers_of(spark)
    except Exception as error:  # noqa: BLE001 - a probe that dies is a finding like any other
        yield Finding("workers", "fail", _first_line(error), "see Spark's own log above")


def _broken_session(error: Exception) -> Finding:
    message = f"Spark does not start: {_first_line(error)}"
    cure = "see the lines that Spark has printed above"
    if re.search(r"bind|UnknownHost|Cannot assign requested address", str(error)):
        cure = "export SPARK_LOCAL_IP=127.0.0.1"
    return Finding("session", "fail", message, cure)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _metadata_values(distribution: str, field: str) -> list[str]:
    """Return the values of one metadata field, none if `distribution` is not installed."""
    try:
        return importlib.metadata.metadata(distribution).get_all(field) or []
    except importlib.metadata.PackageNotFoundError:
        return []
