"""Whole batches -> the same with a column of predictions: mapInArrow and mapInPandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import types as pt

from scorecast.worker.casts import arrow_of
from scorecast.worker.nested import convert_nested, is_nested, with_plain_types
from scorecast.worker.output_scalars import convert_plain
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
        schema = pa.schema([*kept, pa.field(names[-1], plan.output)])
        yield pa.RecordBatch.from_arrays([*batch.columns[:keep], predictions], schema=schema)


def append_to_frames(
    frames: Iterable[pd.DataFrame], plan: PredictPlan, names: Sequence[str], schema: pa.Schema
) -> Iterator[pd.DataFrame]:
    """Do the same for pandas data frames, by way of Arrow, so that the answers are the same.

    What pandas itself does not keep apart is lost before and after: NULL and NaN of floats on the
    way in, and of floats inside lists and records on the way out.

    Args:
        frames: Frames with the columns of `schema`, timestamps in local time as Spark gives them.
        plan: What to predict.
        names: Names of the columns to give: the kept ones, then the predictions.
        schema: Arrow types of the columns; pandas alone does not keep integers with nulls.
    """
    for frame in frames:
        columns = [_to_arrow(frame.iloc[:, i], field.type) for i, field in enumerate(schema)]
        batch = pa.RecordBatch.from_arrays(columns, schema=schema)
        for result in append_to_batches([batch], plan, names):
            yield to_pandas(result)


def _to_arrow(series: pd.Series[Any], kind: pa.DataType) -> pa.Array:
    local = kind if isinstance(series.dtype, pd.DatetimeTZDtype) else _without_zone(kind)
    return convert_nested(arrow_of(series, local), kind, convert_plain)


def to_pandas(batch: pa.RecordBatch) -> pd.DataFrame:
    """Give a frame that Spark reads back as it is, with its own way for times inside of values."""
    columns = [
        convert_nested(column, _without_zone(column.type), convert_plain)
        if is_nested(column.type)
        else column
        for column in batch.columns
    ]
    local = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    frame: pd.DataFrame = local.to_pandas(types_mapper=_arrow_backed, maps_as_pydicts="strict")
    return frame


def _without_zone(kind: pa.DataType) -> pa.DataType:
    return with_plain_types(
        kind, lambda plain: pa.timestamp(plain.unit) if pt.is_timestamp(plain) else plain
    )


def _arrow_backed(kind: pa.DataType) -> pd.ArrowDtype | None:
    """Keep NULL and NaN apart, and integers beside NULL; Spark cannot read back nested values."""
    return None if is_nested(kind) else pd.ArrowDtype(kind)
