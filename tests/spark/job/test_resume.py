"""A job that died goes on with what was done, and with that of no other job."""

import json
import os
import time

import pytest
from job_kit import predicted

import scorecast
from scorecast.errors import (
    DriftError,
    JobTimeoutError,
    ModelPredictError,
    ScorecastError,
    TooManyErrorsError,
)
from scorecast.models.signature import Scalar, Signature, Spec


class DiedError(Exception):
    """Ends a job as a bug or a signal does."""


def dies_before(name: str, times: int = 1):
    """Give a follower of steps that raises at the n-th step of a name."""
    seen = []

    def step(found: str) -> None:
        if found == name:
            seen.append(found)
            if len(seen) == times:
                raise DiedError(found)

    return step


@pytest.fixture
def four_files(job):
    """Write four files of a hundred rows."""
    for i in range(4):
        job.write(f"{i}.parquet", range(i * 100, i * 100 + 100))
    return job


def missing(job) -> list[int]:
    """Name the rows of the units that have no record."""
    (plan,) = job.runs.glob("*/plan.json")
    done = {path.stem for path in job.commits()}
    units = json.loads(plan.read_text())["units"]
    files = [file for unit in units if unit["name"] not in done for file in unit["files"]]
    first = [int(file.rpartition("/")[2][0]) * 100 for file in files]
    return sorted(rid for start in first for rid in range(start, start + 100))


def test_a_later_try_samples_as_the_first_one(four_files):
    """Whatever it adds: units of two rates could not be merged, after all is predicted."""
    job, options = four_files, {"units": 4, "where": "rid >= 0"}
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("unit:commit", 3), **options)
    assert 0 < len(job.commits()) < 4
    report = job.run(**options, baseline=str(job.input), max_drift=1e6)
    assert report.resumed_units > 0
    assert report.drift is not None


def test_a_limit_of_drift_that_units_leave_unknown_is_told_at_once(four_files):
    """Before the other units are predicted."""
    job, options = four_files, {"units": 4, "extra_env": four_files.calls()}
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("unit:commit", 3), profile="off", **options)
    job.called_on()
    with pytest.raises(DriftError, match=r"an earlier try of this job took no statistics.*--force"):
        job.run(max_drift=1e6, **options)
    assert job.called_on() == []


def test_only_missing_units_are_predicted(four_files):
    """After a failure, the units that were committed are taken, and the others predicted."""
    job, options = four_files, {"units": 4, "extra_env": four_files.calls()}
    (job.folder / "stop").touch()
    with pytest.raises(ModelPredictError):
        job.run(**options)
    assert not job.output.exists()
    left = missing(job)
    assert set(range(200, 400)) <= set(left) < set(range(400))
    (job.folder / "stop").unlink()
    job.called_on()
    report = job.run(**options)
    # A worker of a task that was cancelled may go on for a moment, and call the model once more.
    assert set(job.called_on()) == set(left)
    assert report.units == 4
    assert report.resumed_units == 4 - len(left) // 100
    assert job.rows() == predicted(range(400))
    assert job.counters()["rows_in"] == 400


@pytest.mark.parametrize(
    "step", ["run:compare-input", "publish:place", "publish:write-manifest", "publish:move"]
)
def test_nothing_is_predicted_again_after_the_last_unit(four_files, step):
    """A job that died on the way to its publish publishes without a call of the model."""
    job, options = four_files, {"units": 2, "extra_env": four_files.calls()}
    with pytest.raises(DiedError):
        job.run_with_step(dies_before(step), **options)
    assert job.called_on() == list(range(400))
    assert not job.output.exists()
    assert job.run(**options).resumed_units == 2
    assert job.called_on() == []
    assert job.rows() == predicted(range(400))


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_record_whose_files_are_gone_is_worth_nothing(four_files, damage):
    """A unit whose file was removed or cut off is done again."""
    job, options = four_files, {"units": 4, "extra_env": four_files.calls()}
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("run:compare-input"), **options)
    job.called_on()
    (part,) = job.runs.glob("*/data/u-00002/*.parquet")
    if damage == "removed":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-7])
    report = job.run(**options)
    assert report.resumed_units == 3
    assert "3 of 4 units were done already" in report.summary()
    assert job.called_on() == list(range(200, 300))
    assert job.rows() == predicted(range(400))


def test_no_record_without_files(four_files):
    """A unit that ends between its files and its record is not taken for complete."""
    job = four_files
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("unit:commit", 3), units=4)
    assert 2 <= len(job.commits()) <= 3
    for path in job.commits():
        record = json.loads(path.read_text())
        places = [job.runs.parent.parent / record["folder"] / f["path"] for f in record["files"]]
        assert [place.stat().st_size for place in places] == [f["bytes"] for f in record["files"]]
    assert job.run(units=4).resumed_units == 4 - len(missing_count(job))
    assert job.rows() == predicted(range(400))


def missing_count(job) -> list[str]:
    """Name the units that the published run has predicted itself."""
    return [unit["unit"] for unit in job.manifest()["runs"][-1]["units"] if not unit["resumed"]]


@pytest.mark.parametrize(
    "other",
    [{"where": "rid >= 0"}, {"keep": ("rid",)}, {"result_type": "double"}, {"force": True}],
)
def test_another_job_takes_nothing_over(four_files, other):
    """What another job has done is not used, nor what this one has if it is to run anew."""
    job = four_files
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("run:compare-input"), units=4)
    report = job.run(units=4, extra_env=job.calls() if "force" not in other else {}, **other)
    assert report.resumed_units == 0
    assert job.rows() == predicted(range(400))


def test_a_changed_input_takes_nothing_over(four_files):
    """With one file changed, all units are predicted."""
    job = four_files
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("run:compare-input"), units=4)
    job.write("3.parquet", range(300, 401))
    assert job.run(units=4).resumed_units == 0
    assert job.rows() == predicted(range(401))


def test_a_job_of_chance_takes_nothing_over(four_files):
    """Half of a job whose condition is of chance does not fit the other half."""
    job, options = four_files, {"units": 2, "where": "rand() >= 0"}
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("run:compare-input"), **options)
    assert job.run(**options).resumed_units == 0


def test_the_units_stay_those_of_the_first_try(four_files):
    """Another number of units does not throw away what was done."""
    job = four_files
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("run:compare-input"), units=4)
    assert job.run(units=2).resumed_units == 4


@pytest.mark.parametrize("after", ["unit:predict", "unit:commit"])
def test_a_job_of_one_unit_leaves_nothing(four_files, after):
    """With nothing to go on with, a failed job leaves no files beside the output."""
    job = four_files
    with pytest.raises(DiedError):
        job.run_with_step(dies_before(after), units=1)
    assert not job.runs.exists()
    (job.folder / "stop").touch()
    with pytest.raises(ScorecastError):
        job.run(extra_env=job.calls())
    assert sorted(path.name for path in job.folder.iterdir()) == ["calls", "in", "stop"]


def test_limits_hold_for_what_was_done_before(job):
    """Rows that failed in units of a dead run count against the limit of this one."""
    job.write("0.parquet", range(100), bad=[3, 50])
    job.write("1.parquet", range(100, 200), bad=[120])
    options = {"units": 2, "on_error": "quarantine"}
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("run:compare-input"), max_errors=3, **options)
    with pytest.raises(TooManyErrorsError, match="3 of 200 rows"):
        job.run(max_errors=2, **options)
    assert not job.output.exists()
    assert job.run(max_errors=3, **options).resumed_units == 2
    assert [row["rid"] for row in job.quarantine()] == [3, 50, 120]


def test_a_file_that_was_broken_only_then_is_not_left_out(four_files):
    """A plan without it is not taken up when it can be read again, though the job is the same."""
    job, options = four_files, {"units": 4, "on_corrupt": "skip"}
    file = job.input / "3.parquet"
    whole, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_bytes(bytes(len(whole)))
    os.utime(file, ns=times)
    with pytest.raises(DiedError):
        job.run_with_step(dies_before("run:compare-input"), **options)
    assert len(job.commits()) == 3
    file.write_bytes(whole)
    os.utime(file, ns=times)
    job.run(**options)
    assert job.rows() == predicted(range(400))
    assert job.manifest()["runs"][-1]["skipped"] == []


def refuse(*_args, **_options):
    """Do what a store does that has no answer."""
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("what", ["remove_staging", "collect"])
def test_what_cannot_be_tidied_up_is_no_failure(four_files, monkeypatch, what):
    """The output is published, and the next job tidies up."""
    job = four_files
    with monkeypatch.context() as patch:
        patch.setattr(f"scorecast.batch.job_run.{what}", refuse)
        assert job.cli("--mode", "overwrite") == 0
        assert job.cli("--mode", "overwrite") == 0
    assert job.rows() == predicted(range(400))
    assert job.cli("--mode", "overwrite") == 0
    assert not list(job.runs.glob("*/data"))


@pytest.mark.parametrize("what", ["job_run.abandon", "units.cancel_tagged"])
def test_the_first_error_is_the_one_that_is_told(four_files, monkeypatch, capsys, what):
    """What fails on the way out does not hide why the job failed."""
    monkeypatch.setattr(f"scorecast.batch.{what}", refuse)
    four_files.write("0.parquet", range(100), bad=[7])
    assert four_files.cli("--units", "4") == 5
    assert "The model raised ValueError" in capsys.readouterr().err


def test_a_plan_that_cannot_be_read_is_none(four_files):
    """A file of another version beside the output keeps no job from running."""
    job = four_files
    for i, text in enumerate((b"", b"[]", b'{"units": 3}', b'{"units": [], "colour": "red"}')):
        (job.runs / f"dead{i}").mkdir(parents=True)
        (job.runs / f"dead{i}" / "plan.json").write_bytes(text)
    assert job.run().rows_out == 400


def test_a_job_that_takes_too_long_is_ended(job, tmp_path):
    """With a model that hangs as well, nothing is published; the same job can be run again."""
    mark = tmp_path / "hang"
    mark.touch()

    def model(data):
        while mark.exists():
            time.sleep(0.05)
        return data["rid"] * 10 + 1

    signature = Signature(inputs=(Spec(Scalar("long"), "rid"),))
    options = {"model_uri": scorecast.save_model(model, tmp_path / "model", signature=signature)}
    job.write("a.parquet", range(100))
    with pytest.raises(JobTimeoutError, match="not ready to publish within 1 s"):
        job.run(timeout=1, result_type="long", **options)
    assert not job.output.exists()
    mark.unlink()
    job.run(timeout=600, result_type="long", **options)
    assert job.rows() == predicted(range(100))
    assert job.run(timeout=1000, result_type="long", **options).already_published
