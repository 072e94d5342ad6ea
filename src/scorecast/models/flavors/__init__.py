"""One file per flavor: how a model of one library is loaded and saved.

To add a flavor, write ``flavors/<name>.py`` with one annotated constant ``FLAVOR: Flavor`` and add
its line to `_BY_LOADER_MODULE`, and to `_SAVE_ORDER` when it can save. The library is imported
inside the methods, never at the top of the file, so that a flavor costs nothing until a model of it
is loaded. May import `base`, `errors`, `extras` and `estimators`, the file formats that flavors of
scikit-learn's kind share; flavors do not import one another.
"""

from __future__ import annotations

import importlib
from typing import cast

from scorecast.models.flavors.base import Flavor

# loader_module in the MLmodel file -> file in this folder.
_BY_LOADER_MODULE = {
    "mlflow.catboost": "catboost",
    "mlflow.lightgbm": "lightgbm",
    "mlflow.onnx": "onnx",
    "mlflow.pytorch": "pytorch",
    "mlflow.sklearn": "sklearn",
    "mlflow.statsmodels": "statsmodels",
    "mlflow.xgboost": "xgboost",
}
_ANY_OTHER_LOADER_MODULE = "loader_module"

# Asked in this order: the classes of the boosting libraries also derive from scikit-learn's.
_SAVE_ORDER = (
    "xgboost",
    "lightgbm",
    "catboost",
    "onnx",
    "pytorch",
    "statsmodels",
    "sklearn",
    "pickled",
)


def flavor_for_loader(loader_module: str) -> Flavor:
    """Give the flavor that loads models whose python_function names `loader_module`."""
    return _flavor(_BY_LOADER_MODULE.get(loader_module, _ANY_OTHER_LOADER_MODULE))


def flavor_for_model(model: object) -> Flavor:
    """Give the flavor that saves `model`; decided by its class, without importing a library."""
    flavors = (_flavor(name) for name in _SAVE_ORDER)
    return next(flavor for flavor in flavors if flavor.recognises(model))


def _flavor(name: str) -> Flavor:
    return cast("Flavor", importlib.import_module(f"{__name__}.{name}").FLAVOR)
