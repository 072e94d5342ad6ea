"""Run the units of a plan, and commit each when its rows are accounted for. Driver only.

A unit is committed by one record, written only if none is there, after the footers of its files
were read back and hold as many rows as its tasks say. The record names the files that count; what
other attempts left beside them is garbage.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from scorecast.batch.budget import too_many_failed
from scorecast.batch.footers import Corrupt
from scorecast.batch.layout import Layout
from scorecast.batch.plan import Unit
from scorecast.batch.profile_files import ProfileFiles
from scorecast.batch.publish import Step
from scorecast.batch.stores.base import Store
from scorecast.errors import OutputChangedError, OutputError, OutputMismatchError
from scorecast.progress import Advance
from scorecast.spark.versions import cancel_tagged, described, tagged
from scorecast.worker.notes import Notes, read_notes
from scorecast.worker.parts import PartFile
from scorecast.worker.storage import filesystem_of
from scorecast.worker.task import TaskRecord

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOG = logging.getLogger(__name__)

UNITS_AT_ONCE = 2
"""How many units are predicted at the same time."""

_SECONDS_BETWEEN_LOOKS = 0.25
_FOOTER_THREADS = 16


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """A unit that is complete.

    Attributes:
        unit: Its name.
        folder: Directory of its files, relative to the root of the store.
        rows_read: Rows of its input files, before any condition; None where nobody counts them.
        rows_in: Rows that reached the model.
        rows_failed: Rows that the model failed on.
        n_null: Predictions that are NULL.
        n_nan: Numbers in predictions that are NaN.
        n_inf: Numbers in predictions that are infinite.
        files: Files with predictions, relative to `folder`.
        quarantine: Files with rows that failed, relative to `folder` with ``/quarantine``.
        tasks: Spark tasks that made it.
        seconds: Wall time.
        skipped: Input files that were left out since they could not be read.
        profile: File with statistics of its rows, among the `ProfileFiles` of the run, or None.
        resumed: Whether an earlier run of the same job had made it.
    """

    unit: str
    folder: str
    rows_read: int | None
    rows_in: int
    rows_failed: int
    n_null: int
    n_nan: int
    n_inf: int
    files: tuple[PartFile, ...]
    quarantine: tuple[PartFile, ...]
    tasks: int
    seconds: float
    skipped: tuple[Corrupt, ...] = ()
    profile: str | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """What predicting a unit has given.

    Attributes:
        tasks: Records of its tasks.
        rows_read: Rows of its input before any condition; None where nobody counts them.
        skipped: Input files that were left out since they could not be read.
    """

    tasks: Sequence[TaskRecord]
    rows_read: int | None
    skipped: tuple[Corrupt, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitWork:
    """What is needed to do units.

    Attributes:
        spark: The session.
        store: Where the output is.
        layout: Its names.
        run_id: The run.
        group: Group of its jobs in Spark.
        title: What Spark's UI calls it.
        predict: Predicts a unit into a folder, and tells what was done.
        filters: Whether a condition leaves out rows.
        allowed: Rows that may fail, or None.
        step: Told each step.
        watch: Called every moment while units run; ends them by an error.
        advance: Told every moment how many rows more are done.
    """

    spark: SparkSession
    store: Store
    layout: Layout
    run_id: str
    group: str
    title: str
    predict: Callable[[Unit, str], UnitOutcome]
    filters: bool
    allowed: int | None
    step: Step
    watch: Callable[[], None] = lambda: None
    advance: Advance = lambda _: None


def committed(store: Store, layout: Layout, run_id: str, units: Sequence[Unit]) -> list[UnitRecord]:
    """Give the records of units that an earlier try of a run has completed.

    A record whose files are not all there in their full size is removed, so that its unit is done
    again.
    """
    found = []
    for unit in units:
        path = layout.run(run_id, "commits", f"{unit.name}.json")
        data = store.read(path)
        if data is None:
            continue
        record = _read_record(data)
        sizes = {entry.path: entry.size for entry in store.entries(record.folder)}
        files = {
            **_placed(record, record.files),
            **_placed(record, record.quarantine, "quarantine"),
        }
        if all(sizes.get(place) == file.bytes for place, file in files.items()):
            found.append(record)
        else:
            store.remove(path)
    return found


def run_units(
    work: UnitWork, units: Sequence[Unit], done: Sequence[UnitRecord]
) -> list[UnitRecord]:
    """Do the units that are not done, two at a time so that no core waits for the last task of one.

    Raises:
        ScorecastError: A task stopped, or more rows failed than may; jobs of Spark are ended.
        OutputMismatchError: Rows were lost or added.
    """
    records = list(done)
    missing = [unit for unit in units if unit.name not in {record.unit for record in done}]
    if not missing:
        return records
    tag = f"scorecast-{uuid.uuid4().hex}"
    running: set[Future[UnitRecord]] = set()
    stops = work.layout.run(work.run_id, "stops")
    work.store.remove(stops)
    # Tasks create directories only in these, so that none of them writes into a removed run.
    work.store.make(stops)
    work.store.make(work.layout.run(work.run_id, "data"))
    work.store.make(work.layout.profiles(work.run_id))
    notes = work.store.uri(stops)
    told = 0
    pool = ThreadPoolExecutor(UNITS_AT_ONCE, thread_name_prefix="scorecast-unit")
    try:
        for unit in missing:
            running.add(pool.submit(_do, work, unit, tag))
        while running:
            finished, running = wait(running, _SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
            said = read_notes(notes)
            records.extend(_results(finished, said))
            _refuse(work, records, said)
            rows = _rows_done(records[len(done) :], said)
            work.advance(rows - told)
            told = rows
            if running:
                work.watch()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _cancel(work.spark, tag, running)
        raise
    finally:
        pool.shutdown(wait=True)
    return records


def _cancel(spark: SparkSession, tag: str, running: set[Future[UnitRecord]]) -> None:
    """End the jobs of all units, those included that a thread is about to start."""
    while left := {future for future in running if not future.done()}:
        with suppress(Exception):  # a session that is gone runs nothing; the first error counts
            cancel_tagged(spark, tag)
        wait(left, _SECONDS_BETWEEN_LOOKS)


def _results(finished: set[Future[UnitRecord]], said: Notes) -> Iterator[UnitRecord]:
    for future in finished:
        if future.exception() is not None and said.stopped is not None:
            raise said.stopped from future.exception()
        yield future.result()


def _rows_done(records: Sequence[UnitRecord], said: Notes) -> int:
    """Count the rows of complete units, and what tasks of the others have told."""
    complete = {record.unit: record.rows_in for record in records}
    return sum({**said.rows, **complete}.values())


def _refuse(work: UnitWork, records: Sequence[UnitRecord], said: Notes) -> None:
    if said.stopped is not None:
        raise said.stopped
    # Notes hold what running tasks have counted so far; records hold what is certain.
    failed = max(said.failed, sum(record.rows_failed for record in records))
    if work.allowed is not None and failed > work.allowed:
        raise too_many_failed(failed, work.allowed)


def _do(work: UnitWork, unit: Unit, tag: str) -> UnitRecord:
    started = time.monotonic()
    folder = work.layout.run(work.run_id, "data", unit.name)
    work.step("unit:predict")
    text = f"{work.title}: predict unit {unit.name}"
    with tagged(work.spark, tag), described(work.spark, text, work.group):
        outcome = work.predict(unit, work.store.uri(folder))
    tasks = outcome.tasks
    profiles = ProfileFiles(work.store, work.layout.profiles(work.run_id))
    record = UnitRecord(
        unit=unit.name,
        folder=folder,
        rows_read=outcome.rows_read,
        rows_in=sum(task.rows_in for task in tasks),
        rows_failed=sum(task.rows_failed for task in tasks),
        n_null=sum(task.n_null for task in tasks),
        n_nan=sum(task.n_nan for task in tasks),
        n_inf=sum(task.n_inf for task in tasks),
        files=tuple(file for task in tasks for file in task.files),
        quarantine=tuple(file for task in tasks for file in task.quarantine),
        tasks=len(tasks),
        seconds=round(time.monotonic() - started, 3),
        skipped=outcome.skipped,
        profile=profiles.merge(unit.name, [task.profile for task in tasks if task.profile]),
    )
    work.step("unit:check")
    _check(work, record)
    work.step("unit:commit")
    path = work.layout.run(work.run_id, "commits", f"{unit.name}.json")
    if not work.store.create(path, json.dumps(asdict(record)).encode()):
        # Another driver of the same job was faster; its files are the ones that count.
        made = work.store.read(path)
        if made is None:
            message = (
                f"Another run of this very job has published, and removed unit {unit.name}. "
                "Nothing was published by this run. Run again to see that the output is there."
            )
            raise OutputChangedError(message)
        return _read_record(made)
    told = {"unit": unit.name, "rows": record.rows_in, "seconds": record.seconds}
    _LOG.info("unit %s is complete", unit.name, extra={"context": told})
    return record


def _check(work: UnitWork, record: UnitRecord) -> None:
    """Compare what the tasks say with the footers of the files and with those of the input."""
    folder = work.store.uri(record.folder)
    files = [(f"{folder}/{file.path}", file) for file in record.files]
    aside = [(f"{folder}/quarantine/{file.path}", file) for file in record.quarantine]
    with ThreadPoolExecutor(_FOOTER_THREADS) as pool:
        rows = list(pool.map(footer_rows, [place for place, _ in (*files, *aside)]))
    wrong = [
        place
        for (place, file), found in zip((*files, *aside), rows, strict=True)
        if found != file.rows
    ]
    written = sum(rows)
    read = record.rows_read
    lost = read is not None and (read < record.rows_in if work.filters else read != record.rows_in)
    if wrong or lost or written != record.rows_in:
        message = (
            f"Rows were lost or added in unit {record.unit}: {read} are in its input, "
            f"{record.rows_in} reached the model, {written} are in the files"
            f"{f', wrong are {wrong[:3]}' if wrong else ''}. Nothing was published. Run again; if "
            "it happens again, the input names files twice, or the storage is faulty."
        )
        raise OutputMismatchError(message)


def footer_rows(place: str) -> int:
    """Give the number of rows that the footer of a written file tells.

    Raises:
        OutputError: The file is not to be seen from here, or it is damaged.
    """
    filesystem, path = filesystem_of(place)
    try:
        with filesystem.open_input_file(path) as file:
            return int(pq.ParquetFile(file).metadata.num_rows)
    except FileNotFoundError as error:
        message = (
            f'The driver does not find "{place}", which a worker has written: executors and driver '
            "must see the same storage. Nothing was published. Give an output on shared storage."
        )
        raise OutputError(message) from error
    except pa.ArrowInvalid as error:
        message = (
            f'The file "{place}", which a worker has just written, is no parquet file ({error}). '
            "Nothing was published. Run again; if it happens again, the storage is faulty."
        )
        raise OutputError(message) from error


def _placed(record: UnitRecord, files: Sequence[PartFile], below: str = "") -> dict[str, PartFile]:
    folder = f"{record.folder}/{below}" if below else record.folder
    return {f"{folder}/{file.path}": file for file in files}


def _read_record(data: bytes) -> UnitRecord:
    content: dict[str, Any] = json.loads(data)
    lists: dict[str, Any] = {
        name: tuple(PartFile(**file) for file in content.pop(name))
        for name in ("files", "quarantine")
    }
    lists["skipped"] = tuple(Corrupt(**file) for file in content.pop("skipped"))
    if not isinstance(content["profile"], str):  # as an older version has it
        content["profile"] = None
    return UnitRecord(**{**content, **lists, "resumed": True})
