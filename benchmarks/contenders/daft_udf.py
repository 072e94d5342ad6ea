"""Daft: a class with a batch method, an instance per core."""

from __future__ import annotations

import time
from typing import Any

import daft
import pyarrow as pa

from benchmarks.work import ID, PREDICTION, Outcome, Work


class Daft:
    """The way that the documentation of Daft shows for models."""

    def __init__(self, cores: int) -> None:
        self._cores = cores

    def run(self, work: Work) -> Outcome:
        """Read, predict, write."""
        started = time.perf_counter()
        frame = daft.read_parquet(f"{work.data}/*.parquet")
        predict = _predictor(work, self._cores)
        columns = [frame[name] for name in work.inputs]
        found = frame.select(frame[ID], predict(*columns).alias(PREDICTION))
        found.write_parquet(work.output, compression="snappy")
        return Outcome(seconds=time.perf_counter() - started)

    def stop(self) -> None:
        """Nothing outlives the process."""


def _predictor(work: Work, cores: int) -> Any:
    kind = (
        daft.DataType.float64()
        if work.result == "double"
        else daft.DataType.struct({"a": daft.DataType.float64(), "b": daft.DataType.float64()})
    )

    @daft.cls(max_concurrency=cores)
    class Predictor:
        """A model on a worker."""

        @daft.method.batch(return_dtype=kind)
        def predict(self, *columns: daft.Series) -> Any:
            """Predict on a batch."""
            from benchmarks.contenders.by_hand import predict_table, to_arrow

            table = pa.table([column.to_arrow() for column in columns], names=list(work.inputs))
            return to_arrow(predict_table(table, work))

    return Predictor().predict
