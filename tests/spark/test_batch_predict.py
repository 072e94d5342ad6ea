"""The batch job: complete output or none, exact counts, errors that a newcomer can act on."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

import scorecast
from scorecast import BatchPredictConfig, batch_predict
from scorecast.cli.main import main
from scorecast.errors import ConfigError, ModelPredictError, OutputExistsError
from scorecast.models.signature import Scalar, Signature, Spec


@pytest.fixture
def work(tmp_path, people: pd.DataFrame):
    """Give a folder with the people in one parquet file of several row groups."""
    people.to_parquet(tmp_path / "in.parquet", index=False, row_group_size=100)
    return tmp_path


def options(work: Path, model: Path, *more: str) -> list[str]:
    """Give a command line of the job."""
    paths = ["--input", str(work / "in.parquet"), "--output", str(work / "out.parquet")]
    return ["batch-predict", "--model-uri", str(model), *paths, *more]


def left_behind(work: Path) -> list[str]:
    """Name what is in the folder beside input and output."""
    return sorted(p.name for p in work.iterdir() if p.name not in ("in.parquet", "out.parquet"))


def fingerprint(folder: Path) -> dict[str, str]:
    """Give names and contents of all files of an output."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_publishes_all_rows_with_equal_predictions(spark, work, people, proba_model):
    """Each row is in the output once, with the prediction that load_model gives it."""
    report = batch_predict(
        spark,
        BatchPredictConfig(
            model_uri=str(proba_model),
            input=str(work / "in.parquet"),
            output=str(work / "out.parquet"),
        ),
    )
    out = pq.read_table(work / "out.parquet").to_pandas().sort_values("id")
    expected = scorecast.load_model(proba_model).predict(people)
    assert out["id"].tolist() == people["id"].tolist()
    assert np.stack(out["prediction"].to_list()).tobytes() == expected.tobytes()
    assert (report.rows_in, report.rows_out) == (500, 500)
    assert report.model_digest == scorecast.inspect_model(proba_model).digest
    assert report.result_type == "array<double>"
    assert report.rows_per_second > 0
    assert (work / "out.parquet" / "_SUCCESS").exists()
    assert left_behind(work) == []


def test_summary_names_what_counts(spark, work, churn_model, capsys):
    """The job ends with rows in and out, time, speed, model, digest and place, on stdout."""
    assert main(options(work, churn_model)) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line)
    assert set(shown) >= {"seconds", "rows/s", "digest", "output", "model"}
    assert shown["digest"] == scorecast.inspect_model(churn_model).digest
    assert shown["output"].endswith("out.parquet")


def test_where_keep_and_output_column(spark, work, people, churn_model):
    """Only rows that meet the condition are predicted, and only the asked columns written."""
    more = ["--where", "plan = 'plus' AND age > 30", "--keep", "id,plan", "--output-column", "p"]
    assert main(options(work, churn_model, *more)) == 0
    out = pq.read_table(work / "out.parquet").to_pandas().sort_values("id")
    chosen = people[(people["plan"] == "plus") & (people["age"] > 30)]
    assert list(out.columns) == ["id", "plan", "p"]
    assert out["id"].tolist() == chosen["id"].tolist()
    assert out["p"].tolist() == scorecast.load_model(churn_model).predict(chosen).tolist()


def test_columns_and_result_type(spark, work, people, tmp_path):
    """Columns of other names are taken by position; the result is of the asked type."""

    def model(data):
        return data["x"] * 10

    signature = Signature(inputs=(Spec(Scalar("integer"), "x"),))
    path = scorecast.save_model(model, tmp_path / "model_dir", signature=signature)
    more = ["--columns", "age", "--keep", "none", "--result-type", "bigint"]
    assert main(options(work, path, *more)) == 0
    out = pq.read_table(work / "out.parquet")
    assert out.schema.types == [pa.int64()]
    assert sorted(out["prediction"].to_pylist()) == sorted((people["age"] * 10).tolist())


def test_empty_input_gives_an_empty_output_with_full_schema(spark, work, churn_model):
    """No rows are no failure: the output has the columns of any other day."""
    assert main(options(work, churn_model, "--where", "age < 0")) == 0
    out = pq.read_table(work / "out.parquet")
    assert out.num_rows == 0
    assert out.column_names == ["id", "age", "income", "plan", "since", "prediction"]


def test_one_row(spark, work, people, churn_model):
    """One row is predicted as any other."""
    assert main(options(work, churn_model, "--where", "id = 3")) == 0
    out = pq.read_table(work / "out.parquet").to_pandas()
    expected = scorecast.load_model(churn_model).predict(people[people["id"] == 3])
    assert out["prediction"].tolist() == expected.tolist()


def test_an_existing_output_is_refused_and_untouched(spark, work, churn_model, capsys):
    """Without --mode overwrite the output of another job is not touched."""
    assert main(options(work, churn_model)) == 0
    before = fingerprint(work / "out.parquet")
    assert main(options(work, churn_model, "--where", "id < 10")) == 6
    assert "--mode overwrite" in capsys.readouterr().err
    assert fingerprint(work / "out.parquet") == before


def test_overwrite_replaces_the_whole_output(spark, work, churn_model):
    """After an overwrite, nothing of the old output is left."""
    assert main(options(work, churn_model)) == 0
    assert main(options(work, churn_model, "--mode", "overwrite", "--where", "id < 10")) == 0
    assert pq.read_table(work / "out.parquet").num_rows == 10


def test_a_failing_model_leaves_the_old_output(spark, work, churn_model, tmp_path, capsys):
    """A model that raises costs nothing but the run: exit 5, old output as it was, no litter."""
    assert main(options(work, churn_model)) == 0
    before = fingerprint(work / "out.parquet")

    def model(data):
        if (data["id"] == 321).any():
            msg = "no such plan"
            raise KeyError(msg)
        return data["id"]

    path = scorecast.save_model(model, tmp_path / "model_dir")
    more = ["--mode", "overwrite", "--result-type", "long"]
    capsys.readouterr()
    assert main(options(work, path, *more)) == 5
    shown = capsys.readouterr()
    assert "The model raised KeyError" in shown.err
    assert len(shown.err.splitlines()) < 6
    assert shown.out == ""
    assert fingerprint(work / "out.parquet") == before
    assert left_behind(work) == ["model_dir"]


def test_the_error_of_a_model_is_one_of_ours(spark, work, tmp_path):
    """From Python, the failure is an exception that says what the model raised."""

    def model(data):
        raise ZeroDivisionError

    path = scorecast.save_model(model, tmp_path / "model_dir")
    config = BatchPredictConfig(
        model_uri=str(path),
        input=str(work / "in.parquet"),
        output=str(work / "out.parquet"),
        result_type="double",
    )
    with pytest.raises(ModelPredictError, match="ZeroDivisionError"):
        batch_predict(spark, config)
    assert not (work / "out.parquet").exists()


@pytest.fixture
def ansi(spark):
    """Let casts of wrong text fail, as they do from Spark 4.0 on unless one asks for nulls."""
    before = spark.conf.get("spark.sql.ansi.enabled")
    spark.conf.set("spark.sql.ansi.enabled", "true")
    yield
    spark.conf.set("spark.sql.ansi.enabled", before)


@pytest.mark.usefixtures("ansi")
@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--where", "agee > 3"], 2, "agee"),
        (["--where", "age >"], 2, "where"),
        (["--keep", "id,pln"], 2, 'Did you mean "plan"'),
        (["--columns", "age,income"], 3, "takes 4 input columns, got 2"),
        (["--output-column", "plan"], 2, '"plan" already'),
        (["--result-type", "dubble"], 2, "dubble"),
        (["--result-type", "timestamp"], 5, "result type timestamp"),
        (["--mode", "replace"], 2, "replace"),
        (["--result-type", "varchar(3)"], 2, "varchar"),
        (["--where", "CAST(plan AS INT) = 1"], 3, "could not read the input"),
        (["--keep", ""], 2, "keep"),
    ],
)
def test_wrong_options(spark, work, churn_model, capsys, more, code, words):
    """Each wrong option has its exit code and a message that says what is wrong."""
    assert main(options(work, churn_model, *more)) == code
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out == ""
    assert not (work / "out.parquet").exists()
    assert left_behind(work) == []


def test_wrong_paths(spark, work, churn_model, people, capsys):
    """Inputs and models that are not there are told apart by exit code, and named."""
    paths = ["--output", str(work / "out.parquet"), "--input"]
    model = ["batch-predict", "--model-uri", str(churn_model)]
    assert main([*model, *paths, str(work / "none.parquet")]) == 3
    assert "does not exist" in capsys.readouterr().err
    (work / "empty").mkdir()
    assert main([*model, *paths, str(work / "empty")]) == 3
    assert "no files of that form" in capsys.readouterr().err
    (work / "text.parquet").write_text("not parquet at all, but long enough to have a footer")
    assert main([*model, *paths, str(work / "text.parquet")]) == 3
    assert "text.parquet" in capsys.readouterr().err
    assert main(options(work, work / "nowhere")) == 4
    assert "nowhere" in capsys.readouterr().err
    assert main(options(work, work / "empty")) == 4
    assert "MLmodel" in capsys.readouterr().err
    assert not (work / "out.parquet").exists()


def test_a_broken_mlmodel_file(spark, work, capsys):
    """A model directory with a broken MLmodel file is named, with the line."""
    (work / "broken").mkdir()
    (work / "broken" / "MLmodel").write_text("flavors:\n  python_function: [\n")
    assert main(options(work, work / "broken")) == 4
    assert "not YAML" in capsys.readouterr().err


def test_missing_and_mistyped_columns(spark, work, people, churn_model, capsys):
    """Data that lacks a column, or has it in another type, is refused before any task."""
    wrong = people.drop(columns="plan").assign(income=people["income"].astype("str"))
    wrong.to_parquet(work / "in.parquet", index=False)
    assert main(options(work, churn_model)) == 3
    shown = capsys.readouterr().err
    assert 'column "plan" (string) is missing' in shown
    assert 'column "income" is string, the model takes double' in shown
    assert left_behind(work) == []


def test_null_in_a_required_integer(spark, work, people, churn_model, capsys):
    """A null where the model wants a number has a message with the cure, and no row's values."""
    odd = people.assign(age=people["age"].astype("Int32").where(people["id"] != 77))
    odd.to_parquet(work / "in.parquet", index=False)
    assert main(options(work, churn_model)) == 3
    shown = capsys.readouterr().err
    assert 'Column "age" holds 1 nulls' in shown
    assert "required=False" in shown
    assert left_behind(work) == []


def test_output_in_the_input_is_refused(spark, work, churn_model):
    """An output that is the input, or lies in it, is never written."""
    before = fingerprint(work)
    same = ["batch-predict", "--model-uri", str(churn_model), "--mode", "overwrite"]
    source = str(work / "in.parquet")
    for target in (source, f"file://{source}", str(work / "x" / ".." / "in.parquet")):
        assert main([*same, "--input", source, "--output", target]) == 6
    assert main([*same, "--input", str(work), "--output", str(work / "out.parquet")]) == 6
    assert fingerprint(work) == before


def test_overwrite_replaces_outputs_only(spark, work, churn_model, tmp_path, capsys):
    """A folder with other things in it, a file, and the model itself are never replaced."""
    import shutil

    model = shutil.copytree(churn_model, tmp_path / "project" / "model")
    (tmp_path / "project" / "thesis.txt").write_text("years of work")
    (tmp_path / "notes").write_text("x")
    before = fingerprint(tmp_path)
    common = ["batch-predict", "--model-uri", str(model), "--mode", "overwrite"]
    for target in ("project", "project/model", "project/model/out", "notes"):
        paths = ["--input", str(work / "in.parquet"), "--output", str(tmp_path / target)]
        assert main([*common, *paths]) == 6, target
    assert fingerprint(tmp_path) == before


def test_a_worker_that_is_killed_is_a_failed_prediction(spark, work, tmp_path, capsys):
    """A model that ends its process is told apart from an output that cannot be written."""

    def model(data):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    path = scorecast.save_model(model, tmp_path / "model_dir")
    assert main(options(work, path, "--result-type", "double")) == 5
    assert "killed" in capsys.readouterr().err
    assert left_behind(work) == ["model_dir"]


def test_a_truncated_file_among_good_ones_is_an_input_error(
    spark, work, people, churn_model, capsys
):
    """A file whose pages are cut off is found while reading, and named; nothing is published."""
    folder = work / "in.parquet"
    folder.unlink()
    folder.mkdir()
    for name in ("a", "b"):
        people.to_parquet(folder / f"{name}.parquet", index=False)
    whole = (folder / "b.parquet").read_bytes()
    (folder / "b.parquet").write_bytes(whole[: len(whole) // 2])
    assert main(options(work, churn_model)) == 3
    assert "b.parquet" in capsys.readouterr().err
    assert not (work / "out.parquet").exists()


def test_times_in_nanoseconds_are_refused_with_the_cure(spark, work, people, churn_model, capsys):
    """Times that Spark does not read from parquet are named, with what to write instead."""
    fine = people.assign(since=people["since"].dt.as_unit("ns"))
    fine.to_parquet(work / "in.parquet", index=False)
    assert main(options(work, churn_model)) == 3
    assert "coerce_timestamps" in capsys.readouterr().err
    assert not (work / "out.parquet").exists()


def test_a_worker_that_fails_outside_the_model_is_a_failed_prediction(
    spark, work, churn_model, capsys, monkeypatch
):
    """An exception of a worker that is none of ours is shown by its one line of Python."""

    def broken(df, _plan, _read):
        def fail(_value):
            msg = "no module named scorecast"
            raise ImportError(msg)

        return df.select(F.udf(fail, "long")("c0").alias("prediction")).collect()

    monkeypatch.setattr("scorecast.batch.engines.spark.run_tasks", broken)
    assert main([*options(work, churn_model), "--engine", "spark"]) == 5
    shown = capsys.readouterr().err
    assert "A Python worker failed: ImportError: no module named scorecast" in shown
    assert len(shown.splitlines()) < 4


def test_optional_inputs_do_not_change_how_columns_are_matched(spark, tmp_path):
    """Named columns are matched by name even when an optional input is not among them."""

    def model(data):
        return data["x"] * 10 + data["y"]

    kinds = (("x", True), ("y", True), ("z", False))
    signature = Signature(inputs=tuple(Spec(Scalar("long"), n, required=r) for n, r in kinds))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    df = spark.createDataFrame([(1, 2)], "x long, y long")
    got = scorecast.predict_frame(df, path, result_type="long", columns=["y", "x"])
    assert got.first()["prediction"] == 12
    assert df.select(scorecast.spark_udf(spark, path, "long")("y", "x")).first()[0] == 12


def test_output_that_cannot_be_written(spark, work, churn_model, capsys):
    """A place that is no directory is found before anything is read."""
    (work / "file").write_text("x")
    paths = ["--input", str(work / "in.parquet"), "--output", str(work / "file" / "out")]
    assert main(["batch-predict", "--model-uri", str(churn_model), *paths]) == 6
    assert "Cannot write" in capsys.readouterr().err


def test_config_lists_all_problems():
    """Wrong options are all in one error."""
    with pytest.raises(ConfigError) as failed:
        BatchPredictConfig(model_uri="", input="i", output="o", keep="some", mode="x", where=" ")
    text = str(failed.value)
    assert all(word in text for word in ("model_uri", "keep", "mode", "where"))


def test_config_takes_paths_and_refuses_a_text_of_columns(tmp_path):
    """Paths of pathlib are options as texts are; a text is no tuple of names."""
    config = BatchPredictConfig(model_uri=tmp_path, input=tmp_path / "i", output=tmp_path / "o")
    assert config.output == str(tmp_path / "o")
    with pytest.raises(ConfigError, match="tuple of names"):
        BatchPredictConfig(model_uri="m", input="i", output="o", columns="id")


def test_output_exists_is_an_output_error(spark, work, churn_model):
    """From Python, an output in the way is an exception of its own."""
    (work / "out.parquet").mkdir()
    with pytest.raises(OutputExistsError):
        batch_predict(
            spark,
            BatchPredictConfig(
                model_uri=str(churn_model),
                input=str(work / "in.parquet"),
                output=str(work / "out.parquet"),
            ),
        )
