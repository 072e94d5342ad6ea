"""Drivers, workers and executors that are killed, and two jobs at once, while a reader polls.

Here is the short version; the long one, with many rounds of each, is ``make faults``.
"""

import signal

import pytest
from fault_kit import (
    CLUSTER,
    LOCAL,
    NEW,
    OLD,
    SLOW,
    TASK_EACH,
    expected,
    gone,
    until,
    versions,
)
from fault_oracle import check_output, fingerprint, leftovers


def test_a_driver_that_is_killed_again_and_again(old, reader):
    """A kill -9 leaves the old or the new version, and each rerun does what is missing, no more."""
    calls = old.folder / "calls"
    model = old.model(NEW, "'counted'", calls)
    done = []
    for step, after in (
        ("unit:commit:3", "old"),
        ("publish:exchange:1", "old"),
        ("publish:set-aside:1", "new"),
    ):
        with old.start(model, "--units", 4, at_step=f"{step}:kill") as job:
            assert job.wait() == -signal.SIGKILL, job.text
            # Calls are counted, which workers without a driver may go on with for a moment.
            assert gone(job, 60) == []
        assert check_output(old.output, versions()[after]) == [], step
        done.append(len(calls.read_text().splitlines()))
    first, all_units, none_left = done
    assert first < all_units < 2 * first
    assert none_left == all_units
    published = fingerprint(old.output)
    code, text = old.run(model, "--units", 4)
    assert code == 0, text
    assert fingerprint(old.output) == published
    assert check_output(old.output, expected(NEW)) == []
    assert leftovers(old.control) == []
    assert len(calls.read_text().splitlines()) == all_units


@pytest.mark.parametrize(("master", "victims"), [(LOCAL, "workers"), (CLUSTER, "executors")])
def test_a_worker_or_an_executor_that_is_killed(old, reader, master, victims):
    """Spark does its tasks again, and every row is there once."""
    model = old.model(NEW, SLOW)
    with old.start(model, "--batch-size", 500, master=master, conf=TASK_EACH) as job:
        until(old.staged, job)
        until(getattr(job, victims), job)[0].kill()
        assert job.wait() == 0, job.text
    assert check_output(old.output, expected(NEW)) == []


def test_a_job_that_is_terminated_while_java_starts(old, reader):
    """It ends with 143, and leaves no JVM that waits for its driver for ever."""
    with old.start(old.model(NEW)) as job:
        until(job.jvms, job)
        job.process.send_signal(signal.SIGTERM)
        assert job.wait(30) == 143, job.text
        assert gone(job, 30) == []
    assert check_output(old.output, expected(OLD)) == []


def test_a_job_that_is_terminated(old, reader, tmp_path):
    """SIGTERM ends it with 143 and leaves the old output, no process and no lock."""
    calls = tmp_path / "calls"
    with old.start(old.model(NEW, f"{SLOW}  # called", calls), "--batch-size", 50) as job:
        until(calls.exists, job)
        job.process.send_signal(signal.SIGTERM)
        assert job.wait(30) == 143, job.text
        assert check_output(old.output, expected(OLD)) == []
        assert gone(job, 30) == []
    code, text = old.run(old.model(NEW))
    assert code == 0, text
    assert check_output(old.output, expected(NEW)) == []


def test_two_jobs_at_once(old, reader, tmp_path):
    """Exactly one publishes, and the other says who does."""
    mark = tmp_path / "mark"
    with old.start(old.model(NEW), at_step=f"publish:place:1:mark={mark}") as first:
        until(mark.exists, first)
        code, text = old.run(old.model(4.0))
        assert code == 6
        assert f"process {first.process.pid}" in text
        mark.unlink()
        assert first.wait() == 0, first.text
    assert check_output(old.output, expected(NEW)) == []
