"""Whole batches -> the same with a column of predictions: the shape of mapInArrow and mapInPandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd
import pyarrow as pa

from scorecast.worker.predict import PredictPlan, predict_batches


def append_to_batches(
    batches: Iterable[pa.RecordBatch], plan: PredictPlan, names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Predict batch by batch, and give the kept columns followed by the predictions.

    Runs in a Python worker, once per task. Kept columns pass through untouched.

    Args:
        batches: Batches with the columns of the plan; the kept ones come first.
        plan: What to predict.
        names: Names of the columns to give: the kept ones, then the predictions.
    """
    keep = len(names) - 1
    for batch, predictions in predict_batches(batches, plan):
        kept = [batch.schema.field(i).with_name(names[i]) for i in range(keep)]
        schema = pa.schema([*kept, pa.field(names[-1], plan.result)])
        yield pa.RecordBatch.from_arrays([*batch.columns[:keep], predictions], schema=schema)


def append_to_frames(
    frames: Iterable[pd.DataFrame], plan: PredictPlan, names: Sequence[str], schema: pa.Schema
) -> Iterator[pd.DataFrame]:
    """Do the same for pandas data frames, by way of Arrow, so that the answers are the same.

    Args:
        frames: Frames with the columns of `schema`.
        plan: What to predict.
        names: Names of the columns to give: the kept ones, then the predictions.
        schema: Arrow types of the columns; pandas alone does not keep integers with nulls.
    """
    for frame in frames:
        batch = pa.RecordBatch.from_pandas(frame, schema=schema, preserve_index=False)
        for result in append_to_batches([batch], plan, names):
            # Arrow-backed floats, because in numpy's Spark would take NaN for NULL.
            yield result.to_pandas(types_mapper=_FLOATS.get, maps_as_pydicts="strict")


_FLOATS = {kind: pd.ArrowDtype(kind) for kind in (pa.float32(), pa.float64())}
