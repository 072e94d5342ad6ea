"""scikit-learn estimators and pipelines (``mlflow.sklearn``): skops, cloudpickle and pickle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorecast.errors import ModelLoadError, ModelSaveError
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
)
from scorecast.models.flavors.estimators import (
    FORMATS,
    estimator_runs_code,
    load_estimator,
    save_estimator,
    serializers,
)

# The ones that MLflow's wrapper of scikit-learn models offers.
_PREDICT_FNS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "score",
)


@dataclass(frozen=True, slots=True)
class SklearnFlavor:
    """Loads ``model.skops`` and ``model.pkl``; saves cloudpickle by default, skops on request."""

    name: str = "sklearn"
    extra: str = "sklearn"
    packages: tuple[str, ...] = ("scikit-learn",)

    def load(self, files: ModelFiles) -> Predictor:
        """Load an estimator and bind the predict function that the model names."""
        require("sklearn", extra=self.extra, needed_for='flavor "sklearn"')
        conf, pyfunc = files.conf(self.name), files.info.pyfunc
        file = self._file(files)
        model = files.unpickled(file, lambda: load_estimator(file, conf, no_pickle=files.no_pickle))
        call = getattr(model, pyfunc.predict_fn, None)
        if call is None:
            message = (
                f'The model has no method "{pyfunc.predict_fn}", which its MLmodel file names as '
                f"predict_fn; it is a {type(model).__name__}. Save it with a predict_fn it has."
            )
            raise ModelLoadError(message)
        return PlainPredictor(call)

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take skops of types that skops trusts, and the methods that predict."""
        name = files.info.pyfunc.predict_fn
        if name not in _PREDICT_FNS:
            return f'MLmodel names the predict_fn "{name}", none of {", ".join(_PREDICT_FNS)}'
        return estimator_runs_code(self._file(files))

    def _file(self, files: ModelFiles) -> Path:
        conf, pyfunc = files.conf(self.name), files.info.pyfunc
        return files.path(pyfunc.model_path, conf.get("pickled_model"), pyfunc.data, "model.pkl")

    def recognises(self, model: object) -> bool:
        """Take every estimator that can predict."""
        return class_from(model, "sklearn") and hasattr(model, "predict")

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the estimator."""
        sklearn = require("sklearn", extra=self.extra, needed_for='flavor "sklearn"')
        chosen = choose_format(
            options.serialization_format, default="cloudpickle", known=FORMATS, flavor=self.name
        )
        if options.predict_fn not in _PREDICT_FNS or not hasattr(model, options.predict_fn):
            offered = [name for name in _PREDICT_FNS if hasattr(model, name)]
            message = (
                f'predict_fn="{options.predict_fn}" is not possible for a {type(model).__name__}. '
                f"Choose one of: {', '.join(offered)}."
            )
            raise ModelSaveError(message)
        file, trusted = save_estimator(model, directory, chosen)
        return SavedFlavor(
            name=self.name,
            conf={
                "pickled_model": file.name,
                "serialization_format": chosen,
                "skops_trusted_types": trusted,
                "sklearn_version": sklearn.__version__,
            },
            pyfunc={
                "loader_module": "mlflow.sklearn",
                "model_path": file.name,
                "predict_fn": options.predict_fn,
            },
            requirements=pinned(*self.packages, *serializers(chosen)),
        )


FLAVOR: Flavor = SklearnFlavor()
