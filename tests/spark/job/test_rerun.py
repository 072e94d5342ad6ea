"""A job that was published does nothing; a job that differs in anything is another one."""

import os
import shutil

import pyarrow as pa
import pytest
from job_kit import predicted

import scorecast
from scorecast.batch import describe
from scorecast.errors import OutputDamagedError, OutputExistsError
from scorecast.models.params import Param
from scorecast.models.signature import Scalar, Signature, Spec


def test_a_published_job_calls_no_model_and_touches_nothing(job, monkeypatch, capsys):
    """Run again, it ends with exit code 0; inodes and times of all files are as they were."""
    job.write("a.parquet", range(100))
    assert job.cli("--partition-by", "bad") == 0
    before = job.state()

    def refuse(*_args, **_options):
        raise AssertionError("a model was shipped")

    monkeypatch.setattr("scorecast.spark.prepare.CheckedModel.ship", refuse)
    for mode in ("error", "overwrite", "append"):
        assert job.cli("--partition-by", "bad", "--mode", mode) == 0
    assert "already" in capsys.readouterr().out
    assert job.state() == before


def test_the_same_job_in_other_words(job):
    """Neither how paths are spelled nor how the work is divided makes another job."""
    job.write("a.parquet", range(10))
    job.write("b.parquet", range(10, 20))
    first = job.run()
    for options in (
        {"input": f"{job.input}/../in/*.parquet"},
        {"input": f"file://{job.input}", "units": 2},
        {"input": (job.input / "b.parquet", job.input / "a.parquet"), "keep_replaced": 1},
        {"model_uri": f"file://{job.model}", "batch_timeout": 60},
    ):
        again = job.run(**options)
        assert again.already_published
        assert again.job_key == first.job_key


def touched(job) -> dict:
    """Change the time of a file of the input."""
    os.utime(job.input / "a.parquet", ns=(1, 1))
    return {}


def added(job) -> dict:
    """Add a file without rows."""
    job.write("b.parquet", [])
    return {}


def other_byte(job) -> dict:
    """Change a byte of the model that does not matter to it."""
    model = shutil.copytree(job.model, job.folder / "model")
    with (model / "MLmodel").open("a") as file:
        file.write("\n")
    return {"model_uri": model}


@pytest.mark.parametrize(
    "change",
    [
        touched,
        added,
        other_byte,
        lambda _job: {"where": "rid >= 0"},
        lambda _job: {"params": {"plus": 2}},
        lambda _job: {"result_type": "double"},
        lambda _job: {"keep": ("rid",)},
        lambda _job: {"on_error": "quarantine"},
        lambda _job: {"batch_size": 3},
        lambda _job: {"input_options": {"mergeSchema": "true"}},
    ],
)
def test_a_job_that_differs_in_anything_runs(job, change, param_model):
    """Input, model, params, condition and options make the key; another one is never skipped."""
    job.write("a.parquet", range(5))
    options = {"model_uri": param_model, "mode": "overwrite", "extra_env": job.calls()}
    first = job.run(**options)
    job.called_on()
    changed = change(job)
    if "model_uri" in changed:
        first = job.run(**{**options, "model_uri": job.model})
        job.called_on()
    second = job.run(**{**options, **changed})
    assert not second.already_published
    assert second.job_key != first.job_key
    assert job.called_on() == list(range(5))


@pytest.fixture(scope="module")
def param_model(tmp_path_factory):
    """Save a model with a param, which writes down its calls."""

    def predict(data, params=None):
        import os
        from pathlib import Path

        with Path(os.environ["CALLS"]).open("a") as calls:
            calls.write(",".join(map(str, data["rid"])) + "\n")
        return data["rid"] * 10 + params["plus"]

    signature = Signature(
        inputs=(Spec(Scalar("long"), "rid"),),
        outputs=(Spec(Scalar("long")),),
        params=(Param("plus", Scalar("long"), 1),),
    )
    return scorecast.save_model(
        predict, tmp_path_factory.mktemp("param") / "model", signature=signature
    )


def test_another_version_of_the_package_is_another_job(job, monkeypatch):
    """What a newer scorecast would predict is not taken as published."""
    job.write("a.parquet", range(5))
    job.run()
    monkeypatch.setattr(describe, "__version__", "99.0")
    with pytest.raises(OutputExistsError):
        job.run()
    assert not job.run(mode="overwrite").already_published
    assert job.manifest()["runs"][0]["packages"]["scorecast"] == "99.0"


def test_another_time_zone_is_another_job(job, conf):
    """Times reach the model in the time zone of the session, so that it is part of the job."""
    conf("spark.sql.session.timeZone", "UTC")
    job.write("a.parquet", range(5))
    job.run()
    conf("spark.sql.session.timeZone", "Asia/Kathmandu")
    assert not job.run(mode="overwrite").already_published


def test_the_columns_of_directories_are_part_of_the_job(job):
    """The same files with and without the columns of their directories are two inputs."""
    job.write("day=1/a.parquet", range(5))
    job.run()
    with pytest.raises(OutputExistsError):
        job.run(input=job.input / "day=1")


@pytest.mark.parametrize(
    "where", ["rand() >= 0", "current_date() > date'2000-01-01'", "rid in (select 1)"]
)
def test_conditions_that_may_change_are_asked_each_time(job, where):
    """Chance, time and other tables give other rows of the same files."""
    job.write("a.parquet", range(5))
    job.run(where=where)
    again = job.run(where=where, mode="overwrite", extra_env=job.calls())
    assert not again.already_published
    assert job.called_on() == sorted(rid for rid, _ in job.rows())


def test_rows_that_are_not_of_files_are_predicted_each_time(job, spark):
    """What a view gives may have changed without a trace."""
    spark.range(5).selectExpr("id as rid", "false as bad").createOrReplaceTempView("rows")
    view = {"input": "rows", "input_format": "table", "mode": "overwrite"}
    job.run(**view)
    assert not job.run(**view).already_published
    assert job.rows() == predicted(range(5))


def test_force_runs_a_published_job(job):
    """Asked to, a job replaces what it has published itself."""
    job.write("a.parquet", range(5))
    first = job.run()
    second = job.run(force=True, mode="overwrite", extra_env={})
    assert not second.already_published
    assert second.job_key == first.job_key
    assert second.run_id != first.run_id
    assert job.rows() == predicted(range(5))


@pytest.mark.parametrize("damage", ["lost", "cut", "added"])
def test_a_damaged_output_of_the_same_job_is_no_output(job, capsys, damage):
    """It is refused with what is wrong, and the cure that the message names works."""
    job.write("a.parquet", range(5))
    job.run()
    (part,) = job.output.glob("*.parquet")
    if damage == "lost":
        part.unlink()
    elif damage == "cut":
        part.write_bytes(part.read_bytes()[:-1])
    else:
        shutil.copy(part, job.output / "part-more.parquet")
    with pytest.raises(OutputDamagedError, match="part-"):
        job.run()
    assert job.cli() == 6
    assert "--force --mode overwrite" in capsys.readouterr().err
    assert job.cli("--force", "--mode", "overwrite") == 0
    assert job.rows() == predicted(range(5))
    assert job.cli() == 0


def test_other_rules_for_values_make_another_job(job, conf):
    """A condition that casts gives other rows by them."""
    job.write("a.parquet", range(10), word=pa.array([str(i) for i in range(10)]))
    where = {"where": "cast(word as int) >= 0", "mode": "overwrite"}
    conf("spark.sql.ansi.enabled", "true")
    job.run(**where)
    assert job.run(**where).already_published
    conf("spark.sql.ansi.enabled", "false")
    assert not job.run(**where).already_published


def test_a_timeout_decides_on_rows_where_they_may_fail(job):
    """With quarantine another limit is another job; where an error ends the job, it is not."""
    job.write("a.parquet", range(10))
    for on_error, again in (("fail", True), ("null", False)):
        options = {"on_error": on_error, "mode": "overwrite"}
        job.run(batch_timeout=60, **options)
        assert job.run(batch_timeout=90, **options).already_published is again
