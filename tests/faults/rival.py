"""The same faults, readers and oracle for `mlflow.pyfunc.spark_udf` with Spark's writer and for us.

    python tests/faults/rival.py

Prints the table of the README. Both run the same model directories on the same input, with
``local[2,4]`` and batches of 250 rows, writing over an output that a good model has made.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from fault_kit import (
    HERE,
    NEW,
    OLD,
    SEGFAULT,
    SLOW,
    Job,
    Place,
    at,
    expected,
    job_command,
    parts_in,
    until,
    versions,
)
from fault_oracle import Reader, is_version, read_rows

Start = Callable[..., AbstractContextManager[Job]]


def start_mlflow(place: Place, model: Path, output: Path | None = None) -> AbstractContextManager:
    """Start the job of MLflow."""
    words = [model, place.source, output or place.output]
    command = [sys.executable, HERE / "mlflow_job.py", *words]
    return place.command(command, MLFLOW_DISABLE_TELEMETRY="true")


def start_ours(place: Place, model: Path, output: Path | None = None) -> AbstractContextManager:
    """Start the job of scorecast."""
    paths = ["--input", place.source, "--output", output or place.output]
    more = ("--mode", "overwrite", "--batch-size", 250)
    return place.command(job_command("--model-uri", model, *paths, *more))


def run(start: Start, place: Place, model: Path, output: Path | None = None) -> tuple[int, str]:
    """Run a job to its end."""
    with start(place, model, output) as job:
        return job.wait(), job.text


def what_is_there(output: Path, *versions: np.ndarray) -> str:
    """Say what a reader finds."""
    try:
        rows = read_rows(output)
    except FileNotFoundError:
        rows = None
    if rows is None or not len(rows[0]):
        return "nothing is left of it"
    if any(is_version(rows, version) for version in versions):
        return "complete"
    return f"{len(rows[0]):,} of {len(versions[0]):,} rows"


def failing(start: Start, place: Place) -> str:
    """A model raises on one row: the old output afterwards."""
    place.reset()
    code, _ = run(start, place, place.model(NEW, at(7777, "raise ValueError('v')")))
    return f"{what_is_there(place.output, expected(OLD))} (exit {code})"


def killed(start: Start, place: Place) -> str:
    """The driver is killed (-9) 0 to 3 s after the first part file is there: what readers saw."""
    seen: list[str] = []
    # The slow rows are in a few batches, so that some tasks end long before others.
    model = place.model(NEW, "import time; time.sleep((data['rid'] > 15000).any() * 4)")
    for seconds in range(4):
        place.reset()
        old = parts_in(place.output)

        def parts(old: set[Path] = old) -> bool:
            return bool({*parts_in(place.output), *place.staged()} - old)

        with (
            Reader(place.output, versions(), absent=True) as reader,
            start(place, model) as job,
        ):
            until(parts, job)
            time.sleep(seconds)
            job.process.kill()
            job.wait()
        if reader.seen["absent"]:
            seen.append("no output")
        seen += [f"one of {text.partition(' that')[0]}" for text in reader.violations[-1:]]
    saw = f"also {' and '.join(sorted(set(seen)))}" if seen else "the old or the new version"
    return f"{saw}; left: {what_is_there(place.output, expected(OLD), expected(NEW))}"


def same_path(start: Start, place: Place) -> str:
    """The output is the input: the input afterwards."""
    copy = Place(place.folder / f"same-{start.__name__}", rows=1000, files=2)
    before = sorted(path.name for path in copy.source.iterdir())
    code, _ = run(start, copy, place.model(NEW), copy.source)
    left = sorted(path.name for path in copy.source.iterdir() if path.suffix == ".parquet")
    return (
        f"{'untouched' if left == before else f'{len(left)} of {len(before)} files'} (exit {code})"
    )


def two(start: Start, place: Place) -> str:
    """Two jobs to one output at the same time: what is there afterwards."""
    place.reset()
    models = place.model(NEW, SLOW), place.model(4.0, SLOW)
    with start(place, models[0]) as one, start(place, models[1]) as other:
        codes = sorted((one.wait(), other.wait()))
    found = what_is_there(place.output, expected(NEW), expected(4.0))
    return f"{found} (exit {codes[0]} and {codes[1]})"


def truncated(start: Start, place: Place) -> str:
    """One input file is cut off: the old output afterwards, and whether the file is named."""
    place.reset()
    file = place.source / "3.parquet"
    whole = file.read_bytes()
    os.truncate(file, len(whole) // 2)
    try:
        code, text = run(start, place, place.model(NEW))
    finally:
        file.write_bytes(whole)
    named = "the file is named" if "3.parquet" in text else "the file is not named"
    return f"{what_is_there(place.output, expected(OLD))}, {named} (exit {code})"


def shifted(start: Start, place: Place) -> str:
    """A model gives one row too few for a batch and one too many for the next: rows afterwards."""
    place.reset()
    code, _ = run(start, place, place.model(NEW, "shifting"))
    rows = read_rows(place.output)
    if rows is not None and is_version(rows, expected(OLD)):
        return f"refused, the old output is complete (exit {code})"
    if rows is None or not len(rows[0]):
        return f"refused, nothing is left of the old output (exit {code})"
    wrong = int((rows[1] != expected(NEW)).sum()) if len(rows[0]) == place.rows else place.rows
    return f"{wrong:,} predictions on the wrong row (exit {code})"


def nan(start: Start, place: Place) -> str:
    """A model gives NaN for one row: what is in the output."""
    place.reset()
    code, _ = run(start, place, place.model(NEW, "undefined"))
    made = read_rows(place.output)
    if made is None or code != 0:
        return f"no output (exit {code})"
    import pyarrow.dataset as ds

    table = ds.dataset(place.output, format="parquet").to_table(columns=["prediction"])
    return "NULL" if table["prediction"].null_count else "NaN"


def crashing(start: Start, place: Place) -> str:
    """A row crashes native code: whether the message names its file."""
    place.reset()
    code, text = run(start, place, place.model(NEW, at(7777, SEGFAULT)))
    named = "the file is named" if "3.parquet" in text else "no file is named"
    return f"{named}; {what_is_there(place.output, expected(OLD))} (exit {code})"


def rerun(start: Start, place: Place) -> str:
    """The job is run again although nothing has changed: rows predicted again."""
    place.reset()
    calls = place.folder / f"calls{place.runs}"
    model = place.model(NEW, f"'{start.__name__}'", calls)
    run(start, place, model)
    before = sum(map(int, calls.read_text().split()))
    run(start, place, model)
    return f"{sum(map(int, calls.read_text().split())) - before:,}"


ROWS: dict[str, Callable[[Start, Place], str]] = {
    "a model raises on one row; the old output": failing,
    "the driver is killed while it writes; readers": killed,
    "the output is the input; the input": same_path,
    "two jobs to one output; it afterwards": two,
    "an input file is cut off; the old output": truncated,
    "a batch one row short, the next one too long": shifted,
    "a prediction is NaN; in the output": nan,
    "a row crashes native code; the old output": crashing,
    "the job is run again; rows predicted": rerun,
}


def save_odd_models(place: Place) -> None:
    """Save the models that return other things than one product per row, as if asked for before."""
    import scorecast
    from scorecast.models.signature import Scalar, Signature, Spec

    def shifting(data):
        import builtins

        import numpy as np

        values = (data["x"] * 3.0).to_numpy()
        if builtins.__dict__.pop("one_is_missing", False):
            return np.concatenate([values, values[-1:]])
        builtins.one_is_missing = True
        return values[1:]

    def undefined(data):
        return (data["x"] * 3.0).where(data["rid"] != 7)

    inputs = (Spec(Scalar("long"), "rid"), Spec(Scalar("double"), "x"))
    signature = Signature(inputs=inputs, outputs=(Spec(Scalar("double")),))
    for model in (shifting, undefined):
        path = place.folder / model.__name__
        place.models[NEW, model.__name__] = scorecast.save_model(model, path, signature=signature)


def main(names: list[str]) -> None:
    """Print the table, or the rows of it whose checks are named."""
    with tempfile.TemporaryDirectory(prefix="rival-") as name:
        place = Place(Path(name) / "place")
        save_odd_models(place)
        code, text = run(start_ours, place, place.model(OLD))
        if code != 0:
            sys.exit(text)
        place.keep()
        print('| fault | MLflow `spark_udf` + `write.mode("overwrite")` | scorecast |')
        print("|---|---|---|", flush=True)
        for title, check in ROWS.items():
            if names and check.__name__ not in names:
                continue
            print(
                f"| {title} | {check(start_mlflow, place)} | {check(start_ours, place)} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
