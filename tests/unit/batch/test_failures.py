"""Errors of Spark -> errors of scorecast."""

import pytest
from pyspark.errors import PySparkException, PythonException

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.failures import classified
from scorecast.errors import (
    InputDataError,
    ModelPredictError,
    OutputError,
    RuntimeEnvironmentError,
    WorkerDiedError,
)

CONFIG = BatchPredictConfig(model_uri="m", input="some/input", output="o", batch_timeout=7)
IN_WORKER = """Job aborted due to stage failure.
Traceback (most recent call last):
  File "worker.py", line 1, in main
{last}

\tat org.apache.spark.Something
"""


def test_our_own_errors_stay_as_they_are():
    """What scorecast raised on the driver needs no other words."""
    error = OutputError("x")
    assert classified(error, CONFIG) is error


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (IN_WORKER.format(last="scorecast.errors.InputDataError: no"), InputDataError, "no"),
        (IN_WORKER.format(last="ImportError: no such module"), ModelPredictError, "ImportError"),
        ("no trace at all SQLSTATE: 1", ModelPredictError, "A Python worker failed"),
        (
            "SparkException: Python worker exited unexpectedly (crashed)",
            WorkerDiedError,
            "7 s of --batch-timeout",
        ),
    ],
)
def test_errors_of_workers(text, kind, words):
    """The line of Python that says why is taken out of the pages of Spark."""
    found = classified(PythonException(message=text), CONFIG)
    assert type(found) is kind
    assert words in str(found)
    assert "org.apache" not in str(found)


class WithConditionError(PySparkException):
    """An error of Spark that has a name."""

    def getCondition(self) -> str:  # noqa: N802 - Spark's name
        return "CAST_INVALID_INPUT"

    getErrorClass = getCondition  # noqa: N815 - its name in Spark 3


def test_errors_of_spark_itself():
    """A condition of Spark is about rows that it read; anything else about its surroundings."""
    found = classified(WithConditionError(message="a text that cannot be cast"), CONFIG)
    assert type(found) is InputDataError
    assert "some/input" in str(found)
    assert type(classified(RuntimeError("lost"), CONFIG)) is RuntimeEnvironmentError
