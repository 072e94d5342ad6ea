"""Whole batches -> the same with a column of predictions: the shape of mapInArrow and mapInPandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd
import pyarrow as pa

from scorecast.worker.predict import PredictPlan, predict_batches


def append_to_batches(
    batches: Iterable[pa.RecordBatch], plan: PredictPlan, keep: int, output: str
) -> Iterator[pa.RecordBatch]:
    """Predict batch by batch, and give the first `keep` columns followed by the predictions.

    Runs in a Python worker, once per task. Kept columns pass through untouched.

    Args:
        batches: Batches with the columns of the plan; the kept ones come first.
        plan: What to predict.
        keep: How many columns to keep.
        output: Name of the column with the predictions.
    """
    for batch, predictions in predict_batches(batches, plan):
        fields = [*(batch.schema.field(i) for i in range(keep)), pa.field(output, plan.result)]
        columns = [*batch.columns[:keep], predictions]
        yield pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def append_to_frames(
    frames: Iterable[pd.DataFrame], plan: PredictPlan, keep: int, output: str, schema: pa.Schema
) -> Iterator[pd.DataFrame]:
    """Do the same for pandas data frames, by way of Arrow, so that the answers are the same.

    Args:
        frames: Frames with the columns of `schema`.
        plan: What to predict.
        keep: How many columns to keep.
        output: Name of the column with the predictions.
        schema: Arrow types of the columns; pandas alone does not keep integers with nulls.
    """
    for frame in frames:
        batch = pa.RecordBatch.from_pandas(frame, schema=schema, preserve_index=False)
        for result in append_to_batches([batch], plan, keep, output):
            # Arrow-backed floats, because in numpy's Spark would take NaN for NULL.
            yield result.to_pandas(types_mapper=_FLOATS.get, maps_as_pydicts="strict")


_FLOATS = {kind: pd.ArrowDtype(kind) for kind in (pa.float32(), pa.float64())}
