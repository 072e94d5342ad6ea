"""CatBoost models (``mlflow.catboost``): the library's own file formats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scorecast.errors import ModelLoadError
from scorecast.extras import require
from scorecast.models.flavors.base import (
    Flavor,
    ModelFiles,
    PlainPredictor,
    Predictor,
    SavedFlavor,
    SaveOptions,
    choose_format,
    class_from,
    pinned,
    refuse_predict_fn,
)

_CLASSES = ("CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor")
_FORMATS = ("cbm", "json")


@dataclass(frozen=True, slots=True)
class CatBoostFlavor:
    """Loads every format that CatBoost reads; saves its binary one by default, JSON on request."""

    name: str = "catboost"
    extra: str = "catboost"
    packages: tuple[str, ...] = ("catboost",)

    def load(self, files: ModelFiles) -> Predictor:
        """Load a model as the class that it was saved from."""
        catboost = require("catboost", extra=self.extra, needed_for='flavor "catboost"')
        conf = files.conf(self.name)
        file = files.path(conf.get("data"), files.info.pyfunc.data, "model.cb")
        kind = conf.get("model_type")
        if kind not in _CLASSES:
            message = (
                f'The MLmodel file names the model_type "{kind}"; CatBoost has: '
                f"{', '.join(_CLASSES)}. Save the model again."
            )
            raise ModelLoadError(message)
        model = getattr(catboost, kind)()
        model.load_model(str(file), conf.get("save_format") or "cbm")
        # CatBoost takes all processors otherwise, whatever the environment says.
        threads = {} if files.threads is None else {"thread_count": files.threads}
        return PlainPredictor(partial(model.predict, **threads))

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take the formats that `save` writes, which CatBoost reads itself."""
        chosen = files.conf(self.name).get("save_format") or "cbm"
        if chosen in _FORMATS:
            return None
        return f'MLmodel names the save_format "{chosen}", none of {", ".join(_FORMATS)}'

    def recognises(self, model: object) -> bool:
        """Take CatBoost, its classifier, regressor and ranker, also classes derived from them."""
        return class_from(model, "catboost") and hasattr(model, "predict")

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the model by its own ``save_model``."""
        refuse_predict_fn(options, self.name)
        catboost = require("catboost", extra=self.extra, needed_for='flavor "catboost"')
        chosen = choose_format(
            options.serialization_format, default="cbm", known=_FORMATS, flavor=self.name
        )
        file = directory / "model.cb"
        model.save_model(str(file), format=chosen)
        return SavedFlavor(
            name=self.name,
            conf={
                "catboost_version": catboost.__version__,
                "data": file.name,
                # The file holds a model, not a class: one derived from CatBoost's loads as that.
                "model_type": next(
                    base.__name__ for base in type(model).__mro__ if base.__name__ in _CLASSES
                ),
                "save_format": chosen,
            },
            pyfunc={"loader_module": "mlflow.catboost", "data": file.name},
            requirements=pinned(*self.packages),
        )


FLAVOR: Flavor = CatBoostFlavor()
