"""scorecast: the job with each of its engines, the function of columns, the data frame."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

from benchmarks.contenders.spark_base import SparkContender
from benchmarks.work import ID, PREDICTION, Work
from scorecast import BatchPredictConfig, batch_predict, predict_frame, spark_udf


class Arrow(SparkContender):
    """The job with the engine in which no row passes through the JVM."""

    engine = "arrow"

    def function(self, work: Work) -> Any:
        """Make the function of columns."""
        return spark_udf(self.spark, work.model, work.result)

    def frame(self, work: Work) -> DataFrame:
        """Predict on a data frame."""
        return predict_frame(
            self._read(work),
            work.model,
            keep="none",
            result_type=work.result,
            output_column=PREDICTION,
        )

    def job(self, work: Work) -> None:
        """Run the job, all its guards included."""
        options: dict[str, Any] = {"engine": self.engine}
        if work.quarantine:
            options |= {"on_error": "quarantine", "max_error_rate": 0.001}
        config = BatchPredictConfig(
            model_uri=work.model,
            input=work.data,
            output=work.output,
            result_type=work.result,
            output_column=PREDICTION,
            keep=(ID,),
            # A tensor has no name, so that its column has to be told.
            columns=tuple(work.inputs) if work.kind == "list" else None,
            mode="overwrite",
            keep_replaced=0,
            **options,
        )
        batch_predict(self.spark, config)


class Spark(Arrow):
    """The job with the engine that reads what Spark reads."""

    engine = "spark"
