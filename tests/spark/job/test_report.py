"""The report of a real job: published with the rows, and told by the summary."""

from __future__ import annotations

import pytest

from scorecast.batch.verify import verify
from scorecast.cli.main import main


def test_a_job_publishes_its_report(job, capsys):
    """It lies beside the manifest, readers pass over it, and it can be made again as it is."""
    pytest.importorskip("jinja2")
    job.write("a.parquet", range(100), bad=[7, 8])
    job.write("b.parquet", range(100, 200))
    report = job.run(on_error="quarantine", max_errors=5, units=2, where="rid < 150")
    page = job.output / "_REPORT.html"
    assert report.report == str(page)
    assert report.summary().splitlines()[-1] == f"report      {page}"
    assert verify(str(job.output), deep=True).damages == ()
    assert job.rows() == [(rid, rid * 10 + 1) for rid in range(150) if rid not in (7, 8)]
    assert job.spark.read.parquet(str(job.output)).count() == 148

    again = job.folder / "again.html"
    assert main(["show", str(job.output), "--html", str(again)]) == 0
    assert again.read_bytes() == page.read_bytes()
    capsys.readouterr()
    assert main(["show", str(job.output)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for told in (
        "200 read = 148 predicted + 2 quarantined + 50 left out by the condition",
        "2 (1.33 %) are in the quarantine; the limit was 5",
        "nothing left out of 2 files; unchanged while it ran",
        "ModelPredictError (ValueError)",
        "tasks at once 2",
        "2 units of work",
    ):
        assert told in text

    once_more = job.run(on_error="quarantine", max_errors=5, units=2, where="rid < 150")
    assert (once_more.already_published, once_more.report) == (True, str(page))
