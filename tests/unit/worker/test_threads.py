"""Threads of a worker follow the processors of its task."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from scorecast.worker.threads import limit_threads


def test_outside_of_a_task_nothing_is_changed() -> None:
    """A model that is loaded on the driver uses the machine as its library sees fit."""
    environ: dict[str, str] = {}

    assert limit_threads(None, environ) is None
    assert environ == {}


@pytest.mark.parametrize(
    ("given", "cpus", "threads"),
    [("1", 1, 1), ("4", 1, 4), ("4,2", 1, 4), ("2", 4, 2)],
)
def test_a_number_in_the_environment_wins(given: str, cpus: int, threads: int) -> None:
    """What Spark or the user has set is kept, and holds for libraries that look elsewhere."""
    environ = {"OMP_NUM_THREADS": given, "RAYON_NUM_THREADS": "7"}

    assert limit_threads(cpus, environ) == threads
    assert environ["OMP_NUM_THREADS"].partition(",")[0] == str(threads)
    assert environ["LOKY_MAX_CPU_COUNT"] == str(threads)
    assert environ["RAYON_NUM_THREADS"] == "7"


PROBE = """
import json, os, sys
import numpy, pyarrow
from threadpoolctl import threadpool_info
from scorecast.worker.threads import limit_threads
threads = limit_threads(int(sys.argv[1]), os.environ)
pools = {info["num_threads"] for info in threadpool_info()}
import joblib
print(json.dumps([threads, sorted(pools), pyarrow.cpu_count(), joblib.cpu_count()]))
"""


@pytest.mark.parametrize("given", [None, "0.5"])
def test_loaded_libraries_are_limited(given: str | None, src_on_path: dict[str, str]) -> None:
    """Without a number that OpenMP understands, BLAS, Arrow and joblib get that of the task."""
    pytest.importorskip("threadpoolctl")
    environ = {k: v for k, v in src_on_path.items() if not k.endswith("_THREADS")}
    if given is not None:
        environ["OMP_NUM_THREADS"] = given
    command = [sys.executable, "-c", PROBE, "1"]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)

    assert json.loads(run.stdout) == [1, [1], 1, 1]
