"""``mlflow.pyfunc.spark_udf`` with Spark's own writer."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses

from benchmarks.contenders.spark_base import SparkContender
from benchmarks.work import Work


class MlflowUdf(SparkContender):
    """The way that the documentation of MLflow shows."""

    def function(self, work: Work) -> Any:
        """Make the function, which loads the model where it runs."""
        import mlflow.pyfunc

        return mlflow.pyfunc.spark_udf(
            self.spark, work.model, result_type=work.result, env_manager="local"
        )

    def apply(self, function: Any, work: Work) -> Column:
        """Give it the inputs with their names."""
        if work.kind == "list":
            return function(*work.inputs)  # type: ignore[no-any-return]
        return function(F.struct(*work.inputs))  # type: ignore[no-any-return]
