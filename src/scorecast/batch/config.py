"""What a batch job is asked to do: one value, checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from scorecast.artifacts.uri import parse_model_uri
from scorecast.errors import ConfigError
from scorecast.models.trust import Trust, TrustMode
from scorecast.redaction import STARS, holds_key, redacted, redacted_values
from scorecast.worker.options import PredictOptions

Mode: TypeAlias = Literal["error", "overwrite", "append", "overwrite-partitions"]
JobOnError: TypeAlias = Literal["fail", "null", "quarantine"]
OnCorrupt: TypeAlias = Literal["fail", "skip"]
Engine: TypeAlias = Literal["auto", "spark", "arrow"]
Profile: TypeAlias = Literal["auto", "off", "full"]

TABLE = "table"
"""Input format of a table of the session's catalog."""

LONGEST = 1_000_000
"""Seconds that a limit of time may be at most: eleven days, within what timers can tell."""

BUILT_IN = ("parquet", "csv", "json", "orc", TABLE)
"""Input formats that the job knows more of than Spark tells."""

_CHOICES: tuple[tuple[str, Any], ...] = (
    ("mode", Mode),
    ("on_error", JobOnError),
    ("on_corrupt", OnCorrupt),
    ("engine", Engine),
    ("profile", Profile),
)
# What decides neither which rows are in the output nor what is predicted for them.
_NOT_IN_KEY = {
    "model_uri",
    "model_digest",
    "trust",
    "model_signature_key",
    "input",
    "output",
    "mode",
    "incremental",
    "force",
    "units",
    "max_errors",
    "max_error_rate",
    "batch_timeout",
    "timeout",
    "fail_on_nan",
    "keep_replaced",
    "engine",
    "profile",
    "baseline",
    "max_drift",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPredictConfig:
    """Options of the batch job; the names are those of the command line.

    Attributes:
        model_uri: Path or URI of a model directory.
        model_digest: Digest that the model's files must have, as `scorecast.inspect_model` gives
            it; None takes any.
        trust: ``"any"`` takes every model; ``"no-pickle"`` only what runs no code of its own when
            it is loaded; ``"pinned"`` needs `model_digest` or `model_signature_key`.
        model_signature_key: File of the public key (PEM) that the model must be signed with.
        input: Paths of the data to predict on, as Spark reads it, globs included; or the name of
            a table.
        output: Path of the parquet directory to publish.
        input_format: ``parquet``, ``csv``, ``json``, ``orc``, ``table`` or any source of Spark.
        input_options: Options of the source. csv is read with header and inferred types, csv and
            json with ``mode=FAILFAST``, unless they say otherwise.
        where: SQL condition that rows must meet. Spark evaluates it with the rights of the job, so
            it must come from whoever may run the job.
        on_corrupt: ``"fail"``, or ``"skip"`` to leave out files that cannot be read and say which.
        result_type: Type of a prediction as DDL text; None takes it from the outputs that the
            model declares.
        output_column: Name of the column with the predictions.
        columns: Columns to predict on when their names differ from the model's inputs: by
            position. None matches by name.
        keep: ``"all"``, ``"none"`` or the names of the input columns to keep in the output.
        partition_by: Kept columns by which the output is partitioned, in the layout of Hive.
        mode: ``"error"`` refuses an output that exists, ``"overwrite"`` replaces it, ``"append"``
            adds to it, ``"overwrite-partitions"`` replaces the partitions that the new rows are in.
        incremental: Whether to predict only on input files that the output does not hold yet.
        force: Whether to run although the same job is published already.
        on_error: What becomes of rows that the model fails on: ``"fail"`` ends the job,
            ``"null"`` makes their prediction NULL, ``"quarantine"`` puts them aside.
        max_errors: Rows that may fail; with neither limit, none may.
        max_error_rate: Share of the rows that may fail, from 0 to 1; both limits hold where both
            are given.
        isolate: Whether failing rows are found one by one (``"row"``), or a batch with one fails
            as a whole (``"batch"``).
        batch_size: Rows of one call of the model; None takes the batches of Spark.
        batch_timeout: Seconds that one call of the model may take; None for any.
        timeout: Seconds that the job may take until it publishes; None for any. A job that is
            ended so goes on with its missing units when it is run again.
        params: Inference params that the model declares.
        model_config: Overrides single keys of the configuration stored with the model.
        extra_env: Environment variables that the model sees while it loads and predicts.
        nan_as_null: Whether NaN in predictions becomes NULL.
        fail_on_nan: Whether NaN in a prediction, also inside of an array or struct, ends the job.
        model_output: Which column of the model's output to take.
        nullable_integers: Whether integer and boolean inputs reach the model as nullable types.
        units: Parts of the input that are committed and resumed one by one, at most one per file;
            None decides by size.
        keep_replaced: Hours that a replaced output is kept for those who still read it.
        engine: How rows are read: ``"arrow"`` reads parquet files in the tasks, past the JVM,
            ``"spark"`` takes whatever Spark reads, ``"auto"`` takes the first where it can do the
            job. The predictions are the same.
        provenance: Whether the columns ``model_name``, ``model_version``, ``model_digest``,
            ``run_id`` and ``predicted_at`` follow the prediction.
        profile: Statistics of inputs and predictions, taken while the job predicts: ``"auto"`` of
            a sample that costs little, ``"full"`` of every row, or ``"off"``.
        baseline: What the profile is compared with: a ``_PROFILE.json``, an output that has one,
            or parquet files with the inputs of the model, which the driver reads. None takes the
            profile of the output that the job replaces or adds to.
        max_drift: Largest drift (PSI) of a column against the baseline with which the output is
            published; None for any.

    Raises:
        ConfigError: Values are wrong; lists every problem.
    """

    model_uri: str
    input: str | Path | Sequence[str | Path]
    output: str
    model_digest: str | None = None
    trust: TrustMode = "any"
    model_signature_key: str | Path | None = None
    input_format: str = "parquet"
    input_options: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    on_corrupt: OnCorrupt = "fail"
    result_type: str | None = None
    output_column: str = "prediction"
    columns: tuple[str, ...] | None = None
    keep: str | tuple[str, ...] = "all"
    partition_by: tuple[str, ...] = ()
    mode: Mode = "error"
    incremental: bool = False
    force: bool = False
    on_error: JobOnError = "fail"
    max_errors: int | None = None
    max_error_rate: float | None = None
    isolate: Literal["row", "batch"] = "row"
    batch_size: int | None = None
    batch_timeout: float | None = None
    timeout: float | None = None
    params: Mapping[str, Any] | None = None
    model_config: Mapping[str, Any] | None = None
    extra_env: Mapping[str, str] = field(default_factory=dict)
    nan_as_null: bool = False
    fail_on_nan: bool = False
    model_output: str | None = None
    nullable_integers: bool = False
    units: int | None = None
    keep_replaced: float = 24.0
    engine: Engine = "auto"
    provenance: bool = False
    profile: Profile = "auto"
    baseline: str | None = None
    max_drift: float | None = None

    def __post_init__(self) -> None:
        # Paths are welcome; from here on they are text, as on the command line.
        for name in ("model_uri", "output"):
            object.__setattr__(self, name, str(getattr(self, name)))
        if self.baseline is not None:
            object.__setattr__(self, "baseline", str(self.baseline))
        object.__setattr__(self, "input", self.inputs)
        if self.input_format.casefold() in BUILT_IN:  # Spark takes them in any case
            object.__setattr__(self, "input_format", self.input_format.casefold())
        if problems := [*self._of_values(), *self._of_combinations()]:
            raise ConfigError.from_problems("batch job options", problems)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Paths of the input, or the name of its table."""
        given = (self.input,) if isinstance(self.input, str | Path) else tuple(self.input)
        return tuple(str(path) for path in given)

    @property
    def model_trust(self) -> Trust:
        """What the model must meet."""
        return Trust(self.trust, self.model_digest, self.model_signature_key)

    @property
    def is_repeated(self) -> bool:
        """Whether the output is one that jobs publish to again and again."""
        return self.mode != "error" or self.incremental

    @property
    def predict_options(self) -> PredictOptions:
        """How tasks predict."""
        on_error: Literal["fail", "struct"] = "fail" if self.on_error == "fail" else "struct"
        return PredictOptions(
            on_error=on_error,
            isolate=self.isolate,
            batch_size=self.batch_size,
            nan_as_null=self.nan_as_null,
            model_output=self.model_output,
            nullable_integers=self.nullable_integers,
            extra_env=self.extra_env,
            error_class=on_error == "struct",
        )

    def key_options(self) -> dict[str, Any]:
        """Give the options that decide what is in the output."""
        left_out = _NOT_IN_KEY - ({"batch_timeout"} if self.on_error != "fail" else set())
        return {name: value for name, value in self._values().items() if name not in left_out}

    def shown_options(self) -> dict[str, Any]:
        """Give all options as they may be shown: values that may be secret are not in it."""
        return shown_values(self._values())

    def _values(self) -> dict[str, Any]:
        return {member.name: getattr(self, member.name) for member in fields(self)}

    def _of_values(self) -> list[str]:
        problems = [
            f"{name} is empty"
            for name in ("model_uri", "output", "output_column", "input_format")
            if not getattr(self, name).strip()
        ]
        problems += self.model_trust.problems()
        if not self.inputs or not all(path.strip() for path in self.inputs):
            problems.append("input is empty")
        for name, choices in _CHOICES:
            if (value := getattr(self, name)) not in get_args(choices):
                expected = ", ".join(get_args(choices))
                problems.append(f'{name} is "{value}", expected one of {expected}')
        problems += [
            f'{name} is the text "{value}", expected a tuple of names'
            for name in ("columns", "partition_by")
            if isinstance(value := getattr(self, name), str)  # from callers without a type checker
        ]
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
        return [*problems, *self._of_numbers()]

    def _of_numbers(self) -> list[str]:
        problems = []
        if self.max_errors is not None and self.max_errors < 0:
            problems.append(f"max_errors is {self.max_errors}, expected 0 or more")
        if self.max_error_rate is not None and not 0 <= self.max_error_rate <= 1:
            problems.append(f"max_error_rate is {self.max_error_rate}, expected 0 to 1")
        problems += [
            f"{name} is {value}, expected seconds above 0, at most {LONGEST:,}"
            for name in ("batch_timeout", "timeout")
            if (value := getattr(self, name)) is not None and not 0 < value <= LONGEST
        ]
        if self.units is not None and self.units < 1:
            problems.append(f"units is {self.units}, expected 1 or more")
        if not self.keep_replaced >= 0:
            problems.append(f"keep_replaced is {self.keep_replaced}, expected hours, 0 or more")
        if self.max_drift is not None and not self.max_drift > 0:
            problems.append(f"max_drift is {self.max_drift}, expected a number above 0")
        return [*problems, *self.predict_options.problems()]

    def _of_combinations(self) -> list[str]:
        problems = []
        if self.on_error == "fail" and (self.max_errors or self.max_error_rate):
            problems.append(
                'max_errors and max_error_rate need on_error="null" or "quarantine": with "fail" '
                "the first row that fails ends the job"
            )
        if self.fail_on_nan and self.nan_as_null:
            problems.append("fail_on_nan and nan_as_null are both set; give one of them")
        if self.profile == "off" and (self.baseline is not None or self.max_drift is not None):
            problems.append('baseline and max_drift need a profile, which profile="off" leaves out')
        if self.mode == "overwrite-partitions" and not self.partition_by:
            problems.append('mode "overwrite-partitions" needs partition_by')
        if (
            self.mode == "overwrite-partitions"
            and self.on_error == "quarantine"
            and self.output_column in self.partition_by
        ):
            problems.append(
                'mode "overwrite-partitions" with on_error="quarantine" cannot be partitioned by '
                f'the prediction "{self.output_column}", which rows that fail do not have'
            )
        if self.incremental and self.mode not in ("error", "append"):
            problems.append(f'incremental adds to the output, which mode "{self.mode}" does not')
        problems += [
            f'{name} is "{path}", which holds a password or key that logs and pages of Spark would '
            "show; give credentials by the environment or the configuration of Spark"
            for name, paths in (("input", self.inputs), ("output", (self.output,)))
            for path in paths
            if _holds_secret(path)
        ]
        given = [path.rstrip("/") for path in self.inputs]
        problems += [
            f'input names "{path}" {given.count(path)} times; its rows would be read as often'
            for path in dict.fromkeys(given)
            if given.count(path) > 1
        ]
        if self.input_format == TABLE and len(self.inputs) != 1:
            problems.append(f"input names {len(self.inputs)} tables, expected one")
        return problems


def _holds_secret(path: str) -> bool:
    # Neither names of partitions nor globs nor the environment tell: they only look like secrets.
    return "//" in path and (parse_model_uri(path).has_password or holds_key(path))


def shown_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give values of options as they may be shown, whether or not they are right.

    Args:
        values: Values by the names of the fields of `BatchPredictConfig`.
    """
    shown: dict[str, Any] = redacted_values(values)
    # A query may be secret whatever it looks like, and so may all that only the model knows.
    if values["model_uri"].strip():
        shown["model_uri"] = str(parse_model_uri(values["model_uri"]))
    shown["extra_env"] = dict.fromkeys(values["extra_env"], STARS)
    # It is the path of a public key, whatever its name sounds like.
    if (key := values["model_signature_key"]) is not None:
        shown["model_signature_key"] = redacted(str(key))
    return shown
