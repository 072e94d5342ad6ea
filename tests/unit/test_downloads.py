"""Downloads from a real S3 server into the cache: never half, never stale, no byte twice."""

from __future__ import annotations

import http.server
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from scorecast.artifacts import fetch_model, stores
from scorecast.cache.copies import open_copy
from scorecast.errors import ArtifactError, ArtifactNotFoundError, ShippingError
from scorecast.packing import tree_digest

FILES = {"MLmodel": b"flavors: {}\n", "data/model.pkl": bytes(range(256)) * 40, "z/last": b"last"}
URI = "s3://bucket/of us/churn"


def send(method: str, address: str, content: bytes = b"") -> None:
    """Send a request without an answer of interest."""
    request = urllib.request.Request(address, data=content, method=method)
    request.add_header("Content-Type", "application/octet-stream")
    request.add_header("Authorization", "AWS nobody:nothing")
    urllib.request.urlopen(request).close()


class Server(http.server.ThreadingHTTPServer):
    """Stands before an S3 server, counts what is read, and does to answers what networks do.

    Attributes:
        harm: Called with handler, key and content of every file that is read; True when it has
            answered itself.
        reads: How often each file was read.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.target = target
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.harm: Callable[[Passing, str, bytes], bool] = lambda *_: False
        self.reads: Counter[str] = Counter()

    def put(self, files: dict[str, bytes], under: str = "of%20us/churn") -> None:
        """Write objects below the prefix of a model."""
        for name, content in files.items():
            send("PUT", f"{self.target}/bucket/{under}/{name}", content)

    def age(self) -> None:
        """Make all objects an hour old."""
        for account in s3_backends.values():
            for key in account["aws"].buckets["bucket"].keys.values():
                key.last_modified -= timedelta(hours=1)


class Passing(http.server.BaseHTTPRequestHandler):
    """Passes a request on."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Pass on, counting reads of objects."""
        request = urllib.request.Request(f"{self.server.target}{self.path}", method=self.command)
        for name in ("Authorization", "Range"):
            if value := self.headers.get(name):
                request.add_header(name, value)
        try:
            with urllib.request.urlopen(request) as found:
                code, headers, content = found.status, found.headers, found.read()
        except urllib.error.HTTPError as error:
            code, headers, content = error.code, error.headers, error.read()
        _, mark, key = self.path.partition("/churn/")
        if mark and self.command == "GET":
            self.server.reads[key] += 1
            if self.server.harm(self, key, content):
                return
        self.answer(code, headers, content)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def answer(self, code: int, headers: Any, content: bytes) -> None:
        """Send an answer, whose headers may promise more than it holds."""
        self.send_response(code)
        for name, value in headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(content)))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Run an S3 server; give its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """Put a model of some age on the server, and make it the server and an empty cache ours."""
    with Server(moto) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        send("PUT", f"{moto}/bucket")
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "nobody")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setattr(stores, "_FIRST_PAUSE", 0.0)
        server.put(FILES)
        server.age()
        yield server
        server.shutdown()
        send("POST", f"{moto}/moto-api/reset")


def contents(directory: Path) -> dict[str, bytes]:
    """Files below a directory."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def root(tmp_path: Path) -> Path:
    """The cache directory."""
    return tmp_path / "cache" / f"scorecast-{os.geteuid()}"


def kept(tmp_path: Path) -> list[str]:
    """What is in the cache."""
    return sorted(path.name for path in root(tmp_path).iterdir() if path.is_dir())


def test_a_model_is_downloaded_once_and_workers_find_it(s3: Server, tmp_path: Path) -> None:
    """The second call reads no file, nor does a worker copy any."""
    first, second = fetch_model(URI), fetch_model(URI)

    assert contents(first.directory) == FILES
    assert second.directory == first.directory
    assert s3.reads == dict.fromkeys(FILES, 1)
    copy = open_copy(root(tmp_path), tree_digest(first.directory), lambda: pytest.fail("read"))
    assert copy.directory == first.directory
    assert first.directory.stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("written_before", [FILES, {}])
def test_a_changed_object_of_the_same_size_is_seen(
    s3: Server, written_before: dict[str, bytes]
) -> None:
    """By its time where that is certain; an object that was just written is read each time."""
    s3.put(written_before)
    before = fetch_model(URI).directory
    s3.put({"z/last": b"LAST"})

    assert contents(fetch_model(URI).directory) == {**FILES, "z/last": b"LAST"}
    assert contents(before) == FILES


def test_bytecode_in_a_store_is_not_downloaded(s3: Server) -> None:
    """No digest counts it, and Python would run it."""
    s3.put({"code/__pycache__/a.pyc": b"evil"})

    assert contents(fetch_model(URI).directory) == FILES


CHILD = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from scorecast.artifacts import fetch_model
print(fetch_model(sys.argv[1]).directory, flush=True)
"""


def child(environ: dict[str, str], code: str = CHILD) -> subprocess.Popen[str]:
    """Start a process that fetches the model."""
    command = [sys.executable, "-c", code, URI]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def test_a_process_that_was_killed_leaves_what_is_complete(
    s3: Server, tmp_path: Path, src_on_path: dict[str, str]
) -> None:
    """After kill -9 the next process reads the missing files alone."""
    started: list[subprocess.Popen[str]] = []

    def complete_files() -> set[str]:
        (model,) = root(tmp_path).glob("download-*/model")
        return set(contents(model))

    def kill(handler: Passing, key: str, content: bytes) -> bool:
        if key != "z/last":
            return False
        until = threading.Event()
        while "MLmodel" not in complete_files():
            assert not until.wait(0.01)
        started[0].send_signal(signal.SIGKILL)
        return True

    s3.harm = kill
    started.append(child(src_on_path))
    with started[0] as process:
        assert process.wait() == -signal.SIGKILL
    complete = complete_files()
    s3.harm = lambda *_: False
    s3.reads.clear()

    assert contents(fetch_model(URI).directory) == FILES
    assert s3.reads == dict.fromkeys(FILES.keys() - complete, 1)
    assert [name.partition("-")[0] for name in kept(tmp_path)] == ["sha256"]


def test_two_processes_share_one_download(s3: Server, src_on_path: dict[str, str]) -> None:
    """The second waits for the first, and takes what came."""
    begun, waits = threading.Event(), threading.Event()

    def hold(handler: Passing, key: str, content: bytes) -> bool:
        begun.set()
        assert waits.wait(60)
        return False

    s3.harm = hold
    first = child(src_on_path)
    assert begun.wait(60)
    second = child(src_on_path)
    with first, second:
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()
        waits.set()
        told = [process.communicate(timeout=60)[0].splitlines()[-1] for process in (first, second)]

    assert told[0] == told[1]
    assert contents(Path(told[0])) == FILES
    assert s3.reads == dict.fromkeys(FILES, 1)


def test_files_that_change_meanwhile_are_read_again(
    s3: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """What is given is never a mix of two versions."""
    new = {name: content.swapcase() for name, content in FILES.items()}

    def change(handler: Passing, key: str, content: bytes) -> bool:
        if key == "z/last" and not caplog.records:
            s3.put(new)
        return False

    s3.harm = change
    with caplog.at_level(logging.WARNING, "scorecast"):
        directory = fetch_model(URI).directory

    assert contents(directory) == new
    assert "changed while they were read" in caplog.text


def test_a_file_that_became_shorter_is_read_again(s3: Server) -> None:
    """Arrow would fill up what the store sends of it."""

    def shorten(handler: Passing, key: str, content: bytes) -> bool:
        if key != "z/last" or s3.reads[key] > 1:
            return False
        s3.put({"z/last": b"new"})
        handler.answer(206, {}, b"new")
        return True

    s3.harm = shorten
    assert contents(fetch_model(URI).directory) == {**FILES, "z/last": b"new"}


def test_files_that_never_rest_are_refused(s3: Server, tmp_path: Path) -> None:
    """A model that is being written is no model."""

    def change(handler: Passing, key: str, content: bytes) -> bool:
        s3.put({key: content + b"x"})
        return False

    s3.harm = change
    with pytest.raises(ArtifactError, match="changed each time"):
        fetch_model(URI)
    assert kept(tmp_path) == []


def test_an_object_that_goes_away_meanwhile_is_told(s3: Server) -> None:
    """It is not asked for again and again."""

    def remove(handler: Passing, key: str, content: bytes) -> bool:
        send("DELETE", f"{s3.target}/bucket/of%20us/churn/{key}")
        handler.answer(404, {}, b"")
        return True

    s3.harm = remove
    with pytest.raises(ArtifactNotFoundError, match="is gone"):
        fetch_model(URI)


def test_a_file_that_is_cut_off_is_read_again(s3: Server) -> None:
    """Half of it came: nobody sees that half."""

    def cut(handler: Passing, key: str, content: bytes) -> bool:
        if key != "data/model.pkl" or s3.reads[key] > 1:
            return False
        handler.answer(206, {"Content-Length": str(len(content))}, content[: len(content) // 2])
        handler.close_connection = True
        return True

    s3.harm = cut
    assert contents(fetch_model(URI).directory) == FILES
    assert s3.reads["data/model.pkl"] == 2


def test_a_file_that_never_comes_as_it_is_is_refused(
    s3: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is read again with a warning, then named; what is complete is kept for the next try."""

    def spoil(handler: Passing, key: str, content: bytes) -> bool:
        if key == "z/last":
            handler.answer(206, {}, content * 2)
        return key == "z/last"

    s3.harm = spoil
    with (
        pytest.raises(ArtifactError, match=r'"z/last".*tried 3 times'),
        caplog.at_level(logging.WARNING, "scorecast"),
    ):
        fetch_model(URI)

    assert caplog.text.count("Trying again") == 2
    assert [name.partition("-")[0] for name in kept(tmp_path)] == ["download"]
    s3.harm = lambda *_: False
    assert contents(fetch_model(URI).directory) == FILES
    assert s3.reads["MLmodel"] == 1


def test_one_changed_byte_in_the_cache_is_noticed(s3: Server) -> None:
    """The model is downloaded anew, and the changed files are not given."""
    file = fetch_model(URI).directory / "data" / "model.pkl"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)

    with pytest.warns(UserWarning, match="changed after they were checked"):
        assert contents(fetch_model(URI).directory) == FILES
    assert s3.reads == dict.fromkeys(FILES, 2)


def test_a_model_stays_as_long_as_somebody_holds_it(
    s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then others that come take its room."""
    for name in ("one", "two"):
        s3.put({"MLmodel": name.encode()}, under=f"{name}/churn")
    monkeypatch.setenv("SCORECAST_CACHE_LIMIT", "1")
    held = fetch_model(URI)
    fetch_model("s3://bucket/one/churn")
    assert contents(held.directory) == FILES

    del held
    last = fetch_model("s3://bucket/two/churn")
    assert kept(tmp_path) == [last.directory.parent.name]


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Have one megabyte at a place."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_without_room_is_told_before_anything_is_read(s3: Server, tmp_path: Path) -> None:
    """Models that nobody uses are removed first."""
    s3.put({"MLmodel": os.urandom(700_000)}, under="one/churn")
    s3.put({"MLmodel": os.urandom(700_001)}, under="two/churn")
    s3.put({"MLmodel": os.urandom(2_000_000)}, under="big/churn")
    with small_disk(tmp_path / "cache"):
        fetch_model("s3://bucket/one/churn")
        held = fetch_model("s3://bucket/two/churn")
        s3.reads.clear()
        with pytest.raises(ArtifactError, match="No space left on device") as caught:
            fetch_model("s3://bucket/big/churn")
        free = shutil.disk_usage(root(tmp_path)).free
        words = ["2,000,000 bytes", f"{free:,} are free", "SCORECAST_CACHE_DIR", "big/churn"]
        assert all(word in str(caught.value) for word in words), caught.value
        assert not s3.reads
        assert kept(tmp_path) == [held.directory.parent.name]
        del held


def test_a_disk_that_fills_up_meanwhile_is_not_blamed_on_the_store(
    s3: Server, tmp_path: Path
) -> None:
    """The message is of the disk, and nothing is tried again."""
    s3.put({"MLmodel": os.urandom(700_000)}, under="one/churn")
    s3.reads.clear()

    def fill(handler: Passing, key: str, content: bytes) -> bool:
        (tmp_path / "cache" / "another").write_bytes(bytes(900_000))
        return False

    s3.harm = fill
    with small_disk(tmp_path / "cache"):
        with pytest.raises(ArtifactError, match="No space left on device") as caught:
            fetch_model("s3://bucket/one/churn")
        assert "It needs 700,000 bytes" in str(caught.value)
        assert "credentials" not in str(caught.value)
        assert s3.reads["MLmodel"] == 1


LIMITED = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n{CHILD}"


def test_any_error_of_the_disk_is_told_as_such(s3: Server, src_on_path: dict[str, str]) -> None:
    """A file that may not be written is no broken download."""
    command = [sys.executable, "-c", LIMITED, URI]
    done = subprocess.run(command, env=src_on_path, capture_output=True, text=True, check=False)

    assert "ArtifactDiskError: Cannot put the model" in done.stderr
    assert "File too large" in done.stderr
    assert "SCORECAST_CACHE_DIR" in done.stderr


def test_a_cache_directory_that_cannot_be_used_is_told(
    s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user has named is not passed over."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ShippingError, match="SCORECAST_CACHE_DIR"):
        fetch_model(URI)
