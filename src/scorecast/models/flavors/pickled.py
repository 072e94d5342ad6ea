"""Any object with ``predict``, and any callable: cloudpickle and a ten-line loader of its own.

The directory is self-contained: its ``code/`` holds the loader, so that MLflow loads it without
scorecast, and scorecast without MLflow.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from scorecast.errors import ModelSaveError, UnsupportedFlavorError
from scorecast.models.flavors.base import (
    Flavor,
    ModelFiles,
    Predictor,
    SavedFlavor,
    SaveOptions,
    accepts_params,
    choose_format,
    class_from,
    pinned,
)

_LOADER = "pickled_model_loader"
_LOADER_CODE = '''"""Loads the pickled model of this directory; written by scorecast."""

import pickle


class _Model:
    def __init__(self, call, with_params):
        self._call = call
        self._with_params = with_params

    def predict(self, data, params=None):
        return self._call(data, params=params) if self._with_params else self._call(data)


def _load_pyfunc(path):
    with open(path, "rb") as stream:
        saved = pickle.load(stream)
    model, method = saved["model"], saved["method"]
    return _Model(model if method is None else getattr(model, method), saved["with_params"])
'''


@dataclass(frozen=True, slots=True)
class PickledFlavor:
    """Saves with cloudpickle; the written directory is loaded as any loader module."""

    name: str = "python_function"
    extra: str = "mlflow"
    packages: tuple[str, ...] = ("cloudpickle",)

    def load(self, files: ModelFiles) -> Predictor:
        """Refuse: the MLmodel file names the loader in ``code/``, which needs no flavor."""
        del files
        message = "A pickled model is loaded through the loader module that it brings."
        raise UnsupportedFlavorError(message)

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take nothing; not asked, as `load` is not."""
        del files
        return "the model is a pickle with a loader of its own"

    def recognises(self, model: object) -> bool:
        """Take everything; `save` says what is wrong with an object that cannot predict."""
        del model
        return True

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the pickle and its loader."""
        choose_format(
            options.serialization_format,
            default="cloudpickle",
            known=("cloudpickle",),
            flavor=self.name,
        )
        if class_from(model, "mlflow"):
            message = (
                f"A {type(model).__name__} of MLflow predicts only through MLflow's own loader. "
                "Save it with mlflow.pyfunc.save_model; scorecast loads what that writes."
            )
            raise ModelSaveError(message)
        call, method = _predict_function(model, options.predict_fn)
        saved = {"model": model, "method": method, "with_params": accepts_params(call)}
        file = directory / "model.pkl"
        try:
            file.write_bytes(cloudpickle.dumps(saved, protocol=pickle.DEFAULT_PROTOCOL))
        except Exception as error:
            message = (
                f"Cannot pickle the {type(model).__name__}: {error}. Leave out open files, locks "
                "and connections, or make them in predict on first use."
            )
            raise ModelSaveError(message) from error
        code = directory / "code"
        code.mkdir(exist_ok=True)
        (code / f"{_LOADER}.py").write_text(_LOADER_CODE, encoding="utf-8")
        return SavedFlavor(
            name=None,
            conf={},
            pyfunc={"loader_module": _LOADER, "data": file.name, "code": "code"},
            requirements=pinned("cloudpickle", "pandas"),
        )


def _predict_function(model: Any, name: str) -> tuple[Callable[..., Any], str | None]:
    method = getattr(model, name, None)
    if callable(method):
        return method, name
    if callable(model) and name == "predict" and not inspect.isclass(model):
        return model, None
    message = (
        f"A {type(model).__name__} cannot be saved: it is not callable and has no method "
        f'"{name}". Give a model with predict(data), or a function of one argument.'
    )
    raise ModelSaveError(message)


FLAVOR: Flavor = PickledFlavor()
