"""The checks of the long version on inputs of odd sizes, whose memory is told."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from math import ceil, log2
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from fault_kit import NEW, Job, Place, at, expected
from long_kit import Tally

BATCH = 10_000


def memory_of(job: Job) -> int:
    """Give the memory of all processes of a job in MiB, counting what they share once."""
    total = 0
    for process in job.processes():
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total >> 20


def watched(place: Place, tally: Tally, name: str, model: Path, *more: object) -> None:
    """Run a job to its end, and note its time and the most memory that was seen."""
    most, ended = 0, threading.Event()

    def watch(job: Job) -> None:
        nonlocal most
        while not ended.wait(0.3):
            most = max(most, memory_of(job))

    with place.start(model, *more) as job:
        watcher = threading.Thread(target=watch, args=(job,))
        watcher.start()
        try:
            tally.ended(job.wait(), [0], job.text)
        finally:
            ended.set()
            watcher.join()
    shown = job.text.strip().splitlines()[-1:]
    tally.notes.append(f"{name}: at most {most} MiB in all processes; {shown}")


def poison(place: Place, tally: Tally) -> None:
    """One row of 1,000,000 fails (check 12): it alone is aside, found by few calls."""
    many = Place(place.folder / f"million{place.runs}", rows=1_000_000)
    rid, calls = random.randrange(many.rows), [many.folder / f"calls{i}" for i in range(2)]
    more = ("--on-error", "quarantine", "--max-errors", 1, "--batch-size", BATCH)
    watched(many, tally, "clean", many.model(NEW, "", calls[0]), *more)
    tally.output(many.output, expected(NEW, many.rows))
    harm = at(rid, "raise ValueError('v')")
    watched(many, tally, "one of a million", many.model(NEW, harm, calls[1]), *more)
    tally.output(many.output, expected(NEW, many.rows), aside=[rid])
    clean, found = (len(path.read_text().splitlines()) for path in calls)
    tally.notes.append(f"{clean} calls of the model, and {found} with the row that fails")
    if found - clean > 2 * ceil(log2(BATCH)) + 1:
        tally.problems.append(f"{found - clean} calls more")


def many_columns(place: Place, tally: Tally) -> None:
    """2,000 columns (check 50)."""
    wide = Place(place.folder / f"wide{place.runs}", files=1)
    columns = {f"c{i}": np.arange(wide.rows) + i for i in range(2000)}
    rid = np.arange(wide.rows)
    for path in wide.source.iterdir():
        path.unlink()
    pq.write_table(pa.table({"rid": rid, "x": rid / 7, **columns}), wide.source / "0.parquet")
    watched(wide, tally, "2,000 columns", wide.model(NEW))
    tally.output(wide.output, expected(NEW))
    if pq.read_table(wide.output, columns=["c1999"])["c1999"].to_numpy().min() != 1999:
        tally.problems.append("a column has other values")


def large_cell(place: Place, tally: Tally) -> None:
    """A text of 50 MiB in one row (check 50)."""
    large = Place(place.folder / f"large{place.runs}", rows=100, files=1)
    rid = np.arange(large.rows)
    text = ["ä" * (25 << 20) if i == 50 else "short" for i in rid]
    pq.write_table(pa.table({"rid": rid, "x": rid / 7, "text": text}), large.source / "0.parquet")
    watched(large, tally, "a text of 50 MiB", large.model(NEW))
    tally.output(large.output, expected(NEW, large.rows))
    if pq.read_table(large.output).sort_by("rid")["text"].to_pylist() != text:
        tally.problems.append("the text is another one")


def many_files(place: Place, tally: Tally) -> None:
    """10,000 files of two rows (check 50)."""
    many = Place(place.folder / f"files{place.runs}", files=10_000)
    watched(many, tally, "10,000 files", many.model(NEW))
    tally.output(many.output, expected(NEW))


def large_group(place: Place, tally: Tally) -> None:
    """One row group of 5,000,000 rows (check 50)."""
    large = Place(place.folder / f"group{place.runs}", rows=5_000_000, files=1)
    rid = np.arange(large.rows)
    table = pa.table({"rid": rid, "x": rid / 7})
    pq.write_table(table, large.source / "0.parquet", row_group_size=large.rows)
    watched(large, tally, "a row group of 5,000,000 rows", large.model(NEW))
    tally.output(large.output, expected(NEW, large.rows))
