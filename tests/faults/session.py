"""Run many jobs in one Spark session, and tell what came of it as one JSON object.

    spark-submit ... session.py leaks JOBS PLACE MODEL OTHER_MODEL
    spark-submit ... session.py trials JOBS PLACE MODEL

``leaks``: the two models take turns at replacing ``PLACE/out``, and a frame of an early version is
read again after each job, through `read_predictions`; counts what is left in the session.
``trials``: the same job runs again and again, and its output is checked each time.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow.parquet as pq
from fault_kit import NEW, expected
from fault_oracle import check_output

WARM, SLACK = 6, 2


def counts(spark) -> dict[str, int]:
    """Count what a job may leave in its session: files, processes, threads, blocks, directories."""
    java = spark.sparkContext._jvm
    java.System.gc()
    gc.collect()
    jvm = psutil.Process(java.java.lang.ProcessHandle.current().pid())
    below = jvm.children(recursive=True)
    local = Path(java.org.apache.spark.SparkFiles.getRootDirectory()).parent
    memory = spark.sparkContext._jsc.sc().getExecutorMemoryStatus().head()._2()
    return {
        "files of the driver": len(list(Path("/proc/self/fd").iterdir())),
        "files of the JVM": jvm.num_fds(),
        "processes": len(below),
        "zombies": sum(p.status() == psutil.STATUS_ZOMBIE for p in below),
        "temporary directories": len(list(Path(tempfile.gettempdir()).iterdir())),
        "directories of Spark": sum(path.is_dir() for path in local.iterdir()),
        "KiB of blocks": (memory._1() - memory._2()) // 1024,
    }


def settled(spark, wanted: Callable[[dict[str, int]], bool], seconds: float) -> dict[str, int]:
    """Count until it is as wanted, since Spark cleans up in the background."""
    deadline = time.monotonic() + seconds
    while not wanted(found := counts(spark)) and time.monotonic() < deadline:
        time.sleep(1)
    return found


def start():
    """Give a session, with what spark-submit was told."""
    from scorecast.spark.session import start_session

    return start_session().spark


def run(spark, place: Path, model: str, **options: object) -> None:
    """Run a job that replaces the output."""
    from scorecast import BatchPredictConfig, batch_predict

    paths = {"input": str(place / "in"), "output": str(place / "out")}
    batch_predict(spark, BatchPredictConfig(model_uri=model, mode="overwrite", **paths, **options))


def leaks(jobs: int, place: Path, models: list[str]) -> dict[str, object]:
    """Compare what is there after the first few jobs with what is there in the end."""
    from scorecast import read_predictions

    spark = start()
    for number in range(WARM):
        run(spark, place, models[number % 2])
    held = read_predictions(spark, str(place / "out"))
    first = sorted(map(tuple, held.collect()))
    before, problems = counts(spark), []
    for number in range(jobs):
        run(spark, place, models[number % 2])
        try:
            if sorted(map(tuple, held.collect())) != first:
                problems.append(f"job {number}: the version that is held has other rows")
        except Exception as error:  # noqa: BLE001 - whatever stops a reader is a finding
            problems.append(f"job {number}: {error!s:.200}")
    after = settled(
        spark,
        lambda found: all(found[name] <= before[name] + SLACK for name in found),
        seconds=60,
    )
    spark.stop()
    problems += [
        f"{name}: {before[name]} before, {after[name]} after {jobs} jobs"
        for name in after
        if after[name] > before[name] + SLACK
    ]
    return {"before": before, "after": after, "problems": problems}


def trials(jobs: int, place: Path, models: list[str]) -> dict[str, object]:
    """Run the same job again and again."""
    spark, problems = start(), []
    wanted = expected(NEW, place_rows(place))
    for _ in range(jobs):
        run(spark, place, models[0], force=True)
        problems += check_output(place / "out", wanted)
    spark.stop()
    return {"problems": problems}


def place_rows(place: Path) -> int:
    """Give the number of rows of an input."""
    return sum(pq.read_metadata(path).num_rows for path in (place / "in").iterdir())


if __name__ == "__main__":
    work = {"leaks": leaks, "trials": trials}[sys.argv[1]]
    found = work(int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
    print("\n" + json.dumps(found), flush=True)
