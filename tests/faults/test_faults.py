"""What goes wrong at night, done to real jobs while a reader polls their output.

The long version, with many rounds of each, is ``make faults``.
"""

import os
import shutil
import signal
import subprocess

import pytest
from fault_kit import (
    CLUSTER,
    HANG,
    SEGFAULT,
    SLOW,
    Place,
    Reader,
    at,
    check_output,
    expected,
    until,
)

OLD, NEW = 2.0, 3.0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Give a folder whose output is published once, by the old model."""
    place = Place(tmp_path_factory.mktemp("faults"))
    code, text = place.run(place.model(OLD))
    assert code == 0, text
    shutil.copytree(place.output, place.folder / "kept")
    return place


@pytest.fixture
def old(place):
    """Put the old output back, as an earlier night has left it."""
    for path in (place.output, place.output.with_name(".out.scorecast")):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(place.folder / "kept", place.output)
    return place


def versions():
    """Give the versions that a reader may see."""
    return {"old": expected(OLD), "new": expected(NEW)}


@pytest.mark.parametrize(
    ("step", "after"),
    [("unit:commit:3", "old"), ("publish:exchange:1", "old"), ("publish:set-aside:1", "new")],
)
def test_a_driver_that_is_killed(old, step, after):
    """A kill -9 leaves the old or the new version, and a rerun does what is missing and no more."""
    calls = old.folder / f"calls-{step}"
    model = old.model(NEW, f"'{step}'", calls)
    with Reader(old.output, versions(), absent=False) as reader:
        code, text = old.run(model, "--units", 4, at_step=f"{step}:kill")
        assert code == -signal.SIGKILL, text
        assert check_output(old.output, versions()[after]) == []
        before = len(calls.read_text().splitlines())
        code, text = old.run(model, "--units", 4)
    assert code == 0, text
    assert check_output(old.output, expected(NEW)) == []
    assert reader.violations == []
    assert reader.seen["old"] > 20
    again = len(calls.read_text().splitlines()) - before
    if step.startswith("unit"):
        assert "units were done already" in text
        assert 0 < again < before
    else:
        assert again == 0


@pytest.mark.parametrize(("master", "victims"), [("local[2,4]", "workers"), (CLUSTER, "executors")])
def test_a_worker_or_an_executor_that_is_killed(old, master, victims):
    """Spark does its tasks again, and every row is there once."""
    with (
        Reader(old.output, versions(), absent=False) as reader,
        old.start(old.model(NEW, SLOW), "--batch-size", 100, master=master) as job,
    ):
        staged = old.output.with_name(".out.scorecast").rglob
        until(lambda: list(staged("part-*")), job)
        victim = until(getattr(job, victims), job)[0]
        victim.kill()
        assert job.wait() == 0, job.text
    assert check_output(old.output, expected(NEW)) == []
    assert reader.violations == []


def test_a_job_that_is_terminated(old):
    """SIGTERM ends it with 143, leaves the old output and no lock."""
    with old.start(old.model(NEW, SLOW), "--batch-size", 50) as job:
        until(lambda: list(old.output.with_name(".out.scorecast").rglob("part-*")), job)
        job.process.send_signal(signal.SIGTERM)
        assert job.wait(30) == 143, job.text
    assert check_output(old.output, expected(OLD)) == []
    code, text = old.run(old.model(NEW))
    assert code == 0, text
    assert check_output(old.output, expected(NEW)) == []


def test_two_jobs_at_once(old, tmp_path):
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


def test_a_model_that_raises_exits_or_crashes(old):
    """The old output stays as it is, byte by byte, and the message says where it was."""
    for harm, words in {
        at(7777, "raise KeyError('k')"): ["The model raised KeyError", "in/3.parquet"],
        at(7777, SEGFAULT): ["signal 11", "in/3.parquet", "rows"],
        "import sys; sys.exit(0)": ["The model raised SystemExit"],
        "import os; os._exit(0)": ["exit code 0"],
    }.items():
        code, text = old.run(old.model(NEW, harm))
        assert code == 5, text
        assert all(word in text for word in words), text
        assert check_output(old.output, expected(OLD)) == []


def test_rows_that_crash_or_hang_are_put_aside(old):
    """With quarantine, a crashing and a hanging row cost themselves alone."""
    harm = f"{at(7777, SEGFAULT)}\n{at(15001, HANG)}"
    with Reader(old.output, versions(), absent=False) as reader:
        code, text = old.run(
            old.model(NEW, harm),
            *("--on-error", "quarantine", "--max-errors", 2, "--batch-timeout", 2),
            *("--batch-size", 64),
        )
    assert code == 0, text
    assert check_output(old.output, expected(NEW), quarantined=2) == []
    # The new version lacks the two rows, so the reader knows the old one alone.
    assert reader.seen["old"] > 20


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0,
    reason="a small file system of its own needs user namespaces (unshare -rm)",
)
def test_a_full_disk(old, tmp_path):
    """Exit 6 with the path and the free bytes, and nothing is left of the job."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = (
        f'mount -t tmpfs -o size=200k none {small} && "$@"; echo code=$? left=$(ls -A {small})'
    )
    from fault_kit import job_command, running

    paths = ["--input", old.source, "--output", small / "out", "--model-uri", old.model(NEW)]
    command = ["unshare", "-rm", "bash", "-c", mounted, "bash", *job_command(*paths)]
    with running(command, tmp_path / "log") as job:
        job.wait()
        assert "code=6 left=\n" in job.text, job.text
        assert "bytes are free" in job.text
        assert str(small) in job.text


def test_a_truncated_file(place, tmp_path):
    """It is named before anything is predicted, and nothing is published."""
    broken = Place(tmp_path / "broken", rows=1000, files=4)
    file = broken.source / "2.parquet"
    os.truncate(file, file.stat().st_size // 2)
    code, text = broken.run(place.model(NEW))
    assert code == 3
    assert "2.parquet" in text
    assert not broken.output.exists()
