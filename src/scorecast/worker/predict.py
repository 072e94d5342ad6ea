"""The one inner loop: Arrow batches in, Arrow predictions out."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorecast.errors import ModelPredictError, ScorecastError, one_line
from scorecast.models.flavors.base import Predictor
from scorecast.redaction import secrets_hidden
from scorecast.worker.environment import environment
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import InputPlan
from scorecast.worker.inputs import ModelInput, to_model_input
from scorecast.worker.isolate import (
    Experience,
    Isolated,
    Predict,
    isolate_batch,
    isolate_in_calls,
    isolate_rows,
)
from scorecast.worker.options import PredictOptions
from scorecast.worker.outputs import nan_as_null, to_predictions
from scorecast.worker.rebatch import rebatched
from scorecast.worker.variants import stored_type


@dataclass(frozen=True, slots=True)
class PredictPlan:
    """All that a worker needs to know, decided on the driver. Small, picklable.

    Attributes:
        handle: The model.
        inputs: Which columns become which inputs.
        result: Arrow type of a prediction.
        params: Inference params with defaults filled in, or None when the model declares none.
        options: How predictions are made beside that.
    """

    handle: ModelHandle
    inputs: InputPlan
    result: pa.DataType
    params: Mapping[str, Any] | None = None
    options: PredictOptions = field(default_factory=PredictOptions)

    @property
    def output(self) -> pa.DataType:
        """Arrow type of what `predict_batches` gives, which may say why rows failed."""
        return output_type(self.result, self.options)


def output_type(result: pa.DataType, options: PredictOptions) -> pa.DataType:
    """Give the Arrow type in which predictions leave the worker."""
    stored = stored_type(result)
    if options.on_error != "struct":
        return stored
    kind = [("error_class", pa.string())] if options.error_class else []
    return pa.struct([("result", stored), ("error", pa.string()), *kind])


def predict_batches(
    batches: Iterable[pa.RecordBatch], plan: PredictPlan, once: Predict | None = None
) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Predict batch by batch. Runs in a Python worker, once per task, or locally.

    The model is opened at the first batch that has rows, so a task without rows loads nothing.

    Args:
        batches: Batches with the columns of the plan.
        plan: What to predict.
        once: Calls the model on a batch; None does so in this process, see `predict_once`.

    Yields:
        Each batch as it came with its predictions: as many as rows, in their order, of the type
        ``plan.output``.

    Raises:
        InputMismatchError: The data does not fit the declared inputs.
        ModelPredictError: The model raised; the cause is its own exception.
        OutputMismatchError: The predictions do not fit rows or result type.
        ModelLoadError: The model cannot be loaded here.
    """
    did_well = False
    experience = Experience()

    def predict(batch: pa.RecordBatch) -> pa.Array:
        nonlocal did_well
        made = predict_batch(batch, plan, did_well=did_well, experience=experience, once=once)
        did_well = did_well or batch.num_rows > 0
        return made

    if plan.options.batch_size is not None:
        yield from rebatched(batches, plan.options.batch_size, predict)
        return
    for batch in batches:
        yield batch, predict(batch)


def predict_batch(
    batch: pa.RecordBatch,
    plan: PredictPlan,
    *,
    did_well: bool = False,
    experience: Experience | None = None,
    once: Predict | None = None,
) -> pa.Array:
    """Predict one batch, with one call of the model or, where rows fail, some more.

    Args:
        batch: The rows.
        plan: What to predict.
        did_well: Whether the model did well on rows of the task before.
        experience: What is known of the rows of the task.
        once: Calls the model on a batch; None does so in this process.
    """
    options = plan.options
    if batch.num_rows == 0:
        return pa.nulls(0, plan.output)

    def predict(part: pa.RecordBatch) -> pa.Array:
        return predict_once(part, plan) if once is None else once(part)

    if options.on_error == "fail":
        return predict(batch)
    result = stored_type(plan.result)
    at_most = options.max_errors
    if options.isolate == "batch":
        isolated = isolate_batch(batch, predict, result)
    elif at_most is None or options.batch_size is not None:
        isolated = isolate_rows(batch, predict, result, did_well=did_well, at_most=at_most)
    else:
        known = experience or Experience()
        isolated = isolate_in_calls(batch, predict, result, known, at_most=at_most)
    if options.on_error == "null":
        return isolated.predictions
    return _with_errors(isolated, plan.output)


def open_model(plan: PredictPlan) -> None:
    """Load the model into this process, unless it is here."""
    with environment(plan.options.extra_env):
        plan.handle.open(plan.options.extra_env)


def predict_once(batch: pa.RecordBatch, plan: PredictPlan) -> pa.Array:
    """Predict one batch with one call of the model, in this process, whatever `on_error` says.

    Raises:
        PredictionError: See `predict_batches`.
    """
    options = plan.options
    with environment(options.extra_env):
        return _predict(plan.handle.open(options.extra_env), batch, plan)


def _with_errors(isolated: Isolated, kind: pa.DataType) -> pa.Array:
    rows = len(isolated.predictions)
    texts: list[str | None] = [None] * rows
    classes: list[str | None] = [None] * rows
    for row, error in isolated.errors.items():
        texts[row], classes[row] = one_line(error), type(error).__name__
    columns = [isolated.predictions, pa.array(texts, pa.string()), pa.array(classes, pa.string())]
    return pa.StructArray.from_arrays(columns[: kind.num_fields], fields=list(kind))


def _predict(predictor: Predictor, batch: pa.RecordBatch, plan: PredictPlan) -> pa.Array:
    data = to_model_input(batch, plan.inputs)
    prediction = call_model(predictor, data, plan.params, rows=batch.num_rows)
    made = to_predictions(
        prediction, batch.num_rows, plan.result, model_output=plan.options.model_output
    )
    return nan_as_null(made) if plan.options.nan_as_null else made


@secrets_hidden()
def call_model(
    predictor: Predictor, data: ModelInput | Any, params: Mapping[str, Any] | None, *, rows: int
) -> Any:
    """Call the model, and say so when it raises.

    Raises:
        ModelPredictError: It raised, or asked the process to exit.
    """
    try:
        return predictor.predict(data, params)
    except (ScorecastError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a model that calls sys.exit must not end the worker quietly
        text = one_line(error)
        message = (
            f"The model raised {type(error).__name__} on a batch of {rows} rows: {text} "
            f"({_where(error)}). {_next_step(error)}"
        )
        raise ModelPredictError(message) from error


def _where(error: BaseException) -> str:
    """Name the line that raised; the traceback itself may not reach the user."""
    # Not `extract_tb`, which looks at the source of every frame: a search for rows fails often.
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{Path(frame.f_code.co_filename).name}, line {line}, in {frame.f_code.co_name}"


def _next_step(error: BaseException) -> str:
    if not isinstance(error, MemoryError):
        return "Try the rows with load_model(...).predict on the driver."
    # Set by Spark for its workers.
    limit = os.environ.get("PYSPARK_EXECUTOR_MEMORY_MB")
    given = f" (spark.executor.pyspark.memory: {limit} MiB for this worker)" if limit else ""
    return f"Give Python workers more memory{given}, or make batches smaller (batch_size)."
