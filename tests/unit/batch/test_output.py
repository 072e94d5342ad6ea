"""Whether a job may publish at a place: locks between processes, what is there, and permissions."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from publishing import write_version

from scorecast.batch.output import check_mode, locked, open_output, output_error
from scorecast.batch.stores.posix import PosixStore
from scorecast.errors import OutputError, OutputExistsError, OutputLockedError

HOLD = """
import sys
from scorecast.batch.output import locked, open_output
with locked(open_output(sys.argv[1]), "their-run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(output):
    """Let another process hold the lock of an output."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(output)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def is_refused(output):
    """Tell whether the lock of an output is refused; gives the message."""
    try:
        with locked(open_output(str(output)), "our-run"):
            return None
    except OutputLockedError as error:
        return str(error)


def test_a_lock_is_held_by_one_process_until_it_dies(tmp_path):
    """A second job is told who holds it, a stopped holder keeps it, a killed one does not."""
    output = tmp_path / "out"
    with holder(output) as process:
        message = is_refused(output)
        assert f"process {process.pid} on {socket.gethostname()}" in message
        assert str(output) in message
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # it has really stopped
        for _ in range(3):
            assert f"process {process.pid}" in is_refused(output)
        process.kill()
        process.wait()
        assert is_refused(output) is None
    assert list(tmp_path.iterdir()) == []


def test_a_lock_names_its_holder(tmp_path):
    """Whoever looks at the file finds who has held the output last."""
    with locked(open_output(str(tmp_path / "out")), "our-run"):
        said = json.loads((tmp_path / ".out.scorecast/lock").read_text())
    assert (said["run"], said["pid"]) == ("our-run", os.getpid())


def test_what_is_beside_an_output_stays_if_something_is_kept(tmp_path):
    """A job removes the directory of its lock only if there is nothing else in it."""
    kept = tmp_path / ".out.scorecast/runs/one/version/part-0"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert is_refused(tmp_path / "out") is None
    assert kept.exists()


def test_jobs_that_come_and_go_never_hold_a_lock_together(tmp_path):
    """Threads that take and give back one lock all the time, its directory too, meet no other."""
    output, inside, most = open_output(str(tmp_path / "out")), [], []

    def come_and_go(number):
        for _ in range(60):
            with suppress(OutputLockedError), locked(output, str(number)):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))
    assert max(most) == 1


def test_a_lock_ends_with_its_job(tmp_path):
    """A job that fails gives the lock back at once, and the same process may hold others."""

    def job():
        with locked(open_output(str(tmp_path / "out")), "one"):
            assert is_refused(tmp_path / "out") is not None
            assert is_refused(tmp_path / "out2") is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        job()
    assert is_refused(tmp_path / "out") is None


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"pid": 1}', "null"])
def test_a_lock_whose_holder_cannot_be_read(tmp_path, text):
    """A holder that is about to write its name is named by no name."""
    output = open_output(str(tmp_path / "out"))
    with output.store.lock(output.layout.lock, text.encode()) as held:
        assert held
        assert "Another job is writing" in is_refused(tmp_path / "out")


def test_a_lock_file_that_is_removed_while_it_is_taken(tmp_path, monkeypatch):
    """A lock on a file that has no name any more is no lock; it is taken again on a new one."""
    store, real, removed = PosixStore(tmp_path), fcntl.flock, []

    def remove_first(file, flags):
        if not removed:
            removed.append((tmp_path / "c/lock").stat().st_ino)
            (tmp_path / "c/lock").unlink()
        return real(file, flags)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with store.lock("c/lock", b"me") as held:
        assert held
        assert (tmp_path / "c/lock").read_bytes() == b"me"
        with store.lock("c/lock", b"other") as second:
            assert not second
    assert removed


def test_an_object_store_has_no_lock():
    """Two jobs may both run there; publishing decides."""
    pytest.importorskip("obstore")
    from scorecast.batch.stores.objects import ObjectStore

    store = ObjectStore(None, "", "s3://bucket")
    with store.lock("lock", b"") as one, store.lock("lock", b"") as other:
        assert one
        assert other
    assert not store.locks


# What is there


@pytest.mark.parametrize("mode", ["error", "overwrite", "append", "overwrite-partitions"])
def test_nothing_or_an_output_of_a_job(tmp_path, mode):
    """Nothing is fine for every mode; an output of a job is looked at once the job is known."""
    output = open_output(str(tmp_path / "out"))
    check_mode(output, mode, incremental=False)
    assert list(tmp_path.iterdir()) == []
    write_version(tmp_path / "out", "old")
    check_mode(output, mode, incremental=False)


def spark_output(place):
    """Make what Spark's writer makes."""
    place.mkdir()
    for name in ("_SUCCESS", "._SUCCESS.crc", "part-0.snappy.parquet", ".part-0.crc"):
        (place / name).touch()
    (place / "day=1").mkdir()
    (place / "day=1/part-0.parquet").touch()


def test_an_output_that_no_job_has_published(tmp_path):
    """It is refused by default, and may be replaced or added to."""
    spark_output(tmp_path / "out")
    output = open_output(str(tmp_path / "out"))
    with pytest.raises(OutputExistsError, match="--mode overwrite"):
        check_mode(output, "error", incremental=False)
    check_mode(output, "overwrite", incremental=False)
    check_mode(output, "append", incremental=False)
    check_mode(output, "error", incremental=True)


@pytest.mark.parametrize("what", ["file", "other files", "dangling link", "code"])
def test_what_is_no_output(tmp_path, what):
    """A file, or a directory with other things in it, is never replaced."""
    target = tmp_path / "out"
    if what == "file":
        target.write_text("mine")
    elif what == "dangling link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        spark_output(target)
        (target / {"other files": "notes.txt", "code": ".git"}[what]).mkdir()
    for mode in ("overwrite", "append", "overwrite-partitions"):
        with pytest.raises(OutputError, match="Nothing was removed"):
            check_mode(open_output(str(target)), mode, incremental=False)
    with pytest.raises(OutputExistsError):
        check_mode(open_output(str(target)), "error", incremental=False)


def test_an_output_with_a_damaged_manifest(tmp_path):
    """It is said that the manifest is damaged, in every mode."""
    write_version(tmp_path / "out", "old")
    (tmp_path / "out/_MANIFEST.json").write_bytes(b"{")
    for mode in ("error", "overwrite"):
        with pytest.raises(OutputError, match=r"_MANIFEST\.json.*damaged"):
            check_mode(open_output(str(tmp_path / "out")), mode, incremental=False)


# Writing there


def test_the_place_is_written_to_before_anything_else(tmp_path, monkeypatch):
    """A place that refuses a small file is refused before the job starts, and nothing is left."""
    real = os.fsync

    def full(descriptor):
        if "probe" in Path(f"/proc/self/fd/{descriptor}").readlink().name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(OutputError, match=r"No space left.*[\d,]+ bytes are free"),
        locked(open_output(str(tmp_path / "out")), "run"),
    ):
        raise AssertionError
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert is_refused(tmp_path / "out") is None


def test_a_file_where_a_directory_should_be(tmp_path):
    """An output below a file is refused in one sentence."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="Not a directory"),
        locked(open_output(str(tmp_path / "file/out")), "run"),
    ):
        raise AssertionError


def test_a_link_to_nowhere_in_the_place_of_what_is_kept(tmp_path):
    """What cannot be made is said, and not tried for ever."""
    (tmp_path / ".out.scorecast").symlink_to(tmp_path / "nowhere")
    with (
        pytest.raises(OutputError, match="File exists"),
        locked(open_output(str(tmp_path / "out")), "run"),
    ):
        raise AssertionError


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission(tmp_path):
    """A read-only directory is refused."""
    (tmp_path / "closed").mkdir(mode=0o500)
    with (
        pytest.raises(OutputError, match="Permission denied"),
        locked(open_output(str(tmp_path / "closed/out")), "run"),
    ):
        raise AssertionError


def test_a_directory_that_the_system_says_is_closed(tmp_path, monkeypatch):
    """The directory of the output itself must let names change, not only the one beside it."""
    (tmp_path / ".out.scorecast").mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path != tmp_path and real(path, how))
    with (
        pytest.raises(OutputError, match="Permission denied"),
        locked(open_output(str(tmp_path / "out")), "run"),
    ):
        raise AssertionError


def test_directories_above_are_made(tmp_path):
    """An output may lie in directories that are not there yet."""
    with locked(open_output(str(tmp_path / "a/b/out")), "run"):
        assert (tmp_path / "a/b").is_dir()


def test_errors_of_a_remote_store():
    """A store without a local path is refused in the same words."""
    error = output_error("s3://b/out", "Cannot write", OSError(errno.EACCES, "AccessDenied"))
    assert 'Cannot write the output "s3://b/out": AccessDenied.' in str(error)
