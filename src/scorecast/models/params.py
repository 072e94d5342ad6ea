"""Check inference params against the ones that a model declares."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from scorecast.errors import InputMismatchError
from scorecast.models.signature import (
    AnyValue,
    Array,
    ColumnType,
    Map,
    Object,
    Param,
    Scalar,
    Signature,
    SparkVector,
)

# Declared type -> Python and numpy types whose values convert to it without loss.
_ACCEPTS: dict[str, tuple[type, ...]] = {
    "boolean": (bool, np.bool_),
    "integer": (int, np.integer),
    "long": (int, np.integer),
    "float": (int, float, np.integer, np.floating),
    "double": (int, float, np.integer, np.floating),
    "string": (str,),
    "binary": (bytes, bytearray),
    "datetime": (date, np.datetime64, str),
}
_INTEGER_BITS = {"integer": 32, "long": 64}


def complete_params(
    signature: Signature, params: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Check `params` and fill in the defaults. Runs on the driver, once per call.

    Unknown names and params for a model that declares none are dropped with a warning, as MLflow
    does; values of a wrong type are an error.

    Returns:
        All declared params, or None when the model declares none.

    Raises:
        InputMismatchError: Values do not fit their declared types; all of them are named.
    """
    check_mapping(params)
    given = {str(name): value for name, value in (params or {}).items()}
    if signature.params is None:
        if given:
            _warn(f"The model declares no params; ignored: {', '.join(sorted(given))}.")
        return None
    declared = {param.name: param for param in signature.params}
    if unknown := sorted(given.keys() - declared.keys()):
        listed = ", ".join(declared) or "none"
        _warn(f"Ignored params {', '.join(unknown)}; the model declares: {listed}.")
    complete: dict[str, Any] = {}
    problems: list[str] = []
    for name, param in declared.items():
        value = given.get(name, param.default)
        try:
            complete[name] = convert_param(param, value)
        except (TypeError, ValueError, OverflowError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        message = "Invalid params: " + "; ".join(problems) + "."
        raise InputMismatchError(message)
    return complete


def check_mapping(params: object) -> None:
    """Refuse params that are not a mapping of names to values.

    Raises:
        InputMismatchError: They are something else; None is fine.
    """
    if params is not None and not isinstance(params, Mapping):
        message = f"params must be a dict of name to value, got {type(params).__name__}."
        raise InputMismatchError(message)


def convert_param(param: Param, value: Any) -> Any:
    """Convert one value to the declared type: a Python value, a list of them or a dict.

    Raises:
        TypeError: The value is of a type that does not convert without loss.
        ValueError: A text is not the ISO form of a date or time.
        OverflowError: A number does not fit.
    """
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
        _check(kind, value, required=True)
        return dict(value)
    return _convert_scalar(kind, value)


def _convert_scalar(kind: Scalar, value: Any) -> Any:
    if not _is_accepted(kind, value):
        message = f"expected {kind}, got {type(value).__name__}"
        raise TypeError(message)
    match kind.name:
        case "boolean":
            return bool(value)
        case "integer" | "long":
            return _whole_number(kind, int(value))
        case "float" | "double":
            return float(value)
        case "string":
            return str(value)
        case "binary":
            return bytes(value)
        case "datetime":
            return _moment(value)


def _is_accepted(kind: Scalar, value: object) -> bool:
    # To Python, True is an int.
    is_bool = isinstance(value, bool | np.bool_)
    return isinstance(value, _ACCEPTS[kind.name]) and is_bool == (kind.name == "boolean")


def _whole_number(kind: Scalar, value: int) -> int:
    bits = _INTEGER_BITS[kind.name]
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        message = f"does not fit into {kind} ({bits} bits)"
        raise OverflowError(message)
    return value


def _moment(value: date | np.datetime64 | str) -> date:
    """Give a datetime, or a date where the value has no time of day, as MLflow does."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return datetime.fromisoformat(value)
    if isinstance(value, np.datetime64):
        # Finer than microseconds, numpy gives a bare number.
        unit = np.datetime_data(value.dtype)[0]
        fine = value.astype("datetime64[us]") if unit in ("ns", "ps", "fs", "as") else value
        made = fine.item()
        if not isinstance(made, date):
            message = "expected datetime, got NaT"
            raise TypeError(message)
        return made
    return value


def _check(kind: ColumnType, value: Any, *, required: bool) -> None:
    """Check a nested value; it reaches the model as it was given."""
    if value is None and not required:
        return
    match kind:
        case AnyValue() | SparkVector():
            return
        case Scalar():
            _convert_scalar(kind, value)
        case Array(items) if isinstance(value, list | tuple | np.ndarray):
            for item in value:
                _check(items, item, required=required)
        case Map(values) if isinstance(value, Mapping):
            for item in value.values():
                _check(values, item, required=required)
        case Object() if isinstance(value, Mapping):
            _check_members(kind, value)
        case Array() | Map() | Object():
            message = f"expected {kind}, got {type(value).__name__}"
            raise TypeError(message)


def _check_members(kind: Object, value: Mapping[str, Any]) -> None:
    members = {member.name: member for member in kind.properties}
    if unknown := sorted(str(name) for name in value if name not in members):
        message = f"unknown members {', '.join(unknown)}; it has: {', '.join(members)}"
        raise TypeError(message)
    for name, member in members.items():
        if name not in value:
            if member.required:
                message = f'the member "{name}" ({member.type}) is missing'
                raise TypeError(message)
            continue
        try:
            _check(member.type, value[name], required=member.required)
        except (TypeError, ValueError, OverflowError) as error:
            message = f'member "{name}": {error}'
            raise TypeError(message) from None


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
