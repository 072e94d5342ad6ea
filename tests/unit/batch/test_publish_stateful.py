"""Jobs that start, publish, crash, meet and are collected, in orders that nobody thought of."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from publishing import (
    LAYOUT,
    STORES,
    Faults,
    Killed,
    Wrapped,
    manifest,
    read_version,
    stage,
)

from scorecast.batch.collect import abandon, collect, remove_staging
from scorecast.batch.publish import publish_directory, published, recover
from scorecast.batch.verify import damages
from scorecast.errors import OutputChangedError

KEEP = 24 * 3600.0


class Jobs(RuleBasedStateMachine):
    """Any number of jobs of one output on a store of any kind.

    The model knows which version was published last and by whom it was replaced when; what
    readers find is read from the disk.
    """

    open_jobs = Bundle("open_jobs")
    dead_jobs = Bundle("dead_jobs")

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="scorecast-test-"))
        self.count, self.now = 0, time.time()
        self.current = None  # the version that readers must find
        self.crashed = None  # one that they may find instead
        self.crashed_at = self.now
        self.replaced_at = {}
        self.live = set()

    def teardown(self):
        shutil.rmtree(self.root)

    @initialize(kind=st.sampled_from(sorted(STORES)))
    def choose_store(self, kind):
        self.store = STORES[kind](self.root)

    @rule(target=open_jobs)
    def start(self):
        """Start a job: it puts right what is there, looks at it, and predicts."""
        self._recover()
        found = published(self.store, LAYOUT)
        self.count += 1
        run_id = f"run-{self.count}"
        self.live.add(run_id)
        return run_id, None if found is None else found.version

    @rule(job=consumes(open_jobs))
    def publish(self, job):
        """Publish; only a job that started from what is there now may."""
        self._publish(*job)

    @rule(target=dead_jobs, job=consumes(open_jobs), at=st.integers(1, 45))
    def crash(self, job, at):
        """Die at any operation of the store."""
        run_id, base = job
        self._recover_seen()
        faults = Faults(at, "crash")
        before = self.current
        try:
            self._try(run_id, base, Wrapped(self.store, faults))
        except Killed:
            if base == before:
                self.crashed, self.crashed_at = run_id, self.now
        except OutputChangedError:
            assert base != before
        else:
            self._published(run_id)
        self.live.discard(run_id)
        return run_id

    @rule(job=consumes(open_jobs), at=st.integers(1, 45), how=st.sampled_from(["error", "lost"]))
    def fail(self, job, at, how):
        """Meet a store that refuses one operation; a job that says it failed did not publish."""
        run_id, base = job
        try:
            self._try(run_id, base, Wrapped(self.store, Faults(at, how)))
        except OutputChangedError:
            abandon(self.store, LAYOUT, run_id)
        except OSError:
            assert self._seen() == self.current
            abandon(self.store, LAYOUT, run_id)
        else:
            self._published(run_id)
        self.live.discard(run_id)

    @rule(run_id=dead_jobs)
    def rerun(self, run_id):
        """Run a job again that died: what it published stays, else it publishes now."""
        self._recover()
        if self.current == run_id or run_id in self.replaced_at:
            return
        self._publish(run_id, self.current)

    @rule(hours=st.sampled_from([0.1, 5, 13, 25]))
    def wait_and_collect(self, hours):
        """Let time pass, and remove what nobody needs."""
        self.now += hours * 3600
        self._recover()
        collect(self.store, LAYOUT, keep_seconds=KEEP, locked=not self.live, now=self.now)
        readable = {self._seen()}
        for tree in (self.root / LAYOUT.runs).glob("*/*"):
            if tree.name in ("version", "replaced") and (tree / "_MANIFEST.json").exists():
                readable.add(read_version(tree))
        recent = {run for run, at in self.replaced_at.items() if at + KEEP > self.now}
        assert recent <= readable

    @rule(bit=st.integers(0, 7), where=st.integers(0, 10_000))
    def corrupt(self, bit, where):
        """Flip a bit of a published file: a deep check names the file. It is mended again."""
        self._recover()
        if self.current is None:
            return
        files = sorted((self.root / "out").rglob("part-*"))
        path = files[where % len(files)]
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[where % len(whole)] ^= 1 << bit
        path.write_bytes(damaged)
        said = published(self.store, LAYOUT).manifest
        found = damages(self.store, LAYOUT, said, deep=True)
        name = path.relative_to(self.root / "out").as_posix()
        assert f"{name} has other bytes than were published" in found
        path.write_bytes(whole)

    @invariant()
    def readers_find_one_complete_version(self):
        """Look at the output as a reader does, after every rule."""
        seen = self._seen()
        if self.crashed is None:
            assert seen == self.current
        else:
            between = (self.root / LAYOUT.journal).exists()
            assert seen in (self.current, self.crashed) or (between and seen is None)

    def _seen(self):
        return read_version(self.root / "out")

    def _recover(self):
        recover(self.store, LAYOUT)
        if self.crashed is not None:
            seen, crashed = self._seen(), self.crashed
            assert seen in (self.current, crashed)
            self.crashed = None
            if seen == crashed:
                self._published(crashed, self.crashed_at)

    def _try(self, run_id, base, store):
        # One that died in the meantime may have published, or be half way.
        self._recover_seen()
        said = manifest(run_id, base=base, at=self.now)
        publish_directory(store, LAYOUT, said, stage(self.root, run_id), base, lambda _name: None)

    def _recover_seen(self):
        if self.crashed is not None:
            self._recover()

    def _publish(self, run_id, base):
        try:
            self._try(run_id, base, self.store)
        except OutputChangedError:
            assert base != self.current
            abandon(self.store, LAYOUT, run_id)
        else:
            self._published(run_id)
            remove_staging(self.store, LAYOUT, run_id)
        self.live.discard(run_id)

    def _published(self, run_id, at=None):
        if self.current is not None:
            self.replaced_at[self.current] = self.now if at is None else at
        self.current = run_id


@pytest.mark.usefixtures("no_waiting")
def test_jobs_in_any_order():
    """Readers find one complete version after every step, and replaced ones for their time."""
    run_state_machine_as_test(
        Jobs,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
