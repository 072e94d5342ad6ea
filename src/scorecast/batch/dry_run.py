"""What a job would do, found out without writing anything. Driver only, once per call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from scorecast.batch.baseline import find_baseline
from scorecast.batch.budget import allowed_errors
from scorecast.batch.column_checks import OK, ColumnCheck, column_checks
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.describe import package_versions
from scorecast.batch.earlier import known_files, run_before
from scorecast.batch.engines.choose import Choice, choose_engine
from scorecast.batch.engines.spans import divide
from scorecast.batch.failures import classified
from scorecast.batch.inputs import Inputs
from scorecast.batch.key import key_of
from scorecast.batch.output import Output, check_mode, open_output
from scorecast.batch.plan import Unit, split_units
from scorecast.batch.prepare import Prepared, find, fit
from scorecast.batch.profile_plan import plan_profile, profiled_columns
from scorecast.batch.publish import published
from scorecast.batch.sample import Difference, first_difference, predict_here, predict_in_task
from scorecast.batch.show.words import several
from scorecast.batch.units import UNITS_AT_ONCE
from scorecast.batch.versions import Published
from scorecast.errors import (
    InputMismatchError,
    OutputError,
    OutputMismatchError,
    ScorecastError,
)
from scorecast.models.load import flavor_of
from scorecast.progress import Progress, duration, shown
from scorecast.spark.prepare import CheckedModel
from scorecast.spark.versions import described, is_connect, parallelism
from scorecast.texts import aligned, size
from scorecast.worker.isolate import too_many_errors
from scorecast.worker.sample import Sample, results_of
from scorecast.worker.tally import nan_predicted, not_finite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a job would do.

    Attributes:
        facts: Lines for people: what it is, and what is known of it.
        columns: The model's inputs, each held against the data.
        problem: Why the job would fail; None if nothing says so.
    """

    facts: dict[str, str] = field(default_factory=dict)
    columns: tuple[ColumnCheck, ...] = ()
    problem: ScorecastError | None = None

    def summary(self) -> str:
        """Give it as text."""
        lines = [f"{name:<12}{value}" for name, value in self.facts.items()]
        return "\n".join(["dry run     nothing is written", *lines, *self._table()])

    def _table(self) -> Iterable[str]:
        wrong = [check for check in self.columns if check.verdict != OK]
        shown = self.columns if len(self.columns) <= _MOST_SHOWN else wrong
        if len(shown) < len(self.columns):
            yield f"{len(self.columns)} columns, {len(self.columns) - len(wrong)} ok"
        rows = [
            ("column", "wanted", "got", "verdict"),
            *((check.column, check.wanted, check.got, check.verdict) for check in shown),
        ]
        if len(rows) > 1:
            yield from (f"  {line}" for line in aligned(rows))


def dry_run(
    spark: SparkSession,
    config: BatchPredictConfig,
    *,
    preflight: bool = True,
    progress: Progress = shown,
) -> DryRun:
    """Check a job as far as that goes without writing, and predict on a sample of its input.

    Runs on the driver, once per call. The sample, the first rows of the input, is predicted in a
    task of Spark as the job would do it, and on the driver; both have to agree.

    Args:
        spark: A classic or Connect session.
        config: The job.
        preflight: Whether to check the workers' packages first.
        progress: Shows how far a download of the model is.

    Returns:
        What was found out. Where the columns do not fit, or the sample fails, that is in `problem`.

    Raises:
        ScorecastError: The job would fail before its columns are looked at.
    """
    with described(spark, f"scorecast dry run for {config.output}", "scorecast-dry-run"):
        return _dry_run(spark, config, progress, preflight=preflight)


def _dry_run(
    spark: SparkSession, config: BatchPredictConfig, progress: Progress, *, preflight: bool
) -> DryRun:
    output = open_output(config.output)
    check_mode(output, config.mode, incremental=config.incremental)
    base = published(output.store, output.layout)
    model, inputs = find(spark, config, progress, here=True)
    facts = _of_model(model) | {
        "output": config.output,
        "mode": f"{config.mode}; the output is {'not there' if base is None else 'there'}",
    }
    columns = column_checks(model, inputs.source.df.schema, config.columns)
    try:
        fitting = fit(spark, config, model, inputs)
        if config.incremental:
            inputs = inputs.without(known_files(base))
        key = key_of(spark, config, model, inputs, package_versions(model))
        if run_before(config, output, base, fitting.job, key, inputs) is not None:
            facts["mode"] += ", by this very job, and nothing would be predicted"
            return DryRun(facts=facts, columns=columns)
        prepared = replace(fitting, inputs=inputs.checked(fitting.frame.columns))
    except (InputMismatchError, OutputError) as refused:
        return DryRun(facts=facts, columns=columns, problem=refused)
    choice = choose_engine(spark, config, prepared.inputs, prepared.job)
    cores = _cores(spark, choice)
    units = split_units(prepared.inputs.files, prepared.inputs.rows, config.units)
    tasks = _tasks(spark, prepared.inputs, choice, units)
    facts |= _of_plan(prepared.inputs, choice, units, cores, tasks)
    try:
        facts |= _of_baseline(config, output, base, prepared)
    except ScorecastError as refused:
        return DryRun(facts=facts, columns=columns, problem=refused)
    handle = model.ship(spark, preflight=preflight)
    try:
        sample = predict_in_task(spark, prepared, choice, handle)
    except Exception as error:
        failure = classified(error, config)
        if not isinstance(failure, ScorecastError):
            raise
        return DryRun(facts=facts, columns=columns, problem=failure)
    if sample is None:
        return DryRun(facts=facts | {"sample": "the input has no rows"}, columns=columns)
    here = predict_here(prepared, sample)
    values, errors = results_of(sample.predictions, model.options)
    values_here, _ = results_of(here.predictions, model.options)
    found = first_difference(values, values_here, config.output_column)
    busy = cores if tasks is None else min(cores, max(1, sum(sorted(tasks)[-UNITS_AT_ONCE:])))
    facts |= _of_sample(prepared, sample, found, busy)
    problem = beyond_limits(config, values, errors, prepared.inputs.total_rows)
    if problem is None and not _agrees(found):
        problem = _differing(found, values, values_here, sample, here)
    return DryRun(facts=facts, columns=columns, problem=problem)


def beyond_limits(
    config: BatchPredictConfig, values: pa.Array, errors: Sequence[str], total: int | None
) -> ScorecastError | None:
    """Give the error that a job ends with for what is in a sample of it, if there is one.

    Args:
        config: The limits.
        values: Predictions of the sample.
        errors: Why rows of it failed, one text for each.
        total: Rows of the input, where they are known.
    """
    allowed = allowed_errors(config, total)
    if errors and allowed is not None and len(errors) > allowed:
        return too_many_errors(len(errors), allowed, errors[0])
    nan, _ = not_finite(values)
    return nan_predicted(nan) if config.fail_on_nan and nan else None


def _of_model(model: CheckedModel) -> dict[str, str]:
    resolved = model.resolved
    return {
        "model": str(resolved.info.uri),
        "resolved": resolved.fetched.resolved_uri,
        "digest": resolved.digest,
        "trust": resolved.trust,
        "flavor": flavor_of(resolved.info).name,
        "prediction": model.result_type.simpleString(),
    }


def _of_plan(
    inputs: Inputs,
    choice: Choice,
    units: Sequence[Unit],
    cores: int,
    tasks: Sequence[int] | None,
) -> dict[str, str]:
    rows = inputs.total_rows
    held = sum(file.size for file in inputs.held)
    told = f"{several(len(inputs.held), 'file')}, {size(held)}" if inputs.held else "no files"
    parts = [several(len(units), "unit")]
    if tasks is not None:
        parts.append(several(sum(tasks), "task"))
    return {
        "input": f"{told}, {f'{rows:,} rows' if rows is not None else 'rows not known'}",
        "engine": f"{choice.engine}: {choice.reason}",
        "plan": f"{', '.join(parts)} on {several(cores, 'core')}",
    }


def _of_baseline(
    config: BatchPredictConfig, output: Output, base: Published | None, prepared: Prepared
) -> dict[str, str]:
    """Look for what the job would compare its profile with, and fail as it would."""
    plan_profile(config, prepared.job, prepared.inputs)
    columns = profiled_columns(prepared.job, prepared.inputs)
    found = find_baseline(config, output, base, columns)
    return {} if found is None else {"baseline": found.name}


def _tasks(
    spark: SparkSession, inputs: Inputs, choice: Choice, units: Sequence[Unit]
) -> list[int] | None:
    """Count the tasks of each unit, where that can be known before they run."""
    if (reading := choice.reading) is not None:
        spans = (reading.spans(unit.files) for unit in units)
        return [len(divide(some, reading.cores, reading.sizes)) for some in spans if some]
    return None if is_connect(spark) else [int(inputs.source.df.rdd.getNumPartitions())]


def _cores(spark: SparkSession, choice: Choice) -> int:
    return parallelism(spark) if choice.reading is None else choice.reading.cores


def _of_sample(
    prepared: Prepared, sample: Sample, found: Difference | None, cores: int
) -> dict[str, str]:
    rows = sample.batch.num_rows
    values, errors = results_of(sample.predictions, prepared.model.options)
    nan, infinite = not_finite(values)
    null = values.null_count - len(errors)
    same = "equal" if found is None else f"equal up to {found.size:.0e} of the value (rounding)"
    if not _agrees(found):
        same = "NOT equal"
    facts = {
        "sample": f"{rows:,} rows; predictions of a worker and of the driver are {same}",
        "values": f"{null:,} NULL, {nan:,} NaN, {infinite:,} infinite",
    }
    if errors:
        facts["failed"] = f"{len(errors):,} of {rows:,} rows of the sample"
    total = prepared.inputs.total_rows
    if total is not None and sample.seconds > 0:
        seconds = sample.seconds / rows * total / cores
        facts["expected"] = (
            f"at most {duration(max(1, seconds))} of prediction on {several(cores, 'core')}, at "
            "the rate of the sample; reading and writing come on top"
        )
    return facts


def _agrees(found: Difference | None) -> bool:
    return found is None or found.rounding


def _differing(
    found: Difference | None, there: pa.Array, here: pa.Array, worker: Sample, driver: Sample
) -> OutputMismatchError:
    assert found is not None  # noqa: S101 - the caller has looked
    differing = [
        f"{name} {driver.versions[name]} on the driver, {version} on the worker"
        for name, version in worker.versions.items()
        if driver.versions[name] != version
    ]
    versions = "; ".join(differing) or "the packages have the same versions"
    by = "" if found.size is None else f", by up to {found.size:.1e} of the value"
    return OutputMismatchError(
        f'A worker and the driver predict differently: "{found.place}" in row {found.row} of the '
        f"sample is the first{by}; {there.type} on the worker, "
        f"{here.type} on the driver; {versions}. Give both sides the same packages "
        "and hardware, or see whether the model draws random numbers."
    )
