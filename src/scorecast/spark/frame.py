"""`predict_frame`: a data frame in, the same with predictions out, in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import pyarrow as pa
from pyspark.sql import types as st

from scorecast.errors import ConfigError, InputMismatchError
from scorecast.local.names import (
    kept_names,
    name_problems,
    refuse_repeated_names,
    unknown_names,
)
from scorecast.models.trust import Trust, TrustMode
from scorecast.spark.column_function import column_function, column_of
from scorecast.spark.packed import can_pack, pack, packed_plan
from scorecast.spark.prepare import CheckedModel, check_model
from scorecast.spark.types import is_variant, result_to_arrow, to_arrow
from scorecast.spark.variants import has_variant, parsed, text_type
from scorecast.worker.columns import ColumnsPlan
from scorecast.worker.frames import append_to_batches, append_to_frames
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import InputPlan, plan_by_name, plan_by_position
from scorecast.worker.options import Isolate, OnError, PredictOptions
from scorecast.worker.predict import PredictPlan

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

Interface: TypeAlias = Literal["auto", "arrow", "pandas", "column"]


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How one data frame is predicted on; made on the driver, before any task.

    Attributes:
        model: The checked model.
        columns: Columns that are needed at all: the kept ones first, then other inputs.
        inputs: Which of them become which inputs.
        schema: Schema of the result: kept columns, then the prediction.
        stays: Kept columns that cannot be sent to Python workers and back.
    """

    model: CheckedModel
    columns: tuple[str, ...]
    inputs: InputPlan
    schema: st.StructType
    stays: tuple[str, ...] = ()


def predict_frame(  # noqa: PLR0913 - options of one operation
    df: DataFrame,
    model_uri: str | Path,
    *,
    output_column: str = "prediction",
    keep: str | Sequence[str] = "all",
    columns: Sequence[str] | None = None,
    result_type: str | st.DataType | None = None,
    env_manager: str | None = None,
    params: Mapping[str, Any] | None = None,
    extra_env: Mapping[str, str] | None = None,
    model_config: Mapping[str, Any] | str | Path | None = None,
    batch_size: int | None = None,
    on_error: OnError = "fail",
    isolate: Isolate = "row",
    nan_as_null: bool = False,
    model_output: str | None = None,
    nullable_integers: bool = False,
    model_digest: str | None = None,
    trust: TrustMode = "any",
    model_signature_key: str | Path | None = None,
    interface: Interface = "auto",
    preflight: bool = True,
) -> DataFrame:
    """Predict on all rows of a data frame in one pass.

    Names and types are checked against the schema of `df` on the driver, all problems at once. The
    result is lazy, as any transformation, and its schema is known without running anything.

    Args:
        df: Data of a classic or Connect session; also a streaming one.
        model_uri: Path or URI of a model directory.
        output_column: Name of the column with the predictions.
        keep: ``"all"``, ``"none"`` or the names of the columns to keep beside the prediction.
        columns: Columns to predict on when their names differ from the model's inputs: by position.
        result_type: Type of a prediction as DDL text or Spark type; None takes it from the
            outputs that the model declares.
        env_manager: See `spark_udf`, as for all options that are not named here.
        params: Inference params that the model declares.
        extra_env: Environment variables that the model sees while it loads and predicts.
        model_config: Overrides single keys of the configuration stored with the model.
        batch_size: Rows per call of the model.
        on_error: ``"fail"``, ``"null"`` or ``"struct"`` for rows that the model fails on.
        isolate: ``"row"`` or ``"batch"``.
        nan_as_null: Whether NaN in predictions becomes NULL.
        model_output: Which column of the model's output to take.
        nullable_integers: Whether integer and boolean inputs reach the model as nullable types.
        model_digest: Digest that the model's files must have.
        trust: ``"any"``, ``"no-pickle"`` or ``"pinned"``.
        model_signature_key: File of the public key (PEM) that the model must be signed with.
        interface: How rows reach the workers; the predictions are the same. ``"arrow"`` is
            mapInArrow. ``"pandas"`` is mapInPandas, which gives NaN inside nested values and in
            kept columns back as NULL, and knows no summer time after 2037. ``"column"`` sends the
            model's inputs alone, so that columns of every type can be kept; ``"auto"`` is that
            where kept columns cannot be sent, else ``"arrow"``.
        preflight: Whether to check the workers' packages first (one tiny task per session).

    Returns:
        The kept columns in the order of `df`, then the prediction. Rows keep their order within a
        partition.

    Raises:
        ConfigError: An option is wrong, or columns that it names do not exist.
        InputDataError: Several columns of the data have one name.
        InputMismatchError: Columns that the model needs are missing or of a wrong type.
        ArtifactError: The model cannot be fetched.
        ModelDigestError: The model has another digest than `model_digest`.
        ModelTrustError: The model is not signed as asked, or runs code and must not.
        ModelError: The directory is not a model that can be loaded.
        WorkerEnvironmentError: Workers lack a package or have another version.
    """
    if interface not in get_args(Interface):
        message = f'interface is "{interface}"; choose "auto", "arrow", "pandas" or "column".'
        raise ConfigError(message)
    options = PredictOptions(
        on_error=on_error,
        isolate=isolate,
        batch_size=batch_size,
        nan_as_null=nan_as_null,
        model_output=model_output,
        nullable_integers=nullable_integers,
        extra_env=extra_env or {},
    )
    spark = df.sparkSession
    model = check_model(
        spark,
        model_uri,
        result_type=result_type,
        params=params,
        model_config=model_config,
        options=options,
        env_manager=env_manager,
        trust=Trust(trust, model_digest, model_signature_key),
    )
    plan = plan_frame(df.schema, model, output_column=output_column, keep=keep, columns=columns)
    if interface in ("arrow", "pandas"):
        _refuse_staying(plan)
    return apply_plan(df, plan, model.ship(spark, preflight=preflight), interface=interface)


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
    if model.options.nullable_integers:
        inputs = inputs.all_nullable()
    used = [names[column.source] for column in inputs.columns]
    for name in used:
        to_arrow(schema[name].dataType, model.time_zone)
    needed = tuple(dict.fromkeys([*kept, *used]))
    placed = (
        replace(column, source=needed.index(name))
        for column, name in zip(inputs.columns, used, strict=True)
    )
    return FramePlan(
        model,
        needed,
        InputPlan(inputs.form, tuple(placed)),
        st.StructType(
            [*(schema[name] for name in kept), st.StructField(output_column, model.output_type)]
        ),
        tuple(name for name in kept if not _passes(schema[name].dataType)),
    )


def apply_plan(
    df: DataFrame, plan: FramePlan, handle: ModelHandle, *, interface: Interface = "auto"
) -> DataFrame:
    """Predict on the data frame that the plan was made for; see `predict_frame`."""
    # Sending the inputs alone is no faster, see benchmarks/columns.py: Spark holds what it keeps.
    if interface == "column" or (interface == "auto" and plan.stays):
        predicted = _add_column(df, plan, handle)
    else:
        kept = len(plan.schema.names) - 1
        kinds = [df.schema[plan.columns[c.source]].dataType for c in plan.inputs.columns]
        if interface != "pandas" and can_pack(plan.inputs, kinds, kept):
            selected = pack(df, plan.inputs, plan.columns, kept)
            plan = replace(plan, inputs=packed_plan(plan.inputs, kept))
        else:
            selected = _select_columns(df, plan)
        predicted = _map_batches(selected, plan, handle, pandas=interface == "pandas")
    output = plan.schema.fields[-1]
    if not has_variant(output.dataType):
        return predicted
    return predicted.withColumn(output.name, parsed(column_of(output.name), output.dataType))


def _select_columns(df: DataFrame, plan: FramePlan) -> DataFrame:
    """Give the columns that the plan needs, in its order, under names of our own.

    Spark's mapIn functions look columns up by unquoted names, so a dot in a name breaks them.
    """
    return df.select(*(column_of(name).alias(f"c{i}") for i, name in enumerate(plan.columns)))


def _map_batches(df: DataFrame, plan: FramePlan, handle: ModelHandle, *, pandas: bool) -> DataFrame:
    """Predict on a data frame of exactly the columns that the plan takes, in its order."""
    zone = plan.model.time_zone
    result = result_to_arrow(plan.model.result_type, zone)
    predict = PredictPlan(handle, plan.inputs, result, plan.model.params, plan.model.options)
    names = tuple(plan.schema.names)
    *kept, output = plan.schema.fields
    if pandas:
        # A frame of pandas does not say which columns are without nulls.
        kept = [st.StructField(field.name, field.dataType) for field in kept]
    schema = st.StructType([*kept, st.StructField(output.name, text_type(output.dataType))])
    if pandas:
        given = pa.schema([(field.name, to_arrow(field.dataType, zone)) for field in df.schema])

        def on_frames(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            return append_to_frames(frames, predict, names, given)

        return df.mapInPandas(on_frames, schema)

    def on_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return append_to_batches(batches, predict, names)

    return df.mapInArrow(on_batches, schema)


def _add_column(df: DataFrame, plan: FramePlan, handle: ModelHandle) -> DataFrame:
    """Predict on the inputs alone, beside kept columns that never leave the JVM."""
    model = plan.model
    columns = ColumnsPlan(
        handle,
        result_to_arrow(model.result_type, model.time_zone),
        model.params,
        model.options,
        inputs=_placed_alone(plan.inputs),
    )
    # Spark may evaluate a deterministic function twice, in a filter and after it.
    function = column_function(columns, text_type(model.output_type)).asNondeterministic()
    predicted = function(*(column_of(plan.columns[c.source]) for c in plan.inputs.columns))
    *kept, output = plan.schema.names
    return df.select(*map(column_of, kept), predicted.alias(output))


def _placed_alone(inputs: InputPlan) -> InputPlan:
    return replace(
        inputs,
        columns=tuple(replace(column, source=i) for i, column in enumerate(inputs.columns)),
    )


def _refuse_staying(plan: FramePlan) -> None:
    """Refuse to send what cannot be sent.

    Raises:
        ConfigError: Columns are to be kept that cannot pass through Python workers.
    """
    problems = [
        f'column "{name}" of type {plan.schema[name].dataType.simpleString()} cannot pass through '
        'Python workers; use interface="column", keep other columns, or cast it'
        for name in plan.stays
    ]
    if problems:
        raise ConfigError.from_problems("options", problems)


def _passes(kind: st.DataType) -> bool:
    """Tell whether Spark sends values of a type to Python workers and takes them back."""
    if is_variant(kind):
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
