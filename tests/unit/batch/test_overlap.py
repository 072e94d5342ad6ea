"""Outputs that would change what is read are refused, however the paths are spelled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scorecast.batch.overlap import local_path, place_of, refuse_overlap
from scorecast.errors import OutputError


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Make an input directory with a file, links to it, and stand beside it."""
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/a.parquet").write_bytes(b"1")
    (tmp_path / "in/deep/b c.parquet").write_bytes(b"2")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    (tmp_path / "above").symlink_to(tmp_path)
    (tmp_path / "file").symlink_to(tmp_path / "in/a.parquet")
    (tmp_path / "around").symlink_to(tmp_path / "around")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(output, *inputs, word="input"):
    """Tell whether an output is refused."""
    try:
        refuse_overlap(str(output), word, [str(path) for path in inputs])
    except OutputError as error:
        return str(output) in str(error)
    return False


@pytest.mark.parametrize(
    "output",
    [
        "in",
        "in/",
        "./in",
        "in/.",
        "in/deep/..",
        "in/../in",
        "link",
        "link/",
        "above/in",
        "above/above/link",
        "{here}/in",
        "{here}//in",
        "file:{here}/in",
        "file://{here}/in",
        "file://localhost{here}/in",
        "FILE:{here}/in",
        "file:{here}/%69n",
        # inside and around of it
        "in/out",
        "in/deep",
        "in/deep/er/out",
        "link/out",
        "above/link/out",
        "in/a.parquet",
        ".",
        "..",
        "/",
        "above",
        "{here}/..",
    ],
)
def test_the_same_inside_and_around(data, output):
    """The input directory, what is in it and what it is in are refused in every spelling."""
    output = output.format(here=data)
    for path in ("in", str(data / "in"), f"file:{data}/in", "link", "above/in/", "in/deep/.."):
        assert refused(output, path), path


@pytest.mark.parametrize(
    "output", ["out", "in2", "i", "in.parquet", "above/out", "file:{here}/out"]
)
def test_beside_it(data, output):
    """What only looks alike is fine, whether it is there or not."""
    output = output.format(here=data)
    files = ["in/a.parquet", "in/deep/b c.parquet", f"file://{data}/in/deep/b%20c.parquet"]
    assert not refused(output, "in", *files)
    (data / "out").mkdir(exist_ok=True)
    assert not refused(output, "in", *files)


@pytest.mark.parametrize(
    "path",
    [
        "out/a.parquet",
        "to-out/a.parquet",
        "to-file",
        "out/*.parquet",
        "file:{here}/out/a.parquet",
        ".out.scorecast",
        ".out.scorecast/runs/1/version",
        ".out.scorecast/runs/1/version/part-0.parquet",
        "to-version",
    ],
)
def test_files_of_the_output_as_input(data, path):
    """Files in the output and in what is kept beside it are refused, through links, too."""
    (data / ".out.scorecast/runs/1/version").mkdir(parents=True)
    (data / ".out.scorecast/runs/1/version/part-0.parquet").touch()
    (data / "out").mkdir()
    (data / "out/a.parquet").touch()
    (data / "to-out").symlink_to(data / "out")
    (data / "to-file").symlink_to(data / "out/a.parquet")
    (data / "to-version").symlink_to(data / ".out.scorecast/runs/1/version")
    assert refused("out", "in", path.format(here=data))


def test_a_hard_link_to_an_input_file(data):
    """An output that holds an input file under another name is refused."""
    (data / "out/p=1").mkdir(parents=True)
    os.link(data / "in/a.parquet", data / "out/p=1/part-0.parquet")
    assert refused("out", "in/a.parquet")
    assert not refused("out", "in/deep/b c.parquet")


def test_another_name_of_the_directory(data, monkeypatch):
    """What the system says is the same directory is the same, such as another case on a Mac."""
    real = Path.stat

    def folded(path, **options):
        parts = ["in" if part == "IN" else part for part in path.parts]
        return real(Path(*parts), **options)

    monkeypatch.setattr(Path, "stat", folded)
    assert refused("IN", "in")
    assert refused("IN/out", "in")
    assert refused("in", "IN")


def test_links_that_lead_nowhere(data):
    """A link to itself and one to nothing are no reason to stop."""
    (data / "dangling").symlink_to(data / "nowhere")
    for path in ("around", "dangling"):
        assert not refused(path, "in")
        assert not refused("out", path)
        assert refused(path, path)


def test_an_output_that_is_not_there_yet(data):
    """The same path is the same although nothing is there."""
    assert refused("new", "new")
    assert refused("link/new", "in/new")
    (data / "to-new").symlink_to(data / "new")
    assert refused("new", "to-new")


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("s3://b/in", "s3://b/in"),
        ("s3://b/in/", "s3a://b/in"),
        ("s3n://b/in", "s3a://b//in/."),
        ("s3a://B/x/../in", "s3://b/in"),
        ("s3://b/in", "s3://key@b/in/a.parquet"),
        ("s3://b/in/out", "s3a://b/in"),
        ("s3://b/in", "s3a://b/in/p=1/*.parquet"),
        ("s3://b/out", "s3://b/out/_scorecast/runs/1"),
        ("s3://b/in", "s3://b"),
        ("hdfs://name/in", "hdfs:///in"),
        ("hdfs:/in", "hdfs://name:8020/in"),
        ("hdfs://name/in", "hdfs://name/.in.scorecast/runs/1/version"),
        ("abfs://c@a.dfs.core.windows.net/in", "abfss://c@a.dfs.core.windows.net/in/x"),
        ("abfss://c@a.dfs.core.windows.net/in", "wasbs://c@a.blob.core.windows.net/in"),
        ("gs://b/in", "gcs://b/in"),
        ("s3://b/a%20b", "s3://b/a b"),
    ],
)
def test_other_stores(output, path):
    """Spellings of one place on a remote store are one place."""
    assert refused(output, path)


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("s3://b/in", "s3://c/in"),
        ("s3://b/in", "s3://b/in2"),
        ("s3://b/in", "gs://b/in"),
        ("s3://b/in#1", "s3://b/in"),
        ("s3://b/in", "/in"),
        ("/in", "s3://b/in"),
        ("/b/in", "hdfs:/b/in"),
        ("abfss://c@a.dfs.core.windows.net/in", "abfss://d@a.dfs.core.windows.net/in"),
    ],
)
def test_other_places(output, path):
    """Other stores, buckets and names are others."""
    assert not refused(output, path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", "/a/b"),
        ("/a#b?c", "/a#b?c"),
        ("file:/a/b", "/a/b"),
        ("file:///a%20b#c", "/a b#c"),
        ("file://localhost/a", "/a"),
        ("/a/100%25", "/a/100%25"),
        ("hdfs:/a", None),
        ("s3a://b/c", None),
    ],
)
def test_local_path(path, expected):
    """A local path is what Spark takes for one."""
    assert local_path(path) == (None if expected is None else Path(expected))


def test_the_word_for_what_is_read():
    """The message says what it is that would be changed."""
    with pytest.raises(OutputError, match='lies in the model "/m"'):
        refuse_overlap("/m/out", "model", ["/m"])


def test_ten_thousand_files_are_looked_at_once_each(tmp_path, monkeypatch):
    """Directories are followed once, however many files are in them."""
    (tmp_path / "in").mkdir()
    paths = [tmp_path / f"in/{i}.parquet" for i in range(10_000)]
    for path in paths:
        path.touch()
    followed = []
    real = os.path.realpath

    def counted(path, **options):
        followed.append(path)
        return real(path, **options)

    monkeypatch.setattr(os.path, "realpath", counted)
    refuse_overlap(str(tmp_path / "out"), "input", map(str, paths))
    assert len(followed) < 10


@pytest.mark.parametrize(
    ("spellings", "others"),
    [
        (
            ["in/a.parquet", "link/a.parquet", "file", "file:{here}/in/./a.parquet"],
            ["in", "in/b.parquet", "s3:{here}/in/a.parquet"],
        ),
        (
            ["s3://bucket/x/a", "s3a://bucket/x/a", "S3N://bucket//y/../x/a"],
            ["s3://bucket/x/b", "s3://other/x/a", "gs://bucket/x/a", "{here}/bucket/x/a"],
        ),
        (["hdfs://node:8020/x", "hdfs:/x"], ["hdfs:/y", "/x"]),
    ],
)
def test_a_file_is_known_by_any_spelling(data, spellings, others):
    """Spellings of one file are one place, and those of other files are other places."""
    places = {place_of(path.format(here=data)) for path in spellings}
    assert len(places) == 1
    assert places.isdisjoint(place_of(path.format(here=data)) for path in others)
