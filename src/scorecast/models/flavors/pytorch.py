"""PyTorch modules (``mlflow.pytorch``): pickled whole, TorchScript, exported ``.pt2`` graphs."""

from __future__ import annotations

import importlib
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import numpy as np
import numpy.typing as npt

from scorecast.errors import InputMismatchError, ModelLoadError, ModelSaveError
from scorecast.extras import require
from scorecast.models.flavors.base import (
    Flavor,
    ModelFiles,
    Predictor,
    SavedFlavor,
    SaveOptions,
    choose_format,
    class_from,
    is_frame,
    pinned,
    refuse_predict_fn,
)
from scorecast.models.flavors.exported import read_graph
from scorecast.models.flavors.exported_run import load_graph
from scorecast.models.flavors.exported_steps import GraphError

_DATA = "data"
_PICKLED = "model.pth"
_EXPORTED = "model.pt2"
_PICKLE_MODULE_FILE = "pickle_module_info.txt"
_PICKLE_MODULE = "mlflow.pytorch.pickle_module"
# What that module of MLflow is: cloudpickle, with the two classes that torch.save looks for.
_CLOUDPICKLE = SimpleNamespace(
    Pickler=cloudpickle.CloudPickler,
    Unpickler=pickle.Unpickler,
    dump=cloudpickle.dump,
    load=cloudpickle.load,
    __name__=_PICKLE_MODULE,
)
_DEVICE_VARIABLE = "MLFLOW_DEFAULT_PREDICTION_DEVICE"


@dataclass(frozen=True, slots=True)
class _TorchPredictor:
    torch: Any
    module: Any
    device: str

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        if params and "device" in params:
            message = (
                "The device of a PyTorch model is no param; it is chosen when the model is loaded: "
                'model_config={"device": "cuda"}.'
            )
            raise InputMismatchError(message)
        with self.torch.no_grad():
            tensor = self.torch.from_numpy(_array(data)).to(self.device)
            predicted = self.module(tensor, **(params or {}))
        if not isinstance(predicted, self.torch.Tensor):
            message = (
                f"The PyTorch model returned a {type(predicted).__name__}. Expected one tensor; "
                "wrap the module in one whose forward gives the tensor that is wanted."
            )
            raise TypeError(message)
        values = predicted.detach().cpu().numpy()
        if is_frame(data) and values.ndim <= 2:  # noqa: PLR2004 - a frame's axes
            import pandas as pd

            return pd.DataFrame(values, index=data.index)
        return values


@dataclass(frozen=True, slots=True)
class PyTorchFlavor:
    """Saves the pickled module by default, and ``pt2`` on request, which needs an input example."""

    name: str = "pytorch"
    extra: str = "torch"
    packages: tuple[str, ...] = ("torch",)

    def load(self, files: ModelFiles) -> Predictor:
        """Load a module onto the device that the config or the environment names.

        Without either it is CUDA where there is one; an exported graph stays where it was exported.
        """
        torch = require("torch", extra=self.extra, needed_for='flavor "pytorch"')
        file = self._file(files)
        asked = files.config.get("device") or os.environ.get(_DEVICE_VARIABLE) or None
        if file.name == _EXPORTED:
            return _load_exported(torch, files, file, asked)
        device = asked or ("cuda" if torch.cuda.is_available() else "cpu")
        module = _load_pickled(torch, file, mapped=files.shared is not None)
        module.eval()
        return _TorchPredictor(torch, module.to(device=device), device)

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take exported graphs of known operators and plain weights, and nothing else of torch."""
        file = self._file(files)
        if file.name != _EXPORTED:
            return (
                "a PyTorch model is read by torch.load or torch.jit.load, which unpickle; "
                'exported with torch.export (serialization_format "pt2") it may be taken'
            )
        try:
            read_graph(file)
        except GraphError as error:
            name = file.relative_to(files.directory.resolve()).as_posix()
            return f'"{name}" {error}'
        return None

    def _file(self, files: ModelFiles) -> Path:
        data = files.info.pyfunc.data or files.conf(self.name).get("model_data") or _DATA
        file = files.path(data)
        if not file.is_dir():
            return file
        name = _PICKLED if (file / _PICKLED).exists() else _EXPORTED
        return files.path(f"{data}/{name}")

    def recognises(self, model: object) -> bool:
        """Take modules, also those of classes derived from torch's."""
        return class_from(model, "torch") and hasattr(model, "forward")

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the module."""
        refuse_predict_fn(options, self.name)
        torch = require("torch", extra=self.extra, needed_for='flavor "pytorch"')
        chosen = choose_format(
            options.serialization_format,
            default="pickle",
            known=("pickle", "pt2"),
            flavor=self.name,
        )
        data = directory / _DATA
        data.mkdir()
        try:
            if chosen == "pt2":
                _export(torch, model, data / _EXPORTED, options.input_example)
            else:
                _pickle(torch, model, data)
        except ModelSaveError:
            raise
        except Exception as error:
            message = (
                f"Cannot write the {type(model).__name__} as {chosen}: {error}. Choose another "
                "serialization_format: pickle takes any module, pt2 those that torch.export takes."
            )
            raise ModelSaveError(message) from error
        return SavedFlavor(
            name=self.name,
            conf={"model_data": _DATA, "pytorch_version": str(torch.__version__)},
            pyfunc={
                "config": {"device": None},
                "data": _DATA,
                "loader_module": "mlflow.pytorch",
                "pickle_module_name": _PICKLE_MODULE,
            },
            requirements=pinned(*self.packages, "cloudpickle"),
        )


def _array(data: Any) -> npt.NDArray[Any]:
    if is_frame(data):
        array = data.to_numpy(dtype=np.float32)
    elif isinstance(data, np.ndarray):
        array = data
    else:
        message = (
            f"A PyTorch model takes a DataFrame or one array, and got a {type(data).__name__}. "
            "Save the model with a signature of columns or of one unnamed tensor."
        )
        raise InputMismatchError(message)
    # torch takes neither negative strides nor read-only arrays, which Arrow gives. The order of the
    # axes in memory stays otherwise: the last bit of a matrix product depends on it.
    if any(stride < 0 for stride in array.strides):
        return array.copy()
    return np.require(array, requirements="W")


def _load_pickled(torch: Any, file: Path, *, mapped: bool) -> Any:
    is_archive = zipfile.is_zipfile(file)  # files of torch before 1.6 are none
    if is_archive:
        with zipfile.ZipFile(file) as archive:
            if any(Path(name).name == "constants.pkl" for name in archive.namelist()):
                return torch.jit.load(file, map_location="cpu")
    info = file.parent / _PICKLE_MODULE_FILE
    name = info.read_text(encoding="utf-8").strip() if info.is_file() else _PICKLE_MODULE
    # Cloudpickle's files are read by pickle itself, so MLflow's module is not needed for that.
    by_cloudpickle = name in (_PICKLE_MODULE, "cloudpickle")
    module = _CLOUDPICKLE if by_cloudpickle else importlib.import_module(name)
    # A model saved on a GPU would ask for that GPU again; load moves it to the device wanted.
    return torch.load(
        file,
        map_location="cpu",
        pickle_module=module,
        weights_only=False,
        mmap=mapped and is_archive,
    )


def _load_exported(torch: Any, files: ModelFiles, file: Path, asked: str | None) -> Predictor:
    try:
        graph = read_graph(file)
        # The same predictions without the import of torch.export, which takes seconds.
        module = load_graph(torch, file, graph, mapped=files.shared is not None)
        devices = graph.devices()
    except (GraphError, ModelLoadError):
        if files.no_pickle:
            raise
        module = torch.export.load(file).module()
        devices = {each.device.type for each in chain(module.parameters(), module.buffers())}
    home = devices.pop() if len(devices) == 1 else None
    if asked and home and torch.device(asked).type != home:
        message = (
            f'The model was exported on the device "{home}" and cannot be moved to "{asked}". Load '
            f'it with model_config={{"device": "{home}"}}, or export it again from there.'
        )
        raise ModelLoadError(message)
    return _TorchPredictor(torch, module, asked or home or "cpu")


def _pickle(torch: Any, model: Any, data: Path) -> None:
    (data / _PICKLE_MODULE_FILE).write_text(_PICKLE_MODULE, encoding="utf-8")
    if isinstance(model, torch.jit.ScriptModule):
        model.save(str(data / _PICKLED))
    else:
        torch.save(model, data / _PICKLED, pickle_module=_CLOUDPICKLE)


def _export(torch: Any, model: Any, file: Path, example: Any) -> None:
    if isinstance(model, torch.jit.ScriptModule):
        message = 'TorchScript cannot be exported as pt2; use serialization_format="pickle".'
        raise ModelSaveError(message)
    if not (is_frame(example) or isinstance(example, np.ndarray)) or len(example) == 0:
        message = (
            "pt2 is made by running the model once: give input_example, a numpy array or a "
            "DataFrame with at least one row."
        )
        raise ModelSaveError(message)
    array = _array(example)
    if len(array) == 1:
        # torch.export takes an axis of length one for a constant.
        array = np.repeat(array, 2, axis=0)
    with _evaluating(model):
        program = torch.export.export(
            model, (torch.from_numpy(array),), dynamic_shapes=[{0: torch.export.Dim("rows")}]
        )
    torch.export.save(program, file)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Trace as the model predicts, without dropout, and leave it to the caller as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


FLAVOR: Flavor = PyTorchFlavor()
