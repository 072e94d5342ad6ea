"""What all contenders on Spark have in common: the session, its settings, the ways to evaluate."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses

from benchmarks import memory
from benchmarks.work import ID, LIMIT, PREDICTION, Outcome, Work

# The same for all of them. Batches, codec and everything else are as Spark has them.
SETTINGS = {
    "spark.driver.memory": "3g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.log.level": "ERROR",
}


def start_spark(cores: int) -> SparkSession:
    """Start a session on this machine."""
    from scorecast.spark.java import ensure_java

    ensure_java(os.environ)  # finds Java, which plain Spark leaves to the environment
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local[{cores}]").appName("benchmark")
    spark: SparkSession = builder.config(map=dict(SETTINGS)).getOrCreate()
    return spark


class SparkContender:
    """A contender whose model is a function of columns; others override `job`."""

    def __init__(self, cores: int) -> None:
        self.spark = start_spark(cores)
        self._functions: dict[str, Any] = {}

    def function(self, work: Work) -> Any:
        """Make the function of columns that predicts."""
        raise NotImplementedError

    def apply(self, function: Any, work: Work) -> Column:
        """Call it on the inputs."""
        column: Column = function(*work.inputs)
        return column

    def job(self, work: Work) -> None:
        """Make parquet from parquet."""
        column = self.apply(self.function(work), work).alias(PREDICTION)
        self._read(work).select(ID, column).write.mode("overwrite").parquet(work.output)

    def frame(self, work: Work) -> DataFrame:
        """Give a data frame of the predictions."""
        raise NotImplementedError

    def run(self, work: Work) -> Outcome:
        """Do the work; see `Work` for what is timed."""
        if work.memory:
            memory.forget_peak()
        if work.operation == "job":
            started = time.perf_counter()
            self.job(work)
            return Outcome(seconds=time.perf_counter() - started, facts=self._memory(work))
        began = time.perf_counter()
        predictions = self._predictions(work)
        made = time.perf_counter()
        facts: dict[str, Any]
        if work.operation == "limit":
            rows = predictions.limit(LIMIT).collect()
            facts = {name: [row[name] for row in rows] for name in (ID, PREDICTION)}
        else:
            row = predictions.agg(F.count(PREDICTION), F.sum(PREDICTION)).first()
            facts = {"rows": row[0], "sum": row[1] or 0.0}
        ended = time.perf_counter()
        facts |= {"making": made - began, **self._memory(work)}
        return Outcome(seconds=ended - (began if work.operation == "first" else made), facts=facts)

    def stop(self) -> None:
        """Stop the session."""
        self.spark.stop()

    def _predictions(self, work: Work) -> DataFrame:
        """Give the predictions as a data frame that nothing has evaluated yet."""
        if work.operation == "frame":
            return self.frame(work)
        if work.operation == "first":
            self._functions.clear()
        # A user of a session keeps the function, too.
        if work.model not in self._functions:
            self._functions = {work.model: self.function(work)}
        column = self.apply(self._functions[work.model], work).alias(PREDICTION)
        kept = [ID] if work.operation == "limit" else []
        return self._read(work).select(*kept, column)

    def _read(self, work: Work) -> DataFrame:
        frame = self.spark.read.parquet(work.data)
        return frame.repartition(work.partitions) if work.partitions else frame

    def _memory(self, work: Work) -> dict[str, float]:
        """Measure the driver: the peak of Python, and what Java holds once its garbage is gone."""
        if not work.memory:
            return {}
        python = memory.peak()
        java = self.spark._jvm.java.lang  # noqa: SLF001 - there is no public way to ask
        java.System.gc()
        runtime = java.Runtime.getRuntime()
        heap = (runtime.totalMemory() - runtime.freeMemory()) / memory.MB
        found = memory.workers()
        return {
            "driver_mb": python + heap,
            "workers": float(len(found)),
            "workers_mb": memory.summed_pss(found),
        }
