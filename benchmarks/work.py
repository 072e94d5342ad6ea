"""What is asked of a contender and what it answers; both cross between processes as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ID = "id"
PREDICTION = "prediction"

LIMIT = 10
"""Predictions that ``"limit"`` asks for."""

LOADS_VARIABLE = "SCORECAST_BENCHMARK_LOADS"
"""Environment variable that names the file in which models count their loads."""

Kind: TypeAlias = Literal["columns", "list", "flights"]
Operation: TypeAlias = Literal["job", "column", "first", "frame", "limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One measured run.

    Attributes:
        operation: ``"job"`` makes parquet of `ID` and `PREDICTION` from parquet, all of it timed.
            ``"column"`` sums up a column of predictions with a function that is there already,
            ``"first"`` also makes the function and finds no worker with the model; ``"frame"`` is
            ``"column"`` by a data frame; ``"limit"`` collects `LIMIT` predictions with a function
            that is there.
        data: Directory of parquet files.
        model: Model directory.
        inputs: Columns that the model takes.
        kind: ``"columns"`` of doubles, one column of ``"list"``, or the types of ``"flights"``.
        result: Type of a prediction as DDL text.
        output: Directory that a job writes; it does not exist.
        partitions: Partitions of the data frame, unless it is a job; 0 leaves them to Spark.
        quarantine: Whether a job puts failing rows aside.
        memory: Whether to measure the memory of driver and workers after the run.
    """

    operation: Operation
    data: str
    model: str
    inputs: tuple[str, ...]
    kind: Kind = "columns"
    result: str = "double"
    output: str = ""
    partitions: int = 0
    quarantine: bool = False
    memory: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Work:
        """Take what `dataclasses.asdict` gave."""
        return cls(**{**values, "inputs": tuple(values["inputs"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run took and found.

    Attributes:
        seconds: Wall time of what the operation times.
        facts: Other figures: rows and sum of the predictions or, of ``"limit"``, predictions and
            their ids; seconds to make the function; memory.
    """

    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
