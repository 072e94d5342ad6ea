"""Real executors in processes of their own, and spark-submit as a user calls it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.jvm import submit_options_with

from scorecast.spark.java import java_home_for_spark, require_java


@pytest.fixture(scope="session")
def shell(repository: Path, tmp_path_factory: pytest.TempPathFactory):
    """Run a shell command as a user does: environment active, in a folder like the project's."""
    place = tmp_path_factory.mktemp("project")
    for name in ("jobs", "conf"):
        (place / name).symlink_to(repository / name)
    (place / "build").mkdir()
    bin_folder = Path(sys.executable).parent
    java_home = java_home_for_spark(require_java(os.environ), os.environ)
    options = submit_options_with(repository / "conf")

    def run(command: str, cwd: Path = place) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            timeout=480,
            check=False,
            cwd=cwd,
            env={
                **os.environ,
                "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
                "JAVA_HOME": str(java_home),
                "SPARK_CONF_DIR": str(repository / "conf"),
                "SPARK_SUBMIT_OPTS": options,
            },
        )

    run.place = place
    return run


@pytest.fixture(scope="session")
def demo(shell, repository: Path):
    """Run ``make demo`` with this environment instead of one of its own; give its process."""
    folder = shell.place / "build" / "demo"
    venv = sys.prefix
    return shell(
        f"make demo --assume-old={venv}/.installed DEMO_VENV={venv} DEMO={folder}", repository
    )


@pytest.fixture(scope="session")
def people_file(people: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the people as one parquet file of several row groups."""
    path = tmp_path_factory.mktemp("input") / "people.parquet"
    people.to_parquet(path, index=False, row_group_size=100)
    return path


@pytest.fixture
def submit(shell):
    """Run ``spark-submit jobs/batch_predict.py``; give the process."""

    def run(*options: object, master: str = "local[2]") -> subprocess.CompletedProcess[str]:
        words = ["spark-submit", "--master", master, "jobs/batch_predict.py", *options]
        return shell(shlex.join(str(word) for word in words))

    return run
