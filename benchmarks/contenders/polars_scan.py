"""Polars: a streaming scan, numpy for the model, and its sink, in one process."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.contenders.by_hand import estimator, predict_table
from benchmarks.work import ID, PREDICTION, Outcome, Work


class Polars:
    """Batches of the streaming engine go through the model one by one."""

    def __init__(self, cores: int) -> None:
        del cores  # it takes those of the machine

    def run(self, work: Work) -> Outcome:
        """Scan, predict, sink."""
        started = time.perf_counter()
        Path(work.output).mkdir(parents=True)

        def predict(frame: pl.DataFrame) -> pl.DataFrame:
            if work.kind == "columns":
                block = frame.select(work.inputs).to_numpy()
                found = np.asarray(estimator(work.model).predict(block))
            else:
                found = predict_table(frame.to_arrow(), work)
            if found.ndim == 1:
                return frame.select(ID).with_columns(pl.Series(PREDICTION, found))
            both = pl.struct(
                pl.Series("a", np.ascontiguousarray(found[:, 0])),
                pl.Series("b", np.ascontiguousarray(found[:, 1])),
            )
            return frame.select(ID, both.alias(PREDICTION))

        kind = (
            pl.Float64()
            if work.result == "double"
            else pl.Struct({"a": pl.Float64, "b": pl.Float64})
        )
        scan = pl.scan_parquet(f"{work.data}/*.parquet").select(ID, *work.inputs)
        found = scan.map_batches(
            predict, schema={ID: pl.Int64(), PREDICTION: kind}, streamable=True
        )
        found.sink_parquet(f"{work.output}/0.parquet", compression="snappy")
        return Outcome(seconds=time.perf_counter() - started)

    def stop(self) -> None:
        """Nothing outlives the process."""
