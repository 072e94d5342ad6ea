"""What ``scorecast batch-predict`` refuses before Spark starts."""

import json
import re

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


@pytest.mark.parametrize(
    "wrong",
    [
        ["--batchsize", "4"],
        ["--batch-size", "many"],
        ["--engine", "warp"],
        ["--max-errors", "3"],
        ["--quiet=yes"],
        ["stray"],
        ["--batch-size"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("where", ["before", "environment"])
def test_wrong_options_are_told_to_machines(run, tmp_path, capsys, monkeypatch, wrong, where):
    """As JSON where that is asked for, though it be after them, and in the file of the summary."""
    summary = tmp_path / "summary.json"
    asked = ["--log-format", "json", "--summary-json", str(summary)]
    if where == "environment":
        monkeypatch.setenv("SCORECAST_LOG_FORMAT", "json")
        monkeypatch.setenv("SCORECAST_SUMMARY_JSON", str(summary))
        asked = []
    # What lacks its value can only be the last word.
    given = [*asked, *wrong] if wrong == ["--batch-size"] else [*wrong, *asked]
    assert run(*given) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    said = json.loads(summary.read_text())
    assert (out, said["status"], said["exit_code"]) == ("", "failed", 2)
    assert said["error"]["message"] == json.loads(line)["msg"]
    name = wrong[0].strip("-").partition("=")[0].replace("-", "")
    assert name in re.sub("[-_]", "", said["error"]["message"])


def test_what_the_file_asks_for_is_done_with_wrong_options(run, tmp_path, capsys):
    """The place of the summary may stand there, and how the log is written."""
    summary = tmp_path / "summary.json"
    job = tmp_path / "job.yaml"
    job.write_text(f"summary-json: {summary}\nlog-format: json\n")
    assert run("--config", str(job), "--units", "many") == 2
    told = json.loads(summary.read_text())["error"]["message"]
    assert json.loads(capsys.readouterr().err)["msg"] == told


@pytest.mark.parametrize("flag", ["--dry-run", "--show-config"])
def test_what_writes_nothing_keeps_the_last_summary(run, tmp_path, monkeypatch, flag):
    """It is that of a run, and this is none."""
    monkeypatch.setenv("SCORECAST_SUMMARY_JSON", str(tmp_path / "summary.json"))
    assert run(flag, "--typo") == 2
    assert not (tmp_path / "summary.json").exists()


def test_wrong_options_are_told_without_secrets(run, tmp_path, capsys):
    """The file keeps what stderr hides."""
    summary = tmp_path / "summary.json"
    wrong = ["--extra-env", "DB_PASSWORD:hunter2hunter2"]
    assert run("--summary-json", str(summary), *wrong) == 2
    told = json.loads(summary.read_text())["error"]["message"]
    assert "DB_PASSWORD" in told
    assert "hunter2" not in told + capsys.readouterr().err


def test_a_summary_of_the_environment_is_no_matter_of_a_dry_run(run, tmp_path, capsys, monkeypatch):
    """It writes nothing, and refuses only what was asked for beside it."""
    monkeypatch.setenv("SCORECAST_SUMMARY_JSON", str(tmp_path / "summary.json"))
    assert run("--dry-run") == 6
    assert "leave --summary-json out" not in capsys.readouterr().err
    assert not (tmp_path / "summary.json").exists()
    assert run("--dry-run", "--summary-json", "a.json") == 2
    assert "leave --summary-json out" in capsys.readouterr().err


def test_what_is_wrong_around_options_is_told_to_machines(run, tmp_path, capsys, monkeypatch):
    """A key of the file is an error of ours and has a code, a variable that nobody reads none."""
    (tmp_path / "job.yaml").write_text("modde: append\n")
    monkeypatch.setenv("SCORECAST_MODDE", "append")
    monkeypatch.setenv("SCORECAST_LOG_FORMAT", "json")
    assert run("--config", str(tmp_path / "job.yaml"), "--summary-json", "-") == 2
    out, err = capsys.readouterr()
    said, (warning, error) = json.loads(out)["error"], map(json.loads, err.splitlines())
    assert warning["level"] == "WARNING"
    assert "SCORECAST_MODDE is not read" in warning["msg"]
    assert said["code"].startswith("SC")
    assert error["context"]["code"] == said["code"]
    assert 'Did you mean "mode"' in said["message"] == error["msg"]
