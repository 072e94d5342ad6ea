"""One task of a job: its part files, its record, and what it leaves when it ends by an error."""

import json
import pickle
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scorecast
from scorecast.errors import (
    ModelPredictError,
    NanPredictedError,
    OutputError,
    OutputShapeError,
    TooManyErrorsError,
)
from scorecast.local.model import resolve_model
from scorecast.models.signature import Scalar, Signature, Spec
from scorecast.worker.column_profile import column_from_plain
from scorecast.worker.input_plan import plan_by_name
from scorecast.worker.notes import read_notes
from scorecast.worker.options import PredictOptions
from scorecast.worker.parts import PartOptions
from scorecast.worker.places import Places
from scorecast.worker.predict import PredictPlan
from scorecast.worker.profile import ProfilePlan
from scorecast.worker.task import TaskPlan, read_record, run_task

SIGNATURE = Signature(inputs=(Spec(Scalar("long"), "x"),))
SENT = pa.schema([("x", pa.int64()), ("text", pa.string()), ("f", pa.int64()), ("r", pa.int64())])


@pytest.fixture(scope="module")
def handle(tmp_path_factory):
    """Save a model that fails on negative numbers, and forgets a row of a batch with 999."""

    def model(data):
        if (data["x"] < 0).any():
            msg = "negative"
            raise ValueError(msg)
        return (data["x"] * 2)[: 1 if (data["x"] == 999).any() else None]

    path = scorecast.save_model(model, tmp_path_factory.mktemp("m") / "model", signature=SIGNATURE)
    return resolve_model(path).local_handle()


@pytest.fixture
def plan(handle, tmp_path):
    """Give a maker of plans of a task with a quarantine."""

    def make(*, on_error="struct", allowed=0, quarantine=True, **options):
        inputs = plan_by_name(SIGNATURE, pa.schema([("x", pa.int64())]))
        options = PredictOptions(
            on_error=on_error, error_class=on_error == "struct", max_errors=allowed, **options
        )
        aside = [("text", pa.string()), ("x", pa.int64())]
        aside += [(name, pa.string()) for name in ("file", "class", "message", "digest")]
        (tmp_path / "stops").mkdir(exist_ok=True)
        return TaskPlan(
            predict=PredictPlan(handle, inputs, pa.int64(), None, options),
            parts=PartOptions(pa.schema([("x", pa.int64()), ("p", pa.int64())]), "", "", "snappy"),
            quarantine=PartOptions(pa.schema(aside), "", "", "snappy") if quarantine else None,
            columns=(1, 0),
            folder=str(tmp_path / "data"),
            base=str(tmp_path),
            notes=str(tmp_path / "stops" / "u-0" / "0"),
            unit="u-0",
            places=Places(2, 3, {5: "/in/a.parquet"}),
            allowed=allowed,
            batch_timeout=None,
        )

    return make


def batches(*groups):
    """Make batches of numbers, in one file."""
    start = 0
    for group in groups:
        rows = pa.array(range(start, start + len(group)), pa.int64())
        texts = pa.array([f"t{x}" for x in group], pa.string())
        files = pa.array([5] * len(group), pa.int64())
        yield pa.RecordBatch.from_arrays(
            [pa.array(group, pa.int64()), texts, files, rows], schema=SENT
        )
        start += len(group)


def read(folder, files):
    """Read the rows of the files of a record."""
    return [row for file in files for row in pq.read_table(folder / file.path).to_pylist()]


def test_good_and_bad_rows_are_apart(plan, tmp_path):
    """The record names the files, with rows, bytes and counts as they are on the disk."""
    record = run_task(batches([1, -2, 3], [], [4]), plan(allowed=1), partition=7, attempt=0)
    assert (record.partition, record.rows_in, record.rows_failed) == (7, 4, 1)
    data = tmp_path / "data"
    assert read(data, record.files) == [{"x": x, "p": 2 * x} for x in (1, 3, 4)]
    (bad,) = read(data / "quarantine", record.quarantine)
    assert (bad["x"], bad["text"], bad["file"]) == (-2, "t-2", "/in/a.parquet")
    assert bad["class"] == "ModelPredictError"
    assert "negative" in bad["message"]
    assert record.files[0].path.startswith("part-u-0-00007-")
    assert record.quarantine[0].path.startswith("failed-u-0-00007-")
    (file,) = record.files
    assert ((data / file.path).stat().st_size, file.rows) == (file.bytes, 3)
    assert read_record(record.to_json()) == record
    assert json.loads(record.to_json())["rows_in"] == 4


def test_no_rows_no_files(plan, tmp_path):
    """A task without rows writes nothing."""
    record = run_task(batches([], []), plan(), partition=0, attempt=0)
    assert (record.rows_in, record.files, record.quarantine) == (0, (), ())
    assert not (tmp_path / "data").exists()


def test_null_in_place_of_rows_that_fail(plan, tmp_path):
    """Without a quarantine such rows stay, and are counted twice: as failed and as NULL."""
    given = plan(allowed=2, quarantine=False)
    record = run_task(batches([1, -2], [3, -4]), given, partition=0, attempt=0)
    found = [row["p"] for row in read(tmp_path / "data", record.files)]
    assert found == [2, None, 6, None]
    assert (record.rows_failed, record.n_null) == (2, 2)


def test_a_task_that_outlives_its_run_leaves_nothing(plan, tmp_path):
    """It may go on for a moment when its job has ended and the directory of the run is gone."""
    given = replace(plan(allowed=1), base=str(tmp_path / "run"), folder=str(tmp_path / "run/u-0"))
    (tmp_path / "run").mkdir()

    def coming():
        yield from batches([1, -2])
        shutil.rmtree(tmp_path / "run")
        shutil.rmtree(tmp_path / "stops")

    with pytest.raises(OutputError, match="No such file or directory"):
        run_task(coming(), given, partition=0, attempt=0)
    assert list(tmp_path.iterdir()) == []


def test_attempts_never_share_a_file(plan, tmp_path):
    """What a lost attempt wrote stays beside, and no record names it."""
    given = plan()
    records = [run_task(batches([1, 2]), given, partition=0, attempt=0) for _ in range(2)]
    paths = [file.path for record in records for file in record.files]
    assert len(set(paths)) == 2
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted(paths)


@pytest.mark.parametrize("attempt", [0, 1])
def test_a_later_attempt_gives_the_same_rows(plan, tmp_path, attempt):
    """In a process of its own the model gives the same, and fails on the same rows."""
    given = plan(allowed=1, batch_size=2)
    record = run_task(batches([1, -2, 3], [4, 5]), given, partition=0, attempt=attempt)
    assert [row["p"] for row in read(tmp_path / "data", record.files)] == [2, 6, 8, 10]
    assert record.rows_failed == 1


@pytest.mark.parametrize("attempt", [0, 1])
def test_each_row_is_profiled_once(plan, tmp_path, attempt):
    """However often the model is called to find the row that fails, and in whatever process."""
    profile = ProfilePlan((0,), 0, 3, str(tmp_path))
    given = replace(plan(allowed=1, batch_size=2), profile=profile)
    coming = batches([1, -2, 3], [4, 5])
    record = read_record(run_task(coming, given, partition=0, attempt=attempt).to_json())
    content = json.loads((tmp_path / record.profile).read_text())
    inputs, predictions = map(column_from_plain, content["columns"])
    assert content["rows"] == record.rows_in == 5
    assert (inputs.count, inputs.low, inputs.high) == (5, -2, 5)
    assert (predictions.count, predictions.frequent.counts) == (4, {2: 1, 6: 1, 8: 1, 10: 1})


def test_a_record_does_not_grow_with_the_columns(plan, tmp_path):
    """Spark collects the records of all tasks of a unit at once, statistics not among them."""
    narrow = ProfilePlan((0,), 0, 3, str(tmp_path))
    sizes = set()
    for columns in (1, 50):
        given = replace(plan(), profile=replace(narrow, inputs=(0,) * columns))
        record = run_task(batches([1, 2]), given, partition=0, attempt=0)
        assert len(json.loads((tmp_path / record.profile).read_text())["columns"]) == columns + 1
        sizes.add(len(replace(record, seconds=1).to_json()))
    assert len(sizes) == 1


def test_a_worker_without_the_library_predicts_all_the_same(plan, monkeypatch):
    """It takes no statistics."""
    monkeypatch.setitem(sys.modules, "datasketches", None)
    given = replace(plan(), profile=ProfilePlan((0,), 0, 3))
    record = run_task(batches([1, 2]), given, partition=0, attempt=0)
    assert (record.rows_in, record.profile) == (2, None)


@pytest.mark.parametrize(
    ("groups", "options", "kind", "words"),
    [
        (([1, 2], [3, -1]), {"on_error": "fail"}, ModelPredictError, "rows 2 to 3"),
        (([1, 2], [3, -1]), {"allowed": 0}, TooManyErrorsError, "rows 2 to 3"),
        (([1, -2], [3, -1]), {"allowed": 1}, TooManyErrorsError, "rows 2 to 3"),
        (([1, 2], [3, 999]), {"allowed": 9}, OutputShapeError, "rows 2 to 3"),
    ],
)
def test_an_error_leaves_no_file_and_a_note(plan, tmp_path, groups, options, kind, words):
    """The error says where, the driver reads the same, and nothing stays of the files."""
    with pytest.raises(kind, match=words) as failed:
        run_task(batches(*groups), plan(**options), partition=2, attempt=0)
    assert '"/in/a.parquet", rows 2 to 3.' in str(failed.value)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    said = read_notes(str(tmp_path / "stops")).stopped
    assert (type(said), str(said)) == (kind, str(failed.value))


def test_the_input_may_end_by_an_error(plan, tmp_path):
    """What Spark raises while it sends rows goes on as it is, and nothing stays of the files."""

    def broken():
        yield from batches([1, 2])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        run_task(broken(), plan(), partition=0, attempt=0)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert read_notes(str(tmp_path / "stops")).stopped is None


@pytest.mark.parametrize("attempt", [0, 1])
def test_an_error_names_the_rows_of_the_call_that_failed(plan, attempt):
    """Not those of the Arrow batches that it was cut from, of which it may be a small part."""
    given = batches([1, 2, 3], [4, 5, 6, -7, 8], [9])
    with pytest.raises(ModelPredictError) as caught:
        run_task(given, plan(on_error="fail", batch_size=2), partition=3, attempt=attempt)
    assert 'rows 6 to 7 of task 3: file "/in/a.parquet", rows 6 to 7.' in str(caught.value)


@pytest.fixture
def halves(plan, save):
    """Give a maker of plans of a model that gives NaN for 0, and fails on negative numbers."""

    def model(data):
        if (data["x"] < 0).any():
            msg = "negative"
            raise ValueError(msg)
        return (data["x"] / data["x"]).astype("float64")

    handle = resolve_model(save(model, list(SIGNATURE.inputs))).local_handle()

    def make(**options):
        given = plan(**options)
        parts = PartOptions(pa.schema([("x", pa.int64()), ("p", pa.float64())]), "", "", "snappy")
        predict = replace(given.predict, handle=handle, result=pa.float64())
        return replace(given, parts=parts, predict=predict, fail_on_nan=True)

    return make


@pytest.mark.parametrize("options", [{"on_error": "fail"}, {"on_error": "fail", "batch_size": 4}])
def test_nan_ends_a_task_that_allows_none(halves, tmp_path, options):
    """At the batch that it is in, which is named, to the driver as well; nothing stays."""
    seen = []

    def coming():
        for batch in batches([1, 2], [3, 0, 0], [5], [6, 7], [8, 9], [10, 11]):
            seen.append(batch.num_rows)
            yield batch

    with pytest.raises(NanPredictedError, match="NaN 2 times or more") as failed:
        run_task(coming(), halves(**options), partition=2, attempt=0)
    assert 'rows 2 to 4 of task 2: file "/in/a.parquet", rows 2 to 4.' in str(failed.value)
    assert len(seen) < 6
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert isinstance(read_notes(str(tmp_path / "stops")).stopped, NanPredictedError)


def test_rows_that_fail_are_no_nan(halves):
    """Rows without a prediction, and rows of other batches, end nothing."""
    record = run_task(batches([1, -1], [2, 3]), halves(allowed=1), partition=0, attempt=0)
    assert (record.rows_in, record.rows_failed, record.n_nan) == (4, 1, 0)


def test_nan_is_fine_where_nobody_minds(halves):
    """It is counted."""
    given = replace(halves(), fail_on_nan=False)
    assert run_task(batches([1, 0]), given, partition=0, attempt=0).n_nan == 1


TIMED = """
import pickle, sys, time
import pyarrow as pa
from scorecast.worker.task import run_task

plan, schema = pickle.load(open(sys.argv[1], "rb"))
start, pause = map(float, sys.argv[2:])

def coming():
    for x in (start, 2):
        row = zip((int(x), "t", 5, 0), schema.types)
        columns = [pa.array([value], kind) for value, kind in row]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
        time.sleep(pause)

print(run_task(coming(), plan, partition=0, attempt=0).rows_in)
"""


@pytest.mark.parametrize(
    ("start", "pause", "code", "words"),
    [
        (77, 0, 1, "Timeout (0:00:01)!"),  # the model hangs on this number
        (1, 1.2, 0, ""),  # Spark is slow to send the next rows
    ],
)
def test_a_call_that_takes_too_long_ends_the_worker(
    plan, save, tmp_path, src_on_path, start, pause, code, words
):
    """It shows where it was; time between calls does not count."""

    def model(data):
        time.sleep(60 * int((data["x"] == 77).any()))
        return data["x"]

    handle = resolve_model(save(model, list(SIGNATURE.inputs))).local_handle()
    given = plan()
    given = replace(given, predict=replace(given.predict, handle=handle), batch_timeout=1.0)
    (tmp_path / "plan").write_bytes(pickle.dumps((given, SENT)))
    done = subprocess.run(
        [sys.executable, "-c", TIMED, tmp_path / "plan", str(start), str(pause)],
        env=src_on_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert (done.stdout == "2\n") == (code == 0)


def test_predictions_of_several_values(plan, save, tmp_path):
    """A struct that the model gives is no report of errors."""

    def model(data):
        return data.assign(y=data["x"] / 2)

    handle = resolve_model(save(model, list(SIGNATURE.inputs))).local_handle()
    kind = pa.struct([("x", pa.int64()), ("y", pa.float64())])
    given = plan(on_error="fail", quarantine=False)
    parts = PartOptions(pa.schema([("x", pa.int64()), ("p", kind)]), "", "", "snappy")
    given = replace(given, parts=parts, predict=replace(given.predict, handle=handle, result=kind))
    record = run_task(batches([1, 2]), given, partition=0, attempt=0)
    found = [row["p"] for row in read(tmp_path / "data", record.files)]
    assert found == [{"x": 1, "y": 0.5}, {"x": 2, "y": 1.0}]
