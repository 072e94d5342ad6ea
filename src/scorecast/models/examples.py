"""The input example of a model directory: written as MLflow writes it, read back as it was given.

``input_example.json`` holds the data, ``serving_input_example.json`` the same as the body of a
request to MLflow's scoring server. JSON knows neither dtypes nor bytes nor times; the signature,
where the model has one, brings them back.
"""

from __future__ import annotations

import base64
import json
from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from scorecast.errors import InputMismatchError, ModelLoadError, ModelSaveError
from scorecast.models.examples_restore import (
    restored_arrays,
    restored_frame,
    restored_sparse,
    unwrapped,
)
from scorecast.models.flavors.base import ModelFiles
from scorecast.models.infer_params import infer_params
from scorecast.models.infer_values import is_missing
from scorecast.models.info import InputExample, ModelInfo
from scorecast.models.signature import Signature

_EXAMPLE = "input_example.json"
_SERVING_EXAMPLE = "serving_input_example.json"
_SPARSE = {"csr": "sparse_matrix_csr", "csc": "sparse_matrix_csc"}
# MLflow's scoring server takes a dict with one of these keys as the whole body of a request.
_CHAT_KEYS = {"messages", "prompt", "input"}


# --- writing --------------------------------------------------------------------------------------


def write_input_example(example: Any, directory: Path) -> dict[str, Any]:
    """Write an input example into a model directory.

    Runs on the driver, once per saved model.

    Args:
        example: A DataFrame, pyarrow Table, numpy array, dict of numpy arrays, scipy sparse matrix
            (csr or csc), or what JSON can hold: dict, list, text, number, also bytes and times. A
            tuple ``(data, params)`` stores inference params along with it.
        directory: Existing model directory.

    Returns:
        The value of ``saved_input_example_info`` in the MLmodel file.

    Raises:
        ModelSaveError: The example, or something in it, has no JSON form.
    """
    data, params = _split(example)
    described, stored, serving = _stored(data)
    info: dict[str, Any] = {"artifact_path": _EXAMPLE, **described}
    if params:
        info["params"] = "true"
        stored = {"inputs": stored, "params": params}
        serving = {**serving, **params} if serving is data else {**serving, "params": params}
    info["serving_input_path"] = _SERVING_EXAMPLE
    text, serving_text = _dump(stored), _dump(serving, indent=2)
    (directory / _EXAMPLE).write_text(text, encoding="utf-8")
    (directory / _SERVING_EXAMPLE).write_text(serving_text, encoding="utf-8")
    return info


def _split(example: Any) -> tuple[Any, dict[str, Any] | None]:
    if not isinstance(example, tuple):
        return example, None
    if len(example) != 2 or not isinstance(example[1], dict):  # noqa: PLR2004
        message = (
            "Cannot save an input example that is a tuple, other than (data, params) with a dict "
            "of params. Pass a list instead."
        )
        raise ModelSaveError(message)
    data, params = example
    try:
        infer_params(params)
    except InputMismatchError as error:
        message = f"Cannot save the params of the input example. {error}"
        raise ModelSaveError(message) from error
    return data, params


def _stored(data: Any) -> tuple[dict[str, str], Any, Any]:
    """Give the info about the data, its JSON form, and the body of a request with it."""
    if isinstance(data, pa.Table | pa.RecordBatch):
        data = data.to_pandas()
    if isinstance(data, pd.DataFrame):
        split = _split_frame(data)
        orient = "split" if "columns" in split else "values"
        return {"type": "dataframe", "pandas_orient": orient}, split, {"dataframe_split": split}
    if isinstance(data, np.ndarray):
        listed = _listed(data)
        return {"type": "ndarray"}, listed, {"inputs": listed}
    if _is_sparse(data):
        return {"type": _SPARSE[data.format]}, *_stored_sparse(data)
    if isinstance(data, dict) and data and _is_array(*data.values()):
        listed = {name: _listed(array) for name, array in data.items()}
        return {"type": "ndarray"}, listed, {"inputs": listed}
    _check_json_object(data)
    if isinstance(data, dict) and _CHAT_KEYS & data.keys():
        return {"type": "json_object"}, data, data
    return {"type": "json_object"}, data, {"inputs": data}


def _split_frame(frame: pd.DataFrame) -> dict[str, Any]:
    labels: list[Any] = frame.columns.to_list()
    if any(not isinstance(label, str | int | float) for label in labels):
        message = (
            "Cannot save the input example: its column names are not text. Rename the columns, for "
            "example with frame.columns = [str(name) for name in frame.columns]."
        )
        raise ModelSaveError(message)
    columns = [
        [None if is_missing(value) else value for value in frame.iloc[:, i].to_list()]
        for i in range(len(labels))
    ]
    split: dict[str, Any] = {} if labels == list(range(len(labels))) else {"columns": labels}
    split["data"] = list(zip(*columns, strict=True)) if columns else [[] for _ in frame.index]
    return split


def _listed(array: npt.NDArray[Any]) -> Any:
    if array.dtype.kind == "M":
        return np.datetime_as_string(array).tolist()
    if array.dtype.kind == "f" and (missing := np.isnan(array)).any():
        array = array.astype(object)
        array[missing] = None
    return array.tolist()


def _is_sparse(data: object) -> bool:
    return hasattr(data, "tocsr") and getattr(data, "format", None) in _SPARSE


def _is_array(*values: object) -> bool:
    return all(isinstance(value, np.ndarray) for value in values)


def _stored_sparse(matrix: Any) -> tuple[Any, Any]:
    stored = {
        "data": _listed(matrix.data),
        "indices": matrix.indices.tolist(),
        "indptr": matrix.indptr.tolist(),
        "shape": list(matrix.shape),
    }
    return stored, {"inputs": _listed(matrix.toarray())}


def _check_json_object(data: Any) -> None:
    advice = None
    if isinstance(data, dict) and any(_is_array(value) for value in data.values()):
        advice = "a dict holds either numpy arrays alone or none; convert all values or none"
    elif isinstance(data, list) and _holds_array(data):
        advice = "a list must not hold numpy arrays; convert them with array.tolist()"
    elif isinstance(data, pd.Series):
        advice = "a Series is not possible; pass series.to_frame()"
    elif hasattr(data, "tocsr"):
        advice = "sparse matrices must be csr or csc; convert it with matrix.tocsr()"
    elif not isinstance(data, dict | list | date) and not np.isscalar(data):
        advice = (
            f"a {type(data).__name__} is not possible; pass a DataFrame, a numpy array, a dict of "
            "them, or a dict, list, text or number"
        )
    if advice:
        message = f"Cannot save the input example: {advice}."
        raise ModelSaveError(message)


def _holds_array(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_holds_array, data.values()))
    return any(map(_holds_array, data)) if isinstance(data, list) else _is_array(data)


def _dump(value: Any, indent: int | None = None) -> str:
    try:
        return json.dumps(value, default=_encoded, indent=indent)
    except (TypeError, ValueError) as error:
        message = f"Cannot save the input example as JSON: {error}. Convert the values or leave it."
        raise ModelSaveError(message) from error


def _encoded(value: object) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.ndarray):
        return _listed(value)
    if isinstance(value, np.generic):
        return value.item()
    message = f"{type(value).__name__} objects have no JSON form"
    raise TypeError(message)


# --- reading --------------------------------------------------------------------------------------


def read_input_example(directory: Path, info: ModelInfo) -> Any:
    """Read the input example of a model, in the form in which it was saved.

    Runs on the driver. Dtypes, bytes and times are those that the signature declares; without a
    signature they are what JSON gives. Params that were saved with it are left out, see
    `read_example_params`.

    Args:
        directory: Model directory.
        info: What its MLmodel file declares.

    Returns:
        A DataFrame, numpy array, dict, list or value as it was saved; None when the model has no
        example.

    Raises:
        ModelLoadError: The file is missing, is not JSON or does not fit the signature.
        MissingExtraError: The example is a sparse matrix and scipy is not installed.
    """
    example = info.input_example
    if example is None:
        return None
    raw = _read_json(directory, info, example)
    data = raw["inputs"] if example.has_params else raw
    inputs = (info.signature or Signature()).inputs or ()
    try:
        match example.type:
            case "json_object":
                return data
            case "dataframe":
                return restored_frame(data, inputs)
            case "ndarray":
                return restored_arrays(unwrapped(data, example.raw), inputs)
            case "sparse_matrix_csr" | "sparse_matrix_csc":
                return restored_sparse(data, inputs, csc=example.type == "sparse_matrix_csc")
            case _:
                message = (
                    f'The input example has the type "{example.type}", which scorecast does not '
                    f'know. Read the file "{example.artifact_path}" yourself.'
                )
                raise ModelLoadError(message)
    except (KeyError, TypeError, ValueError) as error:
        message = (
            f'The input example "{example.artifact_path}" is not the {example.type} that the '
            f"MLmodel file declares: {error}. Save the model again."
        )
        raise ModelLoadError(message) from error


def read_example_params(directory: Path, info: ModelInfo) -> dict[str, Any] | None:
    """Read the inference params saved with the input example; None when there are none.

    Raises:
        ModelLoadError: The file is missing or is not JSON.
    """
    example = info.input_example
    if example is None or not example.has_params:
        return None
    params: dict[str, Any] = _read_json(directory, info, example)["params"]
    return params


def _read_json(directory: Path, info: ModelInfo, example: InputExample) -> Any:
    file = ModelFiles(directory, info).path(example.artifact_path)
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f'Cannot read the input example "{file}": it is not JSON. Save the model again.'
        raise ModelLoadError(message) from error
    if example.has_params and not (isinstance(raw, dict) and raw.keys() >= {"inputs", "params"}):
        message = (
            f'The input example "{file}" has no inputs and params, which the MLmodel file declares.'
            " Save the model again."
        )
        raise ModelLoadError(message)
    return raw
