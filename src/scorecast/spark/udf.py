"""`spark_udf`: a model as a function of columns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.errors import ConfigError, InputMismatchError
from scorecast.models.info import ModelInfo
from scorecast.models.signature import Signature
from scorecast.models.trust import Trust, TrustMode
from scorecast.spark.column_function import column_function, column_of
from scorecast.spark.notebooks import udf_html
from scorecast.spark.prepare import CheckedModel, check_model
from scorecast.spark.types import result_to_arrow
from scorecast.spark.variants import has_variant, parsed, text_type
from scorecast.worker.columns import ColumnsPlan, all_inputs_named, positions_warning
from scorecast.worker.handle import ModelHandle
from scorecast.worker.options import Isolate, OnError, PredictOptions

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


_MOST_SHOWN = 20


def spark_udf(  # noqa: PLR0913 - the names are those of mlflow.pyfunc.spark_udf
    spark: SparkSession,
    model_uri: str | Path,
    result_type: str | st.DataType | None = None,
    *,
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
    preflight: bool = True,
) -> ModelUdf:
    """Make a function of columns that predicts with a model.

    Runs on the driver: inspects the model, checks result type, params and workers, and gives the
    model to the session. Each Python worker loads it once, at its first batch.

    Args:
        spark: A classic or Connect session.
        model_uri: Path or URI of a model directory.
        result_type: Type of a prediction as DDL text or Spark type; None takes it from the
            outputs that the model declares.
        env_manager: None or ``"local"``: the model runs in the environment of the Python workers.
        params: Inference params that the model declares.
        extra_env: Environment variables that the model sees while it loads and predicts.
        model_config: Overrides single keys of the configuration stored with the model: a dict, or
            the path of a YAML file.
        batch_size: Rows per call of the model, also across the batches in which Spark sends them;
            None takes those (``spark.sql.execution.arrow.maxRecordsPerBatch`` rows).
        on_error: What becomes of rows that the model fails on: ``"fail"`` ends the job, ``"null"``
            makes their prediction NULL, ``"struct"`` gives ``struct<result, error>`` for all rows.
            A batch in which every row fails ends the job all the same, as do predictions that are
            not one per row.
        isolate: ``"row"`` finds failing rows by predicting parts of their batch again;
            ``"batch"`` fails all rows of the batch together, for models that look across rows: a
            model that always fails then gives no prediction at all, and does not end the job.
        nan_as_null: Whether NaN in predictions becomes NULL, as in MLflow.
        model_output: Which column of the model's output to take; None takes all for a struct or
            an array, and the only one that fits for any other type.
        nullable_integers: Whether integer and boolean inputs reach the model in pandas' nullable
            types (``Int64``, ``boolean``), with or without nulls; by default only those that the
            signature declares optional do, and a null in others is an error.
        model_digest: Digest that the model's files must have, as `inspect_model` gives it; it is
            checked here, and by every worker before it loads a byte of them.
        trust: ``"any"`` takes every model; ``"no-pickle"`` only what runs no code of its own when
            it is loaded; ``"pinned"`` needs `model_digest` or `model_signature_key`. Decided here,
            before anything is shipped.
        model_signature_key: File of the public key (PEM) that the model must be signed with.
        preflight: Whether to check the workers' packages first (one tiny task per session).

    Returns:
        A function: ``udf("a", "b")``, ``udf(*df.columns)``, ``udf(struct("a", "b"))`` or ``udf()``
        for the columns that the model declares.

    Raises:
        ConfigError: The result type is none, or an option is wrong.
        ArtifactError: The model cannot be fetched.
        ModelDigestError: The model has another digest than `model_digest`.
        ModelTrustError: The model is not signed as asked, or runs code and must not.
        ModelError: The directory is not a model that can be loaded.
        InputMismatchError: Params do not fit.
        WorkerEnvironmentError: Workers lack a package or have another version.
    """
    options = PredictOptions(
        on_error=on_error,
        isolate=isolate,
        batch_size=batch_size,
        nan_as_null=nan_as_null,
        model_output=model_output,
        nullable_integers=nullable_integers,
        extra_env=extra_env or {},
    )
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
    return ModelUdf(model, model.ship(spark, preflight=preflight))


class ModelUdf:
    """A model as a function of columns; made by `spark_udf`.

    It is accepted where Spark accepts a function of columns: it is called with columns, and
    ``spark.udf.register`` takes it.

    Attributes:
        model_info: What the model declares.
        result_type: Spark type of its column.
        deterministic: Whether Spark may evaluate it more than once for a row, as in a filter.
    """

    def __init__(
        self, model: CheckedModel, handle: ModelHandle, *, deterministic: bool = True
    ) -> None:
        self.model_info: ModelInfo = model.resolved.info
        self.result_type = model.output_type
        self.deterministic = deterministic
        self._model = model
        self._handle = handle
        self._plan = ColumnsPlan(
            handle,
            result_to_arrow(model.result_type, model.time_zone),
            model.params,
            model.options,
        )

    @property
    def metadata(self) -> ModelInfo:
        """What the model declares, under the name that MLflow gives it."""
        return self.model_info

    def __call__(self, *columns: str | Column) -> Column:
        """Give the predictions as a column.

        Columns are matched to the model's inputs by name when all inputs are among them, whatever
        their order, and other columns are left out. Otherwise the first is the first input and so
        on, with a warning. A single struct is matched by the names of its fields. Without columns,
        the names that the model declares are taken.

        Raises:
            InputMismatchError: No columns are given and the model declares no names.
        """
        signature = self.model_info.enforced_signature
        chosen = columns or _declared_names(signature)
        texts = [column for column in chosen if isinstance(column, str)]
        if len(texts) == len(chosen):
            if all_inputs_named(signature, texts):
                names = tuple(name for name in signature.input_names or () if name in texts)
                plan = replace(self._plan, names=names)
                return self._applied(plan, [column_of(name) for name in names])
            # One column may hold all inputs: a struct or an array.
            if signature.input_names and len(texts) > 1:
                warnings.warn(positions_warning(signature, texts), UserWarning, stacklevel=2)
            return self._applied(self._plan, [column_of(name) for name in texts])
        given = [column_of(c) if isinstance(c, str) else c for c in chosen]
        if signature.input_names and len({str(column) for column in given}) < len(given):
            warnings.warn(
                "One column is given more than once, so columns are taken by position, not by "
                "their names. Give each input its own, or names as text.",
                UserWarning,
                stacklevel=2,
            )
        elif _names_matter(signature, given):
            # Only Spark knows what columns are called; a record of them carries their names.
            return self._applied(replace(self._plan, wrapped=True), [F.struct(*given)])
        return self._applied(self._plan, given)

    def register(self, spark: SparkSession, name: str) -> None:
        """Make the function known to SQL: ``SELECT predict(a, b) FROM t``.

        SQL gives arguments without their names, so they are taken by position, except those inside
        of ``struct(*)`` or ``named_struct(...)``.

        Args:
            spark: The session, the one that the function was made with.
            name: Name in SQL; a function of this name is replaced.

        Raises:
            ConfigError: The result type holds a variant, which takes an expression around the
                function.
        """
        spark.udf.register(name, self._registrable())

    def asNondeterministic(self) -> ModelUdf:  # noqa: N802 - the name that Spark looks for
        """Give the same function, marked so that Spark evaluates it exactly once per row."""
        return ModelUdf(self._model, self._handle, deterministic=False)

    @property
    def __wrapped__(self) -> Any:
        """The function of Spark itself, where MLflow has it; takes columns by position."""
        return self._registrable()

    @property
    def func(self) -> Any:
        """What ``spark.udf.register`` asks for: the worker's function."""
        return self._registrable().func

    @property
    def evalType(self) -> int:  # noqa: N802 - the name that Spark looks for
        """What ``spark.udf.register`` asks for: the kind of the worker's function."""
        return int(self._registrable().evalType)

    @property
    def returnType(self) -> st.DataType:  # noqa: N802 - the name that Spark looks for
        """The same as `result_type`, under the name that Spark looks for."""
        return self.result_type

    def _registrable(self) -> Any:
        if has_variant(self.result_type):
            message = (
                f"A function of the result type {self.result_type.simpleString()} cannot be "
                'registered. Make it with result_type="string", and use parse_json(...) around it.'
            )
            raise ConfigError(message)
        return self._function(self._plan)

    def _applied(self, plan: ColumnsPlan, columns: list[Column]) -> Column:
        return parsed(self._function(plan)(*columns), self.result_type)

    def _function(self, plan: ColumnsPlan) -> Any:
        function = column_function(plan, text_type(self.result_type))
        return function if self.deterministic else function.asNondeterministic()

    def __repr__(self) -> str:
        known = self.model_info.enforced_signature.input_names or ("...",)
        names = ", ".join(known if len(known) <= _MOST_SHOWN else (*known[:_MOST_SHOWN], "..."))
        return (
            f"<spark_udf {self.model_info.uri} ({names}) -> {self.result_type.simpleString()} "
            f"{self.model_info.digest}>"
        )

    def _repr_html_(self) -> str:
        """Show the model in a notebook."""
        return udf_html(self.model_info, self.result_type.simpleString())


def _no_names(signature: Signature) -> str:
    """Say it in MLflow's words, for code that looks for them, and what to do in ours."""
    cure = "Give the columns: udf(*df.columns)."
    if not signature.inputs:
        return (
            "Attempting to apply udf on zero columns because no column names were specified as "
            f"arguments or inferred from the model signature. {cure}"
        )
    types = ", ".join(str(spec) for spec in signature.inputs)
    return (
        "Cannot apply udf because no column names specified. The udf expects "
        f"{len(signature.inputs)} columns with types: {types}. Input column names could not be "
        f"inferred from the model signature (column names not found). {cure}"
    )


def _names_matter(signature: Signature, columns: list[Column]) -> bool:
    """Tell whether columns may be matched by names that only Spark knows.

    A single column is a record of all inputs, or the first one unless others may be left out.
    """
    if not signature.input_names:
        return False
    return len(columns) > 1 or any(not spec.required for spec in signature.inputs or ())


def _declared_names(signature: Signature) -> tuple[str, ...]:
    names = signature.input_names
    if names is None:
        raise InputMismatchError(_no_names(signature))
    optional = [spec.name for spec in signature.inputs or () if not spec.required]
    if optional:
        message = (
            "Cannot apply UDF without column names specified when model signature contains "
            f"optional columns. They are {', '.join(map(str, optional))}, which the data may or "
            "may not have. Give the columns: udf(*df.columns)."
        )
        raise InputMismatchError(message)
    return names
