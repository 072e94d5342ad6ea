"""`predict_frame`: a data frame in, the same with predictions out, in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.errors import ConfigError, InputMismatchError
from scorecast.local.names import (
    kept_names,
    name_problems,
    refuse_repeated_names,
    unknown_names,
)
from scorecast.spark.prepare import CheckedModel, check_model
from scorecast.spark.types import to_arrow
from scorecast.worker.frames import append_to_batches, append_to_frames
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import InputPlan, plan_by_name, plan_by_position
from scorecast.worker.predict import PredictPlan

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

Interface: TypeAlias = Literal["arrow", "pandas"]


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How one data frame is predicted on; made on the driver, before any task.

    Attributes:
        model: The checked model.
        columns: Columns that are needed at all: the kept ones first, then other inputs.
        inputs: Which of them become which inputs.
        schema: Schema of the result: kept columns, then the prediction.
    """

    model: CheckedModel
    columns: tuple[str, ...]
    inputs: InputPlan
    schema: st.StructType


def predict_frame(  # noqa: PLR0913 - options of one operation
    df: DataFrame,
    model_uri: str | Path,
    *,
    output_column: str = "prediction",
    keep: str | Sequence[str] = "all",
    columns: Sequence[str] | None = None,
    result_type: str | st.DataType | None = None,
    params: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    interface: Interface = "arrow",
    preflight: bool = True,
) -> DataFrame:
    """Predict on all rows of a data frame in one pass.

    Names and types are checked against the schema of `df` on the driver, all problems at once. The
    result is lazy, as any transformation.

    Args:
        df: Data of a classic or Connect session.
        model_uri: Path or URI of a model directory.
        output_column: Name of the column with the predictions.
        keep: ``"all"``, ``"none"`` or the names of the columns to keep beside the prediction.
        columns: Columns to predict on when their names differ from the model's inputs: by position.
        result_type: Type of a prediction as DDL text or Spark type; None takes it from the
            outputs that the model declares.
        params: Inference params that the model declares.
        model_config: Overrides single keys of the configuration stored with the model.
        interface: ``"arrow"`` for mapInArrow, ``"pandas"`` for mapInPandas. Same predictions;
            arrow is as fast or faster for every model of ``benchmarks/interfaces.py``, and keeps
            NaN inside nested values and in kept columns, which pandas gives back as NULL.
        preflight: Whether to check the workers' packages first (one tiny task per session).

    Returns:
        The kept columns in the order of `df`, then the prediction. Rows keep their order within a
        partition.

    Raises:
        ConfigError: An option is wrong, or columns that it names do not exist.
        InputDataError: Several columns of the data have one name.
        InputMismatchError: Columns that the model needs are missing or of a wrong type.
        ArtifactError: The model cannot be fetched.
        ModelError: The directory is not a model that can be loaded.
        WorkerEnvironmentError: Workers lack a package or have another version.
    """
    if interface not in get_args(Interface):
        message = f'interface is "{interface}"; choose "arrow" or "pandas".'
        raise ConfigError(message)
    spark = df.sparkSession
    model = check_model(
        spark, model_uri, result_type=result_type, params=params, model_config=model_config
    )
    plan = plan_frame(df.schema, model, output_column=output_column, keep=keep, columns=columns)
    handle = model.ship(spark, preflight=preflight)
    return apply_plan(select_columns(df, plan), plan, handle, interface=interface)


def plan_frame(
    schema: st.StructType,
    model: CheckedModel,
    *,
    output_column: str,
    keep: str | Sequence[str],
    columns: Sequence[str] | None,
) -> FramePlan:
    """Decide which columns are read, kept and given to the model; see `predict_frame`."""
    refuse_repeated_names(schema.names)
    kept = kept_names(schema.names, keep)
    problems = [
        *name_problems(schema.names, kept, output_column),
        *unknown_names("columns", columns or (), schema.names),
        *(
            f'column "{name}" of type {schema[name].dataType.simpleString()} cannot pass through '
            "Python workers; keep other columns, or cast it"
            for name in kept
            if name in schema.names and not _passes(schema[name].dataType)
        ),
    ]
    if problems:
        raise ConfigError.from_problems("options", problems)
    signature = model.resolved.info.enforced_signature
    names = list(columns) if columns is not None else list(schema.names)
    arrow = pa.schema([(name, _arrow_type(schema, name, model.time_zone)) for name in names])
    required = {spec.name for spec in signature.inputs or () if spec.required}
    known = signature.input_names is not None
    by_name = columns is None or (known and required <= set(columns))
    inputs = (plan_by_name if by_name else plan_by_position)(signature, arrow)
    used = [names[column.source] for column in inputs.columns]
    for name in used:
        to_arrow(schema[name].dataType, model.time_zone)
    needed = tuple(dict.fromkeys([*kept, *used]))
    placed = (
        replace(column, source=needed.index(name))
        for column, name in zip(inputs.columns, used, strict=True)
    )
    fields = [schema[name] for name in kept]
    return FramePlan(
        model,
        needed,
        InputPlan(inputs.form, tuple(placed)),
        st.StructType([*fields, st.StructField(output_column, model.result_type)]),
    )


def select_columns(df: DataFrame, plan: FramePlan) -> DataFrame:
    """Give the columns that the plan needs, in its order, under names of our own.

    Spark's mapIn functions look columns up by unquoted names, so a dot in a name breaks them.
    """
    return df.select(
        *(
            F.col(f"`{name.replace('`', '``')}`").alias(f"c{i}")
            for i, name in enumerate(plan.columns)
        )
    )


def apply_plan(
    df: DataFrame, plan: FramePlan, handle: ModelHandle, *, interface: Interface = "arrow"
) -> DataFrame:
    """Predict on a data frame of exactly the columns that `select_columns` gives."""
    zone = plan.model.time_zone
    result = to_arrow(plan.model.result_type, zone)
    predict = PredictPlan(handle, plan.inputs, result, plan.model.params)
    names = tuple(plan.schema.names)
    if interface == "pandas":
        schema = pa.schema([(field.name, to_arrow(field.dataType, zone)) for field in df.schema])

        def on_frames(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            return append_to_frames(frames, predict, names, schema)

        return df.mapInPandas(on_frames, plan.schema)

    def on_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return append_to_batches(batches, predict, names)

    return df.mapInArrow(on_batches, plan.schema)


def _passes(kind: st.DataType) -> bool:
    """Tell whether Spark sends values of a type to Python workers and takes them back."""
    if isinstance(kind, st.VariantType):
        return True
    try:
        to_arrow(kind, "UTC")
    except InputMismatchError:
        return False
    return True


def _arrow_type(schema: st.StructType, name: str, time_zone: str) -> pa.DataType:
    """Give the type of a column; one that cannot reach Python may still not be needed there."""
    try:
        return to_arrow(schema[name].dataType, time_zone)
    except InputMismatchError:
        return pa.opaque(pa.null(), schema[name].dataType.simpleString(), "spark")
