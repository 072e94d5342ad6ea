"""The long version of the fault suite: many rounds of each check, one line of counts for each.

    python tests/faults/long.py --all
    python tests/faults/long.py driver-kill --rounds 3

Ends with 1 if a reader ever saw a mix, a row was lost or doubled, or a rerun did not converge.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from fault_kit import (
    CLUSTER,
    LOCAL,
    SLOW,
    Job,
    Place,
    Reader,
    at,
    check_output,
    expected,
    job_command,
    running,
    until,
)

OLD, NEW = 2.0, 3.0
SPECULATION = {
    "spark.speculation": "true",
    "spark.speculation.quantile": "0.01",
    "spark.speculation.multiplier": "1.0",
}


class Tally:
    """Counts of one check."""

    def __init__(self) -> None:
        self.codes: Counter[int] = Counter()
        self.seen: Counter[str] = Counter()
        self.problems: list[str] = []

    def reader(self, reader: Reader) -> None:
        """Add what a reader saw."""
        self.seen.update(reader.seen)
        self.problems += reader.violations


def versions() -> dict:
    """Give the versions that a reader may see."""
    return {"old": expected(OLD), "new": expected(NEW)}


def reset(place: Place) -> None:
    """Put the old output back."""
    for path in (place.output, place.output.with_name(".out.scorecast")):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(place.folder / "kept", place.output)


def hurt(place: Place, tally: Tally, model: Path, harm: Callable[[Job], None], **start) -> None:
    """Hurt a job that replaces the output; run it again until it is there; check all of it."""
    reset(place)
    more = start.pop("more", ())
    with Reader(place.output, versions(), absent=False) as reader:
        with place.start(model, *more, **start) as job:
            harm(job)
            code = job.wait()
        tally.codes[code] += 1
        if code != 0:
            if found := check_output(place.output, expected(OLD)):
                tally.problems += [] if check_output(place.output, expected(NEW)) == [] else found
            again, text = place.run(model, *more, master=start.get("master", LOCAL))
            tally.codes[again] += 1
            if again != 0:
                tally.problems.append(text[-500:])
    tally.problems += check_output(place.output, expected(NEW))
    tally.reader(reader)


def after_a_while(act: Callable[[Job], None], most: float) -> Callable[[Job], None]:
    """Do something at a random moment of the first `most` seconds of a job."""

    def harm(job: Job) -> None:
        deadline = time.monotonic() + random.uniform(0, most)
        while time.monotonic() < deadline and job.process.poll() is None:
            time.sleep(0.01)
        if job.process.poll() is None:
            act(job)

    return harm


def driver_kill(place: Place, tally: Tally) -> None:
    """Kill -9 of the driver at a random moment (check 22)."""
    model = place.model(NEW, "import time; time.sleep(0.02)")
    more = ("--units", 4, "--batch-size", 200)
    hurt(place, tally, model, after_a_while(lambda job: job.process.kill(), 10), more=more)


def worker_kill(place: Place, tally: Tally) -> None:
    """Kill -9 of each Python worker once (check 1)."""

    def harm(job: Job) -> None:
        for worker in until(job.workers, job):
            after_a_while(lambda _job, worker=worker: worker.kill(), 1)(job)

    hurt(place, tally, place.model(NEW, SLOW), harm, more=("--batch-size", 400))


def executor_kill(place: Place, tally: Tally) -> None:
    """Kill -9 of an executor while it writes (check 31)."""

    def harm(job: Job) -> None:
        until(job.workers, job)
        after_a_while(lambda job: (job.executors() or [job.process])[0].kill(), 1)(job)

    model = place.model(NEW, SLOW)
    hurt(place, tally, model, harm, master=CLUSTER, more=("--batch-size", 200))


def terminate(place: Place, tally: Tally) -> None:
    """SIGTERM at a random moment (check 23): 143 within 30 s, or 0 if it was done before."""

    def act(job: Job) -> None:
        started = time.monotonic()
        job.process.send_signal(signal.SIGTERM)
        job.wait()
        if time.monotonic() - started > 30:
            tally.problems.append("SIGTERM took longer than 30 s")

    model = place.model(NEW, "import time; time.sleep(0.02)")
    hurt(place, tally, model, after_a_while(act, 10), more=("--batch-size", 200))


def failing_model(place: Place, tally: Tally) -> None:
    """A model that raises on a random row leaves the old output (check 24)."""
    reset(place)
    rid = random.randrange(place.rows)
    code, text = place.run(place.model(NEW, at(rid, "raise ValueError('v')")))
    tally.codes[code] += 1
    tally.problems += check_output(place.output, expected(OLD))
    if code != 5 or "The model raised ValueError" not in text:
        tally.problems.append(text[-500:])


def pair(place: Place, tally: Tally) -> None:
    """Two jobs to one output, started together (check 38): one publishes, the other exits 6."""
    reset(place)
    third = expected(4.0)
    models = [place.model(NEW, SLOW), place.model(4.0, SLOW)]
    with (
        Reader(place.output, {**versions(), "third": third}, absent=False) as reader,
        place.start(models[0]) as one,
        place.start(models[1]) as other,
    ):
        codes = sorted((one.wait(), other.wait()))
    tally.codes.update(codes)
    tally.reader(reader)
    whole = [check_output(place.output, wanted) == [] for wanted in (expected(NEW), third)]
    # A job that starts when the other has ended replaces its output, as it should.
    if codes not in ([0, 6], [0, 0]) or sum(whole) != 1:
        tally.problems.append(f"exit codes {codes}, complete {whole}")


def siblings(place: Place, tally: Tally) -> None:
    """Ten jobs to ten outputs beside one another (check 39)."""
    model = place.model(NEW)
    outputs = [place.folder / f"sibling{i}" for i in range(10)]
    with ExitStack() as stack:
        jobs = [
            stack.enter_context(
                running(
                    job_command(
                        *("--model-uri", model, "--input", place.source, "--output", output),
                        master="local[1,4]",
                    ),
                    place.folder / f"{output.name}.log",
                )
            )
            for output in outputs
        ]
        tally.codes.update(job.wait(900) for job in jobs)
    for output in outputs:
        tally.problems += check_output(output, expected(NEW))
        shutil.rmtree(output, ignore_errors=True)


def full_disk(place: Place, tally: Tally) -> None:
    """A file system of a random small size (check 34): exit 6, staging gone; or room enough."""
    size = random.randrange(20, 400)
    small = place.folder / "small"
    small.mkdir(exist_ok=True)
    script = (
        f'mount -t tmpfs -o size={size}k none {small} && "$@"; '
        f"echo code=$? left=$(ls -A {small}) parts=$(ls {small}/out | grep -c ^part)"
    )
    paths = ["--model-uri", place.model(NEW), "--input", place.source, "--output", small / "out"]
    command = ["unshare", "-rm", "bash", "-c", script, "bash", *job_command(*paths)]
    with running(command, place.folder / "full.log") as job:
        job.wait()
        code = 0 if "code=0 " in job.text and "parts=2" in job.text else 6
        tally.codes[code] += 1
        if code == 6 and ("code=6 left= " not in job.text or "bytes are free" not in job.text):
            tally.problems.append(job.text[-500:])


def speculation(place: Place, tally: Tally) -> None:
    """Speculative tasks, with every fifth task slow at first (check 2)."""
    reset(place)
    slow = "import os, time, random; time.sleep(random.choice([0, 0, 0, 0, 0.5]))"
    conf = [word for name, value in SPECULATION.items() for word in ("--conf", f"{name}={value}")]
    options = place.options(place.model(NEW, slow), "--batch-size", 200)
    submit = Path(sys.executable).with_name("spark-submit")
    command = [submit, "--master", CLUSTER, *conf, "jobs/batch_predict.py", *options]
    with running(command, place.folder / "speculation.log") as job:
        code = job.wait()
        tally.codes[code] += 1
        if code != 0:
            tally.problems.append(job.text[-500:])
    tally.problems += check_output(place.output, expected(NEW))


def max_failures(place: Place, tally: Tally) -> None:
    """A worker that dies in the first k attempts of m (check 32): success if and only if k < m."""
    for allowed in (1, 2, 3, 4):
        for dying in (1, 2, 3):
            reset(place)
            marks = place.folder / f"marks{time.monotonic_ns()}"
            marks.mkdir()
            harm = at(
                7777,
                f"import os, pathlib; p = pathlib.Path({str(marks)!r}); n = len(list(p.iterdir()))"
                f"; n < {dying} and ((p / str(n)).touch(), os.kill(os.getpid(), 9))",
            )
            model = place.model(NEW, harm)
            code, text = place.run(model, master=f"local[2,{allowed}]")
            tally.codes[code] += 1
            wanted = expected(NEW) if dying < allowed else expected(OLD)
            tally.problems += check_output(place.output, wanted)
            if (code == 0) != (dying < allowed):
                tally.problems.append(f"{dying} of {allowed}: exit {code}: {text[-300:]}")


# Name -> check, rounds.
CHECKS: dict[str, tuple[Callable[[Place, Tally], None], int]] = {
    "worker-kill": (worker_kill, 50),
    "speculation": (speculation, 20),
    "driver-kill": (driver_kill, 50),
    "terminate": (terminate, 20),
    "failing-model": (failing_model, 20),
    "executor-kill": (executor_kill, 20),
    "max-failures": (max_failures, 1),
    "full-disk": (full_disk, 10),
    "pair": (pair, 30),
    "siblings": (siblings, 1),
}


def main() -> int:
    """Run the checks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checks", nargs="*", choices=[*CHECKS, []])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        place = Place(Path(name))
        code, text = place.run(place.model(OLD))
        if code != 0:
            print(text)
            return 1
        shutil.copytree(place.output, place.folder / "kept")
        for check in CHECKS if given.all else given.checks:
            work, rounds = CHECKS[check]
            tally, started = Tally(), time.monotonic()
            for _ in range(given.rounds or rounds):
                work(place, tally)
            broken += len(tally.problems)
            seconds = time.monotonic() - started
            print(
                f"{check:<14} rounds {given.rounds or rounds}, problems {len(tally.problems)}, "
                f"exit codes {dict(tally.codes)}, readings {dict(tally.seen)}, {seconds:.0f} s",
                flush=True,
            )
            for problem in tally.problems[:3]:
                print(f"  {problem}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
