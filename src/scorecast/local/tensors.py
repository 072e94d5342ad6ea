"""Numpy arrays for models that declare tensors: checked, never copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Signature, Spec, Tensor


def check_tensors(signature: Signature, data: Any) -> Any:
    """Check arrays against the declared tensors.

    Returns:
        The array, or the dict of arrays, with numbers brought to the declared dtype where that is
        safe; None when `data` has columns and is to be converted from those.

    Raises:
        InputMismatchError: Names, dtypes or shapes do not fit; all of them are named.
    """
    specs = signature.inputs or ()
    if isinstance(data, list) and len(specs) == 1 and specs[0].name is None:
        data = np.asarray(data)
    if isinstance(data, np.ndarray):
        if len(specs) != 1:
            names = ", ".join(str(spec.name) for spec in specs)
            message = f"The model takes {len(specs)} tensors ({names}); give a dict of arrays."
            raise InputMismatchError(message)
        array = _checked(specs[0], data)
        return array if specs[0].name is None else {specs[0].name: array}
    if not isinstance(data, Mapping):
        return None
    missing = [spec.name for spec in specs if spec.required and spec.name not in data]
    if missing:
        message = (
            f"The data does not fit the inputs of the model: {', '.join(map(str, missing))} "
            f"missing. The model takes: {', '.join(map(str, specs))}."
        )
        raise InputMismatchError(message)
    return {
        spec.name: _checked(spec, np.asarray(data[spec.name]))
        for spec in specs
        if spec.name in data
    }


def _checked(spec: Spec, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    declared = spec.type
    if not isinstance(declared, Tensor):
        message = f"Input {spec.name} is {declared}, not a tensor."
        raise InputMismatchError(message)
    name = "The array" if spec.name is None else f'The array "{spec.name}"'
    wanted = declared.shape
    if array.ndim != len(wanted) or any(
        expected not in (-1, got) for expected, got in zip(wanted, array.shape, strict=False)
    ):
        message = (
            f"{name} has the shape {array.shape}, the model takes {wanted} (-1 is any length)."
        )
        raise InputMismatchError(message)
    dtype = np.dtype(declared.dtype)
    if array.dtype == dtype or dtype.kind in "OSU":
        return array
    if not np.can_cast(array.dtype, dtype, casting="safe"):
        message = (
            f"{name} is {array.dtype}, the model takes {dtype}. Convert it, for example with "
            f'.astype("{dtype}").'
        )
        raise InputMismatchError(message)
    return array.astype(dtype)
