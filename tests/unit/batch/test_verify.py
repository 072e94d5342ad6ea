"""What a check of an output finds: every changed byte, and every lost, added or cut file."""

from __future__ import annotations

import hashlib
import io
import random
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from publishing import MemoryStore, manifest

from scorecast.batch.layout import Layout
from scorecast.batch.manifest import Document
from scorecast.batch.verify import damages, verify
from scorecast.errors import OutputError

ASIDE = "_quarantine/part-9.parquet"


def parquet(*numbers):
    """Give the bytes of a parquet file, and its rows."""
    target = io.BytesIO()
    pq.write_table(pa.table({"x": list(numbers)}), target)
    return target.getvalue(), len(numbers)


@pytest.fixture
def out(tmp_path):
    """Write a complete output of three files, one of them in the quarantine, and a document."""
    files = {
        "p=1/part-0.parquet": parquet(1, 2, 3),
        "p=2/part-1.parquet": parquet(4),
        ASIDE: parquet(5, 6),
    }
    for path, (data, _) in files.items():
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_bytes(data)
    document = b"{}\n"
    (tmp_path / "out/_PROFILE.json").write_bytes(document)
    told = Document("_PROFILE.json", len(document), hashlib.sha256(document).hexdigest())
    documents = {"_PROFILE.json": told}
    said = manifest("run", files, quarantine=[ASIDE], documents=documents)
    (tmp_path / "out/_MANIFEST.json").write_bytes(said.to_json())
    (tmp_path / "out/_SUCCESS").touch()
    return tmp_path / "out"


def files_of(out):
    """Give all files of an output."""
    return sorted(path for path in out.rglob("*") if path.is_file())


def found_by(out, *, deep):
    """Give what a check finds; a manifest that cannot be read is a finding."""
    try:
        return list(verify(str(out), deep=deep).damages)
    except OutputError as error:
        return [str(error)]


@pytest.mark.parametrize("deep", [False, True])
def test_as_it_was_published(out, deep):
    """Nothing is found where nothing is wrong."""
    found = verify(str(out), deep=deep)
    assert found.damages == ()
    assert (found.deep, found.manifest.run_id, found.manifest.rows) == (deep, "run", 4)


def test_a_hundred_random_bytes(out):
    """A deep check finds each of 100 single flipped bits over all files, the manifest included."""
    chance, hit = random.Random(7), set()
    files = [path for path in files_of(out) if path.stat().st_size]
    for i in range(100):
        path = files[i % len(files)]
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert found_by(out, deep=True), (path, i)
        path.write_bytes(whole)
        hit.add(path.name)
    named = {"_MANIFEST.json", "_PROFILE.json"}
    assert hit == named | {"part-0.parquet", "part-1.parquet", "part-9.parquet"}
    assert found_by(out, deep=True) == []


@pytest.mark.parametrize("deep", [False, True])
def test_each_lost_file(out, deep):
    """A lost file is named, whichever it is."""
    for path in files_of(out):
        kept = path.rename(out.parent / "kept")
        assert path.name in " ".join(found_by(out, deep=deep))
        kept.rename(path)
    assert found_by(out, deep=deep) == []


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    "name",
    ["part-2.parquet", "p=1/part-2.parquet", "p=3/x.parquet", ".hidden", "_quarantine/x", "_new"],
)
def test_each_added_file(out, deep, name):
    """An added file is named, hidden ones included."""
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).touch()
    assert found_by(out, deep=deep) == [f"{name} was added"]


@pytest.mark.parametrize("deep", [False, True])
def test_each_cut_or_longer_file(out, deep):
    """A file with a byte less or more is found, whichever it is."""
    for path in files_of(out):
        whole = path.read_bytes()
        for data in (whole[:-1], whole + b"x", b""):
            if data == whole:
                continue
            path.write_bytes(data)
            if path.name == "_MANIFEST.json" and data.strip() == whole.strip():
                continue  # a line feed, which only a deep check finds
            assert path.name in " ".join(found_by(out, deep=deep))
        path.write_bytes(whole)
    assert found_by(out, deep=deep) == []


@pytest.mark.parametrize("deep", [False, True])
def test_links_that_were_added(out, deep):
    """A link to a directory, which Spark would read, and a link to nothing are found."""
    shutil.copytree(out / "p=1", out.parent / "elsewhere")
    (out / "p=4").symlink_to(out.parent / "elsewhere")
    (out / "dangling").symlink_to(out.parent / "nowhere")
    assert found_by(out, deep=deep) == ["dangling was added", "p=4 was added"]


def test_what_only_a_deep_check_finds(out):
    """Names and sizes say nothing of bytes that changed in place, which is why deep is there."""
    path = out / "p=1/part-0.parquet"
    path.write_bytes(bytes(len(path.read_bytes())))
    assert found_by(out, deep=False) == []
    assert found_by(out, deep=True) == ["p=1/part-0.parquet has other bytes than were published"]


def test_files_that_changed_places(out):
    """Two files of one size under each other's names are found."""
    (out / "_PROFILE.json").unlink()
    one, other = out / "p=1/part-0.parquet", out / "p=1/part-3.parquet"
    data, swapped = parquet(1, 2, 3), parquet(3, 2, 1)
    other.write_bytes(swapped[0])
    said = manifest("run", {"p=1/part-0.parquet": data, "p=1/part-3.parquet": swapped})
    shutil.rmtree(out / "p=2")
    shutil.rmtree(out / "_quarantine")
    (out / "_MANIFEST.json").write_bytes(said.to_json())
    assert found_by(out, deep=True) == []
    one.write_bytes(swapped[0])
    other.write_bytes(data[0])
    assert len(found_by(out, deep=True)) == 2


def test_a_wrong_number_of_rows(out):
    """The rows of a footer are compared with those that were counted when it was written."""
    said = manifest("run", {"p=1/part-0.parquet": (parquet(1, 2, 3)[0], 7)})
    (out / "_PROFILE.json").unlink()
    shutil.rmtree(out / "p=2")
    shutil.rmtree(out / "_quarantine")
    (out / "_MANIFEST.json").write_bytes(said.to_json())
    assert found_by(out, deep=True) == ["p=1/part-0.parquet has 3 rows, expected 7"]


def test_a_file_that_is_no_parquet(out):
    """Bytes as they were published that are no parquet file are found by a deep check."""
    said = manifest("run", {"part-0.parquet": (b"PAR1 not parquet PAR1", 1)})
    shutil.rmtree(out)
    out.mkdir()
    (out / "_SUCCESS").touch()
    (out / "_MANIFEST.json").write_bytes(said.to_json())
    (out / "part-0.parquet").write_bytes(b"PAR1 not parquet PAR1")
    (found,) = found_by(out, deep=True)
    assert found.startswith("part-0.parquet cannot be read: ")


def test_a_file_that_goes_while_it_is_checked(out, monkeypatch):
    """A file that is lost between the list and the look is a finding, not a failure."""
    import scorecast.batch.verify as module

    real = module.filesystem_of

    def late(place):
        (out / "p=2/part-1.parquet").unlink(missing_ok=True)
        return real(place)

    monkeypatch.setattr(module, "filesystem_of", late)
    assert any("p=2/part-1.parquet" in text for text in found_by(out, deep=True))


def test_one_damage_does_not_hide_another(out):
    """A lost file and a changed one are both named."""
    (out / "p=2/part-1.parquet").unlink()
    path = out / "p=1/part-0.parquet"
    path.write_bytes(bytes(len(path.read_bytes())))
    assert found_by(out, deep=True) == [
        "p=1/part-0.parquet has other bytes than were published",
        "p=2/part-1.parquet is missing",
    ]


def test_no_output_and_no_manifest(tmp_path):
    """What cannot be checked is said."""
    with pytest.raises(OutputError, match="There is no output"):
        verify(str(tmp_path / "out"))
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="no job has published it"):
        verify(str(tmp_path / "out"))


def test_a_flat_store():
    """There other runs' files lie beside, and the numbered manifest is compared to the byte."""
    flat = Layout("out", flat=True)
    path = "_scorecast/runs/run/data/part-0"
    said = manifest("run", {path: b"data"})
    store = MemoryStore({f"out/{path}": b"data", "out/_scorecast/runs/x/plan.json": b"{}"})
    store.files[flat.version(1)] = said.to_json()
    assert damages(store, flat, said, deep=False) == []
    del store.files[f"out/{path}"]
    assert damages(store, flat, said, deep=False) == [f"{path} is missing"]
    said = manifest("run", {})
    store.files[flat.version(1)] = said.to_json() + b"\n"
    (found,) = damages(store, flat, said, deep=True)
    assert found.endswith("00000001.json has other bytes than were published")
