"""The checks of the long version: each does one round, and tells a tally what it found."""

from __future__ import annotations

import random
import shutil
import signal
import time
from contextlib import ExitStack, suppress

import psutil
from fault_kit import (
    CLUSTER,
    EXITS,
    HANG,
    NEW,
    OLD,
    SEGFAULT,
    SLOW,
    TASK_EACH,
    Job,
    Place,
    at,
    expected,
    gone,
    job_command,
    until,
    until_ended,
    versions,
)
from fault_oracle import Reader, fingerprint, leftovers
from long_kit import JOBS, Tally, at_random, hurt, session, two_hosts, unchanged

BRIEFLY = "import time; time.sleep(0.02)"
THIRD = 4.0
# Step of a job that replaces an output on Linux -> the version that is there when it is killed.
STEPS = {
    "run:recover:1": "old",
    "run:plan:1": "old",
    "unit:predict:1": "old",
    "unit:check:2": "old",
    "unit:commit:3": "old",
    "run:compare-input:1": "old",
    "publish:clear:1": "old",
    "publish:place:1": "old",
    "publish:write-manifest:1": "old",
    "publish:keep-version:1": "old",
    "publish:write-manifest:2": "old",
    "publish:compare:1": "old",
    "publish:exchange:1": "old",
    "publish:set-aside:1": "new",
    "publish:done:1": "new",
    "run:clean:1": "new",
}


def driver_kill(place: Place, tally: Tally) -> None:
    """Kill -9 of the driver at a random moment (check 22)."""
    model, more = place.model(NEW, BRIEFLY), ("--units", 4, "--batch-size", 200)
    harm = at_random(place, tally, model, lambda job: job.process.kill(), *more)
    hurt(place, tally, model, harm, [0, -signal.SIGKILL], *more)


def crash_points(place: Place, tally: Tally) -> None:
    """Kill -9 of the driver before each step of a job (checks 19 and 22)."""
    for step, after in STEPS.items():
        place.reset()
        model, more = place.model(NEW), ("--units", 4)
        with Reader(place.output, versions(), absent=False) as reader:
            with place.start(model, *more, at_step=f"{step}:kill") as job:
                tally.ended(job.wait(), [-signal.SIGKILL], f"{step}: {job.text}")
                tally.output(place.output, versions()[after])
                code, text = place.run(model, *more)
                tally.ended(code, [0], f"after {step}: {text}")
            tally.output(place.output, expected(NEW))
            tally.problems += leftovers(place.control)
        tally.reader(reader)


def submit_kill(place: Place, tally: Tally) -> None:
    """Kill -9 of the JVM or of the Python process of spark-submit at a random moment (check 22)."""
    model, more = place.model(NEW, BRIEFLY), ("--units", 4, "--batch-size", 200)

    def act(job: Job) -> None:
        random.choice([*job.drivers(), psutil.Process(job.process.pid)]).kill()

    harm = at_random(place, tally, model, act, *more, submit=True)
    # Without its Python process spark-submit ends with a code of its own.
    hurt(place, tally, model, harm, [0, -signal.SIGKILL, 1, 137], *more, submit=True)


def zombie(place: Place, tally: Tally) -> None:
    """JVM and workers of a killed driver sleep while the rerun publishes, then go on (F28)."""
    model, more = place.model(NEW, SLOW), ("--units", 2, "--batch-size", 200)
    place.reset()
    with (
        Reader(place.output, versions(), absent=False) as reader,
        place.start(model, *more) as job,
    ):
        until(place.staged, job)
        others = [p for p in job.processes() if p.pid != job.process.pid]
        for process in others:
            process.suspend()
        job.process.kill()
        tally.ended(job.wait(), [-signal.SIGKILL], job.text)
        code, text = place.run(model, *more)
        tally.ended(code, [0], text)
        before = fingerprint(place.output)
        for process in others:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        tally.problems += gone(job, 60)
        if fingerprint(place.output) != before:
            tally.problems.append("a zombie changed the output")
        tally.output(place.output, expected(NEW))
    tally.reader(reader)


def worker_kill(place: Place, tally: Tally) -> None:
    """Kill -9 of each Python worker once at a random moment (check 1)."""

    def harm(job: Job) -> None:
        until(place.control.exists, job)
        for worker in until(job.workers, job):
            time.sleep(random.uniform(0, 2))
            with suppress(psutil.NoSuchProcess):
                worker.kill()

    model = place.model(NEW, SLOW)
    hurt(place, tally, model, harm, [0], "--batch-size", 500, conf=TASK_EACH)


def executor_kill(place: Place, tally: Tally) -> None:
    """Kill -9 of an executor while it writes (check 31)."""

    def harm(job: Job) -> None:
        until(place.staged, job)
        time.sleep(random.uniform(0, 1))
        for executor in job.executors()[:1]:
            executor.kill()

    model = place.model(NEW, SLOW)
    how = {"master": CLUSTER, "conf": TASK_EACH}
    hurt(place, tally, model, harm, [0], "--batch-size", 500, **how)


def decommission(place: Place, tally: Tally) -> None:
    """An executor is told to leave while it writes (check 31)."""

    def harm(job: Job) -> None:
        until(place.staged, job)
        for executor in job.executors()[:1]:
            executor.send_signal(signal.SIGPWR)

    how = {"master": CLUSTER, "conf": {**TASK_EACH, "spark.decommission.enabled": "true"}}
    hurt(place, tally, place.model(NEW, SLOW), harm, [0], "--batch-size", 500, **how)


def terminate(place: Place, tally: Tally, *, submit: bool = False) -> None:
    """SIGTERM at a random moment (check 23): 143 within 30 s, or 0 if it was done before."""

    def act(job: Job) -> None:
        started = time.monotonic()
        job.process.send_signal(signal.SIGTERM)
        job.wait()
        if not until_ended(job.drivers, 30) or time.monotonic() - started > 30:
            tally.problems.append("SIGTERM took longer than 30 s")

    model, more = place.model(NEW, BRIEFLY), ("--batch-size", 200)
    harm = at_random(place, tally, model, act, *more, submit=submit)
    # A Python process that has not come to the job's first line dies of the signal itself.
    hurt(place, tally, model, harm, [143, -signal.SIGTERM, 0], *more, submit=submit)


def submit_terminate(place: Place, tally: Tally) -> None:
    """The same for spark-submit, whose JVM gets the signal (check 23)."""
    terminate(place, tally, submit=True)


def failing_model(place: Place, tally: Tally) -> None:
    """A model that raises on a random row leaves the old output, byte by byte (check 24)."""
    rid = random.randrange(place.rows)
    model = place.model(NEW, at(rid, "raise ValueError('v')"))
    unchanged(place, tally, model, "The model raised ValueError")


def exits(place: Place, tally: Tally) -> None:
    """A model leaves in each way that is no Exception, on a random row (check 17)."""
    words = {"os._exit": "exit code 0", "sys.exit": "SystemExit"}
    for name, code in EXITS.items():
        model = place.model(NEW, at(random.randrange(place.rows), code))
        unchanged(place, tally, model, words.get(name, name))


def crash(place: Place, tally: Tally) -> None:
    """A random row crashes its worker: named without quarantine, alone in it with one (15)."""
    rid = random.randrange(place.rows)
    model = place.model(NEW, at(rid, SEGFAULT))
    unchanged(place, tally, model, "signal 11")
    code, text = place.run(model, "--on-error", "quarantine", "--max-errors", 1)
    tally.ended(code, [0], text)
    tally.output(place.output, expected(NEW), aside=[rid])


def hang(place: Place, tally: Tally) -> None:
    """A random row hangs (check 16): exit 5 within four times 10 s and 30 s more."""
    rid = random.randrange(place.rows)
    model, more = place.model(NEW, at(rid, HANG)), ("--batch-size", 200, "--batch-timeout", 5)
    started = time.monotonic()
    unchanged(place, tally, model, f"in/{rid // (place.rows // place.files)}.parquet", *more)
    if time.monotonic() - started > 4 * 10 + 30:
        tally.problems.append(f"a hang took {time.monotonic() - started:.0f} s")


def pair(place: Place, tally: Tally) -> None:
    """Two jobs to one output, started together (check 38): one publishes, the other exits 6."""
    place.reset()
    models, more = [place.model(NEW, SLOW), place.model(THIRD, SLOW)], ("--batch-size", 200)
    seen = {**versions(), "third": expected(THIRD)}
    with (
        Reader(place.output, seen, absent=False) as reader,
        place.start(models[0], *more) as one,
        place.start(models[1], *more) as other,
    ):
        codes = [one.wait(), other.wait()]
    tally.codes.update(codes)
    tally.reader(reader)
    if sorted(codes) != [0, 6]:
        tally.problems.append(f"exit codes {codes}: {one.text[-200:]} {other.text[-200:]}")
    tally.output(place.output, expected(NEW if codes[0] == 0 else THIRD))


def siblings(place: Place, tally: Tally) -> None:
    """Ten jobs to ten outputs beside one another (check 39)."""
    model = place.model(NEW)
    outputs = [place.folder / f"sibling{i}" for i in range(10)]
    with ExitStack() as stack:
        for output in outputs:
            shutil.rmtree(output, ignore_errors=True)
        options = ("--model-uri", model, "--input", place.source, "--output")
        jobs = [
            stack.enter_context(place.command(job_command(*options, output, master="local[1,4]")))
            for output in outputs
        ]
        for job in jobs:
            tally.ended(job.wait(900), [0], job.text)
    for output in outputs:
        tally.output(output, expected(NEW))


def full_disk(place: Place, tally: Tally) -> None:
    """A disk that gets full after a random number of bytes (check 34), under an old output.

    Exit 6, with the free bytes in the message, the old output whole and nothing beside it; or 0
    with the new one, where there was room.
    """
    small, after = place.folder / "small", place.folder / "after"
    small.mkdir(exist_ok=True)
    shutil.rmtree(after, ignore_errors=True)
    old = sum(path.stat().st_size for path in (place.folder / "kept").rglob("*"))
    size = (old // 4096 + 8) * 4096 + random.randrange(0, 400_000)
    script = (
        f"mount -t tmpfs -o size={size} none {small} && cp -r {place.folder / 'kept'} {small}/out"
        f' && "$@"; code=$?; cp -r {small} {after}; exit $code'
    )
    paths = ["--model-uri", place.model(NEW), "--input", place.source, "--output", small / "out"]
    command = job_command(*paths, "--mode", "overwrite")
    with place.command(["unshare", "-rm", "bash", "-c", script, "bash", *command]) as job:
        tally.ended(job.wait(), [0, 6], job.text)
    full = job.process.returncode == 6
    tally.output(after / "out", expected(OLD if full else NEW))
    if full and ([path.name for path in after.iterdir()] != ["out"]):
        tally.problems.append(f"left: {[path.name for path in after.rglob('*')][:9]}")
    if full and "bytes are free" not in job.text:
        tally.problems.append(job.text[-400:])


def leaks(place: Place, tally: Tally) -> None:
    """100 jobs in one session leave nothing in it (36); a version is held meanwhile (42)."""
    place.reset()
    with Reader(place.output, versions(), absent=False) as reader:
        session(place, tally, "leaks", [place.model(NEW), place.model(OLD)])
    tally.reader(reader)


def speculation(place: Place, tally: Tally) -> None:
    """100 trials of 100 tasks, every fifth slow at its first attempt, all speculated on (2)."""
    many = Place(place.folder / f"many{place.runs}", files=100)
    slow = (
        "from pyspark import TaskContext as T; import time; c = T.get()\n"
        "if c and c.partitionId() % 5 == 0 and c.attemptNumber() == 0:\n"
        # Copies start when no other task waits.
        "    time.sleep(3 if c.partitionId() > 80 else 0.2)"
    )
    conf = {
        "spark.speculation": "true",
        "spark.speculation.quantile": "0.01",
        "spark.speculation.multiplier": "1.0",
        "spark.speculation.minTaskRuntime": "10ms",
        "spark.speculation.interval": "20ms",
        "spark.sql.files.maxPartitionBytes": "8192",
        "spark.sql.files.openCostInBytes": "8192",
    }
    with two_hosts(many) as master:
        text = session(many, tally, "trials", [many.model(NEW, slow)], master=master, conf=conf)
    copies = text.count("Killing attempt")
    tally.notes.append(f"{copies} tasks had two attempts at the same time")
    if copies < JOBS:
        tally.problems.append("too few tasks were speculated on")


def max_failures(place: Place, tally: Tally) -> None:
    """A worker that dies in the first k of m attempts (check 32): success if and only if k < m."""
    for allowed in (1, 2, 3, 4):
        for dying in (1, 2, 3):
            place.reset()
            marks = place.folder / f"marks{place.runs}"
            marks.mkdir()
            harm = at(
                7777,
                f"import os, pathlib; p = pathlib.Path({str(marks)!r}); n = len(list(p.iterdir()))"
                f"; n < {dying} and ((p / str(n)).touch(), os.kill(os.getpid(), 9))",
            )
            code, text = place.run(place.model(NEW, harm), master=f"local[2,{allowed}]")
            published = dying < allowed
            tally.ended(code, [0 if published else 5], text)
            tally.output(place.output, expected(NEW if published else OLD))


def memory(place: Place, tally: Tally) -> None:
    """A batch needs more memory than a worker may have (check 18): the limit is named."""
    place.reset()
    rid = random.randrange(place.rows)
    model = place.model(NEW, at(rid, "bytearray(4 << 30)"))
    conf = {"spark.executor.pyspark.memory": "1g"}
    with place.start(model, master=CLUSTER, conf=conf) as job:
        tally.ended(job.wait(), [5], job.text)
    if "spark.executor.pyspark.memory" not in job.text:
        tally.problems.append(job.text[-600:])
    tally.output(place.output, expected(OLD))
