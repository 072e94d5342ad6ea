"""Documents beside the manifest: published with it, read back, and passed over by readers."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from publishing import MemoryStore, manifest

from scorecast.batch.documents import stage_document
from scorecast.batch.layout import REPORT, Layout
from scorecast.batch.output import Output, open_output
from scorecast.batch.publish import publish_directory, published
from scorecast.batch.verify import verify


def part(*values):
    """Give the bytes of a parquet file, and its rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"prediction": pa.array(values, pa.int64())}), sink)
    return sink.getvalue().to_pybytes(), len(values)


@pytest.fixture
def out(tmp_path, no_waiting):
    """Publish an output of one file with a report, for the first time."""
    output = open_output(str(tmp_path / "out"))
    data, rows = part(1, 2, 3)
    place = output.layout.run("one", "data", "u-00000", "part-0.parquet")
    output.store.create(place, data)
    document, report = stage_document(output, "one", REPORT, b"<p>one</p>")
    files = {"part-0.parquet": (data, rows)}
    said = manifest("one", files, documents={REPORT: document})
    sources = {"part-0.parquet": place, document.path: report}
    publish_directory(
        output.directories, output.layout, said, sources, None, lambda _n: None, keep_version=True
    )
    return tmp_path / "out"


def test_it_is_published(out):
    """The manifest names the document with size and digest, and it is there."""
    output = open_output(str(out))
    document = published(output.store, output.layout).manifest.documents[REPORT]
    assert (document.path, document.bytes) == (REPORT, 10)
    assert document.sha256 == hashlib.sha256(b"<p>one</p>").hexdigest()
    assert (out / REPORT).read_bytes() == b"<p>one</p>"


def test_readers_of_the_output_pass_over_it(out):
    """Arrow and DuckDB read the rows alone; the name is what keeps them from the document."""
    duckdb = pytest.importorskip("duckdb")
    assert pq.read_table(out).num_rows == 3
    assert ds.dataset(out, format="parquet").count_rows() == 3
    with duckdb.connect() as connection:
        query = f"select count(*) from read_parquet('{out}/**/part-*.parquet')"
        assert connection.execute(query).fetchall() == [(3,)]
    (out / REPORT).rename(out / "report.html")
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(out)


@pytest.mark.parametrize("deep", [False, True])
def test_a_lost_document_is_a_damage(out, deep):
    """A check of the output names it; a changed byte is found by a deep one."""
    assert verify(str(out), deep=deep).damages == ()
    (out / REPORT).write_bytes(b"<p>two</p>")
    changed = ("_REPORT.html has other bytes than were published",) if deep else ()
    assert verify(str(out), deep=deep).damages == changed
    (out / REPORT).unlink()
    assert verify(str(out), deep=deep).damages == ("_REPORT.html is missing",)


def test_the_version_that_is_kept_has_it(out):
    """Links for readers of a version that is replaced later hold its report, too."""
    kept = out.parent / ".out.scorecast/runs/one/version" / REPORT
    assert kept.read_bytes() == b"<p>one</p>"


def test_two_drivers_of_one_job_on_a_flat_store():
    """What one has published is not what the other one writes: nobody locks there."""
    output = Output("s3://bucket/out", MemoryStore(), Layout("out", flat=True))
    staged = [stage_document(output, "run", REPORT, data) for data in (b"one", b"other")]
    assert staged[0][0].path != staged[1][0].path
    for (document, place), data in zip(staged, (b"one", b"other"), strict=True):
        assert output.store.read(place) == output.store.read(f"out/{document.path}") == data
        assert document.sha256 == hashlib.sha256(data).hexdigest()
        assert place.startswith(f"{output.layout.run('run', 'data')}/")
