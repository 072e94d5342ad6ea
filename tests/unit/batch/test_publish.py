"""Publishing under every crash and refusal, and under every order of two jobs at once."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from publishing import (
    LAYOUT,
    STORES,
    Faults,
    Killed,
    MemoryStore,
    Wrapped,
    check_version,
    contents,
    manifest,
    read_version,
    stage,
    write_version,
)

from scorecast.batch.layout import Layout
from scorecast.batch.publish import (
    PUBLISH_STEPS,
    publish_directory,
    publish_pointer,
    published,
    recover,
)
from scorecast.batch.stores import posix
from scorecast.batch.stores.posix import PosixStore
from scorecast.errors import OutputChangedError, OutputError

FAULTS = ("crash", "error", "lost")
JOURNAL_STEPS = [name for name in PUBLISH_STEPS if "journal" in name]
TWO_STEPS = ("posix without exchange", "posix without both", "renaming")


def quietly(_name):
    """Listen to no step."""


def start(root, replaces):
    """Prepare an output of run "old", or none, and the staged files of run "new"."""
    if replaces:
        write_version(root / "out", "old")
    return stage(root, "new")


def go(store, sources, replaces, step=quietly):
    """Publish run "new"."""
    base = "old" if replaces else None
    publish_directory(store, LAYOUT, manifest("new", base=base), sources, base, step)


def converge(make, root):
    """Do what the next run of the job does."""
    store = make(root)
    recover(store, LAYOUT)
    assert not (root / ".out.scorecast/swap.json").exists()
    found = published(store, LAYOUT)
    assert read_version(root / "out") == (None if found is None else found.version)
    if found is None or found.version != "new":
        # Units whose files were moved away are predicted again.
        go(store, stage(root, "new"), replaces=found is not None)
    assert read_version(root / "out") == "new"


def kept(root):
    """Name the versions that are complete beside the output."""
    trees = (root / ".out.scorecast/runs").glob("*/replaced")
    return [read_version(tree) for tree in trees if (tree / "_MANIFEST.json").exists()]


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replace"])
@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("kind", STORES)
def test_every_operation_may_fail(tmp_path, kind, how, replaces):
    """Readers find the old or the new version whatever fails, and after a rerun the new one."""
    make, old, at, gaps = STORES[kind], "old" if replaces else None, 0, 0
    while True:
        at += 1
        root = tmp_path / str(at)
        root.mkdir()
        faults = Faults(at, how)
        sources = start(root, replaces)
        try:
            go(Wrapped(make(root), faults), sources, replaces)
            outcome = "done"
        except Killed:
            outcome = "dead"
        except (OSError, OutputError):
            outcome = "refused"
        seen = read_version(root / "out")
        if outcome == "done":
            assert seen == "new", faults.hit
        elif outcome == "refused":
            assert seen == old, faults.hit
        elif seen is None and replaces:
            gaps += 1
        else:
            assert seen in (old, "new"), faults.hit
        everywhere = [path.read_bytes() for path in root.rglob("part-new-*")]
        assert all(data in everywhere for data in contents("new").values()), faults.hit
        if faults.hit is None:
            break
        converge(make, root)
        if replaces:
            assert kept(root) == ["old"], faults.hit
        shutil.rmtree(root)
    assert at > 8
    # Nothing is there for an instant in two steps only, which is between two operations.
    assert gaps == (1 + 1 if how == "crash" and replaces and kind in TWO_STEPS else 0)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("how", ["crash", "error"])
@pytest.mark.parametrize("kind", STORES)
def test_every_step_has_a_name_and_may_fail(tmp_path, kind, how):
    """A job that ends at any of the named steps leaves the old or the new version."""
    reached = set()
    for replaces in (False, True):
        for name in PUBLISH_STEPS:
            root = tmp_path / f"{replaces}-{name}"
            root.mkdir()
            faults = Faults(name, how)
            sources = start(root, replaces)
            with contextlib.suppress(Killed, OSError, OutputError):
                go(Wrapped(STORES[kind](root), faults), sources, replaces, faults.step)
            if faults.hit is not None:
                reached.add(name)
            seen = read_version(root / "out")
            between = replaces and how == "crash" and name == "publish:journal-new"
            assert seen in ("old" if replaces else None, "new") or (between and seen is None)
            converge(STORES[kind], root)
    # One is of flat stores, and one of two jobs at once.
    expected = set(PUBLISH_STEPS) - {"publish:point", "publish:undo"}
    expected -= {"publish:set-aside"} if kind in TWO_STEPS else set(JOURNAL_STEPS)
    assert reached == expected


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", STORES)
def test_a_second_failure_while_the_old_output_is_put_back(tmp_path, kind):
    """When nothing can be put back either, the old output is kept and the next run puts it back."""
    make = STORES[kind]
    for at in range(1, 60):
        root = tmp_path / str(at)
        root.mkdir()
        sources, count = start(root, replaces=True), 0

        def dies_for_good(_name, _arguments, do, at=at):
            nonlocal count
            count += 1
            if count >= at:
                raise OSError(errno.EIO, "the disk is gone")
            return do()

        with contextlib.suppress(OSError, OutputError):
            go(Wrapped(make(root), dies_for_good), sources, replaces=True)
        assert read_version(root / "out") in ("old", "new", None)
        converge(make, root)
        if count < at:
            break
        shutil.rmtree(root)
    assert count > 8


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replace"])
def test_every_system_call_may_be_the_last(tmp_path, monkeypatch, replaces, how):
    """A process that dies at any link, rename or removal leaves the old or the new version."""
    calls = [(os, "link"), (os, "unlink"), (os, "mkdir"), (os, "rmdir")]
    calls += [(posix, "move_onto_nothing"), (posix, "exchange"), (posix, "_sync_directory")]
    real = {name: getattr(module, name) for module, name in calls}
    for at in range(1, 200):
        root = tmp_path / str(at)
        root.mkdir()
        sources = start(root, replaces)
        (root / ".out.scorecast/runs/new/ready").mkdir()  # there is something to clear
        (root / ".out.scorecast/runs/new/ready/part-0").touch()
        count = 0

        def counted(name, at=at):
            def call(*arguments, **named):
                nonlocal count
                count += 1
                if count > at or (count == at and how == "before"):
                    raise Killed
                result = real[name](*arguments, **named)
                if count == at:
                    raise Killed
                return result

            return call

        with monkeypatch.context() as patched:
            for module, name in calls:
                patched.setattr(module, name, counted(name))
            with contextlib.suppress(Killed):
                go(PosixStore(root), sources, replaces)
        assert read_version(root / "out") in ("old" if replaces else None, "new")
        converge(PosixStore, root)
        shutil.rmtree(root)
        if count < at:
            break
    assert 15 < count < at


@pytest.mark.parametrize("kind", STORES)
def test_an_output_that_changed_is_left_alone(tmp_path, kind):
    """A job that started from another version publishes nothing, and says so."""
    write_version(tmp_path / "out", "other")
    sources = stage(tmp_path, "new")
    for base in ("old", None):
        with pytest.raises(OutputChangedError, match="nothing was published"):
            publish_directory(
                STORES[kind](tmp_path), LAYOUT, manifest("new", base=base), sources, base, quietly
            )
        assert read_version(tmp_path / "out") == "other"
        sources = stage(tmp_path, "new")


@pytest.mark.parametrize("kind", STORES)
def test_what_another_job_publishes_meanwhile_stays(tmp_path, kind):
    """An output that appears, changes or goes right before the last step is left as it is."""

    def interfere(name):
        if name in ("publish:move", "publish:exchange", "publish:journal-old"):
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
            if left is not None:
                write_version(tmp_path / "out", left)

    for replaces, left in ((False, "other"), (True, "other"), (True, None)):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        shutil.rmtree(tmp_path / ".out.scorecast", ignore_errors=True)
        sources = start(tmp_path, replaces)
        with pytest.raises(OutputChangedError):
            go(STORES[kind](tmp_path), sources, replaces, interfere)
        assert read_version(tmp_path / "out") == left
        recover(STORES[kind](tmp_path), LAYOUT)
        assert read_version(tmp_path / "out") == left


@pytest.mark.parametrize("kind", STORES)
def test_an_output_that_no_job_has_published_is_replaced(tmp_path, kind):
    """A directory that Spark wrote is a version like any other, and is kept aside as it was."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/part-0.parquet").write_bytes(b"spark")
    store = STORES[kind](tmp_path)
    base = published(store, LAYOUT).version
    publish_directory(
        store, LAYOUT, manifest("new", base=base), stage(tmp_path, "new"), base, quietly
    )
    assert read_version(tmp_path / "out") == "new"
    old = tmp_path / ".out.scorecast/runs/new/replaced/part-0.parquet"
    assert old.read_bytes() == b"spark"
    (tmp_path / "out2").mkdir()


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("reason", [errno.EPERM, errno.EMLINK, errno.EXDEV])
def test_a_file_system_that_refuses_links(tmp_path, monkeypatch, reason):
    """Files of the old output are copied then, never moved out from under its readers."""
    write_version(tmp_path / "out", "old")
    before = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("part-*")}
    files = contents("old") | contents("new")
    sources = stage(tmp_path, "new") | {path: f"out/{path}" for path in contents("old")}

    def refuse(*_):
        raise OSError(reason, "no links here")

    def look(name):
        if name == "publish:exchange":
            assert read_version(tmp_path / "out") == "old"

    monkeypatch.setattr(os, "link", refuse)
    publish_directory(
        PosixStore(tmp_path), LAYOUT, manifest("new", files, "old"), sources, "old", look
    )
    assert read_version(tmp_path / "out") == "new"
    assert read_version(tmp_path / ".out.scorecast/runs/new/replaced") == "old"
    assert not (tmp_path / ".out.scorecast/runs/new/version").exists()
    assert all(
        path.stat().st_ino not in before.values() for path in (tmp_path / "out").rglob("part-*")
    )


def test_links_keep_a_version_readable_by_its_run(tmp_path):
    """The files of a version stay where its run keeps them when the next one replaces it."""
    write_version(tmp_path / "out", "old")
    go(PosixStore(tmp_path), stage(tmp_path, "new"), replaces=True)
    third = stage(tmp_path, "third")
    publish_directory(
        PosixStore(tmp_path), LAYOUT, manifest("third", base="new"), third, "new", quietly
    )
    assert read_version(tmp_path / "out") == "third"
    assert read_version(tmp_path / ".out.scorecast/runs/new/version") == "new"


def test_recover_undoes_an_exchange_that_met_another_version(tmp_path):
    """A job that died with another job's output in its hands gives it back."""
    write_version(tmp_path / "out", "zombie", base="old")
    write_version(tmp_path / ".out.scorecast/runs/zombie/ready", "other", base="old")
    recover(PosixStore(tmp_path), LAYOUT)
    assert read_version(tmp_path / "out") == "other"


def test_recover_leaves_an_output_that_somebody_removed(tmp_path):
    """An output that its owner has removed does not come back from what was kept aside."""
    write_version(tmp_path / ".out.scorecast/runs/new/replaced", "old")
    write_version(tmp_path / ".out.scorecast/runs/new/version", "new", base="old")
    recover(PosixStore(tmp_path), LAYOUT)
    assert not (tmp_path / "out").exists()


def test_recover_with_nothing_to_do(tmp_path):
    """A place where no job has run stays as it is."""
    recover(PosixStore(tmp_path), LAYOUT)
    assert list(tmp_path.iterdir()) == []


# Two jobs at once: every order of all their operations.


class Pause(BaseException):
    """The operation that was asked for is done; what comes next is another step."""


class Explorer:
    """Runs actors one operation at a time, from every state that any order of them reaches.

    An actor is run from its start each time: the results of what it has done are played back to
    it, the next operation is done for real on a copy of the store, and it is stopped there.
    """

    def __init__(self, actors, store, look, end, crashes=1):
        self.actors, self.store, self.look, self.end = actors, store, look, end
        self.crashes, self.states, self.final = crashes, {}, 0

    def explore(self):
        """Visit every state; give the number of orders that lead through them."""
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
        return self._orders(dict(self.store.files), tuple(("run", ()) for _ in self.actors), 0)

    def _orders(self, files, actors, crashed):
        key = (tuple(sorted(files.items())), actors, crashed)
        if key in self.states:
            return self.states[key]
        self.look(self._store(files))
        orders = 0
        running = [i for i, (state, _) in enumerate(actors) if state == "run"]
        for i in running:
            after, result = self._advance(i, files, actors[i][1])
            orders += self._orders(after, self._with(actors, i, result), crashed)
            if crashed < self.crashes:
                dead = self._with(actors, i, ("dead", ()))
                orders += self._orders(files, dead, crashed + 1)
        if not running:
            self.final += 1
            self.end(self._store(files), [state for state, _ in actors])
            orders = 1
        self.states[key] = orders
        return orders

    def _store(self, files):
        return MemoryStore(dict(files), self.store.links, self.store.exchanges)

    @staticmethod
    def _with(actors, i, value):
        return (*actors[:i], value, *actors[i + 1 :])

    def _advance(self, i, files, log):
        store, played, added = self._store(files), iter(log), []

        def operation(_name, _arguments, do):
            if added:
                raise Pause
            known = next(played, None)
            if known is None:
                try:
                    known = ("value", _frozen(do()))
                except OSError as error:
                    known = ("error", error.errno)
                added.append(known)
            kind, value = known
            if kind == "error":
                raise OSError(value, os.strerror(value))
            return value

        try:
            self.actors[i](Wrapped(store, operation))
            state = "done"
        except Pause:
            state = "run"
        except OutputChangedError:
            state = "refused"
        return store.files, (state, (*log, *added) if state == "run" else ())


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


def writer(run_id, base):
    """Give an actor that publishes a version with one file."""
    data = functools.partial(contents, run_id, files=1)

    def act(store):
        sources = {path: LAYOUT.run(run_id, "data", path) for path in data()}
        said = _manifest_once(run_id, base)
        publish_directory(store, LAYOUT, said, sources, base, quietly)

    return act


@functools.cache
def _manifest_once(run_id, base):
    return manifest(run_id, contents(run_id, files=1), base)


def two_writers(*, replaces, links=True, exchanges=True):
    """Give a store with an old version, if any, and the staged files of runs A and B."""
    store = MemoryStore({}, links, exchanges)
    if replaces:
        said = manifest("old", contents("old", files=1))
        for path, data in contents("old", files=1).items():
            store.files[f"out/{path}"] = data
        store.files |= {"out/_SUCCESS": b"", "out/_MANIFEST.json": said.to_json()}
    for run_id in ("A", "B"):
        for path, data in contents(run_id, files=1).items():
            store.files[LAYOUT.run(run_id, "data", path)] = data
    return store


def seen_in(store):
    """Give the version that a reader sees, checked as a whole."""
    found = store.tree("out")
    return check_version(found) if found else None


WAYS = {
    "exchange": {"exchanges": True},
    "two renames": {"exchanges": False},
    "two renames, files moved": {"exchanges": False, "links": False},
}


@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replace"])
@pytest.mark.parametrize("way", WAYS)
def test_two_jobs_in_every_order(way, replaces):
    """Two jobs without a lock, one of which may die: one wins, and nobody sees a mix."""
    base = "old" if replaces else None
    store = two_writers(replaces=replaces, **WAYS[way])

    def look(now):
        found = seen_in(now)
        assert found in ("old", "A", "B") or (found is None and (not replaces or "two" in way))

    def end(now, states):
        found = seen_in(now)
        if "dead" not in states:
            assert sorted(states) == ["done", "refused"]
        assert states.count("done") <= 1
        recover(now, LAYOUT)
        after = seen_in(now)
        won = [run_id for run_id, state in zip("AB", states, strict=True) if state == "done"]
        if won:
            assert after == won[0]
        else:
            dead = [run_id for run_id, state in zip("AB", states, strict=True) if state == "dead"]
            assert after in (base, *dead)
        if "dead" not in states:
            assert found == after
        # The next job starts from there.
        files = {LAYOUT.run("next", "data", "part"): b"next"}
        now.files |= files
        said = manifest("next", {"part": b"next"}, after)
        publish_directory(now, LAYOUT, said, {"part": next(iter(files))}, after, quietly)
        assert seen_in(now) == "next"

    explorer = Explorer([writer("A", base), writer("B", base)], store, look, end)
    orders = explorer.explore()
    print(f"{way}, {base}: {orders:,} orders, {len(explorer.states)} states")  # noqa: T201
    assert orders > 10_000
    assert explorer.final >= 10


def test_a_job_that_starts_while_another_swaps():
    """Where no lock keeps it out, putting right what is under way does it no harm."""
    store = two_writers(replaces=True, links=False, exchanges=False)

    def starter(now):
        recover(now, LAYOUT)

    def look(now):
        assert seen_in(now) in ("old", "A", None)

    def end(now, states):
        assert seen_in(now) is not None or states[0] == "dead"
        if states[0] == "done":
            assert seen_in(now) == "A"
        recover(now, LAYOUT)
        assert seen_in(now) == "A" if states[0] == "done" else seen_in(now) in ("old", "A")

    explorer = Explorer([writer("A", "old"), starter], store, look, end)
    assert explorer.explore() > 100


# A flat store: the newest numbered manifest is the output.

FLAT = Layout("out", flat=True)


def flat_version(run_id, number):
    """Give a version of a flat store, and its file."""
    path = f"_scorecast/runs/{run_id}/data/part-0"
    return manifest(run_id, {path: run_id.encode()}, None if number == 1 else "old"), {
        f"out/{path}": run_id.encode()
    }


def flat_store(*, replaces):
    """Give a flat store with an old version, if any."""
    store = MemoryStore()
    if replaces:
        said, files = flat_version("old", 1)
        store.files |= {**files, FLAT.version(1): said.to_json()}
    return store


def flat_reader(store):
    """Give the version that a reader of the newest manifest sees, checked as a whole."""
    names = sorted(path for path in store.files if path.startswith(f"{FLAT.versions}/"))
    if not names:
        return None
    found = {"_MANIFEST.json": store.files[names[-1]], "_SUCCESS": b""}
    run_id = json.loads(found["_MANIFEST.json"])["run_id"]
    prefix = f"out/_scorecast/runs/{run_id}/"
    data = {p.removeprefix("out/"): d for p, d in store.files.items() if p.startswith(prefix)}
    return check_version(found | data)


def pointing(run_id, *, replaces):
    """Give an actor that publishes on a flat store."""

    def act(store):
        said, files = flat_version(run_id, 2 if replaces else 1)
        for path, data in files.items():
            store.create(path, data)
        publish_pointer(store, FLAT, said, base, quietly)

    base = published(flat_store(replaces=replaces), FLAT)
    return act


@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replace"])
def test_two_jobs_in_every_order_on_a_flat_store(replaces):
    """One of two jobs makes the next manifest, and readers find it or the one before."""
    old = "old" if replaces else None

    def look(now):
        assert flat_reader(now) in (old, "A", "B")

    def end(now, states):
        if "dead" not in states:
            assert sorted(states) == ["done", "refused"]
        won = [run_id for run_id, state in zip("AB", states, strict=True) if state == "done"]
        assert len(won) <= 1
        assert flat_reader(now) == won[0] if won else flat_reader(now) in (old, "A", "B")

    actors = [pointing(run_id, replaces=replaces) for run_id in "AB"]
    explorer = Explorer(actors, flat_store(replaces=replaces), look, end)
    print(f"flat, {old}: {explorer.explore():,} orders, {len(explorer.states)} states")  # noqa: T201


@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replace"])
def test_every_operation_may_fail_on_a_flat_store(how, replaces):
    """Readers find the old or the new version, and a job that says it failed did not publish."""
    old, at = "old" if replaces else None, 0
    while True:
        at += 1
        store, faults = flat_store(replaces=replaces), Faults(at, how)
        base = published(store, FLAT)
        said, files = flat_version("new", 2 if replaces else 1)
        store.files |= files
        try:
            publish_pointer(Wrapped(store, faults), FLAT, said, base, quietly)
        except (OSError, OutputError):
            assert flat_reader(store) == old
        except Killed:
            assert flat_reader(store) in (old, "new")
        else:
            assert flat_reader(store) == "new"
        if faults.hit is None:
            break
        if flat_reader(store) != "new":
            publish_pointer(store, FLAT, said, base, quietly)
        assert flat_reader(store) == "new"
    assert at > 2


def test_a_put_that_the_store_tried_twice(tmp_path):
    """A manifest of ours that is there already is ours, and one of another job is not."""
    store = flat_store(replaces=False)
    said, files = flat_version("new", 1)
    store.files |= files

    def twice(name, _arguments, do):
        if name == "create":
            do()
        return do()

    publish_pointer(Wrapped(store, twice), FLAT, said, None, quietly)
    assert flat_reader(store) == "new"


def test_other_things_beside_numbered_manifests():
    """What is no number is no version."""
    store = flat_store(replaces=True)
    store.files[f"{FLAT.versions}/latest.json"] = b"{}"
    assert published(store, FLAT).version == "old"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed here")
def test_order_of_what_reaches_the_disk(tmp_path):
    """Data, then the manifest, then directories, then the rename, then the directory around it."""
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from publishing import *
from pyarrow import fs
from scorecast.batch.publish import publish_directory
from scorecast.worker.storage import Sink, sync_directory
root = Path(sys.argv[1])
sources = {}
for path, data in contents("new").items():
    sources[path] = LAYOUT.run("new", "data", "u-00000", path)
    sink = Sink(fs.LocalFileSystem(), str(root / sources[path]))
    sink.write(data)
    sink.close()
publish_directory(PosixStore(root), LAYOUT, manifest("new"), sources, None, lambda _name: None)
"""
    trace = tmp_path / "trace"
    root = tmp_path / "place"
    root.mkdir()
    calls = "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat"
    command = ["strace", "-f", "-y", "-o", trace, "-e", calls, sys.executable, "-c", code]
    ran = subprocess.run(
        [*command, root, os.path.dirname(__file__)],  # noqa: PTH120
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in ran.stderr.lower() and ran.returncode != 0:
        pytest.skip("strace may not trace here")
    assert ran.returncode == 0, ran.stderr
    lines = [line for line in trace.read_text().splitlines() if str(root) in line]

    def first(pattern):
        return next(i for i, line in enumerate(lines) if re.search(pattern, line))

    def last(pattern):
        return max(i for i, line in enumerate(lines) if re.search(pattern, line))

    ready = f"{root}/.out.scorecast/runs/new/ready"
    data = last(r"fsync\(\d+<.*/data/.*part-")
    described = first(rf"fsync\(\d+<{ready}/\._MANIFEST")
    named = first(rf"link.*{ready}/_MANIFEST\.json")
    folders = [first(rf"fsync\(\d+<{ready}{part}>") for part in ("/day=0", "/day=1")]
    whole = last(rf"fsync\(\d+<{ready}>")
    moved = first(rf'rename.*{ready}", .*"{root}/out"')
    around = last(rf"fsync\(\d+<{root}>")
    assert data < described < named < whole < moved < around
    assert max(folders) < moved
