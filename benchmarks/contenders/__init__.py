"""Those who run in the benchmarks, one file each.

A contender is a class with the methods of `Contender`. It lives in a process of its own, which
`benchmarks.serve` runs, so that its session stays warm and its memory is its own. A new one is a
new file and a line in `CONTENDERS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.work import Outcome, Work


class Contender(Protocol):
    """Someone who predicts. Made once per process, with the cores to use."""

    def run(self, work: Work) -> Outcome:
        """Do the work once and time it. Only one contender works at a time."""

    def stop(self) -> None:
        """End the session and all processes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a contender is, and what its process needs.

    Attributes:
        place: Module and class.
        packages: Packages whose versions are printed with the results.
        environment: Environment variables of its process.
    """

    place: str
    packages: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


# Where a process per core predicts, a thread per process is what is left for a model. Spark and Ray
# set this for their workers themselves.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

CONTENDERS: Mapping[str, Entry] = {
    "scorecast": Entry("ours:Arrow", ("pyspark",)),
    "scorecast-spark": Entry("ours:Spark", ("pyspark",)),
    "mlflow": Entry("mlflow_udf:MlflowUdf", ("mlflow", "pyspark")),
    "predict_batch_udf": Entry("predict_batch:PredictBatch", ("pyspark",)),
    "mapInPandas": Entry("map_in_pandas:MapInPandas", ("pyspark",)),
    "daft": Entry("daft_udf:Daft", ("daft",)),
    "ray": Entry("ray_data:RayData", ("ray",)),
    "polars": Entry("polars_scan:Polars", ("polars",)),
    "pyarrow": Entry("bare:Bare", ("pyarrow",), _ONE_THREAD),
}


def make(name: str, cores: int) -> Contender:
    """Make a contender; imports what it needs."""
    module, _, kind = CONTENDERS[name].place.partition(":")
    found = getattr(importlib.import_module(f"benchmarks.contenders.{module}"), kind)
    contender: Contender = found(cores)
    return contender
