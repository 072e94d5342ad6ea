"""What is removed beside an output, and what stays because somebody may need it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from publishing import LAYOUT, STORES, MemoryStore, manifest, read_version, stage

from scorecast.batch.collect import SILENT_SECONDS, abandon, collect, remove_staging
from scorecast.batch.layout import Layout
from scorecast.batch.publish import publish_directory, publish_pointer, published, recover

HOUR = 3600.0
START = 1_700_000_000.0
FLAT = Layout("out", flat=True)


@pytest.fixture(params=STORES)
def place(request, tmp_path):
    """Give a store of each kind and its directory."""
    return STORES[request.param](tmp_path), tmp_path


def publish(store, root, run_id, base, hours):
    """Publish a version at a time, with the staging removed as a job does."""
    said = manifest(run_id, base=base, at=START + hours * HOUR)
    publish_directory(store, LAYOUT, said, stage(root, run_id), base, lambda _name: None)
    remove_staging(store, LAYOUT, run_id)


def at(store, hours, *, layout=LAYOUT, keep=24, **options):
    """Collect at a time."""
    now = START + hours * HOUR
    return collect(store, layout, keep_seconds=keep * HOUR, now=now, **{"locked": True, **options})


def age(root, run_id, seconds):
    """Let nothing of a run have changed since `START` + seconds."""
    for path in (root / LAYOUT.run(run_id)).rglob("*"):
        os.utime(path, (START + seconds, START + seconds))


def trees(root):
    """Give the versions that can be read somewhere, as a whole."""
    found = {read_version(root / "out")}
    for tree in (root / ".out.scorecast/runs").glob("*/*"):
        if tree.name in ("version", "replaced"):
            found.add(read_version(tree))
    return found


def runs(root):
    """Give the runs that something is kept of."""
    return sorted(path.name for path in (root / ".out.scorecast/runs").glob("*"))


def test_replaced_versions_are_kept_for_their_time(place):
    """Each replaced version is readable for 24 hours from when it was replaced, then gone."""
    store, root = place
    publish(store, root, "one", None, 0)
    publish(store, root, "two", "one", 10)
    publish(store, root, "three", "two", 30)
    assert at(store, 33) == []
    assert trees(root) == {"one", "two", "three"}
    at(store, 34.5)
    assert trees(root) == {"two", "three"}
    at(store, 53.9)
    assert trees(root) == {"two", "three"}
    at(store, 54.1)
    assert trees(root) == {"three"}
    assert runs(root) == ["three"]
    assert at(store, 10_000) == []
    assert trees(root) == {"three"}


def test_nothing_is_kept_if_nobody_wants_it(place):
    """With no time to keep, the old version goes as soon as it is replaced."""
    store, root = place
    publish(store, root, "one", None, 0)
    publish(store, root, "two", "one", 10)
    at(store, 10, keep=0)
    assert trees(root) == {"two"}
    assert read_version(root / "out") == "two"


def test_an_output_that_no_job_had_published_is_kept_for_its_time(place):
    """A directory that Spark wrote, and a job replaced, is kept like any other version."""
    store, root = place
    (root / "out").mkdir()
    (root / "out/part-0").write_bytes(b"spark")
    base = published(store, LAYOUT).version
    publish(store, root, "one", base, 0)
    at(store, 23)
    assert (root / ".out.scorecast/runs/one/replaced/part-0").read_bytes() == b"spark"
    at(store, 25)
    assert not (root / ".out.scorecast/runs/one/replaced").exists()
    assert read_version(root / "out") == "one"


def test_a_dead_run_without_commits_goes_at_once(place):
    """There is nothing to go on with."""
    store, root = place
    stage(root, "dead")
    (root / LAYOUT.run("dead", "commits", "u-00000.json")).unlink()
    assert at(store, 0) == [LAYOUT.run("dead")]
    assert runs(root) == []


def test_a_dead_run_with_commits_is_kept_for_a_day(place):
    """The same job can go on with it for 24 hours from its last sign of life."""
    store, root = place
    publish(store, root, "one", None, 0)
    stage(root, "dead")
    age(root, "dead", 0)
    at(store, 23)
    assert "dead" in runs(root)
    assert (root / LAYOUT.run("dead", "commits/u-00000.json")).exists()
    assert SILENT_SECONDS == 24 * HOUR
    at(store, 25)
    assert "dead" not in runs(root)


@pytest.mark.parametrize("locked", [True, False])
def test_the_live_run_is_never_touched(place, locked):
    """The run that goes on keeps all it has, however old it is."""
    store, root = place
    stage(root, "live")
    (root / LAYOUT.run("live", "commits", "u-00000.json")).unlink()
    age(root, "live", 0)
    before = sorted((root / LAYOUT.run("live")).rglob("*"))
    assert at(store, 10_000, alive="live", locked=locked) == []
    assert sorted((root / LAYOUT.run("live")).rglob("*")) == before


def test_without_a_lock_only_silence_tells(place):
    """Where another job may be alive, its staging goes only when nothing has changed for a day."""
    store, root = place
    stage(root, "other")
    (root / LAYOUT.run("other", "commits", "u-00000.json")).unlink()
    age(root, "other", 0)
    assert at(store, 23, locked=False) == []
    file = next((root / LAYOUT.run("other", "data")).rglob("part-*"))
    os.utime(file, (START + 20 * HOUR, START + 20 * HOUR))
    assert at(store, 43, locked=False) == []
    assert at(store, 45, locked=False) == [LAYOUT.run("other")]


def test_staging_of_a_job_that_died_after_it_published(place):
    """It goes, so that no later job takes up a run that is published already."""
    store, root = place
    said = manifest("one", at=START)
    publish_directory(store, LAYOUT, said, stage(root, "one"), None, lambda _name: None)
    at(store, 1)
    left = {path.name for path in (root / LAYOUT.run("one")).iterdir()}
    assert left <= {"version"}
    assert read_version(root / "out") == "one"


def test_remove_staging(place):
    """What is left of a published run are links to its version and what it replaced."""
    store, root = place
    publish(store, root, "one", None, 0)
    publish(store, root, "two", "one", 1)
    left = {path.name for path in (root / LAYOUT.run("two")).iterdir()}
    assert left == {"version", "replaced"} if store.links else {"replaced"}
    assert read_version(root / "out") == "two"


def test_damaged_manifests_beside_the_output(place):
    """A version that was kept and damaged is no reason for a job to fail."""
    store, root = place
    publish(store, root, "one", None, 0)
    publish(store, root, "two", "one", 10)
    for path in (root / ".out.scorecast").rglob("_MANIFEST.json"):
        path.write_bytes(path.read_bytes()[:-40])
    at(store, 11)
    assert read_version(root / "out") == "two"
    assert list((root / ".out.scorecast").rglob("part-one-*"))


def test_a_failed_run_is_abandoned(place):
    """What a run that failed has left goes, and all of `runs` if it was the only one."""
    store, root = place
    stage(root, "failed")
    abandon(store, LAYOUT, "failed")
    assert runs(root) == []
    publish(store, root, "one", None, 0)
    stage(root, "failed")
    abandon(store, LAYOUT, "failed")
    assert not (root / LAYOUT.run("failed")).exists()
    assert read_version(root / "out") == "one"


def test_a_run_that_published_although_it_failed_is_not_abandoned(place):
    """A publish that was reported as failed and took effect loses nothing."""
    store, root = place
    publish(store, root, "one", None, 0)
    publish(store, root, "two", "one", 1)
    before = trees(root)
    abandon(store, LAYOUT, "two")
    assert trees(root) == before


def test_the_only_copy_of_the_old_output_is_not_abandoned(place):
    """Between two renames the old output lies with the run that replaces it."""
    store, root = place
    publish(store, root, "one", None, 0)
    shutil.move(root / "out", root / LAYOUT.run("failed", "replaced"))
    abandon(store, LAYOUT, "failed")
    assert read_version(root / LAYOUT.run("failed", "replaced")) == "one"


# Flat stores: the files of an output stay with the runs that wrote them.


def flat_publish(store, run_id, hours, earlier=()):
    """Publish a version that holds the files of earlier runs, too."""
    files, data = [], {}
    for writer in (*earlier, run_id):
        path = f"_scorecast/runs/{writer}/data/part-0"
        data[path] = writer.encode()
        files += manifest(writer, {path: writer.encode()}).files
    base = published(store, FLAT)
    said = manifest(run_id, {}, None if base is None else base.version, START + hours * HOUR)
    said = replace(said, files=tuple(files))
    store.files |= {f"out/{path}": content for path, content in data.items()}
    store.files[FLAT.run(run_id, "plan.json")] = b"{}"
    store.files[FLAT.run(run_id, "commits", "u.json")] = b"{}"
    publish_pointer(store, FLAT, said, base, lambda _name: None)
    remove_staging(store, FLAT, run_id)


def data_of(store):
    """Name the runs whose files are there."""
    return {path.split("/")[3] for path in store.files if "/data/" in path}


def test_a_flat_store_keeps_the_files_of_versions_that_may_be_read():
    """Files of an early run stay as long as any version that holds them may be read."""
    store = MemoryStore()
    flat_publish(store, "one", 0)
    flat_publish(store, "two", 1, earlier=["one"])
    flat_publish(store, "three", 2, earlier=["one", "two"])
    at(store, 1000, layout=FLAT, locked=False)
    assert data_of(store) == {"one", "two", "three"}
    flat_publish(store, "four", 1001)
    at(store, 1024, layout=FLAT, locked=False)
    assert data_of(store) == {"one", "two", "three", "four"}
    at(store, 1026, layout=FLAT, locked=False)
    assert data_of(store) == {"four"}
    assert published(store, FLAT).version == "four"
    assert store.children(FLAT.versions) == [f"{i:08d}.json" for i in range(1, 5)]


def test_a_flat_store_forgets_staging_but_not_data():
    """The files of a published run are the output."""
    store = MemoryStore()
    flat_publish(store, "one", 0)
    assert sorted(store.files) == [FLAT.run("one", "data/part-0"), FLAT.version(1)]


def test_a_flat_run_that_published_although_it_failed_keeps_its_files():
    """The data of a version that readers see are never removed as those of a failed run."""
    store = MemoryStore()
    flat_publish(store, "one", 0)
    flat_publish(store, "two", 1, earlier=["one"])
    for run_id in ("one", "two"):
        abandon(store, FLAT, run_id)
    assert data_of(store) == {"one", "two"}
    store.files[FLAT.run("failed", "data/part-0")] = b"x"
    abandon(store, FLAT, "failed")
    assert data_of(store) == {"one", "two"}


def test_collecting_after_a_crash_between_exchange_and_naming(tmp_path):
    """The version that was just replaced is kept for its time although its job died."""
    store = STORES["posix"](tmp_path)
    publish(store, tmp_path, "one", None, 0)
    said = manifest("two", base="one", at=START + HOUR)

    class Dead(BaseException):
        pass

    def step(name):
        if name == "publish:set-aside":
            raise Dead

    with pytest.raises(Dead):
        publish_directory(store, LAYOUT, said, stage(tmp_path, "two"), "one", step)
    recover(store, LAYOUT)
    at(store, 20)
    assert trees(tmp_path) == {"one", "two"}
    at(store, 26)
    assert trees(tmp_path) == {"two"}


def test_a_flat_store_reads_the_manifests_that_count_alone():
    """A year of nightly runs is not read by each of them."""
    store = MemoryStore()
    for day in range(50):
        flat_publish(store, f"run-{day:02d}", 24 * day)
    read = []
    plain = store.read
    store.read = lambda path: read.append(path) or plain(path)
    at(store, 24 * 49 + 1, layout=FLAT, locked=False)
    found = {path for path in read if path.startswith(FLAT.versions)}
    assert found == {FLAT.version(49), FLAT.version(50)}
    assert published(store, FLAT).version == "run-49"
    assert "run-49" in data_of(store)
    assert "run-01" not in data_of(store)
