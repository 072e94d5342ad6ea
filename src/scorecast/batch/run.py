"""Run the batch job: read, predict, write, count, publish."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Observation
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.report import RunReport
from scorecast.batch.sink import check_output, count_rows, refuse_overlap, staged
from scorecast.batch.source import read_input
from scorecast.errors import (
    InputDataError,
    ModelPredictError,
    OutputError,
    OutputMismatchError,
    ScorecastError,
)
from scorecast.spark.failures import error_in_worker, reason
from scorecast.spark.frame import apply_plan, plan_frame
from scorecast.spark.prepare import check_model
from scorecast.spark.versions import can_observe, condition_of, failed_in_input
from scorecast.worker.options import PredictOptions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


_WRITE_FAILED = "TASK_WRITE_FAILED"
_PYTHON_FAILED = ("PYTHON_EXCEPTION", "UDF_")


def batch_predict(
    spark: SparkSession, config: BatchPredictConfig, *, preflight: bool = True
) -> RunReport:
    """Predict on all rows of the input and publish the predictions, or publish nothing.

    Runs on the driver, once per job. The session is used as it is and never stopped.

    Args:
        spark: A classic or Connect session.
        config: What to do.
        preflight: Whether to check the workers' packages first (one tiny task per session).

    Returns:
        What was done.

    Raises:
        ScorecastError: Any class of it: the job could not be done and says why; the output is as
            it was before.
    """
    started = time.monotonic()
    check_output(config.output, config.input, config.mode)
    model = check_model(
        spark,
        config.model_uri,
        result_type=config.result_type,
        params=None,
        model_config=None,
        options=PredictOptions(),
    )
    refuse_overlap(config.output, "model", str(model.resolved.fetched.directory))
    df = read_input(spark, config.input, config.where)
    plan = plan_frame(
        df.schema,
        model,
        output_column=config.output_column,
        keep=config.keep,
        columns=config.columns,
    )
    handle = model.ship(spark, preflight=preflight)
    entering, counted = _observed(df)
    leaving, predicted = _observed(apply_plan(counted, plan, handle))
    with staged(config.output, config.mode) as path:
        _write(predicted, config, path)
        # Connect tells no counts in Spark 3, and in 4.0 none but the last of a job that writes.
        rows_in, rows_out = _rows(entering), _rows(leaving)
        rows_in = df.count() if rows_in is None else rows_in
        rows_out = spark.read.parquet(path).count() if rows_out is None else rows_out
        _check_rows(rows_in, rows_out, count_rows(path))
    return RunReport(
        rows_in=rows_in,
        rows_out=rows_out,
        seconds=time.monotonic() - started,
        model_uri=config.model_uri,
        resolved_uri=model.resolved.fetched.resolved_uri,
        model_digest=model.resolved.digest,
        result_type=model.result_type.simpleString(),
        output=config.output,
    )


def _observed(df: DataFrame) -> tuple[Observation | None, DataFrame]:
    """Let the job that runs a frame count its rows, where Spark can."""
    if not can_observe(df.sparkSession):
        return None, df
    seen = Observation()
    return seen, df.observe(seen, F.count(F.lit(1)).alias("rows"))


def _rows(seen: Observation | None) -> int | None:
    rows = None if seen is None else seen.get.get("rows")
    return None if rows is None else int(rows)


def _write(df: DataFrame, config: BatchPredictConfig, path: str) -> None:
    try:
        df.write.mode("error").parquet(path)
    except (PySparkException, Py4JError) as error:
        ours = error_in_worker(error)
        if ours is not None:
            raise ours from error
        raise _classified(error, config) from error


def _classified(error: Exception, config: BatchPredictConfig) -> ScorecastError:
    """Tell by the words of Spark whether reading, predicting or writing failed."""
    text = str(error)
    if "FAILED_READ_FILE" in text:
        return InputDataError(f'Spark could not read the input "{config.input}": {reason(error)}')
    if "Python worker exited unexpectedly" in text:
        return ModelPredictError(
            "A Python worker was killed while it predicted: by the system for its memory, or by a "
            "crash in native code of the model. Give executors more memory outside the JVM "
            "(spark.executor.memoryOverhead), or smaller batches "
            "(spark.sql.execution.arrow.maxRecordsPerBatch)."
        )
    condition = condition_of(error)
    if condition is not None and condition.startswith(_PYTHON_FAILED):
        trace = text.rpartition("Traceback (most recent call last)")[2].partition("\n\tat ")[0]
        last = [line for line in trace.splitlines() if line.strip() and "SQLSTATE" not in line][-1]
        return ModelPredictError(f"A Python worker failed: {last.strip()}")
    unwritten = condition is None or condition.startswith(_WRITE_FAILED)
    if failed_in_input(error) or not unwritten:
        # Apart from that, Spark evaluates nothing on rows but the condition of the job.
        return InputDataError(f'Spark could not read the input "{config.input}": {reason(error)}')
    return OutputError(f'Spark could not write the output "{config.output}": {reason(error)}')


def _check_rows(rows_in: int, rows_out: int, in_files: int | None) -> None:
    found = {rows_in, rows_out} | ({in_files} if in_files is not None else set())
    if len(found) > 1:
        message = (
            f"Rows were lost or added: {rows_in} entered the model, {rows_out} left it, "
            f"{in_files} are in the files. Nothing was published. Run again; if it happens again, "
            "the storage or the session is faulty."
        )
        raise OutputMismatchError(message)
