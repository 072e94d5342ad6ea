"""ONNX models (``mlflow.onnx``), run by ONNX Runtime; the package ``onnx`` is for saving only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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
    is_frame,
    pinned,
    refuse_predict_fn,
)
from scorecast.models.flavors.onnx_graph import graph_runs_code

if TYPE_CHECKING:
    import pandas as pd

_CPU = "CPUExecutionProvider"
# What MLflow writes when the caller says nothing, and assumes of models that say nothing.
_PROVIDERS = ["CUDAExecutionProvider", _CPU]
_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int16)": np.dtype(np.int16),
    "tensor(int8)": np.dtype(np.int8),
    "tensor(bool)": np.dtype(np.bool_),
}


@dataclass(frozen=True, slots=True)
class _OnnxPredictor:
    session: Any

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        del params  # a graph has inputs, and nothing beside them
        inputs = self.session.get_inputs()
        arrays = zip(inputs, _arrays(data, inputs), strict=True)
        feed = {declared.name: _fit(array, declared) for declared, array in arrays}
        names = [output.name for output in self.session.get_outputs()]
        outputs = dict(zip(names, self.session.run(names, feed), strict=True))
        return _as_frame(outputs) if is_frame(data) else outputs


@dataclass(frozen=True, slots=True)
class OnnxFlavor:
    """Loads ``model.onnx`` with its external data; saves the same."""

    name: str = "onnx"
    extra: str = "onnx"
    packages: tuple[str, ...] = ("onnxruntime",)

    def load(self, files: ModelFiles) -> Predictor:
        """Open a session with the providers and options that the model names."""
        runtime = require("onnxruntime", extra=self.extra, needed_for='flavor "onnx"')
        conf = files.conf(self.name)
        file = str(self._file(files))
        options = _session_options(runtime, conf.get("onnx_session_options") or {}, files.threads)
        providers = _usable(runtime, conf.get("providers"))
        try:
            return _OnnxPredictor(runtime.InferenceSession(file, options, providers))
        except Exception:
            if providers == [_CPU]:
                raise
            # A provider can be built in and still find no device or driver on this machine.
            return _OnnxPredictor(runtime.InferenceSession(file, options, [_CPU]))

    def runs_code(self, files: ModelFiles) -> str | None:
        """Take graphs of the operators that come with ONNX Runtime, and data that lies inside."""
        conf = files.conf(self.name)
        declared = (conf.get("onnx_session_options") or {}).get("extra_session_config")
        if declared or any(not isinstance(each, str) for each in _listed(conf.get("providers"))):
            # Some of them name libraries to load.
            return "MLmodel gives ONNX Runtime options of a session or of providers"
        return graph_runs_code(files.directory, self._file(files))

    def _file(self, files: ModelFiles) -> Path:
        return files.path(files.info.pyfunc.data, files.conf(self.name).get("data"), "model.onnx")

    def recognises(self, model: object) -> bool:
        """Take what ``onnx.load`` gives."""
        return class_from(model, "onnx") and type(model).__name__ == "ModelProto"

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the graph, with its large tensors in a file beside it as MLflow does."""
        refuse_predict_fn(options, self.name)
        onnx = require("onnx", extra=self.extra, needed_for="saving an ONNX model")
        choose_format(
            options.serialization_format, default="onnx", known=("onnx",), flavor=self.name
        )
        file = directory / "model.onnx"
        # Writing external data takes the tensors out of the object, which is the caller's.
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        try:
            onnx.save_model(copy, file, save_as_external_data=True, location=f"{file.name}.data")
        except (OSError, ValueError) as error:
            message = (
                f"Cannot write the ONNX model: {error}. If its tensors are in external files, "
                "load it with onnx.load(path), which reads them, before saving."
            )
            raise ModelSaveError(message) from error
        return SavedFlavor(
            name=self.name,
            conf={
                "data": file.name,
                "onnx_session_options": None,
                "onnx_version": onnx.__version__,
                "providers": _PROVIDERS,
            },
            pyfunc={"loader_module": "mlflow.onnx", "data": file.name},
            # MLflow's own loader imports onnx as well.
            requirements=pinned("onnx", "onnxruntime", "onnxruntime-gpu"),
        )


def _usable(runtime: Any, declared: Any) -> list[Any]:
    """Give the declared providers that this build of ONNX Runtime has, else the CPU."""
    # A name with options is a pair, which YAML holds as a list and ONNX Runtime takes as a tuple.
    providers = [tuple(e) if isinstance(e, list) else e for e in _listed(declared)]
    available = runtime.get_available_providers()
    return [
        entry
        for entry in providers
        if (entry[0] if isinstance(entry, tuple) and entry else entry) in available
    ] or [_CPU]


def _listed(declared: Any) -> list[Any]:
    return [declared] if isinstance(declared, str) else list(declared or _PROVIDERS)


def _session_options(runtime: Any, declared: Mapping[str, Any], threads: int | None) -> Any:
    options = runtime.SessionOptions()
    if threads is not None:  # ONNX Runtime takes all processors otherwise
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    for name in ("inter_op_num_threads", "intra_op_num_threads"):
        if declared.get(name):
            setattr(options, name, declared[name])
    mode = str(declared.get("execution_mode") or "").upper()
    if mode in ("SEQUENTIAL", "PARALLEL"):
        options.execution_mode = getattr(runtime.ExecutionMode, f"ORT_{mode}")
    if level := declared.get("graph_optimization_level"):
        options.graph_optimization_level = runtime.GraphOptimizationLevel(level)
    for key, value in (declared.get("extra_session_config") or {}).items():
        options.add_session_config_entry(key, value)
    return options


def _arrays(data: Any, inputs: Sequence[Any]) -> list[npt.NDArray[Any]]:
    """Give one array per input of the graph."""
    names = [i.name for i in inputs]
    if len(inputs) == 1 and is_frame(data):
        nested = data.shape[1] == 1 and _is_nested(data.iloc[:, 0])
        return [_column(data.iloc[:, 0]) if nested else data.to_numpy()]
    if isinstance(data, np.ndarray) and len(inputs) == 1:
        return [data]
    if not (is_frame(data) or isinstance(data, Mapping)):
        message = (
            f"The ONNX model has the inputs {', '.join(names)} and got a {type(data).__name__}. "
            "Give a DataFrame or a dict of arrays with these names."
        )
        raise InputMismatchError(message)
    missing = [name for name in names if name not in data]
    if missing:
        message = (
            f"The ONNX model has the inputs {', '.join(names)}; the data lacks "
            f"{', '.join(missing)}."
        )
        raise InputMismatchError(message)
    columns = [data[name] for name in names]
    return [_column(c) for c in columns] if is_frame(data) else [np.asarray(c) for c in columns]


def _is_nested(values: pd.Series) -> bool:
    return len(values) > 0 and isinstance(values.iloc[0], list | np.ndarray)


def _column(values: pd.Series) -> npt.NDArray[Any]:
    """Give a column as an array; lists and arrays in its cells become further axes."""
    if _is_nested(values):
        return np.stack([np.asarray(cell) for cell in values])
    return values.to_numpy()


def _fit(array: npt.NDArray[Any], declared: Any) -> npt.NDArray[Any]:
    """Bring an array to the type and the number of axes that an input of the graph declares.

    Numbers become floats of any width, as in MLflow; all else converts only without loss. What
    does not fit is left for ONNX Runtime to refuse, in words that name the input.
    """
    dtype = _DTYPES.get(declared.type)
    if dtype is not None and array.dtype != dtype:
        to_float = dtype.kind == "f" and array.dtype.kind in "iuf"
        if to_float or np.can_cast(array.dtype, dtype, casting="safe"):
            array = array.astype(dtype)
    shape = declared.shape
    if not shape or array.ndim == len(shape):
        return array
    axes = [size if isinstance(size, int) else -1 for size in shape[1:]]
    if axes.count(-1) > 1 or (-1 not in axes and array.size != len(array) * math.prod(axes)):
        return array
    return array.reshape((len(array), *axes))


def _as_frame(outputs: Mapping[str, Any]) -> Any:
    """Give outputs of one value per row as MLflow does, in a DataFrame, and wider ones as arrays.

    MLflow flattens every output, which gives a two-column output twice as many rows as there are.
    """
    arrays = {name: np.atleast_1d(np.asarray(output)) for name, output in outputs.items()}
    flat = {name: array.reshape(-1) for name, array in arrays.items()}
    if all(len(flat[name]) == len(array) for name, array in arrays.items()):
        import pandas as pd

        return pd.DataFrame(flat)
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


FLAVOR: Flavor = OnnxFlavor()
