"""`spark_udf`: a model as a function of columns."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.errors import InputMismatchError
from scorecast.models.info import ModelInfo
from scorecast.models.signature import Signature
from scorecast.spark.prepare import check_model
from scorecast.spark.types import to_arrow
from scorecast.worker.columns import ColumnsPlan, predict_columns

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


def spark_udf(  # noqa: PLR0913 - the names are those of mlflow.pyfunc.spark_udf
    spark: SparkSession,
    model_uri: str | Path,
    result_type: str | st.DataType | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    preflight: bool = True,
) -> ModelUdf:
    """Make a function of columns that predicts with a model.

    Runs on the driver: inspects the model, checks result type, params and workers, packs the model
    and broadcasts it. Each Python worker loads it once, at its first batch.

    Args:
        spark: A classic or Connect session.
        model_uri: Path or URI of a model directory.
        result_type: Type of a prediction as DDL text or Spark type; None takes it from the
            outputs that the model declares.
        params: Inference params that the model declares.
        model_config: Overrides single keys of the configuration stored with the model.
        preflight: Whether to check the workers' packages first (one tiny task per session).

    Returns:
        A function: ``udf("a", "b")``, ``udf(*df.columns)``, ``udf(struct("a", "b"))`` or ``udf()``
        for the columns that the model declares.

    Raises:
        ConfigError: The result type is none.
        ArtifactError: The model cannot be fetched.
        ModelError: The directory is not a model that can be loaded.
        InputMismatchError: Params do not fit.
        WorkerEnvironmentError: Workers lack a package or have another version.
    """
    model = check_model(
        spark, model_uri, result_type=result_type, params=params, model_config=model_config
    )
    handle = model.ship(spark, preflight=preflight)
    plan = ColumnsPlan(handle, None, to_arrow(model.result_type, model.time_zone), model.params)
    return ModelUdf(model.resolved.info, model.result_type, plan)


class ModelUdf:
    """A model as a function of columns; made by `spark_udf`."""

    def __init__(self, info: ModelInfo, result_type: st.DataType, plan: ColumnsPlan) -> None:
        self.model_info = info
        self.result_type = result_type
        self._plan = plan

    def __call__(self, *columns: str | Column) -> Column:
        """Give the predictions as a column.

        Columns given as text are matched to the model's inputs by name when all inputs are among
        them, whatever their order, and other columns are left out. Otherwise, and for column
        expressions, the first is the first input and so on. A single struct is matched by the
        names of its fields. Without columns, the names that the model declares are taken.

        Raises:
            InputMismatchError: No columns are given and the model declares no names.
        """
        signature = self.model_info.enforced_signature
        chosen = columns or _declared_names(signature)
        texts = [column for column in chosen if isinstance(column, str)]
        if len(texts) == len(chosen) and _all_inputs_named(signature, texts):
            names = tuple(name for name in signature.input_names or () if name in texts)
            return self._apply(names, [_column(name) for name in names])
        if len(texts) == len(chosen) and signature.input_names:
            _warn_about_positions(signature, texts)
        return self._apply(None, [_column(c) if isinstance(c, str) else c for c in chosen])

    def _apply(self, names: tuple[str, ...] | None, columns: list[Column]) -> Column:
        plan = ColumnsPlan(self._plan.handle, names, self._plan.result, self._plan.params)
        # The stubs of pyspark 4.3 leave it out.
        udf = F.arrow_udf(  # type: ignore[attr-defined]
            _worker_function(plan), returnType=self.result_type
        )
        return udf(*columns)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        names = ", ".join(self.model_info.enforced_signature.input_names or ("...",))
        return (
            f"<spark_udf {self.model_info.uri} ({names}) -> {self.result_type.simpleString()} "
            f"{self.model_info.digest}>"
        )


def _worker_function(plan: ColumnsPlan) -> Callable[..., Any]:
    def predict(batches: Iterator[tuple[pa.Array, ...]]) -> Iterator[pa.Array]:
        return predict_columns(batches, plan)

    # Spark reads the shape of the function from its hints, which are text in this module.
    predict.__annotations__ = {
        "batches": Iterator[tuple[pa.Array, ...]],
        "return": Iterator[pa.Array],
    }
    return predict


def _declared_names(signature: Signature) -> tuple[str, ...]:
    names = signature.input_names
    if names is None:
        what = "declares no inputs" if not signature.inputs else "has inputs without names"
        message = (
            f"The function was called without columns, but the model {what}, so there are no names "
            "to take. Give the columns: udf(*df.columns)."
        )
        raise InputMismatchError(message)
    optional = [spec.name for spec in signature.inputs or () if not spec.required]
    if optional:
        message = (
            "The function was called without columns, but the model has optional inputs "
            f"({', '.join(map(str, optional))}), which the data may or may not have. Give the "
            "columns: udf(*df.columns)."
        )
        raise InputMismatchError(message)
    return names


def _all_inputs_named(signature: Signature, names: list[str]) -> bool:
    required = [spec.name for spec in signature.inputs or () if spec.required]
    known = signature.input_names is not None
    return (
        known
        and set(required) <= set(names)
        and bool(set(signature.input_names or ()) & set(names))
    )


def _warn_about_positions(signature: Signature, names: list[str]) -> None:
    missing = [name for name in signature.input_names or () if name not in names]
    if len(names) == 1:
        return  # one column may hold all inputs: a struct or an array
    warnings.warn(
        f"The columns {', '.join(names)} do not include the model's inputs {', '.join(missing)}, "
        "so columns are taken by position. Rename them, or pass columns of these names.",
        UserWarning,
        stacklevel=3,
    )


def _column(name: str) -> Column:
    # Names of data frames are taken as they are: a dot in one is not a path into a struct.
    return F.col(f"`{name.replace('`', '``')}`")
