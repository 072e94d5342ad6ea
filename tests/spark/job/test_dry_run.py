"""What `--dry-run` finds out, and that it writes nothing."""

import py_compile
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scorecast
from scorecast.batch.dry_run import dry_run
from scorecast.errors import (
    InputDataError,
    InputMismatchError,
    ModelPredictError,
    OutputError,
    OutputMismatchError,
    TooManyErrorsError,
)


def everything(folder) -> list[str]:
    """Name all files of the folder of a job."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("engine", ["spark", "arrow"])
def test_a_good_job_is_told_and_nothing_is_written(job, capsys, engine):
    """Model, columns, plan and a sample are told, by the engine that the job will take."""
    job.write("a.parquet", range(3000))
    job.write("b.parquet", range(3000, 3010))
    before = everything(job.folder)
    assert job.cli("--dry-run", "--engine", engine, "--units", "2") == 0
    assert everything(job.folder) == before
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["digest"] == scorecast.inspect_model(job.model).digest
    assert told["input"].startswith("2 files")
    assert "3,010 rows" in told["input"]
    assert told["engine"].startswith(f"{engine}: ")
    assert told["plan"].startswith("2 units, ")
    assert told["rid"].split() == ["long", "long", "ok"]
    assert told["sample"] == "1,000 rows; predictions of a worker and of the driver are equal"
    assert "s of prediction on" in told["expected"]


@pytest.mark.parametrize("files", [1, 2])
def test_no_more_cores_are_expected_than_there_are_tasks(job, capsys, files):
    """One row group is one task, however many cores wait."""
    for at in range(files):
        job.write(f"{at}.parquet", range(1000 * at, 1000 * at + 1000))
    assert job.cli("--dry-run", "--engine", "arrow", "--units", str(files)) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert f" on {files} core{'s' if files > 1 else ''}, at the rate" in told["expected"]


@pytest.mark.parametrize("column", ["other", None])
def test_a_baseline_that_the_job_cannot_use_is_told(job, column):
    """Without it the job would end before it predicts anything."""
    job.write("a.parquet", range(5))
    place = job.folder / "baseline.parquet"
    if column is not None:
        pq.write_table(pa.table({column: [1]}), place)
    config = job.config(baseline=str(place), max_drift=0.2)
    found = dry_run(job.spark, config, preflight=False)
    with pytest.raises(InputDataError) as caught:
        job.run(baseline=str(place), max_drift=0.2)
    assert str(found.problem) == str(caught.value)
    good = dry_run(job.spark, job.config(baseline=str(job.input)), preflight=False)
    assert (good.problem, good.facts["baseline"]) == (None, str(job.input))


def test_columns_that_do_not_fit_are_told_one_by_one(job, capsys):
    """All columns are in the table, and the exit code is that of the job."""
    job.write("a.parquet", range(5))
    other = job.folder / "other"
    pq.write_table(pa.table({"rid": ["a"], "more": [1]}), other)
    assert job.cli("--dry-run", input_path=other) == 3
    out, err = capsys.readouterr()
    table = [line.split() for line in out.splitlines() if line.startswith("  ")]
    assert ["rid", "long", "string", "wrong", "type"] in table
    assert ["bad", "boolean", "nothing", "missing"] in table
    assert 'column "bad" (boolean) is missing' in err


def test_a_sample_that_fails_is_the_error_of_the_job(job):
    """The model fails on the third row, and the dry run says so as the job would."""
    job.write("a.parquet", range(5), bad=(2,))
    found = dry_run(job.spark, job.config(), preflight=False)
    assert isinstance(found.problem, ModelPredictError)
    assert "bad row" in str(found.problem)
    # Where failing rows are set aside, one of them is no reason to stop.
    aside = job.config(on_error="quarantine", max_errors=3)
    assert dry_run(job.spark, aside, preflight=False).problem is None


def test_an_output_of_another_job_is_the_error_of_the_job(job):
    """Mode error leaves it alone; the very same job would do nothing."""
    job.write("a.parquet", range(5))
    assert job.cli() == 0
    before = everything(job.folder)
    again = dry_run(job.spark, job.config(), preflight=False)
    assert again.problem is None
    assert "nothing would be predicted" in again.summary()
    assert job.cli("--dry-run", "--nan-as-null") == job.cli("--nan-as-null") == 6
    other = job.config(mode="append", provenance=True)
    assert isinstance(dry_run(job.spark, other, preflight=False).problem, OutputError)
    replaced = job.config(mode="overwrite", nan_as_null=True)
    assert dry_run(job.spark, replaced, preflight=False).problem is None
    assert everything(job.folder) == before


@pytest.mark.parametrize("on_error", ["null", "quarantine"])
def test_rows_that_fail_are_told_and_held_against_the_limits(job, on_error):
    """One of five fails, which is no NULL that the model predicted."""
    job.write("a.parquet", range(5), bad=(2,))
    found = dry_run(job.spark, job.config(on_error=on_error), preflight=False)
    assert isinstance(found.problem, TooManyErrorsError)
    assert "bad row" in str(found.problem)
    assert "1 of 5 rows of the sample" in found.summary()
    assert "0 NULL" in found.summary()
    allowed = job.config(on_error=on_error, max_errors=1)
    assert dry_run(job.spark, allowed, preflight=False).problem is None


@pytest.mark.parametrize("engine", ["spark", "arrow"])
def test_a_condition_that_only_the_last_rows_meet(job, engine):
    """The sample is of rows that meet it, wherever they are."""
    for at in range(4):
        job.write(f"{at}.parquet", range(1000 * at, 1000 * at + 1000))
    config = job.config(where="rid >= 3990", engine=engine)
    found = dry_run(job.spark, config, preflight=False)
    assert found.facts["engine"].startswith(engine)
    assert found.facts["sample"].startswith("10 rows; ")


def test_a_worker_that_predicts_otherwise_is_found(job, tmp_path):
    """A model that is another one on the workers is told by the first row that differs."""

    def predict(data):
        import os

        here = float("DRIVER" not in os.environ)
        return pd.DataFrame({"a": data["rid"] * 1.0, "b": np.where(data["rid"] >= 3, here, 0.0)})

    job.write("a.parquet", range(5))
    sample = pd.DataFrame({"rid": [1.0]})
    made = pd.DataFrame({"a": [1.0], "b": [0.0]})
    signature = scorecast.infer_signature(sample, made)
    path = scorecast.save_model(predict, tmp_path / "other", signature=signature)
    config = job.config(model_uri=path, result_type="struct<a:double,b:double>")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVER", "1")
        found = dry_run(job.spark, config, preflight=False)
    assert isinstance(found.problem, OutputMismatchError)
    assert '"prediction.b" in row 3 of the sample' in str(found.problem)
    assert "the packages have the same versions" in str(found.problem)
    assert "NOT equal" in found.summary()


def test_bytecode_beside_the_code_of_a_pinned_model_is_not_run(job, tmp_path):
    """The driver loads what was pinned, as workers do."""
    (tmp_path / "dry_helper.py").write_text("FACTOR = 2.0\n")

    def predict(data):
        import dry_helper

        return data["rid"] * dry_helper.FACTOR

    job.write("a.parquet", range(5))
    sample = pd.DataFrame({"rid": [1.0]})
    signature = scorecast.infer_signature(sample, np.array([1.0]))
    path = scorecast.save_model(
        predict, tmp_path / "m", signature=signature, code_paths=[tmp_path / "dry_helper.py"]
    )
    digest = scorecast.inspect_model(path).digest
    (tmp_path / "dry_helper.py").write_text("FACTOR = 666.0\n")
    (code,) = path.rglob("dry_helper.py")
    bytecode = code.parent / "__pycache__" / f"dry_helper.{sys.implementation.cache_tag}.pyc"
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(tmp_path / "dry_helper.py", bytecode, invalidation_mode=mode)
    found = dry_run(job.spark, job.config(model_uri=path, model_digest=digest), preflight=False)
    assert found.problem is None
    assert "are equal" in found.facts["sample"]


def test_an_input_without_rows_has_no_sample(job):
    """Nothing is wrong with it."""
    job.write("a.parquet", range(0))
    found = dry_run(job.spark, job.config(), preflight=False)
    assert found.problem is None
    assert "the input has no rows" in found.summary()


def test_a_missing_column_is_the_problem_of_the_api(job):
    """Callers get the error as a value, beside the table."""
    job.write("a.parquet", range(5))
    found = dry_run(job.spark, job.config(columns=("rid",)), preflight=False)
    assert isinstance(found.problem, InputMismatchError)
    assert [check.verdict for check in found.columns] == ["ok", "missing"]
