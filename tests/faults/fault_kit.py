"""Real jobs as processes of their own, with inputs and models that show what is lost or doubled.

`rid` is unique in the input, and a model is a function of one row, so that the rows of an output
are known beforehand; `fault_oracle` compares them.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
ROWS, FILES = 20_000, 8
PATIENCE = 240
LOCAL = "local[2,4]"
CLUSTER = "local-cluster[2,1,1024]"
# A task for each file, so that some end long before others.
TASK_EACH = {
    "spark.sql.files.maxPartitionBytes": "65536",
    "spark.sql.files.openCostInBytes": "65536",
}
OLD, NEW = 2.0, 3.0

_MARK = "SCORECAST_FAULT_JOB"


def write_input(folder: Path, rows: int = ROWS, files: int = FILES) -> Path:
    """Write rows with unique numbers into files of equal size."""
    folder.mkdir(parents=True)
    for i, part in enumerate(np.array_split(np.arange(rows, dtype="int64"), files)):
        pd.DataFrame({"rid": part, "x": part / 7}).to_parquet(
            folder / f"{i}.parquet", index=False, row_group_size=500
        )
    return folder


def expected(factor: float, rows: int = ROWS) -> np.ndarray:
    """Give what a model of this factor predicts, by rid."""
    return np.arange(rows) / 7 * factor


def versions() -> dict[str, np.ndarray]:
    """Give the versions that a reader may see while NEW replaces OLD."""
    return {"old": expected(OLD), "new": expected(NEW)}


def save(folder: Path, factor: float, harm: str = "", calls: Path | None = None) -> Path:
    """Save a model ``x * factor``, that does harm first.

    Args:
        folder: Where.
        factor: Tells versions of the output apart.
        harm: Python code that sees the rows as `data`.
        calls: File to which each call appends a line.
    """
    import scorecast
    from scorecast.models.signature import Scalar, Signature, Spec

    def predict(data):
        import pathlib

        if calls:
            with pathlib.Path(calls).open("a") as file:
                file.write(f"{len(data)}\n")
        exec(harm, {"data": data})
        return data["x"] * factor

    calls = None if calls is None else str(calls)
    inputs = (Spec(Scalar("long"), "rid"), Spec(Scalar("double"), "x"))
    signature = Signature(inputs=inputs, outputs=(Spec(Scalar("double")),))
    return scorecast.save_model(predict, folder, signature=signature)


def at(rid: int, code: str) -> str:
    """Give code that runs when a batch holds this row."""
    return f"if (data['rid'] == {rid}).any():\n    {code}"


SLOW = "import time; time.sleep(0.1)"
SEGFAULT = "import ctypes; ctypes.string_at(0)"
HANG = "import time; time.sleep(3600)"
# Ways to leave that are no Exception, or that end the process.
EXITS = {
    "sys.exit": "import sys; sys.exit(0)",
    "os._exit": "import os; os._exit(0)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "StopIteration": "raise StopIteration",
}


@dataclass
class Job:
    """A job that runs."""

    process: subprocess.Popen
    log: Path
    mark: str

    @property
    def text(self) -> str:
        """All that it has printed."""
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; give its exit code."""
        return self.process.wait(seconds)

    def processes(self) -> list[psutil.Process]:
        """Give all processes that it has started and that live, also those it no longer knows.

        They are found by a variable of their environment, which children inherit.
        """
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    process.environ().get(_MARK) == self.mark
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        return found

    def workers(self) -> list[psutil.Process]:
        """Give the Python workers, which a daemon has forked."""
        return [p for p in self.processes() if "pyspark.daemon" in _command(p) and _is_fork(p)]

    def executors(self) -> list[psutil.Process]:
        """Give the executors of a local cluster."""
        return [p for p in self.processes() if "CoarseGrainedExecutorBackend" in _command(p)]

    def jvms(self) -> list[psutil.Process]:
        """Give the JVMs of the driver."""
        return [p for p in self.processes() if "org.apache.spark.deploy.SparkSubmit" in _command(p)]

    def drivers(self) -> list[psutil.Process]:
        """Give the Python processes of the driver, also below spark-submit."""
        script = ("jobs/batch_predict.py", "faults/job.py")
        return [
            p
            for p in self.processes()
            if any(word in _command(p) for word in script) and p.name().startswith("python")
        ]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_fork(process: psutil.Process) -> bool:
    try:
        parent = process.parent()
        return parent is not None and "pyspark.daemon" in _command(parent)
    except psutil.Error:
        return False


@contextmanager
def running(command: list[object], log: Path, **environment: str) -> Iterator[Job]:
    """Run a command; whatever it has started is gone afterwards."""
    from scorecast.spark.java import java_home_for_spark, require_java

    java = java_home_for_spark(require_java(os.environ), os.environ)
    mark = uuid.uuid4().hex
    given = {
        "JAVA_HOME": str(java),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": sys.executable,
        _MARK: mark,
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=REPOSITORY,
            env={**os.environ, **given, **environment},
        )
    job = Job(process, log, mark)
    try:
        yield job
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # Daemons of Python workers have groups of their own.
        for left in job.processes():
            with suppress(psutil.Error):
                left.kill()
        process.wait()


def job_command(
    *options: object,
    master: str = LOCAL,
    at_step: str = "",
    submit: bool = False,
    conf: Mapping[str, str] | None = None,
) -> list[object]:
    """Give the command of a job.

    Args:
        options: Options of the job.
        master: Where Spark runs.
        at_step: ``STEP:N:ACT``, see job.py.
        submit: Whether spark-submit starts it; settings take it too.
        conf: Settings of Spark.
    """
    script = [HERE / "job.py", at_step] if at_step else [REPOSITORY / "jobs/batch_predict.py"]
    if not submit and not conf:
        return [sys.executable, *script, "--master", master, *options]
    words = [word for name, value in (conf or {}).items() for word in ("--conf", f"{name}={value}")]
    start = Path(sys.executable).with_name("spark-submit")
    return [start, "--master", master, *words, *script, *options]


def parts_in(folder: Path) -> set[Path]:
    """Give all part files anywhere in a folder, which others may change meanwhile."""
    return set(map(Path, glob.iglob(f"{folder}/**/part-*", recursive=True)))  # noqa: PTH207 - it skips what vanishes


@dataclass
class Place:
    """A folder with an input, an output and models."""

    folder: Path
    rows: int = ROWS
    files: int = FILES
    runs: int = 0
    models: dict[tuple[float, str], Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source = write_input(self.folder / "in", self.rows, self.files)
        self.output = self.folder / "out"
        self.control = self.folder / ".out.scorecast"

    def model(self, factor: float, harm: str = "", calls: Path | None = None) -> Path:
        """Give a model, saving it when it is asked for first."""
        key = (factor, harm)
        if key not in self.models:
            path = self.folder / f"model{len(self.models)}"
            self.models[key] = save(path, factor, harm, calls)
        return self.models[key]

    def options(self, model: Path, *more: object) -> list[object]:
        """Give the options of a job that replaces the output."""
        paths = ["--input", self.source, "--output", self.output]
        return ["--model-uri", model, *paths, "--mode", "overwrite", *more]

    @contextmanager
    def start(self, model: Path, *more: object, **how: object) -> Iterator[Job]:
        """Start a job; `how` are the arguments of `job_command`."""
        with self.command(job_command(*self.options(model, *more), **how)) as job:
            yield job

    @contextmanager
    def command(self, command: list[object], **environment: str) -> Iterator[Job]:
        """Start any command, with a log of its own."""
        self.runs += 1
        with running(command, self.folder / f"log{self.runs}", **environment) as job:
            yield job

    def run(self, model: Path, *more: object, **how: object) -> tuple[int, str]:
        """Run a job to its end; give exit code and what it printed."""
        with self.start(model, *more, **how) as job:
            return job.wait(), job.text

    def keep(self) -> None:
        """Keep a copy of the output, to put back."""
        shutil.copytree(self.output, self.folder / "kept")

    def reset(self) -> None:
        """Put the output that was kept back, as an earlier night has left it."""
        for path in (self.output, self.control):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.folder / "kept", self.output)

    def staged(self) -> set[Path]:
        """Give the part files that a job has written so far."""
        return parts_in(self.control)


def until(condition: Callable[[], object], job: Job, seconds: float = PATIENCE) -> object:
    """Wait until something holds; fail with what the job printed when it ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        if job.process.poll() is not None:
            if found := condition():
                return found
            message = f"the job ended with {job.process.returncode}:\n{job.text[-3000:]}"
            raise AssertionError(message)
        time.sleep(0.01)
    message = f"waited {seconds} s; the job printed:\n{job.text[-3000:]}"
    raise AssertionError(message)


def gone(job: Job, seconds: float) -> list[str]:
    """Wait until all that a job has started is gone; name what is left after that time."""
    until_ended(job.processes, seconds)
    return [f"process {p.pid} is left: {_command(p)[:80]}" for p in job.processes()]


def until_ended(processes: Callable[[], list[psutil.Process]], seconds: float) -> bool:
    """Wait until there are none of some processes."""
    deadline = time.monotonic() + seconds
    while left := processes():
        if time.monotonic() > deadline:
            return False
        psutil.wait_procs(left, timeout=0.1)
    return True
