"""Batch inference with MLflow-compatible models on Apache Spark.

Names are imported on first use, so that a Python worker which needs only the inner loop never pays
for Spark, YAML or click.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scorecast.batch.config import BatchPredictConfig as BatchPredictConfig
    from scorecast.batch.predictions import read_predictions as read_predictions
    from scorecast.batch.report import RunReport as RunReport
    from scorecast.batch.run import batch_predict as batch_predict
    from scorecast.errors import ScorecastError as ScorecastError
    from scorecast.local.model import LoadedModel as LoadedModel
    from scorecast.local.model import inspect_model as inspect_model
    from scorecast.local.model import load_model as load_model
    from scorecast.models.infer import infer_signature as infer_signature
    from scorecast.models.info import ModelInfo as ModelInfo
    from scorecast.models.save import save_model as save_model
    from scorecast.models.signature import Signature as Signature
    from scorecast.spark.frame import predict_frame as predict_frame
    from scorecast.spark.udf import spark_udf as spark_udf

__version__ = "0.1.0"

__all__ = [
    "BatchPredictConfig",
    "LoadedModel",
    "ModelInfo",
    "RunReport",
    "ScorecastError",
    "Signature",
    "batch_predict",
    "infer_signature",
    "inspect_model",
    "load_model",
    "predict_frame",
    "read_predictions",
    "save_model",
    "spark_udf",
]

_HOMES = {
    "BatchPredictConfig": "scorecast.batch.config",
    "LoadedModel": "scorecast.local.model",
    "ModelInfo": "scorecast.models.info",
    "RunReport": "scorecast.batch.report",
    "ScorecastError": "scorecast.errors",
    "Signature": "scorecast.models.signature",
    "batch_predict": "scorecast.batch.run",
    "infer_signature": "scorecast.models.infer",
    "inspect_model": "scorecast.local.model",
    "load_model": "scorecast.local.model",
    "predict_frame": "scorecast.spark.frame",
    "read_predictions": "scorecast.batch.predictions",
    "save_model": "scorecast.models.save",
    "spark_udf": "scorecast.spark.udf",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
