"""What the guards of the batch job cost: row checks, counters, checksums, footers, the profile.

    python benchmarks/guards.py [REPEATS] [ROUNDS]

Runs the job on the flights of `make demo` (build/demo) repeated REPEATS times (30 is 10 M rows),
with the package as it is and with a copy of it whose guards are taken out, in turn, each run a
process of its own. Prints seconds inside of the job and the ratio of each pair.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

DEMO = Path("build/demo")
PACKAGE = Path(__file__).resolve().parents[1] / "src" / "scorecast"
FILES = 8

# File, what is in it, and what stands there in the copy.
GUARDS = (
    ("worker/tally.py", "nan, infinite = not_finite(predictions)", "nan = infinite = 0"),
    (
        "worker/row_groups.py",
        "page_checksum_verification=True",
        "page_checksum_verification=False",
    ),
    (
        "worker/row_groups.py",
        "pa.array(np.arange(row, row + rows, dtype=np.int64))",
        "pa.nulls(rows, pa.int64())",
    ),
    ("worker/task.py", "plan.profile is not None and can_profile()", "False"),
    ("worker/storage.py", "            self._hash.update(data)\n", ""),
    ("batch/units.py", "    _check(work, record)\n", ""),
    ("batch/inputs.py", "if self.source.has_positions else {}", "if False else {}"),
    ("batch/job_run.py", "            refuse_changes(self.spark, self.config, inputs)\n", ""),
)

JOB = """
import json, sys, time
from scorecast import BatchPredictConfig, batch_predict
from scorecast.spark.session import start_session
model, source, output, report = sys.argv[1:]
spark = start_session(master="local[2]", conf={"spark.ui.enabled": "false"}).spark
spark.sparkContext.setLogLevel("ERROR")
config = dict(model_uri=model, input=source, mode="overwrite", force=True, keep_replaced=0)
# The first job warms up Java and loads the model into the workers.
first = BatchPredictConfig(output=output + "-warm", where="flight_id < 1000", **config)
batch_predict(spark, first)
done = batch_predict(spark, BatchPredictConfig(output=output, **config))
json.dump({"seconds": done.seconds, "rows": done.rows_out}, open(report, "w"))
spark.stop()
"""


def repeated(folder: Path, repeats: int) -> Path:
    """Write the flights so many times, in files of equal size."""
    flights = pq.read_table(DEMO / "flights.parquet")
    target = folder / "input"
    target.mkdir()
    for i in range(FILES):
        copies = repeats // FILES + (i < repeats % FILES)
        if copies:
            pq.write_table(pa.concat_tables([flights] * copies), target / f"{i}.parquet")
    return target


def without_guards(folder: Path) -> Path:
    """Copy the package and take the guards out of the copy."""
    target = folder / "without"
    shutil.copytree(PACKAGE, target / "scorecast", ignore=shutil.ignore_patterns("__pycache__"))
    for name, guard, nothing in GUARDS:
        file = target / "scorecast" / name
        text = file.read_text(encoding="utf-8")
        if text.count(guard) != 1:
            message = f"{name} holds the guard {guard!r} {text.count(guard)} times, expected once"
            raise ValueError(message)
        file.write_text(text.replace(guard, nothing), encoding="utf-8")
    return target


def seconds(package: Path, source: Path, folder: Path) -> float:
    """Run the job once with a package; give its seconds."""
    report, output = folder / "report.json", folder / "output"
    subprocess.run(
        [sys.executable, "-c", JOB, DEMO / "model", source, output, report],
        check=True,
        env={"PYTHONPATH": str(package), "PATH": "/usr/bin:/bin", "PYSPARK_PYTHON": sys.executable},
        stderr=subprocess.DEVNULL,
    )
    return float(json.loads(report.read_text())["seconds"])


def main(repeats: int, rounds: int) -> None:
    """Time both packages in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = repeated(folder, repeats)
        bare = without_guards(folder)
        rows = sum(pq.read_metadata(file).num_rows for file in source.iterdir())
        print(f"{rows:,} rows, {rounds} pairs")
        ratios = []
        for number in range(rounds):
            # Each side goes first in turn, so that what grows with time favours none.
            order = (PACKAGE.parent, bare) if number % 2 else (bare, PACKAGE.parent)
            took = {package: seconds(package, source, folder) for package in order}
            ratios.append(took[PACKAGE.parent] / took[bare])
            print(
                f"with {took[PACKAGE.parent]:.2f} s, without {took[bare]:.2f} s, {ratios[-1]:.3f}",
                flush=True,
            )
        print(f"median {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})")


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["30"])[0]), int((sys.argv[2:] or ["10"])[0]))
