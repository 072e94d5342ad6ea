"""What a job gives back: a summary for terminals, a table for notebooks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scorecast.batch.manifest import Counters
from scorecast.batch.report import RunReport

REPORT = RunReport(
    counters=Counters(
        rows_read=10,
        rows_filtered_out=2,
        rows_in=8,
        rows_predicted=8,
        rows_quarantined=0,
        rows_failed=0,
        n_null=0,
        n_nan=0,
        n_inf=0,
    ),
    rows_out=8,
    seconds=2.0,
    model_uri="models:/a<b>",
    resolved_uri="m",
    model_digest="sha256:0",
    result_type="double",
    output="out",
    run_id="r",
    job_key="sha256:1",
    report="out/_REPORT.html",
)


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({}, "report      out/_REPORT.html"),
        ({"report": None, "no_report": "none, for want of X"}, "report      none, for want of X"),
        ({"report": None}, "report      none"),
        ({"skipped": ("a", "b")}, "report      out/_REPORT.html"),
    ],
)
def test_the_summary_ends_with_the_place_of_the_report(changes, last):
    """Where there is no report, the last line says why."""
    assert replace(REPORT, **changes).summary().splitlines()[-1] == last


@pytest.mark.parametrize(
    ("changes", "speed"),
    [
        ({}, 4.0),
        ({"resumed_units": 1, "rows_resumed": 6}, 1.0),
        ({"already_published": True}, 0.0),
    ],
)
def test_only_rows_of_this_try_are_fast(changes, speed):
    """What an earlier try predicted took none of the time."""
    report = replace(REPORT, **changes)
    assert report.as_dict()["rows_per_second"] == report.rows_per_second == speed


def test_places_that_a_browser_cannot_open_are_no_links():
    """Only what is local is a link; all of it is text that cannot be markup."""
    local = REPORT._repr_html_()
    assert f'href="{Path("out/_REPORT.html").absolute().as_uri()}"' in local
    assert "models:/a&lt;b&gt;" in local
    remote = replace(REPORT, report="s3://bucket/<out>/_REPORT.html")._repr_html_()
    assert "href" not in remote
    assert "s3://bucket/&lt;out&gt;/_REPORT.html" in remote
    assert "for want of" in replace(REPORT, report=None, no_report="for want of <X>")._repr_html_()


@pytest.mark.filterwarnings("ignore")  # of Jupyter's own packages
def test_a_notebook_shows_a_table(src_on_path, tmp_path, monkeypatch):
    """A cell that ends with a report shows its table, and has text for what shows no HTML."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    monkeypatch.setenv("PYTHONPATH", src_on_path["PYTHONPATH"])
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    code = (
        "from scorecast.batch.manifest import Counters\n"
        "from scorecast.batch.report import RunReport\n"
        f"{REPORT!r}"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    (shown,) = book.cells[0].outputs
    assert shown.output_type == "execute_result"
    assert shown.data["text/html"].startswith("<table>")
    assert "models:/a&lt;b&gt;" in shown.data["text/html"]
    assert shown.data["text/plain"].startswith("RunReport(counters=Counters(rows_read=10")
