"""Units are committed when their rows are accounted for, and ended when one of them cannot be."""

import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorecast.batch.accounts import Clock
from scorecast.batch.footers import Corrupt
from scorecast.batch.layout import Layout
from scorecast.batch.plan import Unit
from scorecast.batch.profile_files import ProfileFiles
from scorecast.batch.stores.posix import PosixStore
from scorecast.batch.units import UnitOutcome, UnitWork, committed, run_units
from scorecast.errors import (
    JobTimeoutError,
    ModelPredictError,
    OutputChangedError,
    OutputError,
    OutputMismatchError,
    TooManyErrorsError,
)
from scorecast.worker.column_profile import ColumnProfile, column_from_plain
from scorecast.worker.notes import note_failed, note_stop, notes_folder
from scorecast.worker.parts import PartFile
from scorecast.worker.profile import write_profile
from scorecast.worker.task import TaskRecord

LAYOUT = Layout("out")
UNITS = [Unit(f"u-{i}", (f"in/{i}",), 10) for i in range(3)]


class Session:
    """What units ask of a session: tags for their jobs, by which they are ended."""

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.ended: list[str] = []
        self.end = threading.Event()
        self.sparkContext = SimpleNamespace(
            addJobTag=self.tags.append,
            removeJobTag=lambda tag: None,
            cancelJobsWithTag=self.cancel,
            getLocalProperty=lambda name: None,
            setLocalProperty=lambda name, value: None,
        )

    def cancel(self, tag: str) -> None:
        """End all jobs."""
        self.ended.append(tag)
        self.end.set()

    def go_on(self) -> None:
        """Be a job that goes on until it is ended."""
        assert self.end.wait(60)
        message = "cancelled"
        raise RuntimeError(message)


class Place:
    """A store with a run, a session, and what predicts into the run."""

    def __init__(self, root) -> None:
        self.store = PosixStore(root)
        self.session = Session()
        self.steps: list[str] = []

    def folder(self, unit: str = "u-0"):
        """Give the directory for the files of a unit."""
        return self.store.root / LAYOUT.run("run", "data", unit)

    def commit(self, unit: str = "u-0"):
        """Give the place of the record of a unit."""
        return self.store.root / LAYOUT.run("run", "commits", f"{unit}.json")

    def task(self, good: int, bad: int = 0, unit: str = "u-0", name: str = "a") -> TaskRecord:
        """Write files as a task does, and give its record."""
        files = self.write(self.folder(unit), f"part-{name}", good)
        aside = self.write(self.folder(unit) / "quarantine", f"failed-{name}", bad)
        return TaskRecord(0, good + bad, bad, 1, 2, 3, files, aside, 0.1)

    def write(self, folder, name: str, rows: int) -> tuple[PartFile, ...]:
        """Write a file of so many rows, unless there are none."""
        if not rows:
            return ()
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"p": range(rows)}), folder / name)
        return (PartFile(name, rows, (folder / name).stat().st_size, "0" * 64),)

    def work(self, predict, **changes) -> UnitWork:
        """Give work of which a function makes the outcome of each unit."""
        known = {
            "spark": self.session,
            "store": self.store,
            "layout": LAYOUT,
            "run_id": "run",
            "group": "group",
            "title": "title",
            "predict": lambda unit, folder: predict(unit),
            "filters": False,
            "allowed": 0,
            "step": self.steps.append,
        }
        return UnitWork(**{**known, **changes})

    def done(self, *tasks: TaskRecord, rows_read: int | None = None, **changes) -> UnitWork:
        """Give work of one unit, of which tasks have made these records."""
        read = sum(task.rows_in for task in tasks) if rows_read is None else rows_read
        return self.work(lambda unit: UnitOutcome(tasks, read), **changes)

    @property
    def notes(self) -> str:
        """Directory for notes of tasks of the first unit."""
        return notes_folder(self.store.uri(LAYOUT.run("run", "stops")), "u-0", 0)


@pytest.fixture
def place(tmp_path):
    """Give a place."""
    return Place(tmp_path)


def test_a_record_adds_up_what_tasks_did(place):
    """Rows, counters and files of all tasks are in it, and a later run finds it."""
    broken = (Corrupt("in/x", "no footer"),)
    tasks = [place.task(4, 1, name="a"), place.task(5, name="b"), place.task(0, 2, name="c")]
    work = place.work(lambda unit: UnitOutcome(tasks, 12, broken), allowed=3)
    (record,) = run_units(work, UNITS[:1], [])
    assert (record.rows_read, record.rows_in, record.rows_failed, record.tasks) == (12, 12, 3, 3)
    assert (record.n_null, record.n_nan, record.n_inf) == (3, 6, 9)
    assert [file.path for file in record.files] == ["part-a", "part-b"]
    assert [file.path for file in record.quarantine] == ["failed-a", "failed-c"]
    assert record.skipped == broken
    assert place.steps == ["unit:predict", "unit:check", "unit:commit"]
    assert not record.resumed
    assert committed(place.store, LAYOUT, "run", UNITS) == [replace(record, resumed=True)]


def test_a_record_brings_the_statistics_of_its_tasks(place):
    """Those of all tasks are in it, also when a later run finds it."""
    tasks = []
    for name, numbers in (("a", [1.0, 2.0]), ("b", [3.0, None])):
        column = ColumnProfile.of("number")
        column.add(pa.array(numbers))
        profile = {"rows": 2, "bits": 0, "columns": [column.to_plain()]}
        place.store.make(LAYOUT.profiles("run"))
        path = write_profile(place.store.uri(LAYOUT.profiles("run")), "u-00000", name, profile)
        tasks.append(replace(place.task(2, name=name), profile=path))
    tasks.append(place.task(1, name="c"))
    (record,) = run_units(place.done(*tasks), UNITS[:1], [])
    assert committed(place.store, LAYOUT, "run", UNITS) == [replace(record, resumed=True)]
    (content,) = ProfileFiles(place.store, LAYOUT.profiles("run")).read([record.profile])
    found = column_from_plain(content["columns"][0])
    assert content["rows"] == 4
    assert (found.count, found.null, found.high, found.moments.mean) == (4, 1, 3.0, 2.0)


def test_a_record_of_an_older_version_has_no_statistics(place):
    """It held them itself; what it says of rows and files holds."""
    (record,) = run_units(place.done(place.task(2)), UNITS[:1], [])
    content = json.loads(place.commit().read_text())
    place.commit().write_text(json.dumps({**content, "profile": {"rows": 2, "columns": []}}))
    assert committed(place.store, LAYOUT, "run", UNITS) == [replace(record, resumed=True)]


@pytest.mark.parametrize(
    ("good", "bad", "read", "filters"),
    [
        (4, 1, 6, False),  # a row came to no task
        (4, 1, 4, False),  # a row came twice
        (4, 1, 4, True),
    ],
)
def test_rows_of_the_input_are_accounted_for(place, good, bad, read, filters):
    """As many reach the model as are in the input, or fewer where a condition leaves some out."""
    work = place.done(place.task(good, bad), rows_read=read, filters=filters, allowed=9)
    with pytest.raises(OutputMismatchError, match=f"{read} are in its input, 5 reached the model"):
        run_units(work, UNITS[:1], [])
    assert not place.commit().exists()


@pytest.mark.parametrize(("read", "filters"), [(5, False), (5, True), (7, True), (None, False)])
def test_rows_that_a_condition_leaves_out_are_fine(place, read, filters):
    """So is an input whose rows nobody counts."""
    work = place.done(place.task(4, 1), filters=filters, allowed=9)
    outcome = UnitOutcome([place.task(4, 1)], read)
    (record,) = run_units(replace(work, predict=lambda *_: outcome), UNITS[:1], [])
    assert record.rows_read == read


@pytest.mark.parametrize("quarantine", [False, True])
@pytest.mark.parametrize("rows", [3, 5])
def test_footers_are_held_against_what_tasks_say(place, quarantine, rows):
    """A file that holds other rows than its task says is named, and nothing is committed."""
    task = place.task(4, 4)
    folder = place.folder() / "quarantine" if quarantine else place.folder()
    name = "failed-a" if quarantine else "part-a"
    place.write(folder, name, rows)
    with pytest.raises(OutputMismatchError, match=rf"{4 + rows} are in the files.*{name}"):
        run_units(place.done(task, allowed=9), UNITS[:1], [])
    assert place.steps == ["unit:predict", "unit:check"]
    assert not place.commit().exists()


def test_files_whose_errors_make_up_for_each_other(place):
    """One row less here and one more there is as many in all, and still wrong."""
    tasks = [place.task(4, name="a"), place.task(4, name="b")]
    place.write(place.folder(), "part-a", 3)
    place.write(place.folder(), "part-b", 5)
    with pytest.raises(OutputMismatchError, match=r"part-a.*part-b"):
        run_units(place.done(*tasks), UNITS[:1], [])


def test_tasks_that_name_fewer_files_than_rows(place):
    """Rows that are in no file are lost, also where each file is right."""
    task = replace(place.task(4), rows_in=5)
    with pytest.raises(OutputMismatchError, match="5 reached the model, 4 are in the files"):
        run_units(place.done(task), UNITS[:1], [])


def test_a_file_that_the_driver_does_not_see(place):
    """It says that storage has to be shared."""
    task = place.task(4)
    (place.folder() / "part-a").unlink()
    with pytest.raises(OutputError, match="must see the same storage"):
        run_units(place.done(task), UNITS[:1], [])


def test_a_file_that_is_damaged(place):
    """It is named, before anything is committed."""
    task = place.task(4)
    (place.folder() / "part-a").write_bytes(b"PAR1 and so on")
    with pytest.raises(OutputError, match=r"part-a.* is no parquet file"):
        run_units(place.done(task), UNITS[:1], [])
    assert not place.commit().exists()


@pytest.mark.parametrize("quarantine", [False, True])
@pytest.mark.parametrize("cut", [True, False])
def test_a_record_counts_only_with_its_files(place, quarantine, cut):
    """Without one of them in its full size the record is removed, and its unit done again."""
    work = place.done(place.task(4, 4), allowed=9)
    run_units(work, UNITS[:1], [])
    file = place.folder() / ("quarantine/failed-a" if quarantine else "part-a")
    file.write_bytes(file.read_bytes()[:-1]) if cut else file.unlink()
    assert committed(place.store, LAYOUT, "run", UNITS) == []
    assert not place.commit().exists()


def test_only_missing_units_are_done(place):
    """What is done is given with what is missing, and the model sees no row of it."""
    seen = []

    def predict(unit):
        seen.append(unit.name)
        return UnitOutcome([place.task(5, unit=unit.name)], 5)

    done = run_units(place.work(predict), UNITS[:1], [])
    records = run_units(place.work(predict), UNITS, done)
    assert sorted(record.unit for record in records) == ["u-0", "u-1", "u-2"]
    assert sorted(seen) == ["u-0", "u-1", "u-2"]
    assert run_units(place.work(predict), UNITS, records) == records
    assert len(seen) == 3


def test_another_driver_that_was_faster(place):
    """The record that is there counts, with its files and not with those of this driver."""
    (first,) = run_units(place.done(place.task(4, name="first")), UNITS[:1], [])
    (found,) = run_units(place.done(place.task(4, name="second")), UNITS[:1], [])
    assert found == replace(first, resumed=True)
    assert [file.path for file in found.files] == ["part-first"]


def test_another_driver_that_has_published(place, monkeypatch):
    """Where its record is gone already, this run says that the output is there."""
    monkeypatch.setattr(PosixStore, "create", lambda *_: False)
    with pytest.raises(OutputChangedError, match="Another run of this very job has published"):
        run_units(place.done(place.task(4)), UNITS[:1], [])


def going_on(place, then=lambda: None):
    """Give a predictor whose second unit goes on for ever, once the first one is committed."""
    started = threading.Event()

    def predict(unit):
        if unit.name == "u-0":
            assert started.wait(60)
            return UnitOutcome([place.task(5)], 5)
        started.set()
        then()
        return place.session.go_on()

    return predict


def test_what_a_task_notes_ends_all_units(place):
    """Its error is the one that is raised, and jobs of Spark are ended by their tag."""
    error = ModelPredictError("The model raised.")
    work = place.work(going_on(place, lambda: note_stop(place.notes, error)))
    with pytest.raises(ModelPredictError, match="The model raised"):
        run_units(work, UNITS, [])
    assert set(place.session.ended) == set(place.session.tags)
    assert len(set(place.session.tags)) == 1


def test_what_a_task_notes_explains_what_spark_says(place):
    """A unit that ends by an error of Spark did so for the reason that its task has noted."""

    def predict(unit):
        note_stop(place.notes, ModelPredictError("The model raised."))
        raise RuntimeError("Job aborted due to stage failure")

    with pytest.raises(ModelPredictError, match="The model raised"):
        run_units(place.work(predict), UNITS[:1], [])


def test_notes_of_an_earlier_try_do_not_count(place):
    """They are removed before the units are begun."""
    (place.store.root / LAYOUT.run("run", "stops")).mkdir(parents=True)
    note_stop(place.notes, ModelPredictError("yesterday"))
    assert len(run_units(place.done(place.task(4)), UNITS[:1], [])) == 1


@pytest.mark.parametrize("allowed", [0, 6, None])
def test_rows_that_fail_are_counted_while_tasks_run(place, allowed):
    """A job beyond its limit is ended before its units are; without a limit it goes on."""

    def noting():
        for partition in (0, 1):
            note_failed(place.notes, partition, 4)
        if allowed is None:
            note_stop(place.notes, ModelPredictError("the end of the test"))

    work = place.work(going_on(place, noting), allowed=allowed)
    kind = ModelPredictError if allowed is None else TooManyErrorsError
    with pytest.raises(kind, match="the end of" if allowed is None else "8 rows or more"):
        run_units(work, UNITS, [])


def test_rows_that_failed_in_units_that_are_done_count(place):
    """As many as are allowed are fine, and those of an earlier try are among them."""
    (before,) = run_units(place.done(place.task(4, 2), allowed=2), UNITS[:1], [])
    outcome = UnitOutcome([place.task(4, 1, unit="u-1")], 5)
    work = place.work(lambda _: outcome, allowed=3)
    assert len(run_units(work, UNITS[:2], [before])) == 2
    place.commit("u-1").unlink()
    with pytest.raises(TooManyErrorsError, match="3 rows or more, and 2 are allowed"):
        run_units(replace(work, allowed=2), UNITS[:2], [before])


def test_a_job_that_takes_too_long(place):
    """It is ended, and what was committed stays for the next run."""
    clock = Clock("now", 60)

    def late() -> None:
        if place.commit().exists():
            clock.started -= 61
        clock.refuse_late()

    with pytest.raises(JobTimeoutError, match="not ready to publish within 60 s"):
        run_units(place.work(going_on(place), watch=late), UNITS[:2], [])
    assert place.session.ended
    assert [record.unit for record in committed(place.store, LAYOUT, "run", UNITS)] == ["u-0"]


def test_a_job_without_a_limit_is_never_late():
    """However long it takes."""
    clock = Clock("now")
    clock.started -= 10**9
    clock.refuse_late()
    Clock("now", 60).refuse_late()
