"""What it costs to send kept columns through Python, and to match column expressions by name.

    python benchmarks/columns.py [ROWS] [ROUNDS]

Two questions, each with its ways in turn in one session, over a linear model of five doubles:

- `predict_frame(interface="arrow")` sends kept columns to Python and back, ``"column"`` sends the
  inputs alone. From how many kept columns on is the second faster?
- `spark_udf` takes columns named as text as they are, and expressions as the members of one record.
  What does the record cost?
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses

import scorecast
from scorecast.spark.session import start_session

INPUTS = [f"x{i}" for i in range(5)]
KEPT = (0, 3, 5, 10, 20)


def table(rows: int) -> pd.DataFrame:
    """Give the inputs and twenty columns to keep, half of them text."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, len(INPUTS))), columns=INPUTS)
    for i in range(max(KEPT)):
        values = rng.integers(0, 10**6, rows)
        frame[f"k{i}"] = values.astype("str") if i % 2 else values
    return frame


def ratios(ways: dict[str, Callable[[], DataFrame]], rounds: int) -> str:
    """Time the ways in turn; give the medians and the ratio of the second to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way().write.format("noop").mode("overwrite").save()
            if number:
                seconds[name].append(time.perf_counter() - started)
    first, second = seconds.values()
    pairs = sorted(b / a for a, b in zip(first, second, strict=True))
    return (
        f"{statistics.median(first):>8.2f}{statistics.median(second):>8.2f}"
        f"{statistics.median(pairs):>8.2f} ({pairs[0]:.2f}-{pairs[-1]:.2f})"
    )


def main(rows: int, rounds: int) -> None:
    """Answer both questions."""
    from sklearn.linear_model import LinearRegression

    spark = start_session(master="local[2]", conf={"spark.ui.enabled": "false"}).spark
    spark.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as name:
        sample = table(1000)
        model = LinearRegression().fit(sample[INPUTS], sample["x0"])
        signature = scorecast.infer_signature(sample[INPUTS], model.predict(sample[INPUTS]))
        path = scorecast.save_model(model, Path(name) / "model", signature=signature)
        table(rows).to_parquet(Path(name) / "table.parquet", row_group_size=rows // 8)
        df = spark.read.parquet(str(Path(name) / "table.parquet"))
        print(f"{rows:,} rows, {rounds} rounds after one warm-up; seconds are medians")
        print(f"{'kept, not inputs':<18}{'arrow':>8}{'column':>8}{'ratio':>8} (range)")
        for count in KEPT:
            keep = [*INPUTS, *(f"k{i}" for i in range(count))]

            def framed(interface: str, keep: list[str] = keep) -> DataFrame:
                return scorecast.predict_frame(df, path, keep=keep, interface=interface)

            ways = {way: lambda way=way: framed(way) for way in ("arrow", "column")}
            print(f"{count:<18}{ratios(ways, rounds)}")
        udf = scorecast.spark_udf(spark, path)
        ways = {
            "text": lambda: df.select(udf(*INPUTS).alias("p")),
            "expressions": lambda: df.select(udf(*map(F.col, INPUTS)).alias("p")),
        }
        print(f"{'spark_udf':<18}{'text':>8}{'expr.':>8}{'ratio':>8} (range)")
        print(f"{'five doubles':<18}{ratios(ways, rounds)}")
    spark.stop()


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["1000000", "3"][len(sys.argv) - 1 :])))
