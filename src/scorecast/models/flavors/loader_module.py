"""Any model whose python_function names its own loader: ``code/`` directories and MLflow's own.

This is the open end of the format: a module with ``_load_pyfunc(path)`` that returns an object with
a predict function. Models that MLflow wrote with loaders of its own (``PythonModel``, functions,
models from code, TensorFlow, transformers ...) take the same way where MLflow is installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorecast.errors import MissingExtraError, ModelLoadError, UnsupportedFlavorError
from scorecast.models.flavors.base import (
    Flavor,
    ModelFiles,
    Predictor,
    SavedFlavor,
    SaveOptions,
    accepts_params,
)
from scorecast.models.flavors.shared_pickles import shared_pickles


@dataclass(frozen=True, slots=True)
class _LoadedPyFunc:
    call: Any
    with_params: bool

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        return self.call(data, params=params) if self.with_params else self.call(data)


@dataclass(frozen=True, slots=True)
class LoaderModuleFlavor:
    """Loads by the module that the model names; saves nothing."""

    name: str = "python_function"
    extra: str = "mlflow"
    packages: tuple[str, ...] = ()

    def load(self, files: ModelFiles) -> Predictor:
        """Import the loader module and call its ``_load_pyfunc``."""
        pyfunc = files.info.pyfunc
        loader = _import_loader(pyfunc.loader_module)
        path = str(files.path(pyfunc.data) if pyfunc.data else files.directory)
        arguments = (path, dict(files.config)) if files.config else (path,)
        with shared_pickles(files):
            model = loader._load_pyfunc(*arguments)  # noqa: SLF001 - the name is the format's
        call = getattr(model, pyfunc.predict_fn, None)
        if call is None:
            message = (
                f'The loader "{pyfunc.loader_module}" returned a {type(model).__name__} without '
                f'the method "{pyfunc.predict_fn}" that the MLmodel file names as predict_fn.'
            )
            raise ModelLoadError(message)
        return _LoadedPyFunc(call, accepts_params(call))

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take nothing: what a loader module does is known to itself alone."""
        name = files.info.pyfunc.loader_module
        return f'MLmodel names the loader module "{name}", which decides itself what code it runs'

    def recognises(self, model: object) -> bool:
        """Take nothing: there is no loader to write."""
        del model
        return False

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Refuse."""
        del model, directory, options
        message = "Models with a loader module of their own are not saved by scorecast."
        raise UnsupportedFlavorError(message)


def _import_loader(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        top = name.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        if error.name == "mlflow":
            message = (
                f'A model with the loader "{name}" needs MLflow, which is not installed here. '
                "Install it on the driver and on every executor: "
                'pip install "scorecast[mlflow]"'
            )
            raise MissingExtraError(message) from error
        if top == "mlflow":
            message = (
                f'The installed MLflow has no module "{error.name}", which loads this model. '
                "Install the version that saved the model on the driver and on every executor."
            )
            raise ModelLoadError(message) from error
        message = (
            f'The loader module "{name}" of the model was not found: it is neither in the code '
            "directory of the model nor installed. Save the model with code_paths, or install the "
            "package that has the module on the driver and on every executor."
        )
        raise ModelLoadError(message) from error


FLAVOR: Flavor = LoaderModuleFlavor()
