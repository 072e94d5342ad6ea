"""Run the batch job: check what can be checked, lock the output, run. Driver only."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from scorecast.batch.accounts import (
    Clock,
    now,
)
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.describe import (
    package_versions,
)
from scorecast.batch.job_run import JobRun, RunContext
from scorecast.batch.output import (
    check_mode,
    locked,
    open_output,
    output_error,
)
from scorecast.batch.prepare import prepare
from scorecast.batch.publish import (
    Step,
)
from scorecast.batch.report import RunReport
from scorecast.errors import RuntimeEnvironmentError
from scorecast.progress import Progress, shown, silent
from scorecast.redaction import secrets_hidden
from scorecast.spark.versions import described

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def batch_predict(
    spark: SparkSession,
    config: BatchPredictConfig,
    *,
    preflight: bool = True,
    progress: Progress = shown,
) -> RunReport:
    """Predict on all rows of the input and publish the predictions, or publish nothing.

    Runs on the driver, once per job. The session is used as it is and never stopped. The same job
    run again does nothing; run again after it died, it goes on with what was done.

    Args:
        spark: A classic or Connect session.
        config: What to do.
        preflight: Whether to check the workers' packages first (one tiny task per session).
        progress: Shows how many rows are done; by default to who sits at a terminal or notebook.

    Returns:
        What was done.

    Raises:
        ScorecastError: Any class of it: the job could not be done and says why; the output is as
            it was before.
    """
    return run_job(spark, config, preflight=preflight, progress=progress, step=lambda _name: None)


@secrets_hidden()
def run_job(
    spark: SparkSession,
    config: BatchPredictConfig,
    *,
    preflight: bool,
    step: Step,
    progress: Progress = silent,
) -> RunReport:
    """Do what `batch_predict` does, telling `step` the name of each step before it is done."""
    run_id = uuid.uuid4().hex
    title = f"scorecast batch-predict to {config.output}"
    with described(spark, f"{title}: check", f"scorecast-{run_id}") as group:
        context = RunContext(run_id, group, title, preflight, step, progress)
        return _checked(spark, config, context)


def _checked(spark: SparkSession, config: BatchPredictConfig, context: RunContext) -> RunReport:
    """Check what can be checked before the output is locked, then run."""
    clock = Clock(now(), config.timeout)
    output = open_output(config.output)
    check_mode(output, config.mode, incremental=config.incremental)
    prepared = prepare(spark, config, context.progress)
    with locked(output, context.run_id):
        try:
            run = JobRun(
                spark,
                config,
                output,
                prepared.model,
                prepared.frame,
                prepared.job,
                clock,
                context,
                package_versions(prepared.model),
            )
            return run.do(prepared.inputs)
        except ConnectionError as error:  # a store that gives no answer says so in its own words
            message = (
                f"The connection to Spark was lost: {error}. Nothing was published. See what the "
                "driver's JVM printed last, and run again."
            )
            raise RuntimeEnvironmentError(message) from error
        except OSError as error:
            raise output_error(config.output, "Cannot write", error) from error
