"""What the profile of a job costs.

    python -m benchmarks.profile_cost [ROUNDS] [ROWS ...]

First the CPU time that a task spends on it, for a million rows of 20 doubles in one process. Then
whole jobs of the fastest model over so many such rows, with the profile and without it, in turn in
one warm session: CPU seconds of Java and all Python workers (which other work on the machine
disturbs less; Linux only) and seconds, medians, and the median of the ratios of the pairs.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.datasets import Dataset, ModelSpec, Store
from benchmarks.packed import cpu_seconds
from scorecast import BatchPredictConfig, batch_predict
from scorecast.spark.session import start_session
from scorecast.worker.profile import ProfilePlan, Profiler
from scorecast.worker.row_groups import BATCH_ROWS

COLUMNS = 20
ROWS = 1_000_000
REPEATS = 7
JOBS = (100_000, 500_000, 1_000_000, 4_000_000)


def seconds(bits: int) -> tuple[float, int]:
    """Profile a million rows; give CPU seconds and rows in the sample."""
    random = np.random.default_rng(0)
    numbers = [random.normal(size=BATCH_ROWS) for _ in range(COLUMNS)]
    profiler = Profiler(ProfilePlan(tuple(range(COLUMNS)), bits, COLUMNS))
    names = [str(i) for i in range(COLUMNS + 1)]
    spent = 0.0
    for first in range(0, ROWS, BATCH_ROWS):
        rows = min(BATCH_ROWS, ROWS - first)
        # Fresh memory, as a task has just read it.
        columns = [pa.array(column[:rows].copy()) for column in numbers]
        places = pa.array(np.arange(first, first + rows))
        batch = pa.RecordBatch.from_arrays([*columns, places], names)
        started = time.process_time()
        profiler.add(batch, columns[0], None)
        spent += time.process_time() - started
    started = time.process_time()
    found = profiler.result()
    spent += time.process_time() - started
    return spent, 0 if found is None else found["rows"]


def job(spark: SparkSession, model: Path, data: Path, output: Path, profile: str) -> list[float]:
    """Run a job; give its CPU seconds and its seconds."""
    config = BatchPredictConfig(
        model_uri=str(model),
        input=str(data),
        output=str(output),
        profile=profile,  # type: ignore[arg-type]
        engine="arrow",
        keep=("id",),
        mode="overwrite",
        force=True,
        keep_replaced=0,
    )
    cpu, clock = cpu_seconds(), time.perf_counter()
    batch_predict(spark, config)
    return [cpu_seconds() - cpu, time.perf_counter() - clock]


def compare(spark: SparkSession, rows: int, rounds: int, output: Path) -> str:
    """Run jobs with and without in turn; give a line of the table."""
    store = Store(Path("build/bench"))
    dataset = Dataset(kind="columns", width=COLUMNS, rows=rows)
    model = store.model(ModelSpec("linear"), dataset)
    data = store.data(dataset)
    pairs = []
    for number in range(rounds + 1):
        order = ("off", "auto") if number % 2 else ("auto", "off")
        took = {profile: job(spark, model, data, output, profile) for profile in order}
        pairs.append([*took["auto"], *took["off"]])
    # The first pair warms up.
    columns = list(zip(*pairs[1:], strict=True))
    cpu, clock, cpu_off, clock_off = (statistics.median(column) for column in columns)
    ratios = [[a / c, b / d] for a, b, c, d in pairs[1:]]
    cpu_ratio, clock_ratio = (statistics.median(each) for each in zip(*ratios, strict=True))
    return (
        f"{rows:>9,} rows: CPU {cpu:.2f} s, without {cpu_off:.2f} s, {cpu_ratio:.3f}; "
        f"{clock:.2f} s, without {clock_off:.2f} s, {clock_ratio:.3f}"
    )


def main(rounds: int, *sizes: int) -> None:
    """Print the cost of each size of sample, the best of some repeats, and that of jobs."""
    for bits in (0, 4, 6, 8, 10):
        spent, rows = min(seconds(bits) for _ in range(REPEATS))
        print(f"1 row of {2**bits:>4}: {rows:>9,} rows, {1000 * spent:7.1f} ms", flush=True)
    spark = start_session(master="local[2]", conf={"spark.ui.enabled": "false"}).spark
    spark.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes or JOBS:
            print(compare(spark, size, rounds, Path(folder) / "output"), flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*(int(float(word)) for word in sys.argv[1:] or ["20"]))
