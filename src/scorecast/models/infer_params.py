"""Inference params with their default values -> declared params."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from scorecast.errors import InputMismatchError
from scorecast.models.infer_values import type_of_dtype, type_of_value
from scorecast.models.params import check_mapping, convert_param
from scorecast.models.signature import Object, Param, Scalar


def infer_params(params: Mapping[str, Any]) -> tuple[Param, ...]:
    """Describe params by their default values.

    Raises:
        InputMismatchError: Values have no type that params can have; all of them are named.
    """
    check_mapping(params)
    described, problems = [], []
    for name, value in params.items():
        try:
            described.append(_param(str(name), value))
        except (TypeError, ValueError, OverflowError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        message = "Cannot describe the params: " + "; ".join(problems) + "."
        raise InputMismatchError(message)
    return tuple(described)


def _param(name: str, value: Any) -> Param:
    if isinstance(value, Mapping):
        kind = type_of_value(value)
        if not isinstance(kind, Object):
            message = "an empty dict does not show its members; give an example with values"
            raise TypeError(message)
        return Param(name, kind, _plain(value))
    if isinstance(value, list | np.ndarray):
        if np.ndim(value) != 1 or len(value) == 0:
            message = "expected a value, a dict or a list of values with at least one in it"
            raise TypeError(message)
        param = Param(name, _type_of_default(list(value), value), None, (-1,))
        return Param(name, param.type, [_as_text(v) for v in convert_param(param, value)], (-1,))
    param = Param(name, _type_of_default([value], value), default=value)
    return Param(name, param.type, _as_text(convert_param(param, value)))


def _type_of_default(values: list[Any], given: Any) -> Scalar:
    if all(isinstance(value, date | np.datetime64) for value in values):
        return Scalar("datetime")
    if not all(np.isscalar(value) for value in values):
        found = next(type(value).__name__ for value in values if not np.isscalar(value))
        message = f"a default of {found} does not show the type of the param"
        raise TypeError(message)
    kind = type_of_dtype(np.asarray(given).dtype)
    if kind.name == "binary":
        message = "MLflow has no params of bytes; pass text, for example base64"
        raise TypeError(message)
    return kind


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _plain(value: Mapping[str, Any]) -> Any:
    """Copy a default through JSON, which is how it is stored."""

    def convert(item: object) -> object:
        if isinstance(item, np.ndarray | np.generic):
            return item.tolist()
        message = f"a dict with {type(item).__name__} in it cannot be stored as JSON"
        raise TypeError(message)

    return json.loads(json.dumps(value, default=convert))
