"""Fitted statsmodels models (``mlflow.statsmodels``): the library's own pickles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scorecast.errors import InputMismatchError, ModelSaveError
from scorecast.extras import require
from scorecast.models.flavors.base import (
    Flavor,
    ModelFiles,
    Predictor,
    SavedFlavor,
    SaveOptions,
    choose_format,
    class_from,
    pinned,
    refuse_predict_fn,
)

_FILE = "model.statsmodels"


@dataclass(frozen=True, slots=True)
class _StatsmodelsPredictor:
    results: Any

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        del params  # MLflow passes statsmodels none, and predictions are to be the same
        return self.results.predict(data)


@dataclass(frozen=True, slots=True)
class _TimeSeriesPredictor:
    """Each row is a span of time, from its ``start`` to its ``end``.

    MLflow takes one row only. Here rows that each name one point in time, start equal to end, are
    one prediction each, so that they can be split into batches.
    """

    results: Any

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        del params
        if not isinstance(data, pd.DataFrame) or not {"start", "end"} <= set(data.columns):
            message = (
                "A statsmodels time series model predicts spans of time: give the columns start "
                "and end; with both the same, a row is one prediction."
            )
            raise InputMismatchError(message)
        spans = zip(data["start"], data["end"], strict=True)
        predicted = [self.results.predict(start=start, end=end) for start, end in spans]
        return predicted[0] if len(predicted) == 1 else np.concatenate(predicted)


@dataclass(frozen=True, slots=True)
class StatsmodelsFlavor:
    """Loads and saves what ``fit()`` gives."""

    name: str = "statsmodels"
    extra: str = "statsmodels"
    packages: tuple[str, ...] = ("statsmodels",)

    def load(self, files: ModelFiles) -> Predictor:
        """Load the results of a fit."""
        file = self._file(files)
        pickles, tsa = (
            require(module, extra=self.extra, needed_for='flavor "statsmodels"')
            for module in ("statsmodels.iolib.smpickle", "statsmodels.tsa.base.tsa_model")
        )
        results = files.unpickled(file, lambda: pickles.load_pickle(file))
        if isinstance(getattr(results, "model", None), tsa.TimeSeriesModel):
            return _TimeSeriesPredictor(results)
        return _StatsmodelsPredictor(results)

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take nothing: statsmodels has no other format than pickles."""
        return f'"{self._file(files).name}" of statsmodels is a pickle'

    def _file(self, files: ModelFiles) -> Path:
        return files.path(files.conf(self.name).get("data"), files.info.pyfunc.data, _FILE)

    def recognises(self, model: object) -> bool:
        """Take everything of statsmodels that predicts; `save` says that it must be fitted."""
        return class_from(model, "statsmodels") and hasattr(model, "predict")

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the results of a fit by their own ``save``."""
        refuse_predict_fn(options, self.name)
        library = require("statsmodels", extra=self.extra, needed_for='flavor "statsmodels"')
        choose_format(
            options.serialization_format, default="pickle", known=("pickle",), flavor=self.name
        )
        if not hasattr(model, "save"):
            message = (
                f"A {type(model).__name__} of statsmodels is not fitted, so it cannot predict. "
                "Save what its fit() returns."
            )
            raise ModelSaveError(message)
        file = directory / _FILE
        model.save(file)
        return SavedFlavor(
            name=self.name,
            conf={"data": file.name, "statsmodels_version": library.__version__},
            pyfunc={"loader_module": "mlflow.statsmodels", "data": file.name},
            requirements=pinned(*self.packages),
        )


FLAVOR: Flavor = StatsmodelsFlavor()
