"""What goes wrong at night, done to real jobs while a reader polls their output.

The long version, with many rounds of each, is ``make faults``.
"""

import os
import signal
import subprocess

import numpy as np
import pandas as pd
import pytest
from fault_kit import (
    CLUSTER,
    EXITS,
    HANG,
    LOCAL,
    NEW,
    OLD,
    SEGFAULT,
    SLOW,
    TASK_EACH,
    Place,
    at,
    expected,
    gone,
    job_command,
    until,
    versions,
)
from fault_oracle import Reader, check_output, compare_rows, fingerprint, leftovers, read_rows


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Give a folder whose output is published once, by the old model."""
    place = Place(tmp_path_factory.mktemp("faults"))
    code, text = place.run(place.model(OLD))
    assert code == 0, text
    place.keep()
    return place


@pytest.fixture
def old(place):
    """Put the old output back, as an earlier night has left it."""
    place.reset()
    return place


@pytest.fixture
def reader(old):
    """Poll the old output, which may be replaced and is never to be missed."""
    with Reader(old.output, versions(), absent=False) as reader:
        yield reader
    assert reader.violations == []
    assert reader.seen["old"] > 0


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("unit:commit:3", "old"),
        ("publish:exchange:1", "old"),
        ("publish:set-aside:1", "new"),
    ],
)
def test_a_driver_that_is_killed(old, reader, step, after):
    """A kill -9 leaves the old or the new version, and a rerun does what is missing and no more."""
    calls = old.folder / f"calls-{step}"
    model = old.model(NEW, f"'{step}'", calls)
    with old.start(model, "--units", 4, at_step=f"{step}:kill") as job:
        assert job.wait() == -signal.SIGKILL, job.text
        # Calls are counted, which workers without a driver may go on with for a moment.
        assert gone(job, 60) == []
        assert check_output(old.output, versions()[after]) == []
        before, published = len(calls.read_text().splitlines()), fingerprint(old.output)
        code, text = old.run(model, "--units", 4)
    assert code == 0, text
    assert check_output(old.output, expected(NEW)) == []
    assert leftovers(old.control) == []
    again = len(calls.read_text().splitlines()) - before
    if step.startswith("unit"):
        assert "units were done already" in text
        assert 0 < again < before
    else:
        assert again == 0
    assert (fingerprint(old.output) == published) == (after == "new")


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


@pytest.mark.parametrize(
    ("harm", "words", "most"),
    [
        # Spark may begin a second try before the driver has read the first one's note.
        (at(7777, "raise KeyError('k')"), ["The model raised KeyError", "in/3.parquet"], 2),
        (at(7777, SEGFAULT), ["signal 11", "in/3.parquet", "rows"], 4),
    ],
    ids=["raise", "segfault"],
)
def test_a_model_that_fails(old, tmp_path, harm, words, most):
    """The old output stays, byte by byte; the message says where it was, after few tries."""
    before = fingerprint(old.output)
    tries = tmp_path / "tries"
    told = at(7777, f"open({str(tries)!r}, 'a').write('x')")
    code, text = old.run(old.model(NEW, f"{told}\n{harm}"))
    assert code == 5, text
    # Rows are not looked for, so that each try of the task is one call on the row.
    assert len(tries.read_text()) <= most
    assert all(word in text for word in words), text
    assert fingerprint(old.output) == before
    assert leftovers(old.control) == []


def test_a_model_that_hangs(old):
    """With a limit of time the job ends, names file and rows, and leaves no process behind."""
    before = fingerprint(old.output)
    harm = at(7777, HANG)
    with old.start(old.model(NEW, harm), "--batch-timeout", 2, "--batch-size", 500) as job:
        assert job.wait() == 5, job.text
        assert "in/3.parquet" in job.text, job.text
        assert gone(job, 30) == []
    assert fingerprint(old.output) == before


def test_rows_that_crash_hang_or_exit_are_put_aside(old):
    """With quarantine, each such row costs itself alone."""
    exits = dict(zip((1, 2600, 5200, 19999), EXITS.values(), strict=True))
    bad = {7777: SEGFAULT, 15001: HANG, **exits}
    harm = "\n".join(at(rid, code) for rid, code in bad.items())
    with Reader(old.output, {"old": expected(OLD)}, absent=False) as reader:
        more = ("--on-error", "quarantine", "--max-errors", len(bad), "--batch-timeout", 2)
        mark = old.folder / "mark"
        how = {"at_step": f"publish:exchange:1:mark={mark}"}
        with old.start(old.model(NEW, harm), *more, "--batch-size", 64, **how) as job:
            until(mark.exists, job)
            # What is published from here on lacks these rows, which is no version of the reader's.
            assert reader.violations == []
            reader.stop()
            mark.unlink()
            assert job.wait() == 0, job.text
    assert check_output(old.output, expected(NEW), aside=bad) == []
    assert reader.seen["old"] > 0


def test_an_input_that_changes_meanwhile(old, reader):
    """Exit 3 with the name of the file, and the old output stays."""
    mark, file = old.folder / "mark", old.source / "5.parquet"
    whole = file.read_bytes()
    try:
        with old.start(old.model(NEW), at_step=f"run:compare-input:1:mark={mark}") as job:
            until(mark.exists, job)
            file.with_suffix(".new").write_bytes(whole)
            file.with_suffix(".new").rename(file)
            mark.unlink()
            assert job.wait() == 3, job.text
            assert "5.parquet" in job.text
    finally:
        file.write_bytes(whole)
    assert check_output(old.output, expected(OLD)) == []


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
    paths = ["--input", old.source, "--output", small / "out", "--model-uri", old.model(NEW)]
    command = ["unshare", "-rm", "bash", "-c", mounted, "bash", *job_command(*paths)]
    with old.command(command) as job:
        job.wait()
        assert "code=6 left=\n" in job.text, job.text
        assert "bytes are free" in job.text
        assert str(small) in job.text


def test_a_truncated_file(place, tmp_path):
    """It is named before anything is predicted, and nothing is published."""
    broken = Place(tmp_path / "broken", rows=1000, files=4)
    file = broken.source / "2.parquet"
    os.truncate(file, file.stat().st_size // 2)
    calls = tmp_path / "calls"
    code, text = broken.run(broken.model(NEW, "'counted'", calls))
    assert code == 3
    assert "2.parquet" in text
    assert not calls.exists()
    assert not broken.output.exists()


def test_the_judges_find_what_is_wrong(tmp_path):
    """Lost, doubled, relabelled, wrong and unreadable rows are no version."""
    rid = np.arange(100)
    whole = pd.DataFrame({"rid": rid, "prediction": rid / 7})

    def look(frame: pd.DataFrame) -> list[str]:
        frame.to_parquet(tmp_path / "part-0.parquet")
        reader = Reader(tmp_path, {"new": expected(1, 100)}, absent=False)
        assert (reader._look() == "new") == (not reader.violations)
        assert bool(compare_rows(read_rows(tmp_path), expected(1, 100))) == bool(reader.violations)
        return reader.violations

    assert look(whole) == []
    assert look(whole.sample(frac=1, random_state=0)) == []
    assert look(whole[1:])
    assert look(pd.concat([whole, whole[:1]]))
    assert look(whole.assign(rid=whole["rid"].replace(99, 100)))
    assert look(whole.assign(prediction=whole["prediction"].shift(fill_value=0)))
    file = tmp_path / "part-0.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    reader = Reader(tmp_path, {"new": expected(1, 100)}, absent=False)
    assert reader._look() == "violation"
