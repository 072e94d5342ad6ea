"""What the client without MLflow asks a server, seen from the server."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from scorecast.artifacts.registry import rest_client
from scorecast.errors import ArtifactError, ModelUriError
from scorecast.progress import silent


class Handler(http.server.BaseHTTPRequestHandler):
    """Knows one run, and keeps what it is asked for logged models and of other paths.

    Attributes:
        place: Where it says that models are.
    """

    bodies: ClassVar[list[dict[str, Any]]] = []
    others: ClassVar[list[str]] = []
    place = "mlflow-artifacts:/m"

    def do_GET(self) -> None:
        """Tell of the run, and where a version is."""
        if "/mlflow/" not in self.path:
            self.others.append(self.path)
        info = {"experiment_id": "1", "artifact_uri": self.place}
        self._send({"run": {"info": info}, "artifact_uri": self.place})

    def do_POST(self) -> None:
        """Find no logged model."""
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._send({})

    def _send(self, answer: object) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Refusing(Handler):
    """Has a model of two files: one is to be asked for in a minute, the other one never."""

    asked: ClassVar[list[str]] = []
    told = threading.Event()

    def do_GET(self) -> None:
        """List the files, or refuse one of them."""
        self.asked.append(self.path)
        if "artifacts?" in self.path:
            self._send({"files": [{"path": name, "file_size": 1} for name in "ab"]})
        elif self.path.endswith("/a"):
            self._refuse(503, **{"Retry-After": "60"})
            self.told.set()
        else:
            assert self.told.wait(60)
            self._refuse(403)

    def _refuse(self, code: int, **headers: str) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()


def test_one_file_that_is_refused_ends_the_pauses_of_the_others(caplog) -> None:
    """Nobody waits a minute for what is of no use any more."""
    found: list[BaseException] = []

    def fetch(url: str) -> None:
        client = rest_client({"MLFLOW_TRACKING_URI": url})
        try:
            client.fetch("mlflow-artifacts:/m", silent)
        except ArtifactError as error:
            found.append(error)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as site:
        threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{site.server_address[1]}"
        thread = threading.Thread(target=fetch, args=(url,), daemon=True)
        thread.start()
        thread.join(30)
        site.shutdown()
    assert not thread.is_alive()
    assert [str(error).partition(": ")[2][:3] for error in found] == ["403"]
    assert sum(path.endswith("/a") for path in Refusing.asked) == 1
    assert "Trying again in 60 s" in caplog.text


class Busy(Refusing):
    """Has a model of two files, both of which are to be asked for in a minute."""

    both = threading.Semaphore(0)

    def do_GET(self) -> None:
        """List the files, or put off one of them."""
        if "artifacts?" in self.path:
            super().do_GET()
            return
        self._refuse(503, **{"Retry-After": "60"})
        self.both.release()


FETCH = """
import sys
from scorecast.artifacts.registry import rest_client
from scorecast.progress import silent
rest_client({"MLFLOW_TRACKING_URI": sys.argv[1]}).fetch("mlflow-artifacts:/m", silent)
"""


@pytest.mark.usefixtures("interruptible")
def test_the_user_does_not_wait_for_pauses(src_on_path: dict[str, str]) -> None:
    """An interrupt ends them, and with them the process."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy) as site:
        threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{site.server_address[1]}"
        command = [sys.executable, "-c", FETCH, url]
        with subprocess.Popen(command, env=src_on_path, stderr=subprocess.PIPE) as process:
            assert Busy.both.acquire(timeout=60)
            assert Busy.both.acquire(timeout=60)
            process.send_signal(signal.SIGINT)
            try:
                _, told = process.communicate(timeout=30)
            finally:
                process.kill()
        site.shutdown()
    assert b"KeyboardInterrupt" in told


@pytest.fixture
def server() -> Iterator[str]:
    """A server on this machine; gives its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True).start()
        Handler.bodies.clear()
        Handler.others.clear()
        yield f"http://127.0.0.1:{site.server_address[1]}"
        site.shutdown()


@pytest.mark.parametrize(
    ("name", "condition"),
    [("churn", "name = 'churn'"), ("anna's model", 'name = "anna\'s model"')],
)
def test_a_name_with_an_apostrophe_is_quoted(server: str, name: str, condition: str) -> None:
    """The filter of MLflow takes either mark."""
    client = rest_client({"MLFLOW_TRACKING_URI": server, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})
    with pytest.raises(ArtifactError):
        client.fetch(f"runs:/{'0' * 32}/{name}/data", silent)
    assert [body["filter"] for body in Handler.bodies] == [condition]


@pytest.mark.parametrize(
    "place",
    [
        "s3://bucket/m?region=x&scheme=http&endpoint_override={}",
        "s3a://bucket/m?scheme=http&endpoint%5Foverride={}",
        "gs://anonymous@bucket/m?scheme=http&endpoint_override={}",
    ],
)
@pytest.mark.parametrize("asked", ["models:/churn/1", f"runs:/{'0' * 32}/m"])
def test_a_registry_does_not_send_to_another_server(
    server: str, monkeypatch: pytest.MonkeyPatch, place: str, asked: str
) -> None:
    """It may name a bucket, which has one address, and no address for it."""
    monkeypatch.setattr(Handler, "place", place.format(server.removeprefix("http://")))
    client = rest_client({"MLFLOW_TRACKING_URI": server, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})
    with pytest.raises(ModelUriError, match="endpoint_override"):
        client.fetch(asked, silent)
    assert Handler.others == []
