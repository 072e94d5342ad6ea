"""XGBoost boosters and estimators (``mlflow.xgboost``): the library's own UBJSON and JSON files."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scorecast.errors import ModelLoadError
from scorecast.extras import require
from scorecast.models.flavors.base import (
    Flavor,
    ModelFiles,
    Predictor,
    SavedFlavor,
    SaveOptions,
    choose_format,
    class_from,
    incomplete,
    pinned,
    refuse_predict_fn,
)
from scorecast.models.flavors.ubjson import is_complete, is_ubjson

_FORMATS = ("ubj", "json")
_BOOSTER = "xgboost.core.Booster"
_ESTIMATORS = (
    "XGBClassifier",
    "XGBModel",
    "XGBRFClassifier",
    "XGBRFRegressor",
    "XGBRanker",
    "XGBRegressor",
)
_OWN_CLASSES = frozenset((_BOOSTER, *(f"xgboost.sklearn.{name}" for name in _ESTIMATORS)))


@dataclass(frozen=True, slots=True)
class _XGBoostPredictor:
    call: Callable[..., Any]
    takes: Callable[[str], bool]
    to_input: Callable[[Any], Any]

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        # MLflow, too, leaves out params of the signature that XGBoost does not take.
        known = {name: value for name, value in (params or {}).items() if self.takes(name)}
        return self.call(self.to_input(data), **known)


@dataclass(frozen=True, slots=True)
class XGBoostFlavor:
    """Loads every format that XGBoost reads; saves UBJSON by default, JSON on request."""

    name: str = "xgboost"
    extra: str = "xgboost"
    packages: tuple[str, ...] = ("xgboost",)

    def load(self, files: ModelFiles) -> Predictor:
        """Load a booster or an estimator; params of predict are the ones that its class takes."""
        xgboost = require("xgboost", extra=self.extra, needed_for='flavor "xgboost"')
        conf = files.conf(self.name)
        file = files.path(conf.get("data"), files.info.pyfunc.data)
        # MLflow wrote no class before 1.22, when it saved boosters only.
        name = conf.get("model_class") or _BOOSTER
        if name != _BOOSTER:
            require("sklearn", extra="sklearn", needed_for=f"a model of the class {name}")
        _refuse_incomplete(file)
        model = _class(name)()
        model.load_model(file)
        call = model.predict
        if isinstance(model, xgboost.Booster | xgboost.XGBModel):
            call = partial(call, validate_features=True)
        to_input = xgboost.DMatrix if isinstance(model, xgboost.Booster) else _as_it_is
        return _XGBoostPredictor(call, _keyword_test(call), to_input)

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take the classes of XGBoost, which read its files without Python code of the model."""
        name = files.conf(self.name).get("model_class") or _BOOSTER
        if name in _OWN_CLASSES:
            return None
        return f'MLmodel names the class "{name}", which is none of XGBoost and would be imported'

    def recognises(self, model: object) -> bool:
        """Take boosters and estimators, also classes derived from them."""
        return class_from(model, "xgboost") and hasattr(model, "predict")

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the model by its own ``save_model``."""
        refuse_predict_fn(options, self.name)
        xgboost = require("xgboost", extra=self.extra, needed_for='flavor "xgboost"')
        chosen = choose_format(
            options.serialization_format, default="ubj", known=_FORMATS, flavor=self.name
        )
        file = directory / f"model.{chosen}"
        model.save_model(file)
        needed = ["xgboost", "xgboost-cpu"]
        if not isinstance(model, xgboost.Booster):
            needed.append("scikit-learn")
        return SavedFlavor(
            name=self.name,
            conf={
                "data": file.name,
                "model_class": f"{type(model).__module__}.{type(model).__name__}",
                "model_format": chosen,
                "xgb_version": xgboost.__version__,
            },
            pyfunc={"loader_module": "mlflow.xgboost", "data": file.name},
            requirements=pinned(*needed),
        )


def _refuse_incomplete(file: Path) -> None:
    data = file.read_bytes()
    if is_ubjson(data) and not is_complete(data):
        raise incomplete("xgboost", file)


def _class(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    found = getattr(importlib.import_module(module), name, None) if module else None
    if not hasattr(found, "load_model"):
        message = (
            f'The MLmodel file names the class "{dotted}", which is not a model of XGBoost. The '
            "model may need another version of XGBoost, or code_paths when the class is its own."
        )
        raise ModelLoadError(message)
    return found


def _keyword_test(function: Callable[..., Any]) -> Callable[[str], bool]:
    parameters = inspect.signature(function).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    return lambda name: takes_any or name in parameters


def _as_it_is(data: Any) -> Any:
    return data


FLAVOR: Flavor = XGBoostFlavor()
