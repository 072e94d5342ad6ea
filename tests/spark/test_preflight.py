"""The preflight against real workers: other environments, made for the test, run the tasks."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jobs_kit import started
from plain_environment import SOURCE, plain_environment

import scorecast
from scorecast.errors import WorkerEnvironmentError
from scorecast.spark.preflight import check_workers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The driver finds scorecast in a way that its workers do not inherit.
SHIPPED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import pyarrow as pa
from scorecast.spark.preflight import check_workers
from scorecast.spark.session import start_session

handle = start_session(conf={"spark.ui.enabled": "false", **json.loads(sys.argv[2])})
spark = handle.spark
check_workers(spark, [])
check_workers(spark, ["scikit-learn"])

def predict(batches):
    import scorecast
    import scorecast.packing
    import scorecast.worker.cache
    for batch in batches:
        facts = [[scorecast.__file__, scorecast.__version__, sys.prefix]] * batch.num_rows
        yield pa.RecordBatch.from_arrays([pa.array(facts)], names=["facts"])

rows = spark.range(3, numPartitions=1).mapInArrow(predict, "facts array<string>").collect()
handle.stop()
print(json.dumps([row.facts for row in rows]))
"""

PRETENDS_TO_BE_PYTHON_3_99 = """
import collections, sys
fields = "major minor micro releaselevel serial"
sys.version_info = collections.namedtuple("version_info", fields)(3, 99, 0, "final", 0)
"""


def make_environment(
    directory: Path, *, without: Sequence[str] = (), with_packages: bool = True
) -> Path:
    """Make a virtual environment that lacks scorecast, and give its Python.

    Args:
        directory: Where to make it.
        without: Further names that its packages must not start with.
        with_packages: Whether it has this environment's other packages, by links.
    """
    venv.create(directory, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(directory)}))
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(folder).iterdir() if with_packages else ():
            hidden = entry.name.startswith(("scorecast", "_scorecast", "__editable__", *without))
            if not hidden and entry.suffix != ".pth":
                (packages / entry.name).symlink_to(entry)
    return directory / "bin" / "python"


def add_package(python: Path, name: str, version: str) -> None:
    """Give the environment of `python` a distribution `name` that has a version and no code."""
    (packages,) = python.parents[1].glob("lib/*/site-packages")
    information = packages / f"{name}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    (packages / f"{name}.py").write_text("")


@pytest.fixture
def session(spark: SparkSession) -> SparkSession:
    """Give a session of which the preflight knows nothing yet, in the shared SparkContext."""
    return spark.newSession()


def message_of(session: SparkSession, python: Path, packages: Sequence[str] = ()) -> str:
    """Check the session with workers that run `python`, and give the error's message."""
    context = session.sparkContext
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "pythonExec", str(python))
        with pytest.raises(WorkerEnvironmentError) as caught:
            check_workers(session, packages, extra="sklearn")
    text = str(caught.value)
    assert len(text.splitlines()) < 12
    assert "Traceback" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return text


def test_good_workers_are_checked_once_for_each_package(session: SparkSession) -> None:
    """Workers that fit pass, and packages that passed cost no further task in the session."""
    before = started(session)
    check_workers(session, ["scikit-learn"])
    assert started(session) == before + 1
    check_workers(session, ["scikit-learn"])
    check_workers(session, [])
    assert started(session) == before + 1
    check_workers(session, ["scikit-learn", "cloudpickle"])
    assert started(session) == before + 2


def test_bare_worker_python_is_named_with_all_that_it_lacks(
    session: SparkSession, tmp_path: Path
) -> None:
    """A worker without pandas and pyarrow gives one short error that names both Pythons."""
    bare = make_environment(tmp_path / "bare", with_packages=False)
    text = message_of(session, bare)
    for name in ("pandas", "pyarrow", "numpy"):
        assert f"  {name}: driver " in text
    assert text.count("worker has none") >= 3
    assert f"Driver: Python {sys.version.split()[0]}, {sys.executable}, host" in text
    assert f", {bare}, host" in text
    assert f"Cure: set PYSPARK_PYTHON={sys.executable}" in text


def test_failed_check_is_made_again(session: SparkSession, tmp_path: Path) -> None:
    """Only success is remembered: after the cure the same session passes."""
    message_of(session, make_environment(tmp_path / "bare", with_packages=False))
    check_workers(session, [])


def test_other_versions_and_a_missing_library_are_named(
    session: SparkSession, tmp_path: Path
) -> None:
    """Another pandas and no scikit-learn on the worker are told in the same error."""
    python = make_environment(tmp_path / "other", without=("pandas", "sklearn", "scikit_learn"))
    add_package(python, "pandas", "1.5.3")
    text = message_of(session, python, ["scikit-learn"])
    assert "worker 1.5.3\n" in text
    assert "  scikit-learn: driver " in text
    assert "pyarrow" not in text


def test_library_that_nobody_has_is_cured_by_the_extra(session: SparkSession) -> None:
    """A package missing on driver and workers leads to the pip line with the extra."""
    text = message_of(session, Path(sys.executable), ["no-such-distribution"])
    assert "  no-such-distribution: driver has none, worker has none\n" in text
    assert 'pip install "scorecast[sklearn]"' in text


def test_other_python_version_is_named(session: SparkSession, tmp_path: Path) -> None:
    """Spark's own failure on another Python version becomes the same short error."""
    python = make_environment(tmp_path / "future", with_packages=False)
    (packages,) = python.parents[1].glob("lib/*/site-packages")
    (packages / "sitecustomize.py").write_text(PRETENDS_TO_BE_PYTHON_3_99)
    text = message_of(session, python)
    assert f"  Python: driver {sys.version.split()[0]}, worker 3.99\n" in text
    assert f"Worker: {python}\n" in text


def test_worker_python_that_does_not_exist_is_named(session: SparkSession, tmp_path: Path) -> None:
    """A path without a Python is named with the reason, not with Spark's traceback."""
    text = message_of(session, tmp_path / "nowhere" / "python")
    assert f"{tmp_path}/nowhere/python cannot be started: No such file or directory" in text


@pytest.mark.parametrize("mode", ["classic", "connect"])
def test_worker_that_lacks_only_scorecast_gets_it_shipped(
    request: pytest.FixtureRequest, tmp_path: Path, mode: str
) -> None:
    """The driver's own package arrives as a zip file, and an Arrow function calls into it."""
    settings = {"spark.master": "local[2]"}
    if mode == "connect":
        request.getfixturevalue("connect_server")
        settings = {"spark.remote": "local[2]"}
    python = make_environment(tmp_path / "worker")
    done = subprocess.run(
        [sys.executable, "-c", SHIPPED, SOURCE, json.dumps(settings)],
        env=plain_environment(PYSPARK_PYTHON=str(python)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    rows: list[Any] = json.loads(done.stdout.splitlines()[-1])
    assert len(rows) == 3
    for file, version, prefix in rows:
        assert ".zip/scorecast/" in file
        assert version == scorecast.__version__
        assert prefix == str(tmp_path / "worker")
