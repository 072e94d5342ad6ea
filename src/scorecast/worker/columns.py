"""Separate columns -> predictions: the shape in which a column function gets its data."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from scorecast.models.signature import Object, Signature
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import InputPlan, plan_by_name, plan_by_position
from scorecast.worker.options import PredictOptions
from scorecast.worker.predict import PredictPlan, output_type, predict_batches


@dataclass(frozen=True, slots=True)
class ColumnsPlan:
    """What a worker needs to predict from columns whose types it learns from the first batch.

    Attributes:
        handle: The model.
        result: Arrow type of a prediction.
        params: Inference params with defaults filled in, or None when the model declares none.
        options: How predictions are made beside that.
        names: Names of the columns where the driver knows them, else None.
        wrapped: Whether the columns come as the members of one record, for their names.
        inputs: Which columns become which inputs, where the driver knows their types as well.
    """

    handle: ModelHandle
    result: pa.DataType
    params: Mapping[str, Any] | None = None
    options: PredictOptions = field(default_factory=PredictOptions)
    names: tuple[str, ...] | None = None
    wrapped: bool = False
    inputs: InputPlan | None = None


def predict_columns(
    batches: Iterable[Sequence[pa.Array] | pa.Array], plan: ColumnsPlan
) -> Iterator[pa.Array]:
    """Predict batch by batch. Runs in a Python worker, once per task.

    Yields:
        The predictions of each batch.

    Raises:
        InputMismatchError: Columns are missing, too many or of a wrong type.
        PredictionError: See `predict_batches`.
    """
    came = (_batch(arrays, plan) for arrays in batches)
    first = next(came, None)
    while first is not None and not first.num_rows:
        yield pa.nulls(0, output_type(plan.result, plan.options))
        first = next(came, None)
    if first is None:
        return
    inputs = plan.inputs or plan_inputs(plan.handle.info.enforced_signature, first.schema, plan)
    predict = PredictPlan(plan.handle, inputs, plan.result, plan.params, plan.options)
    for _, predictions in predict_batches(_chain(first, came), predict):
        yield predictions


def plan_inputs(signature: Signature, schema: pa.Schema, plan: ColumnsPlan) -> InputPlan:
    """Plan by name where columns have names and the model's inputs are among them.

    Raises:
        InputMismatchError: Columns are missing, too many or of a wrong type.
    """
    by_name = plan.names is not None or (plan.wrapped and all_inputs_named(signature, schema.names))
    unwrapped = not plan.wrapped and any(schema.names)
    if by_name or unwrapped:
        inputs = plan_by_name(signature, schema)
    else:
        if plan.wrapped and signature.input_names:
            warnings.warn(positions_warning(signature, schema.names), UserWarning, stacklevel=2)
        inputs = plan_by_position(signature, _without_names(schema))
    return inputs.all_nullable() if plan.options.nullable_integers else inputs


def all_inputs_named(signature: Signature, names: Sequence[str]) -> bool:
    """Tell whether all inputs that a model requires, and at least one, are among some names."""
    required = {spec.name for spec in signature.inputs or () if spec.required}
    known = set(signature.input_names or ())
    return required <= set(names) and bool(known & set(names))


def positions_warning(signature: Signature, names: Sequence[str]) -> str:
    """Say that columns are taken by position although they and the inputs have names."""
    missing = [name for name in signature.input_names or () if name not in names]
    return (
        f"The columns {', '.join(names)} do not include the model's inputs {', '.join(missing)}, "
        "so columns are taken by position. Rename them, or pass columns of these names."
    )


def _chain(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _batch(arrays: Sequence[pa.Array] | pa.Array, plan: ColumnsPlan) -> pa.RecordBatch:
    """Give the columns as one batch, with the names that are known."""
    columns = [arrays] if isinstance(arrays, pa.Array) else list(arrays)
    names = plan.names
    if plan.inputs is not None:
        return pa.RecordBatch.from_arrays(columns, names=[""] * len(columns))
    if plan.wrapped:
        columns, names = _members(columns[0])
    alone = len(columns) == 1 and plan.names is None
    if alone and _stands_for_columns(columns[0].type, plan):
        columns, names = _members(columns[0])
    return pa.RecordBatch.from_arrays(columns, names=list(names or [""] * len(columns)))


def _members(record: pa.Array) -> tuple[list[pa.Array], tuple[str, ...]]:
    return record.flatten(), tuple(member.name for member in record.type)


def _stands_for_columns(kind: pa.DataType, plan: ColumnsPlan) -> bool:
    """Tell whether a record is not itself the model's only input, but holds the inputs."""
    if not pa.types.is_struct(kind):
        return False
    inputs = plan.handle.info.enforced_signature.inputs or ()
    if len(inputs) != 1 or not isinstance(inputs[0].type, Object):
        return True
    members = {member.name for member in kind}
    own = {member.name for member in inputs[0].type.properties}
    return inputs[0].name in members - own


def _without_names(schema: pa.Schema) -> pa.Schema:
    return pa.schema([member.with_name("") for member in schema])
