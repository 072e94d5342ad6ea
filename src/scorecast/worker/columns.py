"""Separate columns -> predictions: the shape in which a column function gets its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from scorecast.models.signature import Object
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import InputPlan, plan_by_name, plan_by_position
from scorecast.worker.predict import PredictPlan, predict_batch


@dataclass(frozen=True, slots=True)
class ColumnsPlan:
    """What a worker needs to predict from columns whose types it learns from the first batch.

    Attributes:
        handle: The model.
        names: Names of the columns where the driver knows them, else None.
        result: Arrow type of a prediction.
        params: Inference params with defaults filled in, or None when the model declares none.
    """

    handle: ModelHandle
    names: tuple[str, ...] | None
    result: pa.DataType
    params: Mapping[str, Any] | None = None


def predict_columns(
    batches: Iterable[Sequence[pa.Array] | pa.Array], plan: ColumnsPlan
) -> Iterator[pa.Array]:
    """Predict batch by batch. Runs in a Python worker, once per task.

    One struct column without a name stands for the columns inside it, matched by name.

    Raises:
        InputMismatchError: Columns are missing, too many or of a wrong type.
        PredictionError: See `predict_batches`.
    """
    inputs: InputPlan | None = None
    for arrays in batches:
        columns = [arrays] if isinstance(arrays, pa.Array) else list(arrays)
        if not len(columns[0]):
            yield pa.nulls(0, plan.result)
            continue
        batch, named = _batch(columns, plan)
        if inputs is None:
            planner = plan_by_name if named else plan_by_position
            inputs = planner(plan.handle.info.enforced_signature, batch.schema)
        yield predict_batch(batch, PredictPlan(plan.handle, inputs, plan.result, plan.params))


def _batch(columns: list[pa.Array], plan: ColumnsPlan) -> tuple[pa.RecordBatch, bool]:
    if plan.names is not None:
        return pa.RecordBatch.from_arrays(columns, names=list(plan.names)), True
    if len(columns) == 1 and pa.types.is_struct(columns[0].type) and not _takes_struct(plan):
        kind = columns[0].type
        names = [kind.field(i).name for i in range(kind.num_fields)]
        return pa.RecordBatch.from_arrays(columns[0].flatten(), names=names), True
    return pa.RecordBatch.from_arrays(columns, names=[""] * len(columns)), False


def _takes_struct(plan: ColumnsPlan) -> bool:
    """Tell whether the model's only input is itself a record."""
    inputs = plan.handle.info.enforced_signature.inputs or ()
    return len(inputs) == 1 and isinstance(inputs[0].type, Object)
