"""Ray Data: ``map_batches`` over Arrow batches between its own reader and writer."""

from __future__ import annotations

import time
from collections.abc import Callable

import pyarrow as pa
import ray

from benchmarks.work import ID, PREDICTION, Outcome, Work

_TRIES = 5


class RayData:
    """A function that keeps its model per process: Ray runs it in one task with the reader."""

    def __init__(self, cores: int) -> None:
        _start(cores)
        ray.data.DataContext.get_current().enable_progress_bars = False

    def run(self, work: Work) -> Outcome:
        """Read, predict, write."""
        started = time.perf_counter()
        data = ray.data.read_parquet(work.data, columns=[ID, *work.inputs])
        found = data.map_batches(_predictor(work), batch_format="pyarrow", batch_size=None)
        found.write_parquet(work.output, compression="snappy")
        return Outcome(seconds=time.perf_counter() - started)

    def stop(self) -> None:
        """End the processes of Ray."""
        ray.shutdown()


def _start(cores: int) -> None:
    """Start Ray; it gives up after 30 s, which a busy machine may need."""
    for left in reversed(range(_TRIES)):
        try:
            ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
        except Exception:
            ray.shutdown()
            if not left:
                raise
        else:
            return


def _predictor(work: Work) -> Callable[[pa.Table], pa.Table]:
    def predict(table: pa.Table) -> pa.Table:
        from benchmarks.contenders.by_hand import predict_table, to_arrow

        return pa.table({ID: table[ID], PREDICTION: to_arrow(predict_table(table, work))})

    return predict
