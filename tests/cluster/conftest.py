"""Real executors in processes of their own, and spark-submit as a user calls it."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from scorecast.spark.java import java_home_for_spark, require_java


@pytest.fixture(scope="session")
def people_file(people: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the people as one parquet file of several row groups."""
    path = tmp_path_factory.mktemp("input") / "people.parquet"
    people.to_parquet(path, index=False, row_group_size=100)
    return path


@pytest.fixture
def submit(repository: Path, tmp_path: Path):
    """Run ``spark-submit jobs/batch_predict.py`` with the project's conf; give the process."""
    java_home = java_home_for_spark(require_java(os.environ), os.environ)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(*options: str, master: str = "local[2]") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["spark-submit", "--master", master, str(repository / "jobs/batch_predict.py")]
            + [str(option) for option in options],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": path,
                "JAVA_HOME": str(java_home),
                "SPARK_CONF_DIR": str(repository / "conf"),
            },
        )

    return run
