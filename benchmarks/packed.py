"""What it saves to send the inputs of `predict_frame` as one column of arrays.

    python benchmarks/packed.py [ROWS] [ROUNDS] [WIDTH ...]

A linear model over so many doubles, with columns sent on their own and packed, in turn in one
session. Printed are seconds and CPU seconds of Java and all Python workers together (which other
work on the machine disturbs less; Linux only), medians, and the ratio of each pair.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

import scorecast
from scorecast.spark.session import start_session

WIDTHS = (4, 10, 20, 100)


def cpu_seconds() -> float:
    """Give the CPU time of this process and of all that it started."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(words[1]), []).append(int(folder.name))
        # Of the process and of those of its children that have ended, for user and system.
        ticks[int(folder.name)] = sum(map(int, words[11:15]))
    total, waiting = 0, [os.getpid()]
    while waiting:
        process = waiting.pop()
        total += ticks.get(process, 0)
        waiting.extend(children.get(process, ()))
    return total / os.sysconf("SC_CLK_TCK")


def run(spark: SparkSession, width: int, rows: int, rounds: int) -> str:
    """Time both ways in turn; give a line of the table."""
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(0)
    names = [f"x{i}" for i in range(width)]
    sample = pd.DataFrame(rng.normal(size=(1000, width)), columns=names)
    model = LinearRegression().fit(sample, sample["x0"])
    signature = scorecast.infer_signature(sample, model.predict(sample))
    took: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        path = scorecast.save_model(model, Path(folder) / "model", signature=signature)
        file = Path(folder) / "rows.parquet"
        table = pa.table({name: rng.normal(size=rows) for name in names})
        pq.write_table(table, file, row_group_size=rows // 8)
        df = spark.read.parquet(str(file))
        for number in range(rounds + 1):
            for packed in (False, True) if number % 2 else (True, False):
                with mock.patch("scorecast.spark.frame.can_pack", return_value=packed):
                    frame = scorecast.predict_frame(df, path, keep="none")
                cpu, clock = cpu_seconds(), time.perf_counter()
                frame.write.format("noop").mode("overwrite").save()
                if number:
                    took[packed].append((time.perf_counter() - clock, cpu_seconds() - cpu))
    line = f"{width:<8}"
    for kind in (0, 1):
        apart, together = ([pair[kind] for pair in took[packed]] for packed in (False, True))
        pairs = sorted(a / b for a, b in zip(apart, together, strict=True))
        line += f"{statistics.median(apart):>10.2f}{statistics.median(together):>8.2f}"
        line += f"{statistics.median(pairs):>7.2f} ({pairs[0]:.2f}-{pairs[-1]:.2f})"
    return line


def main(rows: int, rounds: int, *widths: int) -> None:
    """Print the table."""
    spark = start_session(master="local[2]", conf={"spark.ui.enabled": "false"}).spark
    spark.sparkContext.setLogLevel("ERROR")
    print(f"{rows:,} rows of 20 doubles, or as many values; {rounds} rounds after one warm-up")
    print(f"{'columns':<8}{'seconds':>10}{'packed':>8}{'ratio':>7}", end="")
    print(f"{'CPU s':>22}{'packed':>8}{'ratio':>7}")
    for width in widths or WIDTHS:
        print(run(spark, width, rows * 20 // width, rounds), flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["1000000", "5"][len(sys.argv) - 1 :])))
