"""A local model directory -> a loaded model, through the one library that its flavor needs."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorecast.errors import ModelLoadError, ScorecastError, one_line
from scorecast.models.code_path import CodeDirectory, Importing, no_bytecode
from scorecast.models.flavors import flavor_for_loader
from scorecast.models.flavors.base import Flavor, ModelFiles, Predictor, SharedObjects
from scorecast.models.info import ModelInfo


def flavor_of(info: ModelInfo) -> Flavor:
    """Give the flavor that loads the model.

    Raises:
        UnsupportedFlavorError: The model has no python_function flavor.
    """
    return flavor_for_loader(info.pyfunc.loader_module)


def load_predictor(  # noqa: PLR0913 - how a model may be loaded
    directory: Path,
    info: ModelInfo,
    model_config: Mapping[str, Any] | None = None,
    *,
    shared: SharedObjects | None = None,
    threads: int | None = None,
    no_pickle: bool = False,
) -> Predictor:
    """Load the model in `directory`, importing its code and its library.

    Runs once per process and model: on the driver for local use, in each Python worker through the
    worker's model cache.

    Args:
        directory: Complete model directory.
        info: What its MLmodel file declares.
        model_config: Overrides single keys of the ``config`` stored with the model.
        shared: Where its arrays are shared with other processes, which takes files that stay.
        threads: How many threads the model may use, for libraries that take no number from the
            environment; None for what each library thinks best.
        no_pickle: Whether the files were found to run no code, and are read in such ways only.

    Raises:
        MissingExtraError: The flavor's library is not installed.
        ModelLoadError: The library cannot load the files; the cause is its own exception.
        UnsupportedFlavorError: The model has no python_function flavor.
    """
    pyfunc = info.pyfunc
    flavor = flavor_of(info)
    config = {**pyfunc.config, **(model_config or {})}
    files = ModelFiles(directory, info, config, shared, threads, no_pickle)
    code = CodeDirectory(files.path(pyfunc.code)) if pyfunc.code else None
    if code is not None:
        code.use()
    try:
        with no_bytecode():
            predictor = flavor.load(files)
    except ScorecastError:
        raise
    except Exception as error:
        raise ModelLoadError(_reason(flavor, info, error)) from error
    return Importing(predictor, code)


def _reason(flavor: Flavor, info: ModelInfo, error: Exception) -> str:
    text = one_line(error)
    lines = [f'Cannot load the model with flavor "{flavor.name}": {type(error).__name__}: {text}.']
    if isinstance(error, ModuleNotFoundError):
        lines.append(
            f'The model needs the Python module "{error.name}". Install the package that has it '
            "on the driver and on every executor, or save the model with code_paths."
        )
    elif isinstance(error, pickle.UnpicklingError | EOFError):
        lines.append("The file is damaged or incomplete: fetch or save the model again.")
    if differing := _differing(flavor, info):
        lines.append(f"The environment here is not the model's own: {'; '.join(differing)}.")
    return " ".join(lines)


def _differing(flavor: Flavor, info: ModelInfo) -> tuple[str, ...]:
    try:
        from scorecast.models.requirements import differing_requirements
    except ModuleNotFoundError:
        return ()  # a worker to which scorecast was shipped may lack the library that reads them
    return differing_requirements(info.requirements, needed=flavor.packages)
