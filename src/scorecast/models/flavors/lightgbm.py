"""LightGBM boosters and estimators (``mlflow.lightgbm``): model text, skops and pickles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorecast.errors import ModelSaveError
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
    incomplete,
    pinned,
    refuse_predict_fn,
)
from scorecast.models.flavors.estimators import (
    FORMATS,
    estimator_runs_code,
    load_estimator,
    save_estimator,
    serializers,
)

_BOOSTER = "lightgbm.basic.Booster"


@dataclass(frozen=True, slots=True)
class LightGBMFlavor:
    """Boosters are model text; estimators are saved as cloudpickle, or skops on request."""

    name: str = "lightgbm"
    extra: str = "lightgbm"
    packages: tuple[str, ...] = ("lightgbm",)

    def load(self, files: ModelFiles) -> Predictor:
        """Load a booster or an estimator."""
        lightgbm = require("lightgbm", extra=self.extra, needed_for='flavor "lightgbm"')
        conf = files.conf(self.name)
        file = self._file(files)
        if _is_booster(conf):
            _refuse_incomplete(file)
            return PlainPredictor(lightgbm.Booster(model_file=file).predict)
        require("sklearn", extra="sklearn", needed_for="a LightGBM estimator")
        model = files.unpickled(file, lambda: load_estimator(file, conf, no_pickle=files.no_pickle))
        return PlainPredictor(model.predict)

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take model text, which LightGBM reads itself, and skops of types that skops trusts."""
        if _is_booster(files.conf(self.name)):
            return None
        return estimator_runs_code(self._file(files))

    def _file(self, files: ModelFiles) -> Path:
        return files.path(files.conf(self.name).get("data"), files.info.pyfunc.data)

    def recognises(self, model: object) -> bool:
        """Take boosters and estimators, also classes derived from them."""
        return class_from(model, "lightgbm") and hasattr(model, "predict")

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write a booster by its own ``save_model``, an estimator in the format asked for."""
        refuse_predict_fn(options, self.name)
        lightgbm = require("lightgbm", extra=self.extra, needed_for='flavor "lightgbm"')
        chosen, trusted, needed = None, None, self.packages
        if isinstance(model, lightgbm.Booster):
            if options.serialization_format is not None:
                message = (
                    "A LightGBM Booster has one format, its model text; leave out "
                    f'serialization_format="{options.serialization_format}".'
                )
                raise ModelSaveError(message)
            file = directory / "model.lgb"
            model.save_model(file)
        else:
            chosen = choose_format(
                options.serialization_format, default="cloudpickle", known=FORMATS, flavor=self.name
            )
            file, trusted = save_estimator(model, directory, chosen)
            # LightGBM's estimators are scikit-learn's, and unpickling them imports it.
            needed = (*needed, "scikit-learn", *serializers(chosen))
        return SavedFlavor(
            name=self.name,
            conf={
                "data": file.name,
                "lgb_version": lightgbm.__version__,
                "model_class": f"{type(model).__module__}.{type(model).__name__}",
                "serialization_format": chosen,
                "skops_trusted_types": trusted,
            },
            pyfunc={"loader_module": "mlflow.lightgbm", "data": file.name},
            requirements=pinned(*needed),
        )


def _is_booster(conf: Mapping[str, Any]) -> bool:
    # MLflow wrote no class before 1.23, when it saved boosters only.
    return (conf.get("model_class") or _BOOSTER) == _BOOSTER


def _refuse_incomplete(file: Path) -> None:
    """Compare the model text with what its head promises; LightGBM's reader may crash on less.

    The head's ``tree_sizes`` are the bytes of each tree, and the parameters have an end mark.
    Source: ``GBDT::SaveModelToString`` of LightGBM, in src/boosting/gbdt_model_text.cpp.
    """
    head, _, rest = file.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    sizes = re.search(rb"^tree_sizes=([0-9 ]*)$", head, re.MULTILINE)
    promised = sum(map(int, sizes[1].split())) if sizes else 0
    cut_in_trees = not rest or len(rest) < promised
    cut_in_parameters = b"\nparameters:" in rest and b"\nend of parameters" not in rest
    if cut_in_trees or cut_in_parameters:
        raise incomplete("lightgbm", file)


FLAVOR: Flavor = LightGBMFlavor()
