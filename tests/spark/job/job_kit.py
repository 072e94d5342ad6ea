"""Inputs, outputs and runs of the batch job, looked at with pyarrow alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scorecast import BatchPredictConfig, RunReport, batch_predict
from scorecast.batch.run import run_job
from scorecast.cli.main import main


def predicted(rids: Iterable[int]) -> list[tuple[int, int]]:
    """Give the rows that an output should have, sorted."""
    return sorted((rid, rid * 10 + 1) for rid in rids)


@dataclass(frozen=True)
class Kit:
    """A folder with an input ``in`` and an output ``out``."""

    spark: Any
    folder: Path
    model: Path

    @property
    def input(self) -> Path:
        """Directory of the input."""
        return self.folder / "in"

    @property
    def output(self) -> Path:
        """Directory of the output."""
        return self.folder / "out"

    @property
    def runs(self) -> Path:
        """Directory of what runs keep beside the output."""
        return self.folder / ".out.scorecast" / "runs"

    def write(
        self, name: str, rids: Iterable[int], bad: Iterable[int] = (), **columns: Any
    ) -> Path:
        """Write a parquet file of the input."""
        path = self.input / name
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers, wrong = list(rids), set(bad)
        table = {
            "rid": pa.array(numbers, pa.int64()),
            "bad": pa.array([rid in wrong for rid in numbers], pa.bool_()),
        }
        pq.write_table(pa.table({**table, **columns}), path, row_group_size=1000)
        return path

    def config(self, **options: Any) -> BatchPredictConfig:
        """Give the options of a job from input to output."""
        given = {"model_uri": self.model, "input": self.input, "output": self.output}
        return BatchPredictConfig(**{**given, **options})

    def run(self, **options: Any) -> RunReport:
        """Run the job."""
        return batch_predict(self.spark, self.config(**options), preflight=False)

    def run_with_step(self, step: Any, **options: Any) -> RunReport:
        """Run the job, calling a function before each of its steps."""
        return run_job(self.spark, self.config(**options), preflight=False, step=step)

    def cli(self, *more: str, input_path: Path | None = None) -> int:
        """Run the job by the command line; gives its exit code."""
        paths = ["--input", str(input_path or self.input), "--output", str(self.output)]
        return main(["batch-predict", "--model-uri", str(self.model), *paths, *more])

    def rows(self) -> list[tuple[int, int]]:
        """Read number and prediction of all rows of the output, sorted."""
        table = pq.read_table(self.output, columns=["rid", "prediction"])
        return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def quarantine(self) -> list[dict[str, Any]]:
        """Read the rows that were put aside."""
        files = sorted((self.output / "_quarantine").glob("*.parquet"))
        rows = [row for file in files for row in pq.read_table(file).to_pylist()]
        return sorted(rows, key=lambda row: row["rid"])

    def manifest(self) -> dict[str, Any]:
        """Read the manifest of the output."""
        return json.loads((self.output / "_MANIFEST.json").read_text())

    def counters(self) -> dict[str, Any]:
        """Read the counters of the last run."""
        return self.manifest()["runs"][-1]["counters"]

    def footer_rows(self, pattern: str) -> int:
        """Count the rows of files of the output by their footers."""
        return sum(pq.read_metadata(file).num_rows for file in self.output.glob(pattern))

    def commits(self) -> list[Path]:
        """Name the records of units that a dead run has completed."""
        return sorted(self.runs.glob("*/commits/*.json"))

    def state(self) -> dict[str, tuple[str, int, int]]:
        """Give digest, inode and time of change of the output and each file in it."""
        return {
            str(path): (
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
                path.stat().st_ino,
                path.stat().st_mtime_ns,
            )
            for path in (self.output, *self.output.rglob("*"))
        }

    def calls(self) -> dict[str, str]:
        """Give the variables that let the model write down its calls."""
        return {"CALLS": str(self.folder / "calls"), "STOP": str(self.folder / "stop")}

    def called_on(self) -> list[int]:
        """Give the numbers of all rows that the model was called on, and forget them."""
        path = self.folder / "calls"
        lines = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return sorted(int(rid) for line in lines for rid in line.split(","))
