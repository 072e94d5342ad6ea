"""``spark-submit jobs/batch_predict.py``: the command of the README, as a process."""

import numpy as np
import pyarrow.parquet as pq

import scorecast


def test_predicts_on_separate_executors(submit, people, people_file, proba_model, tmp_path):
    """On two executors, the job exits 0 with the predictions of load_model in every row."""
    done = submit(
        *("--model-uri", proba_model, "--input", people_file, "--output", tmp_path / "out"),
        master="local-cluster[2,1,1024]",
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    out = pq.read_table(tmp_path / "out").to_pandas().sort_values("id")
    expected = scorecast.load_model(proba_model).predict(people)
    assert np.stack(out["prediction"].to_list()).tobytes() == expected.tobytes()
    shown = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.strip())
    assert shown["digest"] == scorecast.inspect_model(proba_model).digest
    assert "rows in     500" in done.stdout
    assert "rows out    500" in done.stdout


def test_a_failing_model_is_a_few_lines_and_exit_5(submit, people_file, tmp_path):
    """With the project's conf, a model that raises is told in a few lines, not in pages."""

    def model(data):
        msg = "no such plan"
        raise LookupError(msg)

    path = scorecast.save_model(model, tmp_path / "model")
    done = submit(
        *("--model-uri", path, "--input", people_file, "--output", tmp_path / "out"),
        *("--result-type", "double"),
    )
    assert done.returncode == 5
    # spark-submit itself joins stderr of the Python process to stdout.
    shown = (done.stdout + done.stderr).splitlines()
    assert any("Error SC502: The model raised LookupError" in line for line in shown)
    assert any("line " in line and "in model" in line for line in shown)
    assert len(shown) < 15, done.stdout + done.stderr
    assert "scorecast explain SC502" in shown
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_tracebacks_on_request(submit, people_file, churn_model, tmp_path):
    """--verbose shows those of Python and of the JVM before the same few lines."""
    options = ("--model-uri", churn_model, "--input", people_file, "--output", tmp_path / "out")
    broken = ("--where", "age / (age - age) > 1")
    quiet, loud = submit(*options, *broken), submit(*options, *broken, "--verbose")
    assert (quiet.returncode, loud.returncode) == (3, 3)
    few, many = quiet.stdout + quiet.stderr, loud.stdout + loud.stderr
    for text in (few, many):
        assert 'with the condition "age / (age - age) > 1": [DIVIDE_BY_ZERO]' in text
        assert "\nscorecast explain SC301\n" in text
    assert "Traceback" not in few
    assert "\tat org.apache.spark" not in few
    assert "Traceback (most recent call last)" in many
    assert "\tat org.apache.spark" in many


def test_help_names_every_option_with_examples(submit):
    """--help works through spark-submit and shows real examples."""
    done = submit("--help")
    assert done.returncode == 0
    for option in ("--model-uri", "--input", "--output", "--where", "--keep", "--columns"):
        assert option in done.stdout
    assert done.stdout.count("batch_predict.py") + done.stdout.count("batch-predict ") >= 3
