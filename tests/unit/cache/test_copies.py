"""The copy of a model that the processes of a machine share: made once, checked, never half."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scorecast.cache import copies
from scorecast.cache.contents import list_entries
from scorecast.cache.copies import open_copy
from scorecast.cache.machine import LIMIT_VARIABLE
from scorecast.errors import DigestMismatchError, ShippingError
from scorecast.packing import PackedModel, pack

FILES = {"MLmodel": b"flavors: {}\n", "model.pkl": bytes(range(256)) * 20, "code/a.py": b"x = 1"}


def packed_model(folder: Path, files: dict[str, bytes] = FILES) -> PackedModel:
    """Pack a model of some files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return pack(folder)


def contents(root: Path) -> dict[str, bytes]:
    """Files below a directory."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def never() -> bytes:
    """Fail: there is nothing to read."""
    pytest.fail("the archive was read again")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A cache directory."""
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def packed(tmp_path: Path) -> PackedModel:
    """A small model."""
    return packed_model(tmp_path / "model")


def entries(root: Path) -> list[str]:
    """Directories in a cache, also hidden ones."""
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def test_the_archive_is_read_once_and_only_this_user_sees_the_files(
    root: Path, packed: PackedModel
) -> None:
    """The second call on a machine reads nothing, and others cannot look into the copy."""
    first = open_copy(root, packed.digest, lambda: packed.data)
    second = open_copy(root, packed.digest, never)

    assert second.directory == first.directory
    assert contents(second.directory) == FILES
    assert stat.S_IMODE(first.directory.stat().st_mode) == 0o700


def test_a_copy_is_not_hashed_again(
    root: Path, packed: PackedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a copy that was checked before reads none of its files."""
    open_copy(root, packed.digest, lambda: packed.data)
    monkeypatch.setattr(copies, "tree_digest", lambda directory: pytest.fail("hashed again"))

    open_copy(root, packed.digest, never)


def _overwrite(directory: Path) -> None:
    (directory / "model.pkl").write_bytes(b"evil")


def _overwrite_and_restore_times(directory: Path) -> None:
    file = directory / "model.pkl"
    before = file.stat()
    file.write_bytes(bytes(before.st_size))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(directory: Path) -> None:
    (directory / "new").write_bytes(bytes(len(FILES["model.pkl"])))
    (directory / "new").replace(directory / "model.pkl")


def _add(directory: Path) -> None:
    (directory / "code" / "numpy.py").write_bytes(b"evil")


def _remove(directory: Path) -> None:
    (directory / "code" / "a.py").unlink()


def _remove_all(directory: Path) -> None:
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    "change",
    [_overwrite, _overwrite_and_restore_times, _replace, _add, _remove, _remove_all],
)
def test_changed_files_are_found_and_replaced(root: Path, packed: PackedModel, change: Any) -> None:
    """Whatever was done to a copy, what the next process gets is the model that was packed."""
    directory = open_copy(root, packed.digest, lambda: packed.data).directory
    change(directory)

    with pytest.warns(UserWarning, match="were changed after they were checked"):
        again = open_copy(root, packed.digest, lambda: packed.data)

    assert contents(again.directory) == FILES
    assert entries(root) == [packed.digest.replace(":", "-")]


def test_bytecode_in_a_copy_is_removed(root: Path, packed: PackedModel) -> None:
    """No digest counts it, and Python would run it; older versions have left some of their own."""
    directory = open_copy(root, packed.digest, lambda: packed.data).directory
    (directory / "code" / "__pycache__").mkdir()
    (directory / "code" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"evil")

    again = open_copy(root, packed.digest, never)

    assert contents(again.directory) == FILES
    assert not (again.directory / "code" / "__pycache__").exists()


def test_touched_files_of_the_same_content_are_kept(root: Path, packed: PackedModel) -> None:
    """A tool that only touches files costs one more check, and no second unpacking."""
    directory = open_copy(root, packed.digest, lambda: packed.data).directory
    (directory / "model.pkl").chmod(0o640)
    os.utime(directory / "MLmodel", (1, 1))

    open_copy(root, packed.digest, never)


def test_a_stamp_of_another_boot_is_not_trusted(
    root: Path, packed: PackedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After the machine was started anew, what a crash has done to files is found."""
    from scorecast.cache import stamps

    directory = open_copy(root, packed.digest, lambda: packed.data).directory
    # The file system came back with other bytes in the same file, as after a loss of power.
    stamp = directory.parent / "stamp.json"
    (directory / "model.pkl").write_bytes(bytes(len(FILES["model.pkl"])))
    stamps.write_stamp(directory, stamp)
    (tmp_path / "boot_id").write_text("another")
    monkeypatch.setattr(stamps, "_BOOT", tmp_path / "boot_id")

    with pytest.warns(UserWarning, match="unpacked again"):
        again = open_copy(root, packed.digest, lambda: packed.data)

    assert contents(again.directory) == FILES


def test_a_process_that_uses_a_changed_copy_finds_its_files(
    root: Path, packed: PackedModel
) -> None:
    """Replacing a copy does not take files away from those who have it open."""
    first = open_copy(root, packed.digest, lambda: packed.data)
    with (first.directory / "MLmodel").open("rb") as opened:
        _add(first.directory)
        with pytest.warns(UserWarning, match="unpacked again"):
            open_copy(root, packed.digest, lambda: packed.data)

        assert opened.read() == FILES["MLmodel"]
    assert contents(first.directory) == FILES


def test_a_wrong_archive_is_refused_and_the_next_one_taken(
    root: Path, packed: PackedModel, tmp_path: Path
) -> None:
    """Bytes that are another model are not kept: a retry with the right ones succeeds."""
    other = packed_model(tmp_path / "other", {"MLmodel": b"other"})

    with pytest.raises(DigestMismatchError, match="was changed or damaged on the way"):
        open_copy(root, packed.digest, lambda: other.data)

    assert entries(root) == []
    directory = open_copy(root, packed.digest, lambda: packed.data).directory
    assert contents(directory) == FILES


def _open_and_note(root: Path, packed: PackedModel, reads: Path, start: Any) -> None:
    def read() -> bytes:
        (reads / f"{os.getpid()}").touch()
        return packed.data

    start.wait()
    assert contents(open_copy(root, packed.digest, read).directory) == FILES | {
        "big": contents(reads.parent / "model")["big"]
    }


def test_processes_that_start_together_share_one_copy(root: Path, tmp_path: Path) -> None:
    """Of several workers that ask at once one unpacks, and all get the files."""
    packed = packed_model(tmp_path / "model", {**FILES, "big": os.urandom(1 << 20)})
    reads = tmp_path / "reads"
    reads.mkdir()
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    arguments = (root, packed, reads, start)
    processes = [context.Process(target=_open_and_note, args=arguments) for _ in range(3)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0] * 3
    assert len(list(reads.iterdir())) == 1


def test_a_directory_is_copied_as_an_archive_is_unpacked(
    root: Path, packed: PackedModel, tmp_path: Path
) -> None:
    """Files of this machine need no archive; what reading a model leaves behind is left out."""
    model = tmp_path / "model"
    (model / "code" / "__pycache__").mkdir()
    (model / "code" / "__pycache__" / "a.pyc").write_bytes(b"bytecode")

    copy = open_copy(root, packed.digest, lambda: model)

    assert contents(copy.directory) == FILES
    assert open_copy(root, packed.digest, never).directory == copy.directory


def test_empty_directories_of_a_model_are_copied(root: Path, tmp_path: Path) -> None:
    """The digest counts them."""
    (tmp_path / "model" / "deep" / "hollow").mkdir(parents=True)
    digest = packed_model(tmp_path / "model").digest

    copy = open_copy(root, digest, lambda: tmp_path / "model")

    assert (copy.directory / "deep" / "hollow").is_dir()


def test_a_directory_that_changed_is_refused(
    root: Path, packed: PackedModel, tmp_path: Path
) -> None:
    """Files that are not those that were inspected are never loaded, and none of them stays."""
    model = tmp_path / "model"
    (model / "model.pkl").write_bytes(b"another")

    with pytest.raises(DigestMismatchError, match="changed after it was inspected"):
        open_copy(root, packed.digest, lambda: model)
    assert entries(root) == []


def test_a_directory_that_cannot_be_read_is_not_blamed_on_the_cache(
    root: Path, packed: PackedModel, tmp_path: Path
) -> None:
    """What is missing is named, and the cache is as it was."""
    with pytest.raises(ShippingError, match="Cannot read the model") as caught:
        open_copy(root, packed.digest, lambda: tmp_path / "gone")

    assert str(tmp_path / "gone") in str(caught.value)
    assert entries(root) == []


def test_the_limit_may_be_that_of_another_process(root: Path, tmp_path: Path) -> None:
    """The driver that fills the cache keeps to the limit that its workers are set to."""
    first, second = (packed_model(tmp_path / name, {"a": name.encode()}) for name in "ab")
    open_copy(root, first.digest, lambda: first.data)
    limit = {LIMIT_VARIABLE: "0"}

    copy = open_copy(root, second.digest, lambda: second.data, environ=limit)

    assert entries(root) == [copy.directory.parent.name]


KILLED = """
import os, signal, sys
from pathlib import Path
from scorecast import packing
from scorecast.cache import copies
from scorecast.cache.contents import list_entries
root, digest, archive = sys.argv[1:]

def stop_in_the_middle(directory):
    os.kill(os.getpid(), signal.SIGKILL)  # all files are written, and none is checked

packing.tree_digest = stop_in_the_middle
copies.open_copy(Path(root), digest, Path(archive).read_bytes)
"""


def test_a_process_killed_while_it_unpacks_leaves_no_copy(
    root: Path, packed: PackedModel, tmp_path: Path, src_on_path: dict[str, str]
) -> None:
    """After kill -9 in the middle the next process unpacks, and clears away what was left."""
    archive = tmp_path / "archive"
    archive.write_bytes(packed.data)
    command = [sys.executable, "-c", KILLED, root, packed.digest, archive]
    killed = subprocess.run(command, env=src_on_path, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert entries(root)  # what it left
    assert contents(open_copy(root, packed.digest, lambda: packed.data).directory) == FILES
    assert entries(root) == [packed.digest.replace(":", "-")]


def test_a_copy_that_was_removed_is_unpacked_again(root: Path, packed: PackedModel) -> None:
    """A user may empty the cache directory at any time."""
    open_copy(root, packed.digest, lambda: packed.data)
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    assert contents(open_copy(root, packed.digest, lambda: packed.data).directory) == FILES


def test_a_full_disk_is_told_with_place_and_cure(
    root: Path, packed: PackedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without room is named, with what the model needs and what to set."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("zipfile.ZipFile.extract", full)

    with pytest.raises(ShippingError, match="No space left on device") as caught:
        open_copy(root, packed.digest, lambda: packed.data)

    for part in (str(root), f"{len(packed.data):,}", "SCORECAST_CACHE_DIR"):
        assert part in str(caught.value)
    assert entries(root) == []


# What makes room for other models.


@pytest.fixture
def models(tmp_path: Path) -> list[PackedModel]:
    """Three models of 1 MB."""
    return [packed_model(tmp_path / str(i), {"MLmodel": os.urandom(1 << 20)}) for i in range(3)]


def kept(root: Path, models: list[PackedModel]) -> list[int]:
    """Which of the models are in the cache."""
    return [i for i, m in enumerate(models) if m.digest.replace(":", "-") in entries(root)]


def test_the_models_unused_for_longest_make_room(
    root: Path, models: list[PackedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the cache drops by last use, not by age."""
    monkeypatch.setenv(LIMIT_VARIABLE, "2500K")
    for number in (0, 1, 0, 2):
        open_copy(root, models[number].digest, lambda number=number: models[number].data)

    assert kept(root, models) == [0, 2]


def test_a_model_in_use_stays_whatever_the_limit(
    root: Path, models: list[PackedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process has open is not removed, and is when the process lets go of it."""
    monkeypatch.setenv(LIMIT_VARIABLE, "1K")
    used = open_copy(root, models[0].digest, lambda: models[0].data)
    open_copy(root, models[1].digest, lambda: models[1].data)
    open_copy(root, models[2].digest, lambda: models[2].data)

    assert kept(root, models) == [0, 2]
    del used
    open_copy(root, models[1].digest, lambda: models[1].data)
    assert kept(root, models) == [1]


HOLDER = """
import sys
from pathlib import Path
from scorecast.cache.copies import open_copy
copy = open_copy(Path(sys.argv[1]), sys.argv[2], lambda: sys.exit("it is there"))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_model_in_use_by_another_process_stays_until_it_is_killed(
    root: Path,
    models: list[PackedModel],
    monkeypatch: pytest.MonkeyPatch,
    src_on_path: dict[str, str],
) -> None:
    """The use of a model ends with the process, however that ends."""
    monkeypatch.setenv(LIMIT_VARIABLE, "1K")
    open_copy(root, models[0].digest, lambda: models[0].data)
    command = [sys.executable, "-c", HOLDER, root, models[0].digest]
    with subprocess.Popen(
        command, env=src_on_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"

        open_copy(root, models[1].digest, lambda: models[1].data)
        assert kept(root, models) == [0, 1]
        holder.kill()

    open_copy(root, models[2].digest, lambda: models[2].data)
    assert kept(root, models) == [2]


def test_what_another_process_removes_while_it_is_measured(
    root: Path, models: list[PackedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model is made, and the cache is listed, also when others remove models meanwhile."""
    usual = Path.lstat
    gone: list[str] = []

    def lstat(path: Path) -> os.stat_result:
        """Remove an entry when it is measured, as another process may."""
        if path.parent.parent == root and path.parent.name.startswith("sha256-"):
            shutil.rmtree(path.parent)
            gone.append(path.parent.name)
        return usual(path)

    for model in models[:2]:
        open_copy(root, model.digest, lambda model=model: model.data)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", lstat)
        copy = open_copy(root, models[2].digest, lambda: models[2].data)
        assert (copy.directory / "MLmodel").exists()
        assert len(gone) == 2
        del copy
        assert [entry.size for entry in list_entries(root)] == [0]
