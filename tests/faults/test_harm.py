"""Models, inputs and disks that do harm to real jobs while a reader polls their output.

Here is the short version; the long one, with many rounds of each, is ``make faults``.
"""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest
from fault_kit import (
    EXITS,
    HANG,
    NEW,
    OLD,
    SEGFAULT,
    Place,
    at,
    expected,
    gone,
    job_command,
    until,
)
from fault_oracle import Reader, check_output, compare_rows, fingerprint, leftovers, read_rows


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
    more = ("--batch-timeout", 2, "--batch-size", 500)
    with old.start(old.model(NEW, harm), *more, master="local[2,2]") as job:
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
        # A batch with a bad row is searched by halving, with a new process for each crash.
        with old.start(old.model(NEW, harm), *more, "--batch-size", 16, **how) as job:
            until(mark.exists, job)
            # What is published from here on lacks these rows, which is no version of the reader's.
            assert reader.violations == []
            reader.stop()
            mark.unlink()
            assert job.wait() == 0, job.text
    assert check_output(old.output, expected(NEW), aside=bad) == []
    assert reader.seen["old"] > 0


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
