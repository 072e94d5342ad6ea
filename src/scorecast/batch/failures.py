"""Errors of Spark while a job runs -> errors of scorecast. Driver only."""

from __future__ import annotations

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.source_errors import corrupt_file_of, reason_of
from scorecast.errors import (
    InputDataError,
    ModelPredictError,
    RuntimeEnvironmentError,
    ScorecastError,
    WorkerDiedError,
)
from scorecast.spark.failures import error_in_worker
from scorecast.spark.versions import condition_of, failed_in_input

_PYTHON_FAILED = ("PYTHON_EXCEPTION", "UDF_")
_DIED = "Python worker exited unexpectedly"


def classified(error: Exception, config: BatchPredictConfig) -> ScorecastError:
    """Tell by the words of Spark whether reading or predicting failed."""
    if isinstance(error, ScorecastError):
        return error
    ours = error_in_worker(error)
    if ours is not None:
        return ours
    shown = ", ".join(config.inputs)
    broken = corrupt_file_of(error)
    if broken is not None:
        why = reason_of(error)
        told = "." if "cannot be read" in why else f": {why}"
        return InputDataError(
            f'The input file "{broken}" cannot be read{told} Nothing was published. '
            "Write the file again, or leave such files out with --on-corrupt skip."
        )
    text = str(error)
    if _DIED in text:
        return WorkerDiedError(_died(config))
    condition = condition_of(error)
    if condition is not None and condition.startswith(_PYTHON_FAILED):
        trace = text.rpartition("Traceback (most recent call last)")[2].partition("\n\tat ")[0]
        lines = [line for line in trace.splitlines() if line.strip() and "SQLSTATE" not in line]
        last = lines[-1].strip() if lines else reason_of(error)
        return ModelPredictError(f"A Python worker failed: {last}")
    if failed_in_input(error) or condition is not None:
        # Apart from Python, Spark evaluates nothing on rows but the condition of the job.
        condition_told = f' with the condition "{config.where}"' if config.where else ""
        return InputDataError(
            f'Spark could not read the input "{shown}"{condition_told}: {reason_of(error)}'
        )
    return RuntimeEnvironmentError(f"Spark ended the job: {reason_of(error)}")


def _died(config: BatchPredictConfig) -> str:
    hung = (
        f", or took longer than the {config.batch_timeout:g} s of --batch-timeout"
        if config.batch_timeout
        else ""
    )
    return (
        "A Python worker was killed while it predicted: by the system for its memory, or by a "
        f"crash in native code of the model{hung}. Let Spark try tasks again "
        "(spark.task.maxFailures, or a master such as local[2,4]), so that another try can tell "
        "the rows. Give executors "
        "more memory outside the JVM (spark.executor.memoryOverhead), or smaller batches "
        "(--batch-size)."
    )
