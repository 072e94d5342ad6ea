"""The process behind `Child`: loads one model and answers batches until the parent is gone."""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection

import pyarrow as pa

from scorecast import errors
from scorecast.errors import ScorecastError
from scorecast.worker.child import Answer, Failure, from_stream, to_stream
from scorecast.worker.environment import environment
from scorecast.worker.predict import PredictPlan, predict_once

_PR_SET_PDEATHSIG = 1


def main(descriptor: int, parent: int, *, traces: bool) -> None:
    """Serve the process `parent` over a connected socket. Runs once per process.

    Args:
        descriptor: Number of the socket.
        parent: Process id of the one that started this.
        traces: Whether a crash in native code prints where it was.
    """
    _end_with(parent)
    if traces:
        faulthandler.enable()
    # A terminal interrupts both; the parent decides what becomes of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    # The parent learns of a crash by the end of the connection, which no process that the model
    # starts may hold open.
    fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    os.register_at_fork(after_in_child=connection.close)
    with suppress(EOFError, ConnectionError):  # the parent needs no more
        _serve(connection)


def _end_with(parent: int) -> None:
    """Have the system kill this process when the parent dies, even while native code runs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that
        os._exit(1)


def _serve(connection: Connection) -> None:
    plan: PredictPlan = connection.recv()
    loaded = _tried(partial(_load, plan))
    connection.send(loaded)
    while not isinstance(loaded, Failure):
        data = connection.recv_bytes()
        connection.send(_tried(partial(_predict, data, plan)))


def _load(plan: PredictPlan) -> bytes:
    extra_env = plan.options.extra_env
    with environment(extra_env):
        plan.handle.open(extra_env)
    return b""


def _predict(data: bytes, plan: PredictPlan) -> bytes:
    made = predict_once(from_stream(data), plan)
    return to_stream(pa.RecordBatch.from_arrays([made], names=["prediction"]))


def _tried(make: Callable[[], bytes]) -> Answer:
    try:
        return make()
    except ScorecastError as error:
        cause = error.__cause__
        text = None if cause is None else "".join(traceback.format_exception(cause)).rstrip()
        # A model may raise a class of its own below ours, which the parent cannot import.
        kinds = (kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        return Failure(next(kinds)(str(error)), text)
    except Exception:  # noqa: BLE001 - a bug of ours; the parent raises it
        return Failure(RuntimeError(traceback.format_exc().rstrip()), None)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), traces=sys.argv[3] == "1")
