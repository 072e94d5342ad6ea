"""Renames in one step, against the kernel of this machine."""

from __future__ import annotations

import ctypes
import errno
import sys
import threading

import pytest

from scorecast.batch.stores import renames
from scorecast.batch.stores.renames import exchange, move_onto_nothing

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is of Linux")


def folder(path, text):
    """Make a directory with one file."""
    path.mkdir()
    (path / "file").write_text(text)
    return path


def test_onto_nothing(tmp_path):
    """The directory is at the new place and no longer at the old one."""
    source = folder(tmp_path / "a", "new")
    move_onto_nothing(source, tmp_path / "b")
    assert (tmp_path / "b" / "file").read_text() == "new"
    assert not source.exists()


@pytest.mark.parametrize("there", ["empty directory", "full directory", "file", "dangling link"])
@pytest.mark.parametrize("old_kernel", [False, True])
def test_what_is_there_stays(tmp_path, there, old_kernel, monkeypatch):
    """Whatever is at the place is left alone, an empty directory too, which POSIX replaces."""
    if old_kernel:
        monkeypatch.setattr(renames, "_renameat2", _unsupported)
    source, target = folder(tmp_path / "a", "new"), tmp_path / "b"
    {
        "empty directory": target.mkdir,
        "full directory": lambda: folder(target, "old"),
        "file": lambda: target.write_text("old"),
        "dangling link": lambda: target.symlink_to(tmp_path / "nowhere"),
    }[there]()
    with pytest.raises(FileExistsError):
        move_onto_nothing(source, target)
    assert (source / "file").read_text() == "new"
    if there == "full directory":
        assert (target / "file").read_text() == "old"


@needs_linux
def test_exchange(tmp_path):
    """Both names are there before and after, with each other's content."""
    one, other = folder(tmp_path / "a", "1"), folder(tmp_path / "b", "2")
    assert exchange(one, other)
    assert ((one / "file").read_text(), (other / "file").read_text()) == ("2", "1")


@needs_linux
def test_a_reader_never_misses_a_name_that_is_exchanged(tmp_path):
    """While two directories change places again and again, the name is always there."""
    one, other = folder(tmp_path / "a", "1"), folder(tmp_path / "b", "2")
    done, missed, reads = threading.Event(), [], []

    def read():
        while not done.is_set():
            try:
                reads.append((one / "file").read_text())
            except FileNotFoundError as error:
                missed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(2000):
        exchange(one, other)
    done.set()
    reader.join()
    assert not missed
    assert set(reads) <= {"1", "2"}


def test_exchange_says_when_it_is_not_possible(tmp_path, monkeypatch):
    """On an older kernel nothing is changed, and the caller is told."""
    monkeypatch.setattr(renames, "_renameat2", _unsupported)
    one, other = folder(tmp_path / "a", "1"), folder(tmp_path / "b", "2")
    assert not exchange(one, other)
    assert (one / "file").read_text() == "1"


@needs_linux
def test_exchange_with_nothing_is_an_error(tmp_path):
    """Without something to exchange with, nothing moves."""
    one = folder(tmp_path / "a", "1")
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "b")
    assert one.exists()


def test_the_library_without_the_function_is_an_older_kernel(tmp_path, monkeypatch):
    """A C library that lacks renameat2 falls back as well."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    move_onto_nothing(folder(tmp_path / "a", "1"), tmp_path / "b")
    assert (tmp_path / "b" / "file").read_text() == "1"


def _unsupported(*_):
    raise OSError(errno.EINVAL, "no such flag")
