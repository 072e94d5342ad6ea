"""What ``scorecast batch-predict`` refuses before Spark starts."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorecast.cli.main import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on an output that Spark has written, where no session can be had."""

    def start(**_):
        message = "Spark was started"
        raise AssertionError(message)

    monkeypatch.setattr("scorecast.spark.session.start_session", start)
    (tmp_path / "out").mkdir()
    pq.write_table(pa.table({"p": [1]}), tmp_path / "out" / "part-0.parquet")
    (tmp_path / "out" / "_SUCCESS").touch()
    paths = ["--model-uri", "m", "--input", "in", "--output", str(tmp_path / "out")]
    return lambda *more: main(["batch-predict", *paths, *more])


def test_an_output_of_others(run, tmp_path, capsys):
    """It exists, and stays as it is."""
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    assert run() == 6
    assert 'out" exists. Nothing was predicted or written' in capsys.readouterr().err
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_directory_that_is_no_output(run, tmp_path, capsys):
    """Overwriting it would lose what is in it."""
    (tmp_path / "out" / "thesis.tex").touch()
    assert run("--mode", "overwrite") == 6
    assert "is no output of a job" in capsys.readouterr().err
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_an_output_of_a_job_that_is_damaged(run, tmp_path, capsys):
    """A manifest that cannot be read says nothing of who may replace it."""
    (tmp_path / "out" / "_MANIFEST.json").write_text("{")
    assert run("--mode", "overwrite") == 6
    assert "_MANIFEST.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--timeout", "-1"], "timeout is -1.0"),
        (["--fail-on-nan", "--nan-as-null"], "fail_on_nan and nan_as_null"),
        (["--max-errors", "3"], "need on_error"),
        (["--trust", "pinned"], 'trust "pinned" needs model_digest'),
        (["--trust", "all"], "'all' is not one of 'any', 'no-pickle', 'pinned'"),
    ],
)
def test_options_that_do_not_fit(run, capsys, more, words):
    """They are usage."""
    assert run(*more) == 2
    assert words in capsys.readouterr().err
