"""The processes of the contenders, as the benchmark sees them: started when needed, kept warm."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.work import LOADS_VARIABLE, Work

ROOT = Path(__file__).resolve().parents[1]

COLD_AFTER = 40.0
"""Seconds without work after which a contender is warmed again: Spark ends workers after 60."""

_STOPS_WITHIN = 30.0

# Nothing is sent anywhere while others are measured, and nothing is left in the home directory.
_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}


class ContenderError(Exception):
    """Raised when a contender failed, ended or did not answer in time."""


class Server:
    """The process of one contender.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, name: str, cores: int, folder: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self._loads = folder / f"{name}-{cores}.loads"
        self._log = folder / f"{name}-{cores}.log"
        self._warm: dict[str, float] = {}
        variables = {
            **os.environ,
            **_QUIET,
            **environment,
            **CONTENDERS[name].environment,
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))
            ),
            LOADS_VARIABLE: str(self._loads),
            "POLARS_MAX_THREADS": str(cores),
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.serve", name, str(cores)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=variables,
                # Its processes can be ended together.
                start_new_session=True,
            )
        self.pid = self._process.pid

    def run(self, work: Work, *, timeout: float) -> dict[str, Any]:
        """Have the work done once.

        Returns:
            ``seconds`` and all facts, with ``loads`` and ``loads_per_worker`` of models that count.

        Raises:
            ContenderError: It failed, ended or took longer than `timeout` seconds.
        """
        self._loads.write_text("", "ascii")
        answer = self._ask(json.dumps(asdict(work)), timeout)
        if "error" in answer:
            raise ContenderError(answer["error"])
        loads = [pid for pid in self._loads.read_text("ascii").split() if int(pid) != self.pid]
        counted = {}
        if loads:
            counted = {"loads": len(loads), "loads_per_worker": len(loads) / len(set(loads))}
        return {"seconds": answer["seconds"], **answer["facts"], **counted}

    def is_warm(self, model: str) -> bool:
        """Tell whether it has worked with a model a short while ago."""
        return time.monotonic() - self._warm.get(model, -COLD_AFTER) < COLD_AFTER

    def note_warm(self, model: str) -> None:
        """Note that it has just worked with a model."""
        self._warm[model] = time.monotonic()

    def stop(self) -> None:
        """Let it end, and end what is left of it."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOPS_WITHIN)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _ask(self, line: str, timeout: float) -> dict[str, Any]:
        try:
            self._stdin.write(line.encode() + b"\n")
            self._stdin.flush()
        except OSError as error:
            raise ContenderError(self._last_words()) from error
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            if not selector.select(timeout):
                message = f"{self._name} did not answer within {timeout:.0f} s"
                raise ContenderError(message)
        answer = self._process.stdout.readline()  # type: ignore[union-attr]
        if not answer:
            raise ContenderError(self._last_words())
        found: dict[str, Any] = json.loads(answer)
        return found

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()[-20:]
        return "\n".join((f"{self._name} ended by itself; its last lines:", *lines))


@dataclass(slots=True)
class Servers:
    """All processes: at most one per contender and number of cores.

    Attributes:
        folder: Directory for their logs and working files.
        environment: Environment variables of all of them.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _running: dict[tuple[str, int], Server] = field(default_factory=dict)

    def get(self, name: str, cores: int) -> Server:
        """Give the process of a contender, starting it if need be."""
        if (name, cores) not in self._running:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._running[name, cores] = Server(name, cores, self.folder, self.environment)
        return self._running[name, cores]

    def drop(self, name: str, cores: int) -> None:
        """End one, if it runs."""
        if server := self._running.pop((name, cores), None):
            server.stop()

    def keep_only(self, needed: set[tuple[str, int]]) -> None:
        """End those that nothing needs any more: they would hold memory, and wake up at times."""
        for key in set(self._running) - needed:
            self.drop(*key)

    def stop(self) -> None:
        """End all."""
        self.keep_only(set())
