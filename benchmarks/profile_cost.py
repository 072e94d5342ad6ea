"""What the profile of a job costs a task: CPU time for a million rows of 20 doubles, one process.

    python -m benchmarks.profile_cost

Batches are as large as those of the arrow engine. The share is of the CPU time of all else that a
task of the fastest model does with as many rows, reading and writing included (README, first row of
the benchmarks: 4 M rows in 1.31 s on 2 cores).
"""

import time

import numpy as np
import pyarrow as pa

from scorecast.worker.profile import ProfilePlan, Profiler
from scorecast.worker.row_groups import BATCH_ROWS

COLUMNS = 20
ROWS = 1_000_000
ELSE_SECONDS = 1.31 * 2 / 4
REPEATS = 7


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


def main() -> None:
    """Print the cost of each size of sample, the best of some repeats."""
    for bits in (0, 4, 6, 8, 10):
        spent, rows = min(seconds(bits) for _ in range(REPEATS))
        share = spent / (spent + ELSE_SECONDS)
        print(f"1 row of {2**bits:>4}: {rows:>9,} rows, {1000 * spent:7.1f} ms, {share:.1%}")


if __name__ == "__main__":
    main()
