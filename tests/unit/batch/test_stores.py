"""What every store promises, against a local file system and a real S3 server on loopback.

HDFS and ABFS cannot run here: `RenamingStore` is driven over Arrow's local file system, which has
the same interface; what HDFS does differently (a rename onto a directory goes inside of it, and one
onto a file fails) is imitated where the code relies on it.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from publishing import LAYOUT, STORES, manifest, read_version, stage, write_version
from pyarrow import fs

from scorecast.batch.layout import Layout
from scorecast.batch.publish import publish_directory, publish_pointer, published, recover
from scorecast.batch.stores import open_store, renames
from scorecast.batch.stores.objects import ObjectStore, open_parent
from scorecast.batch.stores.posix import PosixStore
from scorecast.batch.stores.renaming import RenamingStore
from scorecast.errors import OutputChangedError, OutputError
from scorecast.worker.notes import note_rows, notes_folder, read_notes

FLAT = Layout("out", flat=True)


@pytest.fixture(scope="module")
def s3_server():
    """Run an S3 server on loopback; gives its address."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("obstore")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch, request):
    """Make an empty bucket; gives its URI."""
    import urllib.request

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    name = f"bucket-{abs(hash(request.node.name))}"
    put = urllib.request.Request(f"{s3_server}/{name}", method="PUT")
    with urllib.request.urlopen(put, timeout=30):
        return f"s3://{name}"


def test_notes_of_rows_leave_no_marker_of_a_directory(bucket):
    """Nobody could remove it, so that a run that died would be looked at for ever."""
    folder = notes_folder(f"{bucket}/out/_scorecast/runs/run/stops", "u-00000", 0)
    for before, rows in ((0, 10), (10, 20), (20, 30)):
        note_rows(folder, 3, rows, before)
    assert read_notes(f"{bucket}/out/_scorecast/runs/run/stops").rows == {"u-00000": 30}
    store, _, _ = open_store(f"{bucket}/out")
    assert all("/rows-3-" in entry.path for entry in store.entries("out"))
    store.remove("out/_scorecast/runs/run")
    filesystem, path = fs.FileSystem.from_uri(bucket)
    assert filesystem.get_file_info(fs.FileSelector(path, recursive=True)) == []


@pytest.fixture(params=[*STORES, "s3"])
def store(request, tmp_path):
    """Give an empty store of each kind."""
    if request.param == "s3":
        return open_parent(f"{request.getfixturevalue('bucket')}/some/where/out")
    return STORES[request.param](tmp_path)


@pytest.fixture(params=STORES)
def directories(request, tmp_path):
    """Give an empty store of each kind whose directories can be renamed."""
    return STORES[request.param](tmp_path)


def names(store, path):
    """Give the files below a directory."""
    return sorted(entry.path for entry in store.entries(path))


def test_nothing_is_there(store):
    """What is not there reads as nothing, and removing it is fine."""
    assert store.read("a/b") is None
    assert not store.exists("a")
    assert store.children("a") == []
    assert names(store, "a") == []
    store.remove("a/b")
    store.remove("a")


def test_create_once(store):
    """A file is written once, and stays what it was."""
    assert store.create("a/b/c.json", b"1")
    assert not store.create("a/b/c.json", b"2")
    assert store.read("a/b/c.json") == b"1"
    assert names(store, "a") == ["a/b/c.json"]  # nothing temporary is left
    assert store.create("a/empty", b"")
    assert store.read("a/empty") == b""


def test_lists(store):
    """Files have their sizes, directories their names, and likenesses of names do not count."""
    for path in ("out/x", "out/p=1/y", "out2/z", "o/w"):
        store.create(path, b"123")
    assert names(store, "out") == ["out/p=1/y", "out/x"]
    assert {entry.size for entry in store.entries("out")} == {3}
    assert all(entry.modified > 1_600_000_000 for entry in store.entries("out"))
    assert store.children("out") == ["p=1", "x"]
    assert store.exists("out") and store.exists("out/p=1") and store.exists("out/x")  # noqa: PT018
    assert not store.exists("ou")


def test_remove(store):
    """A file goes alone, a directory with all in it, and neighbours stay."""
    for path in ("out/x", "out/p=1/y", "out2/z"):
        store.create(path, b"123")
    store.remove("out/x")
    assert names(store, "out") == ["out/p=1/y"]
    store.remove("out")
    assert not store.exists("out")
    assert store.read("out2/z") == b"123"


def test_odd_names(store):
    """Names with spaces, signs and letters of all kinds come back as they are."""
    odd = "out/p=a b%20c&+#ü☃/part-0.parquet"
    assert store.create(odd, b"1")
    assert names(store, "out") == [odd]
    assert store.read(odd) == b"1"
    assert store.children("out") == ["p=a b%20c&+#ü☃"]


def test_a_directory_that_is_made(store):
    """It is empty, may be there already, and goes with all that is above it."""
    for _ in range(2):
        store.make("a/b/c")
    assert store.children("a/b/c") == []
    assert list(store.entries("a")) == []
    store.remove("a")
    assert not store.exists("a")


def test_of_many_creators_one_wins(store):
    """Of threads that create the same file at once one is told that it did."""
    if isinstance(store, RenamingStore):
        pytest.skip("a local file system renames onto files, which HDFS refuses")
    for i in range(5):
        barrier = threading.Barrier(8)

        def create(number, i=i, barrier=barrier):
            barrier.wait()
            return store.create(f"a/{i}", b"%d" % number)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(create, range(8)))
        assert won.count(True) == 1
        assert store.read(f"a/{i}") == b"%d" % won.index(True)


def test_a_file_system_without_links_creates_once_as_well(tmp_path, monkeypatch):
    """Where links are refused, a rename that replaces nothing does it."""

    def refuse(*_):
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    test_create_once(PosixStore(tmp_path))


def test_move(directories):
    """A directory is renamed onto nothing only, and what is in the way stays."""
    directories.create("a/x", b"1")
    directories.move("a", "deep/er/b")
    assert names(directories, "deep") == ["deep/er/b/x"]
    assert not directories.exists("a")
    directories.create("c/y", b"2")
    with pytest.raises(FileExistsError):
        directories.move("c", "deep/er/b")
    assert directories.read("c/y") == b"2"
    assert names(directories, "deep") == ["deep/er/b/x"]
    with pytest.raises(FileNotFoundError):
        directories.move("nowhere", "d")


def test_move_meets_a_late_directory_on_an_old_kernel(tmp_path, monkeypatch):
    """A directory that appears after the look is not replaced, and is said to be there."""

    def unsupported(source, target, _flags):
        raise OSError(errno.EINVAL, "no such flag")

    real = Path.rename

    def late(self, target):
        (tmp_path / "b").mkdir()
        (tmp_path / "b/file").touch()
        return real(self, target)

    monkeypatch.setattr(renames, "_renameat2", unsupported)
    monkeypatch.setattr(Path, "rename", late)
    (tmp_path / "a").mkdir()
    with pytest.raises(FileExistsError):
        PosixStore(tmp_path).move("a", "b")


def test_exchange(directories):
    """Directories are swapped, or nothing is changed and the caller is told."""
    directories.create("a/x", b"1")
    directories.create("b/y", b"2")
    swapped = directories.exchange("a", "b")
    assert swapped == (isinstance(directories, PosixStore) and directories.exchanges)
    assert names(directories, "a") == (["a/y"] if swapped else ["a/x"])


def test_files_are_linked_copied_and_moved(directories):
    """A link and a copy leave the file where it is, a move does not."""
    directories.create("a/x", b"1")
    assert directories.link("a/x", "b/c/x") == directories.links
    assert directories.read("b/c/x") == (b"1" if directories.links else None)
    directories.copy("a/x", "d/e/x")
    directories.move_file("a/x", "f/g/x")
    assert [directories.read(path) for path in ("a/x", "d/e/x", "f/g/x")] == [None, b"1", b"1"]
    directories.sync("d")


def test_links_in_an_output_are_seen(tmp_path):
    """A link to nothing and a link to a directory are things that lie in a directory."""
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "out/folder").symlink_to(tmp_path / "elsewhere")
    assert names(PosixStore(tmp_path), "out") == ["out/dangling", "out/folder"]


class LikeHdfs:
    """Arrow's local file system, with renames as HDFS does them."""

    def __init__(self, before_move=lambda: None):
        self._real, self._before = fs.LocalFileSystem(), before_move

    def __getattr__(self, name):
        return getattr(self._real, name)

    def move(self, source, target):
        self._before()
        target = Path(target)
        if target.is_file():
            raise OSError(errno.EIO, "HDFS: rename failed")
        os.rename(source, target / Path(source).name if target.is_dir() else target)  # noqa: PTH104


def test_hdfs_puts_a_directory_inside_of_a_late_one(tmp_path):
    """A first output that appears at the last moment is not mixed with another one."""

    def appear():
        if not (tmp_path / "out").exists():
            write_version(tmp_path / "out", "other")

    sources = stage(tmp_path, "new")
    store = RenamingStore(LikeHdfs(), str(tmp_path), str(tmp_path))

    def step(name):
        if name == "publish:move":
            object.__setattr__(store, "filesystem", LikeHdfs(appear))

    with pytest.raises(OutputChangedError):
        publish_directory(store, LAYOUT, manifest("new"), sources, None, step)
    assert read_version(tmp_path / "out") == "other"


def test_of_many_creators_one_wins_on_hdfs(tmp_path):
    """A rename onto a file fails there, which is how one of several creators wins."""
    late = []

    def appear():
        if not late:
            late.append(1)
            (tmp_path / "a").write_bytes(b"other")

    store = RenamingStore(LikeHdfs(appear), str(tmp_path), str(tmp_path))
    assert not store.create("a", b"ours")
    assert store.read("a") == b"other"
    assert names(store, ".") == ["./a"] or [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_journal_that_a_dead_job_left(tmp_path):
    """A job that died between the two renames is completed by the next one."""
    store = STORES["renaming"](tmp_path)
    write_version(tmp_path / "out", "old")
    sources = stage(tmp_path, "new")

    class Dead(BaseException):
        pass

    class Dies(LikeHdfs):
        def __getattr__(self, name):
            if dead:
                raise Dead
            return super().__getattr__(name)

    dead = []
    dying = RenamingStore(Dies(), str(tmp_path), str(tmp_path))

    def step(name):
        if name == "publish:journal-new":
            dead.append(1)
            raise Dead

    with pytest.raises(Dead):
        publish_directory(dying, LAYOUT, manifest("new", base="old"), sources, "old", step)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.scorecast/swap.json").exists()
    recover(store, LAYOUT)
    assert read_version(tmp_path / "out") == "new"
    assert not (tmp_path / ".out.scorecast/swap.json").exists()


# Object stores


def test_errors_of_an_object_store_are_errors_of_the_system(bucket):
    """A bucket that is not there is refused in the way of all stores, which callers expect."""
    store = open_parent(f"{bucket}-which-is-not-there/some/out")
    with pytest.raises(FileNotFoundError, match="no such bucket") as caught:
        store.create("a", b"1")
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(OSError, match="NoSuchBucket"):
        list(store.entries("a"))
    assert store.read("a") is None


def test_a_refusal_of_an_object_store_is_an_error_of_the_system(bucket, monkeypatch):
    """What a server refuses is an OSError with the reason in one line."""
    import obstore
    from obstore.exceptions import GenericError, PermissionDeniedError

    for kind, number in ((PermissionDeniedError, errno.EACCES), (GenericError, errno.EIO)):

        def refuse(*_, kind=kind, **__):
            raise kind("no\n  way")

        monkeypatch.setattr(obstore, "put", refuse)
        with pytest.raises(OSError, match="no way") as caught:
            open_parent(f"{bucket}/out").create("a", b"1")
        assert caught.value.errno == number


def test_many_objects_are_removed(bucket):
    """More objects than one request can name go, and those beside them stay."""
    store = open_parent(f"{bucket}/out")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.create(f"runs/{i}", b""), range(1010)))
    store.create("runs2/x", b"")
    store.remove("runs")
    assert names(store, "runs") == []
    assert names(store, "runs2") == ["runs2/x"]


def flat_manifest(run_id, base):
    """Give a version of a flat store without files."""
    return manifest(run_id, {}, None if base is None else base.version)


def test_of_many_publishers_one_wins_per_version(bucket):
    """Eight threads publish to one output again and again: each version has one publisher."""
    store = open_parent(f"{bucket}/deep/out")
    won = []

    def attempt(number, base, barrier):
        barrier.wait()
        run_id = f"run-{len(won)}-{number}"
        try:
            publish_pointer(store, FLAT, flat_manifest(run_id, base), base, lambda _name: None)
        except OutputChangedError:
            return None
        return run_id

    for _ in range(5):
        base, barrier = published(store, FLAT), threading.Barrier(8)
        with ThreadPoolExecutor(8) as pool:
            done = [*pool.map(lambda i: attempt(i, base, barrier), range(8))]  # noqa: B023
        winners = [run_id for run_id in done if run_id is not None]
        assert len(winners) == 1
        won += winners
        assert published(store, FLAT).version == winners[0]
    assert store.children(FLAT.versions) == [f"{i:08d}.json" for i in range(1, 6)]


def test_data_that_no_job_published_on_a_flat_store(bucket):
    """What Spark wrote to a prefix is a version, and what jobs keep there is not."""
    store = open_parent(f"{bucket}/out")
    store.create("out/_scorecast/runs/x/plan.json", b"{}")
    assert published(store, FLAT) is None
    store.create("out/part-0.parquet", b"spark")
    found = published(store, FLAT)
    assert found.manifest is None
    assert found.version.startswith("listing:")
    publish_pointer(store, FLAT, flat_manifest("new", found), found, lambda _name: None)
    assert published(store, FLAT).version == "new"


@pytest.mark.parametrize(
    ("path", "prefix", "name"),
    [
        ("s3://bucket/out", "", "out"),
        ("s3a://bucket/a/b/out/", "a/b", "out"),
        ("S3://bucket/a/out", "a", "out"),
    ],
)
def test_open_an_object_store(path, prefix, name, monkeypatch):
    """The store is the prefix that holds the output."""
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    store, found, flat = open_store(path)
    assert isinstance(store, ObjectStore)
    assert (store.prefix, found, flat) == (prefix, name, True)


@pytest.mark.parametrize(
    "path", ["/", "..", "a/..", "s3://bucket", "s3://bucket/", "s3://bucket/a/..", "hdfs://host"]
)
def test_a_path_without_a_name(path):
    """An output needs a name of its own."""
    with pytest.raises(OutputError, match="has no name"):
        open_store(path)


@pytest.mark.parametrize("path", ["dbfs:/out", "ftp://host/out"])
def test_an_unknown_store(path):
    """A store that nothing here knows is named, with those that are known."""
    with pytest.raises(OutputError, match=r'"(dbfs|ftp)".*hdfs'):
        open_store(path)


def test_open_a_local_store(tmp_path, monkeypatch):
    """Paths, URIs and links to directories lead to the same store."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    paths = [
        str(tmp_path / "real/out"),
        "real/out/",
        "link/out",
        f"file:{tmp_path}/real/out",
        f"file://{tmp_path}/link/out",
        f"FILE://localhost{tmp_path}/real/../real/out",
    ]
    for path in paths:
        store, name, flat = open_store(path)
        assert (store, name, flat) == (PosixStore((tmp_path / "real").resolve()), "out", False)


def test_arrow_is_what_the_renaming_store_speaks(directories):
    """A URI of a store opens the file that the store wrote, with Arrow as the reader."""
    directories.create("out/x", b"123")
    with fs.LocalFileSystem().open_input_stream(directories.uri("out/x")) as stream:
        assert stream.read() == b"123"


def test_a_directory_that_is_written_to_is_removed(tmp_path, monkeypatch):
    """A task that still writes into it, or removes its files itself, is no obstacle."""
    store, there = PosixStore(tmp_path), tmp_path / "run"
    (there / "data").mkdir(parents=True)
    plain, errors = shutil.rmtree, [errno.ENOTEMPTY, errno.ENOENT]

    def rmtree(path):
        if errors:
            raise OSError(errors.pop(), "not now")
        plain(path)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    store.remove("run")
    assert errors == []
    assert not there.exists()


def test_directories_are_removed_if_they_are_empty(store):
    """One with something in it stays, and one that is not there is fine."""
    store.create("out/x", b"1")
    store.remove_if_empty("out")
    store.remove_if_empty("nowhere")
    assert names(store, "out") == ["out/x"]
    store.remove("out/x")
    store.remove_if_empty("out")
    assert not store.exists("out")
