"""What the checks of the long version share: counts, and ways to hurt a job and judge it."""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from fault_kit import (
    HERE,
    LOCAL,
    NEW,
    OLD,
    PATIENCE,
    Job,
    Place,
    expected,
    gone,
    job_command,
    until,
    until_ended,
    versions,
)
from fault_oracle import Reader, check_output, compare_rows, fingerprint, leftovers, read_rows

JOBS = 100


@dataclass
class Tally:
    """Counts of one check."""

    rounds: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    seconds_read: float = 0.0
    partial: int = 0
    lost: int = 0
    doubled: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    usual: dict[Path, float] = field(default_factory=dict)

    def ended(self, code: int, allowed: Collection[int], text: str) -> None:
        """Count an exit code, which has to be one of some."""
        self.codes[code] += 1
        if code not in allowed:
            said = "\n".join(line for line in text.splitlines() if " INFO " not in line)
            self.problems.append(f"exit {code}: {said[-400:]}")

    def output(self, output: Path, *wanted: np.ndarray, aside: Collection[int] = ()) -> None:
        """Check an output, which has to be one of some versions."""
        found = [check_output(output, version, aside) for version in wanted]
        if all(found):
            self.problems += found[0]
            rows = read_rows(output)
            if rows is not None:
                difference = compare_rows(rows, wanted[0], aside)
                self.lost += difference.lost
                self.doubled += difference.doubled

    def reader(self, reader: Reader) -> None:
        """Add what a reader saw."""
        self.seen.update(reader.seen)
        self.seconds_read += reader.seconds
        self.partial += len(reader.violations)
        self.problems += reader.violations

    def demand_readings(self) -> None:
        """Hold readers, where there were any, to 20 readings a second."""
        count = sum(self.seen.values())
        if count < 20 * self.seconds_read:
            self.problems.append(f"only {count} readings in {self.seconds_read:.0f} s")


def hurt(
    place: Place,
    tally: Tally,
    model: Path,
    harm: Callable[[Job], None],
    allowed: Collection[int],
    *more: object,
    **how: object,
) -> None:
    """Hurt a job that replaces the output; run it again until it is there; check all of it.

    What the first job has left running goes on beside the second one.
    """
    place.reset()
    with Reader(place.output, versions(), absent=False) as reader:
        with place.start(model, *more, **how) as job:
            harm(job)
            tally.ended(job.wait(), allowed, job.text)
            if job.process.returncode != 0:
                if not until_ended(job.drivers, 30):
                    tally.problems.append("a driver lived on for 30 s")
                tally.output(place.output, expected(OLD), expected(NEW))
                code, text = place.run(model, *more, **how)
                tally.ended(code, [0], text)
            tally.problems += gone(job, 60)
        tally.output(place.output, expected(NEW))
        tally.problems += leftovers(place.control)
    tally.reader(reader)


def at_random(place: Place, tally: Tally, model: Path, act: Callable[[Job], None], *more, **how):
    """Give what acts at a random moment of a job, from its start to its end.

    Every second round it is a moment after the job has begun to do something.
    """
    if model not in tally.usual:
        place.reset()
        started = time.monotonic()
        code, text = place.run(model, *more, **how)
        tally.ended(code, [0], text)
        tally.usual[model] = time.monotonic() - started
    usual, late = tally.usual[model], tally.rounds % 2

    def harm(job: Job) -> None:
        while late and not place.control.exists() and job.process.poll() is None:
            time.sleep(0.01)
        deadline = time.monotonic() + random.uniform(0, usual / 2 if late else usual)
        while time.monotonic() < deadline and job.process.poll() is None:
            time.sleep(0.01)
        if job.process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                act(job)

    return harm


def unchanged(place: Place, tally: Tally, model: Path, words: str, *more: object) -> Job:
    """Run a job that fails with 5: every byte of the old output stays, and no process is left."""
    place.reset()
    before = fingerprint(place.output)
    with place.start(model, *more) as job:
        tally.ended(job.wait(), [5], job.text)
        tally.problems += gone(job, 5)
    if fingerprint(place.output) != before or leftovers(place.control):
        tally.problems.append(f"the old output or its place changed: {leftovers(place.control)}")
    if words not in job.text:
        tally.problems.append(f"no {words!r} in: {job.text[-400:]}")
    return job


def session(
    place: Place,
    tally: Tally,
    work: str,
    models: list[Path],
    master: str = LOCAL,
    conf: Mapping[str, str] | None = None,
) -> str:
    """Run many jobs in one session, see session.py; give what it has printed."""
    directory = place.folder / "tmp"
    directory.mkdir(exist_ok=True)
    command = job_command(master=master, submit=True, conf=conf)
    command[-1] = HERE / "session.py"
    own = {"TMPDIR": str(directory), "SPARK_LOCAL_DIRS": str(directory)}
    with place.command([*command, work, JOBS, place.folder, *models], **own) as job:
        tally.ended(job.wait(JOBS * PATIENCE), [0], job.text)
    if job.process.returncode == 0:
        found = json.loads(job.text.splitlines()[-1])
        tally.problems += found.pop("problems")
        tally.notes.append(str(found))
    return job.text


@contextmanager
def two_hosts(place: Place) -> Iterator[str]:
    """Run a standalone cluster with a worker on each of two addresses; give its master's URL.

    Spark never runs two attempts of a task on one host, which a local cluster is.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    java = [Path(sys.executable).with_name("spark-class"), "org.apache.spark.deploy"]
    own = {"SPARK_NO_DAEMONIZE": "1"}

    def command(name: str, *options: object) -> list[object]:
        return [java[0], f"{java[1]}.{name}", "--webui-port", 0, *options]

    with ExitStack() as stack:
        at = ("--host", "127.0.0.1", "--port", port)
        master = stack.enter_context(place.command(command("master.Master", *at), **own))
        until(lambda: "New state: ALIVE" in master.text, master)
        url = f"spark://127.0.0.1:{port}"
        for host in ("127.0.0.1", "127.0.0.2"):
            at = ("--host", host, "--cores", 2, "--memory", "1g", "--work-dir", place.folder / host)
            worker = stack.enter_context(place.command(command("worker.Worker", *at, url), **own))
            until(lambda job=worker: "Successfully registered" in job.text, worker)
        yield url
