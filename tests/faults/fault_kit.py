"""Real jobs as processes of their own, ways to hurt them, a reader that polls, and an oracle.

The oracle is the multiset of (rid, prediction), read by pyarrow: `rid` is unique in the input, and
a model is a function of one row, so that a lost, doubled or mixed row is seen.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
ROWS, FILES = 20_000, 8
PATIENCE = 240
LOCAL = "local[2,4]"
CLUSTER = "local-cluster[2,1,1024]"


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


@dataclass
class Job:
    """A job that runs."""

    process: subprocess.Popen
    log: Path

    @property
    def text(self) -> str:
        """All that it has printed."""
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; give its exit code."""
        return self.process.wait(seconds)

    def below(self) -> list[psutil.Process]:
        """Give all processes that it has started."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Give the Python workers, which a daemon has forked."""
        return [p for p in self.below() if "pyspark.daemon" in _command(p) and _is_fork(p)]

    def executors(self) -> list[psutil.Process]:
        """Give the executors of a local cluster."""
        return [p for p in self.below() if "CoarseGrainedExecutorBackend" in _command(p)]


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
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {"JAVA_HOME": str(java), "PATH": path, "PYSPARK_PYTHON": sys.executable}
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
    try:
        yield Job(process, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def job_command(*options: object, master: str = LOCAL, at_step: str = "") -> list[object]:
    """Give the command of a job; `at_step` is ``STEP:N:ACT``, see job.py."""
    if at_step:
        return [sys.executable, HERE / "job.py", at_step, "--master", master, *options]
    return [sys.executable, REPOSITORY / "jobs/batch_predict.py", "--master", master, *options]


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
    def start(
        self, model: Path, *more: object, master: str = LOCAL, at_step: str = ""
    ) -> Iterator[Job]:
        """Start a job."""
        self.runs += 1
        command = job_command(*self.options(model, *more), master=master, at_step=at_step)
        with running(command, self.folder / f"log{self.runs}") as job:
            yield job

    def run(self, model: Path, *more: object, master: str = LOCAL, at_step: str = "") -> tuple:
        """Run a job to its end; give exit code and what it printed."""
        with self.start(model, *more, master=master, at_step=at_step) as job:
            return job.wait(), job.text


def read_rows(output: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read rid and prediction as a reader of a directory does; None where there is nothing."""
    try:
        files = [path for path in output.iterdir() if not path.name.startswith(("_", "."))]
    except FileNotFoundError:
        return None
    tables = [pq.read_table(path, columns=["rid", "prediction"]) for path in files]
    table = pa.concat_tables(tables) if tables else pa.table({"rid": [], "prediction": []})
    rid, made = table["rid"].to_numpy(), table["prediction"].to_numpy()
    order = np.lexsort((made, rid))
    return rid[order], made[order]


def is_version(rows: tuple[np.ndarray, np.ndarray], wanted: np.ndarray) -> bool:
    """Tell whether rows are exactly those of one version."""
    rid, made = rows
    return len(rid) == len(wanted) and bool(
        (rid == np.arange(len(wanted))).all() and (made == wanted).all()
    )


class Reader:
    """Polls an output, and holds each reading against the versions that may be there."""

    def __init__(self, output: Path, versions: dict[str, np.ndarray], *, absent: bool) -> None:
        self.output, self.versions, self.absent = output, versions, absent
        self.seen: dict[str, int] = {}
        self.violations: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.wait(0.02):
            what = self._look()
            self.seen[what] = self.seen.get(what, 0) + 1

    def _look(self) -> str:
        try:
            rows = read_rows(self.output)
        except FileNotFoundError:
            return "moved"  # listed before and opened after a replacement: an error, no mix
        if rows is None:
            if not self.absent:
                self.violations.append("nothing is there")
            return "absent"
        for name, wanted in self.versions.items():
            if is_version(rows, wanted):
                return name
        self.violations.append(f"{len(rows[0])} rows that are no version")
        return "violation"


def check_output(output: Path, wanted: np.ndarray, quarantined: int = 0) -> list[str]:
    """Name what is wrong with an output: rows, footers, checksums, counters."""
    rows = read_rows(output)
    if rows is None:
        return ["there is no output"]
    problems = []
    keep = np.ones(len(wanted), bool)
    if quarantined:
        aside = pq.read_table(output / "_quarantine", columns=["rid"])["rid"].to_numpy()
        keep[aside] = False
        if len(aside) != quarantined:
            problems.append(f"{len(aside)} rows are quarantined, expected {quarantined}")
    rid, made = rows
    lost = int(keep.sum()) - len(np.unique(rid))
    doubled = len(rid) - len(np.unique(rid))
    if lost or doubled:
        problems.append(f"{lost} rows lost, {doubled} doubled")
    elif not (made == wanted[keep]).all():
        problems.append("predictions are of another model")
    from scorecast.batch.verify import verify

    found = verify(str(output), deep=True)
    problems += found.damages
    counters = found.manifest.run.counters
    total = counters.rows_predicted + counters.rows_quarantined + (counters.rows_filtered_out or 0)
    if counters.rows_read != total or counters.rows_predicted != len(rid):
        problems.append(f"the manifest counts {counters}")
    return problems


def until(condition: Callable[[], object], job: Job, seconds: float = PATIENCE) -> object:
    """Wait until something holds; fail with what the job printed when it ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        if job.process.poll() is not None:
            message = f"the job ended with {job.process.returncode}:\n{job.text[-3000:]}"
            raise AssertionError(message)
        time.sleep(0.01)
    message = f"waited {seconds} s; the job printed:\n{job.text[-3000:]}"
    raise AssertionError(message)
