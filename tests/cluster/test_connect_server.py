"""A Spark Connect server of its own, and two clients at once that have no Java."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyspark
import pytest

import scorecast

CLIENT = Path(__file__).with_name("connect_client.py")
FRONTS = (
    "names",
    "names in a second action",
    "struct",
    "frame",
    "frame in a second action",
    "frame by pandas",
)


@pytest.fixture(scope="module")
def server(shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server with Spark's own script, give its address, and stop it."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    home = Path(pyspark.__file__).parent
    places = {"SPARK_HOME": home, "SPARK_LOG_DIR": folder / "log", "SPARK_PID_DIR": folder / "pid"}
    environment = ["env", *(f"{name}={place}" for name, place in places.items())]
    conf = {
        "spark.connect.grpc.binding.address": "localhost",
        "spark.connect.grpc.binding.port": port,
        "spark.local.dir": folder / "local",
        "spark.sql.execution.arrow.maxRecordsPerBatch": 64,
        "spark.sql.shuffle.partitions": 2,
        "spark.ui.enabled": "false",
    }
    options = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    start = [*environment, f"{home}/sbin/start-connect-server.sh", "--master", "local[2]", *options]

    def log() -> str:
        return "".join(file.read_text() for file in (folder / "log").glob("*.out"))[-3000:]

    started = shell(shlex.join(start), folder)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        wait_until(lambda: listens(port), lambda: f"no server: {started.stdout}{log()}")
        yield f"sc://localhost:{port}"
    finally:
        stopped = shell(shlex.join([*environment, f"{home}/sbin/stop-connect-server.sh"]), folder)
        wait_until(lambda: not listens(port), lambda: f"still there: {stopped.stdout}{log()}")


def wait_until(holds: Callable[[], bool], message: Callable[[], str], seconds: float = 120) -> None:
    """Look again and again until a condition holds; fail once the time is over."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, message()
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Tell whether somebody takes connections; a server does so once its session is there."""
    try:
        socket.create_connection(("localhost", port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def clients(server, people_file, churn_model, tmp_path_factory) -> list[dict]:
    """Run two clients at once, each in a process without Java; give what they saw."""
    without = {"JAVA_HOME", "SPARK_HOME", "SPARK_REMOTE", "SPARK_CONF_DIR"}
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment["PATH"] = str(tmp_path_factory.mktemp("no-programs"))

    def run(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, CLIENT, server, churn_model, people_file],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env=environment,
        )

    with ThreadPoolExecutor() as pool:
        done = list(pool.map(run, range(2)))
    for client in done:
        assert client.returncode == 0, client.stderr[-3000:]
    return [json.loads(client.stdout.splitlines()[-1]) for client in done]


@pytest.mark.parametrize("front", FRONTS)
def test_fronts_equal_the_model_on_the_driver(clients, people, churn_model, front):
    """Each client gets the predictions of load_model, though its model left the disk meanwhile."""
    expected = scorecast.load_model(churn_model).predict(people).tolist()
    assert [client["answers"][front] for client in clients] == [expected, expected]


def test_clients_need_no_java(clients):
    """The sessions are of Connect, in processes that started no JVM and could not have."""
    for client in clients:
        assert client["session"].startswith("pyspark.sql.connect")
        assert (client["java"], client["jvm"]) == (None, False)


def test_each_worker_loads_the_model_once(clients):
    """Two functions, two frames and eight actions of a client are one load in each worker."""
    for client in clients:
        assert max(client["loads"]) == 1


def test_errors_of_workers_reach_the_client(clients):
    """A worker's error on the server is scorecast's own on the client."""
    for client in clients:
        assert "takes 4 input columns, got 1" in client["failed"]
