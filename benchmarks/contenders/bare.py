"""The floor: a loop over row groups with pyarrow, one process per core, and nothing else.

No session, no scheduler, no retry, no manifest, no atomic publish.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.work import ID, PREDICTION, Outcome, Work

# Files smaller than this are written as one row group.
_SMALL = 100_000


class Bare:
    """Processes that are there before the work comes."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._pool = ProcessPoolExecutor(cores, mp_context=get_context("spawn"))

    def run(self, work: Work) -> Outcome:
        """Deal the files to the processes; each writes one part."""
        started = time.perf_counter()
        files = sorted(str(file) for file in Path(work.data).glob("*.parquet"))
        Path(work.output).mkdir(parents=True)
        parts = [
            self._pool.submit(_part, work, files[i :: self._cores], f"{work.output}/{i}.parquet")
            for i in range(self._cores)
            if files[i :: self._cores]
        ]
        for part in parts:
            part.result()
        return Outcome(seconds=time.perf_counter() - started)

    def stop(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _part(work: Work, files: list[str], output: str) -> None:
    from benchmarks.contenders.by_hand import predict_table, to_arrow

    columns = [ID, *work.inputs]
    kind = pa.float64() if work.result == "double" else to_arrow_struct()
    schema = pa.schema([(ID, pa.int64()), (PREDICTION, kind)])
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(output, schema) as writer:
        for name in files:
            with pq.ParquetFile(name) as file:
                for group in range(file.metadata.num_row_groups):
                    table = file.read_row_group(group, columns=columns, use_threads=False)
                    found = to_arrow(predict_table(table, work))
                    waiting.append(pa.table({ID: table[ID], PREDICTION: found}))
            if sum(map(len, waiting)) >= _SMALL:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def to_arrow_struct() -> pa.DataType:
    """Give the type of predictions with two outputs."""
    return pa.struct([("a", pa.float64()), ("b", pa.float64())])
