"""``predict_batch_udf`` of pyspark with Spark's own writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pyspark.ml.functions import predict_batch_udf
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from benchmarks.contenders.spark_base import SparkContender
from benchmarks.work import Work

# Rows of one call; Spark sends no more than 10,000 at a time.
_BATCH = 10_000


class PredictBatch(SparkContender):
    """Columns are put into one array first, as its documentation advises for many of them."""

    def function(self, work: Work) -> Any:
        """Make the function."""
        model, several = work.model, work.result != "double"

        def make() -> Callable[[Any], Any]:
            from benchmarks.contenders.by_hand import estimator

            loaded = estimator(model)

            def predict(block: Any) -> Any:
                found = np.asarray(loaded.predict(block))
                return {"a": found[:, 0], "b": found[:, 1]} if several else found

            return predict

        kind = (
            st.StructType([st.StructField(name, st.DoubleType()) for name in "ab"])
            if several
            else st.DoubleType()
        )
        return predict_batch_udf(
            make, return_type=kind, batch_size=_BATCH, input_tensor_shapes=[[self._width(work)]]
        )

    def apply(self, function: Any, work: Work) -> Column:
        """Give it one array."""
        return function(work.inputs[0] if work.kind == "list" else F.array(*work.inputs))  # type: ignore[no-any-return]

    def _width(self, work: Work) -> int:
        if work.kind == "list":
            return len(self._read(work).select(work.inputs[0]).first()[0])
        return len(work.inputs)
