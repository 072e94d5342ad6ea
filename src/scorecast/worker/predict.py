"""The one inner loop: Arrow batches in, Arrow predictions out."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorecast.errors import ModelPredictError, ScorecastError, one_line
from scorecast.models.flavors.base import Predictor
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import InputPlan
from scorecast.worker.inputs import ModelInput, to_model_input
from scorecast.worker.outputs import to_predictions


@dataclass(frozen=True, slots=True)
class PredictPlan:
    """All that a worker needs to know, decided on the driver. Small, picklable.

    Attributes:
        handle: The model.
        inputs: Which columns become which inputs.
        result: Arrow type of a prediction.
        params: Inference params with defaults filled in, or None when the model declares none.
    """

    handle: ModelHandle
    inputs: InputPlan
    result: pa.DataType
    params: Mapping[str, Any] | None = None


def predict_batches(
    batches: Iterable[pa.RecordBatch], plan: PredictPlan
) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Predict batch by batch. Runs in a Python worker, once per task, or locally.

    The model is opened at the first batch that has rows, so a task without rows loads nothing.

    Yields:
        Each batch with its predictions: as many as rows, in their order, of the type of the plan.

    Raises:
        InputMismatchError: The data does not fit the declared inputs.
        ModelPredictError: The model raised; the cause is its own exception.
        OutputMismatchError: The predictions do not fit rows or result type.
        ModelLoadError: The model cannot be loaded here.
    """
    for batch in batches:
        yield batch, predict_batch(batch, plan)


def predict_batch(batch: pa.RecordBatch, plan: PredictPlan) -> pa.Array:
    """Predict one batch; see `predict_batches`."""
    if batch.num_rows == 0:
        return pa.nulls(0, plan.result)
    predictor = plan.handle.open()
    data = to_model_input(batch, plan.inputs)
    prediction = call_model(predictor, data, plan.params, rows=batch.num_rows)
    return to_predictions(prediction, batch.num_rows, plan.result)


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
            f"({_where(error)}). Try the rows with load_model(...).predict on the driver."
        )
        raise ModelPredictError(message) from error


def _where(error: BaseException) -> str:
    """Name the line that raised; the traceback itself may not reach the user."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
