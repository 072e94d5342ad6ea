"""The report of a published output: there, the same when it is made again, never in the way."""

from __future__ import annotations

import sys
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from publishing import MemoryStore
from showing import column, profile, run_of

from scorecast.batch.documents import stage_document
from scorecast.batch.layout import PROFILE, REPORT, Layout
from scorecast.batch.manifest import OutputFile
from scorecast.batch.output import Output, open_output
from scorecast.batch.publish import publish_directory
from scorecast.batch.show import publish as show_publish
from scorecast.batch.show.load import known_of
from scorecast.batch.show.publish import add_report
from scorecast.batch.show.quarantined import read_quarantine
from scorecast.cli.main import main

SECRET = (
    "The model raised KeyError on a batch of 9 rows: could not convert string to float: 'Jane Doe'"
)


def table(rows):
    """Give the bytes of a file of the quarantine."""
    given = {
        "name": [f"Jane {at}" for at in range(rows)],
        "file": ["/in/a.parquet"] * rows,
        "error_class": ["ValueError" if at % 3 else "TypeError" for at in range(rows)],
        "error_message": [SECRET] * rows,
        "model_digest": ["sha256:0"] * rows,
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(given), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def publish(tmp_path, no_waiting):
    """Publish an output with 30 rows in the quarantine as the job does; gives what it says."""

    def go(data=None):
        output = open_output(str(tmp_path / "out"))
        said = run_of(
            quarantined=30,
            options={
                # As the job has them, before JSON makes lists of tuples.
                "output": str(tmp_path / "out"),
                "max_errors": 99,
                "input": ("in",),
                "partition_by": (),
                "params": {1: (2, float("nan"))},
            },
        )
        aside = table(30)
        parts = {"part-0.parquet": b"PAR1", "_quarantine/part-0.parquet": aside}
        sources = {}
        for path, content in parts.items():
            sources[path] = output.layout.run("run-1", "data", "u-00000", path)
            output.store.create(sources[path], content)
        said = publish_files(said, aside)
        if data is not None:
            document, place = stage_document(output, "run-1", PROFILE, data)
            said = replace(said, documents={PROFILE: document})
            sources[document.path] = place
        said, sources, problem = add_report(output, said, sources)
        publish_directory(output.directories, output.layout, said, sources, None, lambda _n: None)
        return problem

    return go


def publish_files(said, aside):
    """Give a manifest the file of the quarantine that is really there."""
    file = OutputFile("_quarantine/part-0.parquet", 30, len(aside), "0" * 64, "run-1")
    return replace(said, run_id="run-1", quarantine=(file,))


def test_the_published_page_is_made_again_byte_for_byte(tmp_path, publish, capsys):
    """What `show --html` writes is what lies beside the manifest, profile included."""
    pytest.importorskip("jinja2")
    assert publish(profile(column("distance"), column("prediction", "prediction"))) == ""
    out, again = tmp_path / "out", tmp_path / "again.html"
    assert main(["show", str(out), "--html", str(again)]) == 0
    assert capsys.readouterr().out == f"{again}\n"
    assert again.read_bytes() == (out / REPORT).read_bytes()
    assert b"Distribution of prediction" in again.read_bytes()


def test_values_are_hidden_unless_asked_for(tmp_path, publish, capsys):
    """Neither page nor text holds values or messages; --show-values shows ten rows of them."""
    publish()
    out = tmp_path / "out"
    assert main(["show", str(out)]) == 0
    text = capsys.readouterr().out
    assert "ValueError (KeyError)" in text
    assert "66.67 %" in text
    assert "Jane" not in text
    if (out / REPORT).exists():
        assert "Jane" not in (out / REPORT).read_text()
    assert main(["show", str(out), "--show-values"]) == 0
    text = capsys.readouterr().out
    assert text.count("Jane Doe") == 10
    assert "Jane 9\n" in text


def test_a_page_that_cannot_be_made_stops_nothing(tmp_path, publish, monkeypatch):
    """The predictions are published, with a warning that says what went wrong."""

    def broken(_view):
        raise ZeroDivisionError("no\nluck")

    monkeypatch.setattr(show_publish, "page_of", broken)
    with pytest.warns(UserWarning, match=r"ZeroDivisionError: no luck.*published without it"):
        problem = publish()
    assert problem == "none, it could not be made (ZeroDivisionError: no luck)"
    assert (tmp_path / "out/_MANIFEST.json").exists()
    assert not (tmp_path / "out" / REPORT).exists()
    assert known_of(str(tmp_path / "out")).manifest.documents == {}


def test_without_jinja_the_job_says_what_to_install(tmp_path, publish, monkeypatch, capsys):
    """It publishes as ever; show prints text, and names the extra for the page."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    problem = publish()
    assert problem.endswith('pip install "scorecast[report]"')
    assert main(["show", str(tmp_path / "out")]) == 0
    assert main(["show", str(tmp_path / "out"), "--html", str(tmp_path / "x.html")]) == 7
    assert "scorecast[report]" in capsys.readouterr().err


@pytest.mark.parametrize("names", [("file", "error_class"), ("File", "Error_Class")])
def test_columns_of_the_input_with_the_names_of_the_report(tmp_path, names):
    """What is told of rows is what the job wrote, not what the input has under such names."""
    given = {
        **{name: ["Jane Doe"] for name in names},
        "_file": ["/in/a.parquet"],
        "_error_class": ["ValueError"],
        "error_message": [SECRET],
        "model_digest": ["sha256:0"],
    }
    pq.write_table(pa.table(given), tmp_path / "aside.parquet")
    file = OutputFile("aside.parquet", 1, 1, "0" * 64, "run-1")
    place = str(tmp_path / "aside.parquet")
    found = read_quarantine([file], lambda _: place)
    assert found.by_class == (("ValueError (KeyError)", 1),)
    assert found.by_file == (("/in/a.parquet", 1),)
    (row,) = read_quarantine([file], lambda _: place, show_values=True).examples
    assert row == {
        "_file": "/in/a.parquet",
        "_error_class": "ValueError",
        "error_message": SECRET,
        **dict.fromkeys(names, "Jane Doe"),
    }


def test_a_quarantine_that_cannot_be_read(tmp_path, publish, capsys):
    """Its rows are still counted; what is wrong with files is told by `verify`."""
    publish()
    (tmp_path / "out/_quarantine/part-0.parquet").write_bytes(b"damaged")
    assert main(["show", str(tmp_path / "out")]) == 0
    assert "30 rows in _quarantine/" in capsys.readouterr().out


@pytest.mark.parametrize("page", [False, True])
def test_what_cannot_be_shown(tmp_path, publish, capsys, page):
    """No output, one that no job published, and a place that cannot be written exit with 6."""
    more = ["--html", str(tmp_path / "x.html")] if page else []
    assert main(["show", str(tmp_path / "out"), *more]) == 6
    assert "There is no output" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["show", str(tmp_path / "empty"), *more]) == 6
    assert "_MANIFEST.json" in capsys.readouterr().err
    publish()
    assert main(["show", str(tmp_path / "out"), "--html", str(tmp_path / "no/x.html")]) == 6


def test_a_flat_store_keeps_it_with_the_run():
    """There the report lies with the files of its run, and the manifest says where."""
    pytest.importorskip("jinja2")
    output = Output("s3://bucket/out", MemoryStore(), Layout("out", flat=True))
    said, sources, problem = add_report(output, run_of(), {})
    assert problem == ""
    document = said.documents[REPORT]
    assert document.path.startswith("_scorecast/runs/")
    assert document.path.endswith(f"/{REPORT}")
    assert list(sources) == [document.path]
