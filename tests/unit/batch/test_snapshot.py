"""What the files of an input are at a moment, and how two moments differ."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from pyarrow import fs

from scorecast.batch.snapshot import InputFile, differences, take_snapshot
from scorecast.errors import InputDataError


def _uri(path: Path) -> str:
    return "file://" + quote(str(path))


def test_snapshot_holds_size_and_time_of_every_file_in_order(tmp_path):
    """Sizes and times are those of the file system, also for names that URIs encode."""
    files = []
    for number, name in enumerate(["b", "a b", "p%41", "h#y", "q?x", "ü", "[1]"]):
        path = tmp_path / name
        path.write_bytes(b"x" * number)
        os.utime(path, ns=(0, 1_700_000_000_123_456_789 + number))
        files.append(_uri(path))
    found = take_snapshot(files)
    assert [file.path for file in found] == files
    assert [file.size for file in found] == list(range(7))
    assert found[3].modified == "1700000000123456792"


def test_both_spellings_of_a_local_uri_are_read(tmp_path):
    """Spark writes file:/ in some places and file:/// in others."""
    (tmp_path / "a").write_bytes(b"xyz")
    found = take_snapshot([f"file:{tmp_path}/a", f"file://{tmp_path}/a", f"{tmp_path}/a"])
    assert [file.size for file in found] == [3, 3, 3]


def test_a_vanished_file_is_named(tmp_path):
    """The message has the plain path of the file, not its URI."""
    with pytest.raises(InputDataError, match=f'"{tmp_path}/gone away"'):
        take_snapshot([_uri(tmp_path / "gone away")])


def test_ten_thousand_files_are_each_looked_at(tmp_path):
    """More files than one thread takes at once come back complete and in order."""
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "three").write_bytes(b"333")
    files = []
    for number in range(10_000):
        link = tmp_path / f"{number}"
        os.link(tmp_path / ("one" if number % 3 else "three"), link)
        files.append(_uri(link))
    found = take_snapshot(files)
    assert [file.path for file in found] == files
    assert [file.size for file in found] == [1 if n % 3 else 3 for n in range(10_000)]


def test_other_stores_are_asked_through_arrow(tmp_path, monkeypatch):
    """Every store is opened once, and paths on it are decoded and keep its bucket."""
    bucket = tmp_path / "bucket"
    (bucket / "in").mkdir(parents=True)
    (bucket / "in" / "a b").write_bytes(b"12")
    (bucket / "in" / "p%41").write_bytes(b"123")
    opened = []

    def filesystem_of(uri):
        opened.append(uri)
        return fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()), "bucket/in/a b"

    monkeypatch.setattr("scorecast.worker.storage.filesystem_of", filesystem_of)
    uris = ["s3a://bucket/in/a%20b", "s3a://bucket/in/p%2541"]
    found = take_snapshot(uris)
    assert [(file.path, file.size) for file in found] == [(uris[0], 2), (uris[1], 3)]
    assert found[1].modified == str((bucket / "in" / "p%41").stat().st_mtime_ns)
    assert opened == uris[:1]
    with pytest.raises(InputDataError, match='"s3a://bucket/in/gone"'):
        take_snapshot([uris[0], "s3a://bucket/in/gone"])


def test_differences_are_told_by_kind():
    """Added, removed and changed files are named; order makes no difference."""
    before = [
        InputFile("file:///in/a%20b", 1, "1"),
        InputFile("file:///in/b", 1, "1"),
        InputFile("file:///in/c", 1, "1"),
        InputFile("file:///in/d", 1, "1"),
    ]
    after = [
        InputFile("file:///in/d", 1, "1"),
        InputFile("file:///in/c", 2, "1"),
        InputFile("file:///in/b", 1, "2"),
        InputFile("file:///in/new", 1, "1"),
    ]
    assert differences(before, after) == [
        "added: /in/new",
        "removed: /in/a b",
        "changed: /in/b",
        "changed: /in/c",
    ]
    assert differences(before, reversed(before)) == []


def test_many_differences_are_counted():
    """Five are named, and the rest is a number."""
    after = [InputFile(f"file:///in/{n:04}", 1, "1") for n in range(1205)]
    found = differences([], after)
    assert found == [*(f"added: /in/{n:04}" for n in range(5)), "and 1,200 more"]


@pytest.mark.parametrize("change", ["touch", "replace", "append", "remove", "add"])
def test_real_changes_are_found(tmp_path, change):
    """Whatever is done to a file between two snapshots shows."""
    path = tmp_path / "a"
    path.write_bytes(b"1")
    os.utime(path, ns=(0, 10**18))
    before = take_snapshot([_uri(path)])
    match change:
        case "touch":
            path.touch()
        case "replace":
            (tmp_path / "b").write_bytes(b"2")
            (tmp_path / "b").replace(path)
        case "append":
            path.write_bytes(b"12")
            os.utime(path, ns=(0, 10**18))
        case "remove":
            path.unlink()
        case "add":
            (tmp_path / "b").write_bytes(b"2")
    after = take_snapshot([_uri(item) for item in sorted(tmp_path.iterdir())])
    word = {"remove": "removed", "add": "added"}.get(change, "changed")
    assert [text.partition(":")[0] for text in differences(before, after)] == [word]
