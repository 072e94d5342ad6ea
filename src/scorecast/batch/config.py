"""What a batch job is asked to do: one value, checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from scorecast.errors import ConfigError

Mode: TypeAlias = Literal["error", "overwrite"]

_PATHS = ("model_uri", "input", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPredictConfig:
    """Options of the batch job; the names are those of the command line.

    Attributes:
        model_uri: Path or URI of a model directory.
        input: Path of the parquet data to predict on, as Spark reads it.
        output: Path of the parquet directory to write.
        result_type: Type of a prediction as DDL text; None takes it from the outputs that the
            model declares.
        output_column: Name of the column with the predictions.
        columns: Columns to predict on when their names differ from the model's inputs: by
            position. None matches by name.
        keep: ``"all"``, ``"none"`` or the names of the input columns to keep in the output.
        where: SQL condition that rows must meet. Spark evaluates it with the rights of the job, so
            it must come from whoever may run the job.
        mode: ``"error"`` refuses an output that exists, ``"overwrite"`` replaces it once the new
            one is complete.

    Raises:
        ConfigError: Values are wrong; lists every problem.
    """

    model_uri: str
    input: str
    output: str
    result_type: str | None = None
    output_column: str = "prediction"
    columns: tuple[str, ...] | None = None
    keep: str | tuple[str, ...] = "all"
    where: str | None = None
    mode: Mode = "error"

    def __post_init__(self) -> None:
        for name in _PATHS:
            # Paths are welcome; from here on they are text, as on the command line.
            object.__setattr__(self, name, str(getattr(self, name)))
        problems = [
            f"{name} is empty"
            for name in (*_PATHS, "output_column")
            if not getattr(self, name).strip()
        ]
        columns: object = self.columns  # callers without a type checker pass a text
        if isinstance(columns, str):
            problems.append(f'columns is the text "{columns}", expected a tuple of names')
        if self.mode not in get_args(Mode):
            problems.append(f'mode is "{self.mode}", expected one of {", ".join(get_args(Mode))}')
        if self.columns is not None and not self.columns:
            problems.append("columns names no column; leave it out to match columns by name")
        if isinstance(self.keep, str) and self.keep and self.keep not in ("all", "none"):
            problems.append(
                f'keep is "{self.keep}", expected "all", "none" or a tuple of column names'
            )
        if not self.keep:
            problems.append('keep names no column; use "none" to keep none')
        if self.where is not None and not self.where.strip():
            problems.append("where is empty; leave it out to take all rows")
        if problems:
            raise ConfigError.from_problems("batch job options", problems)
