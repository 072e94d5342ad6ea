"""Predicting in a process of its own, so that a model that crashes or hangs ends only that process.

The parent sends the plan and gets no bytes once the model is loaded; then each batch is answered
with its predictions. Batches and predictions are Arrow streams. Any answer may be a `Failure`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

import pyarrow as pa

from scorecast.cache.copies import ModelCopy
from scorecast.errors import (
    BatchTimeoutError,
    ModelLoadError,
    WorkerDiedError,
    WorkerEnvironmentError,
)
from scorecast.worker.predict import PredictPlan

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_STDERR = 2
_SECONDS_TO_END = 5.0


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer of the child that is no prediction.

    Attributes:
        error: What to raise; of a class that every process has.
        cause: Traceback of the exception behind it, which may be of a class that only the child
            can import.
    """

    error: Exception
    cause: str | None


Answer: TypeAlias = bytes | Failure


class Child:
    """A process that predicts for this one. Close it, or use it as a context manager.

    Runs in a Python worker, for one task. The process starts at the first batch, and again at the
    next one after it has died. On Linux the system ends it with the thread that started it, so all
    calls should come from a thread that lives as long as the task.
    """

    def __init__(self, plan: PredictPlan, *, timeout: float | None) -> None:
        """Remember what to predict; nothing starts yet.

        Args:
            plan: What to predict.
            timeout: Seconds from the sending of a batch until its answer; None for any. Starting
                the process and loading the model do not count and may take as long as they do.
        """
        self._plan = plan
        self._timeout = timeout
        self._shipped: tuple[PredictPlan, ModelCopy] | None = None
        self._running: _Running | None = None
        self._has_died = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process. Between batches it ends itself, and takes processes of its own along."""
        if self._running is not None:
            self._running.connection.close()
            self._reap(_SECONDS_TO_END)

    def predict(self, batch: pa.RecordBatch) -> pa.Array:
        """Predict one batch with one call of the model, whatever `on_error` says.

        Raises:
            WorkerDiedError: The process died.
            BatchTimeoutError: The batch took longer than allowed; the process was killed.
            PredictionError: See `predict_once`; the process goes on.
            ModelLoadError: The model cannot be loaded, or the process died while it loaded it,
                which says nothing about the rows of this batch.
            MissingExtraError: The flavor's library is not installed here.
            ShippingError: The files of the model did not arrive.
            WorkerEnvironmentError: The process cannot be started.
        """
        running = self._ready()
        data = to_stream(batch)
        try:
            running.connection.send_bytes(data)
            answer = self._answer(running, batch.num_rows)
        except (EOFError, OSError) as error:
            raise WorkerDiedError(self._death(f"on a batch of {batch.num_rows} rows")) from error
        except BaseException:  # what it answers later must not pass for the answer to the next
            self._reap(0)
            raise
        return from_stream(_checked(answer)).column(0)

    def _answer(self, running: _Running, rows: int) -> Answer:
        if running.connection.poll(self._timeout):
            return running.receive()
        message = (
            f"The model took longer than {self._timeout:g} s on a batch of {rows} rows and was "
            "stopped. Allow more with --batch-timeout, or make batches smaller with --batch-size."
        )
        raise BatchTimeoutError(message)

    def _ready(self) -> _Running:
        """Give a process that has loaded the model."""
        running = self._running
        if running is not None:
            if running.is_waiting():
                return running
            self._reap(0)  # it died after its last answer: no batch is to blame
        if self._shipped is None:
            handle, copy = self._plan.handle.held()
            self._shipped = replace(self._plan, handle=handle), copy
        # One trace of native code is worth reading; the search for the row makes many more.
        running = self._running = _start(traces=not self._has_died)
        try:
            running.connection.send(self._shipped[0])
            answer = running.receive()
        except (EOFError, OSError) as error:
            # No row is to blame, so this is no error of prediction.
            raise ModelLoadError(self._death("while it loaded the model")) from error
        except BaseException:
            self._reap(0)
            raise
        if isinstance(answer, Failure):  # it ends itself
            self._reap(_SECONDS_TO_END)
        _checked(answer)
        return running

    def _death(self, when: str) -> str:
        """Say how the process ended that has left the connection."""
        code = self._reap(_SECONDS_TO_END)
        self._has_died = True
        if code is None:
            how, advice = _LEFT
        else:
            how, advice = _killed(-code) if code < 0 else _exited(code)
        return (
            f"The process that predicts {how} {when}. {advice} What the process wrote last is in "
            "the stderr log of the worker."
        )

    def _reap(self, seconds: float) -> int | None:
        """Wait for the process and give its exit code; None where it had to be killed."""
        running, self._running = self._running, None
        code: int | None = None
        if running is None:
            return code
        try:
            with suppress(subprocess.TimeoutExpired):
                if seconds:
                    code = running.process.wait(seconds)
        finally:
            running.process.kill()
            running.connection.close()
            running.process.wait()
        return code


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    connection: Connection

    def is_waiting(self) -> bool:
        return self.process.poll() is None and not self.connection.poll()

    def receive(self) -> Answer:
        answer: Answer = self.connection.recv()
        return answer


def to_stream(batch: pa.RecordBatch) -> bytes:
    """Write a batch, of a slice the rows of that alone. Names may be empty or come twice."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def from_stream(data: bytes) -> pa.RecordBatch:
    """Read a batch; it shares the memory of `data`."""
    return pa.ipc.open_stream(pa.py_buffer(data)).read_next_batch()


def _checked(answer: Answer) -> bytes:
    if isinstance(answer, Failure):
        raise answer.error from (None if answer.cause is None else RuntimeError(answer.cause))
    return answer


def _start(*, traces: bool) -> _Running:
    import multiprocessing  # which costs a worker that starts no child more than all of this

    ours, theirs = multiprocessing.Pipe()
    with theirs:
        arguments = (str(theirs.fileno()), str(os.getpid()), str(int(traces)))
        # -P: a worker's directory is no place for modules. -u: a crash loses no line.
        command = (sys.executable, "-P", "-u", "-m", "scorecast.worker.child_main", *arguments)
        try:
            process = subprocess.Popen(  # noqa: S603 - the interpreter that runs this
                command,
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,  # Spark talks to its workers through stdout
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": _python_path()},
            )
        except OSError as error:
            ours.close()
            message = (
                f'Cannot start a second Python process on this worker with "{sys.executable}": '
                f"{error}. Give executors more memory outside the JVM "
                "(spark.executor.memoryOverhead), or look at the limits on processes there."
            )
            raise WorkerEnvironmentError(message) from error
    return _Running(process, ours)


def _python_path() -> str:
    """Give the places of modules, of which Spark adds some while a worker runs."""
    return os.pathsep.join(str(entry) or str(Path.cwd()) for entry in sys.path)


_LEFT = (
    "went on without its connection to the worker, and was stopped,",
    "Code of the model or of a library closed files that were not its own.",
)


def _killed(number: int) -> tuple[str, str]:
    names = {known.value: known.name for known in signal.Signals}
    how = f"was killed by signal {number} ({names.get(number, 'a real-time signal')})"
    if number != signal.SIGKILL:
        return how, "Native code of the model or of a library of it crashed on this worker."
    advice = (
        "Give executors more memory outside the JVM (spark.executor.memoryOverhead), or make "
        "batches smaller with --batch-size."
    )
    return f"{how}, probably by the system for its memory,", advice


def _exited(code: int) -> tuple[str, str]:
    return (
        f"ended itself with exit code {code}",
        "Code of the model or of a library called os._exit or sys.exit, or could not go on.",
    )
