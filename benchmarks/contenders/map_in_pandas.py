"""``mapInPandas``, written by hand, with Spark's own writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from benchmarks.contenders.spark_base import SparkContender
from benchmarks.work import ID, PREDICTION, Work


class MapInPandas(SparkContender):
    """A loop over frames."""

    def job(self, work: Work) -> None:
        """Predict on each frame."""
        frame = self._read(work).select(ID, *work.inputs)
        schema = f"{ID} long, {PREDICTION} {work.result}"
        found = frame.mapInPandas(_loop(work), schema)
        found.write.mode("overwrite").parquet(work.output)


def _loop(work: Work) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    inputs, kind, place = list(work.inputs), work.kind, work.model

    def loop(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        from benchmarks.contenders.by_hand import estimator

        model = estimator(place)
        for frame in frames:
            data = np.stack(frame[inputs[0]].to_list()) if kind == "list" else frame[inputs]
            found = np.asarray(model.predict(data))
            values = found if found.ndim == 1 else pd.DataFrame(found, columns=["a", "b"])
            yield pd.DataFrame({ID: frame[ID]}).assign(
                **{PREDICTION: values if found.ndim == 1 else values.to_dict("records")}
            )

    return loop
