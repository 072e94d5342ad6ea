"""What programs read of a run: one JSON object, whether it went well or not."""

import json

import pytest


def test_a_published_run_is_told_with_its_counts(job, capsys):
    """The file says what the manifest says; run again, it says that nothing was predicted."""
    job.write("a.parquet", range(7))
    file = job.folder / "summary.json"
    assert job.cli("--summary-json", str(file)) == 0
    said = json.loads(file.read_text())
    run = job.manifest()["runs"][0]
    assert (said["status"], said["exit_code"], said["error"]) == ("published", 0, None)
    assert said["run_id"] == run["run_id"]
    assert said["counters"] == run["counters"]
    assert said["rows_out"] == len(job.rows()) == 7
    assert f"output      {job.output}" in capsys.readouterr().out
    assert job.cli("--summary-json", "-") == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["status"], again["run_id"]) == ("already published", run["run_id"])
    assert [path.name for path in job.folder.glob("*summary*")] == ["summary.json"]


def test_a_failed_run_is_told_with_its_error(job):
    """The exit code in the file is that of the process."""
    job.write("a.parquet", range(7), bad=(3,))
    file = job.folder / "summary.json"
    code = job.cli("--summary-json", str(file))
    said = json.loads(file.read_text())
    assert (code, said["status"], said["exit_code"]) == (5, "failed", 5)
    assert said["error"]["class"] == "ModelPredictError"
    assert "bad row" in said["error"]["message"]
    assert not job.output.exists()


@pytest.mark.parametrize("place", ["no/such/directory/summary.json", "nfs://host/summary.json"])
def test_a_summary_that_cannot_be_written_is_a_warning(job, capsys, place):
    """What is published is published, and the exit code says so."""
    job.write("a.parquet", range(3))
    assert job.cli("--summary-json", place.replace("no/", f"{job.folder}/no/")) == 0
    assert "Cannot write the summary" in capsys.readouterr().err
    assert len(job.rows()) == 3
