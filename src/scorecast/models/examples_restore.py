"""JSON -> the frame or array that it was made from, with the types that a signature declares."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from scorecast.extras import require
from scorecast.models.infer_values import is_missing
from scorecast.models.signature import (
    Array,
    Map,
    Object,
    Scalar,
    Spec,
    SpecType,
    Tensor,
)

# A pandas Series; the stubs know its methods only for dtypes written out as text.
_Column: TypeAlias = Any
_Restore: TypeAlias = Callable[[Any], Any]

_NUMPY = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
}
# What a column of the worker's frames is too, where the signature allows missing values.
_NULLABLE = {"boolean": "boolean", "integer": "Int32", "long": "Int64"}


def restored_frame(raw: Any, inputs: Sequence[Spec]) -> pd.DataFrame:
    """Build the frame of a stored example; `raw` is pandas' split form, columns may be left out.

    Raises:
        KeyError: The JSON is not in split form.
        TypeError: A column does not fit its declared type.
        ValueError: A column does not fit its declared type.
    """
    split = {"data": raw} if isinstance(raw, list) else raw
    if len({len(row) for row in split["data"]}) > 1:
        message = "its rows differ in length"
        raise ValueError(message)
    frame = pd.DataFrame(split["data"], index=split.get("index"), columns=split.get("columns"))
    for label, kind in _declared(frame.columns.to_list(), inputs):
        try:
            frame[label] = _restored_column(frame[label], kind)
        except (TypeError, ValueError) as error:
            message = f'column "{label}" does not fit the declared type {kind}'
            raise ValueError(message) from error
    return frame


def _declared(labels: list[Any], inputs: Sequence[Spec]) -> Iterator[tuple[Any, SpecType]]:
    if len(inputs) == 1 and isinstance(inputs[0].type, Tensor) and inputs[0].name is None:
        # One array, given as a frame with a column for each of its own.
        return ((label, inputs[0].type) for label in labels)
    if all(spec.name is None for spec in inputs):
        return ((label, spec.type) for label, spec in zip(labels, inputs, strict=False))
    by_name = {str(label): label for label in labels}
    return ((by_name[str(s.name)], s.type) for s in inputs if s.name in by_name)


def _restored_column(column: _Column, kind: SpecType) -> _Column:
    match kind:
        case Scalar("float" | "double" as name):
            return column.astype(_NUMPY[name])
        case Scalar("boolean" | "integer" | "long" as name):
            return column.astype(_NULLABLE[name] if column.isna().any() else _NUMPY[name])
        case Scalar("datetime"):
            return _as_nanoseconds(pd.to_datetime(column, format="ISO8601"))
        case Tensor(dtype):
            return _restored_tensor_column(column, dtype)
        case _:
            restore = _restorer(kind)
            if restore is None:
                return column
            values = [None if is_missing(value) else restore(value) for value in column]
            return pd.Series(values, column.index, dtype=object)


def _as_nanoseconds(column: _Column) -> _Column:
    return column.dt.as_unit("ns") if hasattr(column, "dt") else column


def _restored_tensor_column(column: _Column, dtype: str) -> _Column:
    if dtype == "bytes":
        return column.map(_decoded)
    holds_lists = any(isinstance(value, list) for value in column)
    return column if holds_lists or dtype in ("str", "object") else column.astype(dtype)


def _restorer(kind: SpecType) -> _Restore | None:
    """Give the function that brings back bytes and times inside a value; None without any."""
    match kind:
        case Scalar("binary"):
            return _decoded
        case Scalar("datetime"):
            return datetime.fromisoformat
        case Array(items):
            inner = _restorer(items)
            return None if inner is None else partial(_restored_list, inner)
        case Map(values):
            inner = _restorer(values)
            return None if inner is None else partial(_restored_values, inner)
        case Object(properties):
            inners = {p.name: inner for p in properties if (inner := _restorer(p.type))}
            return partial(_restored_members, inners) if inners else None
        case _:
            return None


def _restored_list(restore: _Restore, values: list[Any]) -> list[Any]:
    return [None if value is None else restore(value) for value in values]


def _restored_values(restore: _Restore, items: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value is None else restore(value) for name, value in items.items()}


def _restored_members(restorers: dict[str, _Restore], items: dict[str, Any]) -> dict[str, Any]:
    return {
        name: restorers[name](value) if value is not None and name in restorers else value
        for name, value in items.items()
    }


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)


def unwrapped(data: Any, info: Mapping[str, Any]) -> Any:
    """Take off the envelope in which MLflow 1.x and early 2.x stored arrays."""
    if info.get("format") == "tf-serving" and isinstance(data, dict) and list(data) == ["inputs"]:
        return data["inputs"]
    return data


def restored_arrays(data: Any, inputs: Sequence[Spec]) -> Any:
    """Build the array, or the dict of arrays, of a stored example.

    Raises:
        TypeError: Values do not fit the declared dtype.
        ValueError: Values do not fit the declared dtype, or lists differ in length.
    """
    dtypes = {spec.name: spec.type.dtype for spec in inputs if isinstance(spec.type, Tensor)}
    if isinstance(data, dict):
        return {name: _restored_array(value, dtypes.get(name)) for name, value in data.items()}
    return _restored_array(data, dtypes.get(None))


def restored_sparse(raw: Mapping[str, Any], inputs: Sequence[Spec], *, csc: bool) -> Any:
    """Build the sparse matrix of a stored example.

    Raises:
        MissingExtraError: scipy is not installed.
        KeyError: The JSON is not that of a sparse matrix.
        ValueError: The parts do not go together.
    """
    scipy_sparse = require(
        "scipy.sparse", extra="sklearn", needed_for="the input example, a sparse matrix,"
    )
    make = scipy_sparse.csc_matrix if csc else scipy_sparse.csr_matrix
    values = restored_arrays(raw["data"], inputs)
    return make((values, raw["indices"], raw["indptr"]), shape=tuple(raw["shape"]))


def _restored_array(values: Any, dtype: str | None) -> npt.NDArray[Any]:
    if dtype == "bytes":
        texts = np.array(values, dtype=object)
        return np.vectorize(_decoded, otypes=["S"])(texts) if texts.size else texts.astype("S")
    if dtype is not None:
        return np.array(values, dtype=dtype)
    array = np.array(values)
    if array.dtype == object and all(v is None or type(v) in (int, float) for v in array.flat):
        # Numbers beside null: NaN has no form in JSON.
        return array.astype(np.float64)
    return array
