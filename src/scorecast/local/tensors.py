"""Numpy arrays for models that declare tensors: checked, and copied only to another dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scorecast.errors import InputMismatchError, did_you_mean
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
    named = signature.input_names is not None
    if isinstance(data, Mapping):
        return _named_tensors(specs, data) if named else None
    if isinstance(data, list) and not named:
        try:
            data = np.asarray(data)
        except ValueError:
            message = "The rows are lists of different lengths. Give the same length in every row."
            raise InputMismatchError(message) from None
    # A sparse matrix of scipy is checked as an array is.
    if not isinstance(data, np.ndarray) and not hasattr(data, "tocsr"):
        return None
    if len(specs) != 1:
        names = ", ".join(str(spec.name) for spec in specs)
        message = f"The model takes {len(specs)} tensors ({names}); give a dict of arrays."
        raise InputMismatchError(message)
    if problem := _problem(specs[0], data):
        raise _mismatch(specs, [problem])
    array = _converted(specs[0], data)
    return {specs[0].name: array} if named else array


def _named_tensors(specs: Sequence[Spec], data: Mapping[Any, Any]) -> dict[str, Any]:
    given = {str(spec.name): np.asarray(data[spec.name]) for spec in specs if spec.name in data}
    problems = [
        f'the array "{spec.name}" is missing.{did_you_mean(str(spec.name), map(str, data))}'
        for spec in specs
        if spec.required and spec.name not in data
    ]
    present = [spec for spec in specs if spec.name in data]
    problems.extend(filter(None, (_problem(spec, given[str(spec.name)]) for spec in present)))
    if problems:
        raise _mismatch(specs, problems)
    return {str(spec.name): _converted(spec, given[str(spec.name)]) for spec in present}


def _mismatch(specs: Sequence[Spec], problems: Sequence[str]) -> InputMismatchError:
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return InputMismatchError(
        f"The data does not fit the inputs of the model:{lines}\nThe model takes: "
        f"{', '.join(map(str, specs))}."
    )


def _problem(spec: Spec, array: Any) -> str | None:
    name = "the array" if spec.name is None else f'the array "{spec.name}"'
    declared = spec.type
    if not isinstance(declared, Tensor):
        return f"{name} is for an input that is {declared}, not a tensor"
    wanted = declared.shape
    if array.ndim != len(wanted) or any(
        expected not in (-1, got) for expected, got in zip(wanted, array.shape, strict=False)
    ):
        return f"{name} has the shape {array.shape}, expected {wanted} (-1 is any length)"
    if not _fits(array.dtype, np.dtype(declared.dtype)):
        return (
            f"{name} is {array.dtype}, expected {declared.dtype}; convert it, for example with "
            f'.astype("{declared.dtype}")'
        )
    return None


def _fits(got: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    if wanted.kind in "OUS":
        return wanted.kind in ("O", got.kind)
    return np.can_cast(got, wanted, casting="safe")


def _converted(spec: Spec, array: Any) -> Any:
    dtype = np.dtype(spec.type.dtype) if isinstance(spec.type, Tensor) else array.dtype
    return array if dtype.kind in "OUS" or array.dtype == dtype else array.astype(dtype)
