"""Check inference params against the ones that a model declares."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Object, Param, Scalar, Signature

# Declared type -> Python and numpy types whose values convert to it without loss.
_ACCEPTS: dict[str, tuple[type, ...]] = {
    "boolean": (bool, np.bool_),
    "integer": (int, np.integer),
    "long": (int, np.integer),
    "float": (int, float, np.integer, np.floating),
    "double": (int, float, np.integer, np.floating),
    "string": (str,),
    "binary": (bytes, bytearray),
    "datetime": (datetime, np.datetime64, str),
}
_MAKE: dict[str, Any] = {
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "binary": bytes,
    "datetime": lambda value: (
        datetime.fromisoformat(value)
        if isinstance(value, str)
        else value.item()
        if isinstance(value, np.datetime64)
        else value
    ),
}
_INTEGER_BITS = {"integer": 32, "long": 64}


def complete_params(signature: Signature, params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Check `params` and fill in the defaults. Runs on the driver, once per call.

    Unknown names and params for a model that declares none are dropped with a warning, as MLflow
    does; values of a wrong type are an error.

    Returns:
        All declared params, or None when the model declares none.

    Raises:
        InputMismatchError: Values do not fit their declared types; all of them are named.
    """
    given = dict(params or {})
    if signature.params is None:
        if given:
            _warn(f"The model declares no params; ignored: {', '.join(sorted(map(str, given)))}.")
        return None
    declared = {param.name: param for param in signature.params}
    if unknown := sorted(str(name) for name in given if name not in declared):
        listed = ", ".join(declared) or "none"
        _warn(f"Ignored params {', '.join(unknown)}; the model declares: {listed}.")
    complete: dict[str, Any] = {}
    problems: list[str] = []
    for name, param in declared.items():
        value = given.get(name, param.default)
        try:
            complete[name] = _convert(param, value)
        except (TypeError, ValueError, OverflowError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        message = "Invalid params: " + "; ".join(problems) + "."
        raise InputMismatchError(message)
    return complete


def _convert(param: Param, value: Any) -> Any:
    if value is None and param.default is None:
        return None
    if param.shape is None:
        return _convert_one(param.type, value)
    if not isinstance(value, list | tuple | np.ndarray):
        message = f"expected a list of {param.type}, got {type(value).__name__}"
        raise TypeError(message)
    return [_convert_one(param.type, item) for item in value]


def _convert_one(kind: Scalar | Object, value: Any) -> Any:
    if isinstance(kind, Object):
        if not isinstance(value, Mapping):
            message = f"expected {kind}, got {type(value).__name__}"
            raise TypeError(message)
        return dict(value)
    is_bool = isinstance(value, bool | np.bool_)
    if not isinstance(value, _ACCEPTS[kind.name]) or (is_bool and kind.name != "boolean"):
        message = f"expected {kind}, got {type(value).__name__}"
        raise TypeError(message)
    made = _MAKE[kind.name](value)
    bits = _INTEGER_BITS.get(kind.name)
    if bits is not None and not -(2 ** (bits - 1)) <= made < 2 ** (bits - 1):
        message = f"does not fit into {kind} ({bits} bits)"
        raise OverflowError(message)
    return made


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
