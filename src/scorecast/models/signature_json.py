"""Signatures <-> the JSON that MLflow writes into the ``signature`` key of an ``MLmodel`` file.

See https://mlflow.org/docs/latest/ml/model/signatures/. Reading it imports no MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from scorecast.errors import MLmodelError
from scorecast.models.signature import (
    SCALAR_NAMES,
    AnyValue,
    Array,
    ColumnType,
    Map,
    Object,
    Param,
    Property,
    Scalar,
    Signature,
    SparkVector,
    Spec,
    SpecType,
    Tensor,
    column_names,
    tensor_dtype,
)

_T = TypeVar("_T")


def parse_signature(raw: Mapping[str, Any]) -> Signature:
    """Read the ``signature`` mapping of an MLmodel file.

    Args:
        raw: Mapping with the keys ``inputs``, ``outputs`` and ``params``; each is a JSON text, an
            already parsed list, None or absent.

    Raises:
        MLmodelError: A part is not JSON, or has a type that is not known.
    """
    return Signature(
        inputs=_parse_list(raw.get("inputs"), "inputs", _parse_specs),
        outputs=_parse_list(raw.get("outputs"), "outputs", _parse_specs),
        params=_parse_list(raw.get("params"), "params", _parse_params),
    )


def _parse_list(
    raw: Any, part: str, parse: Callable[[list[Any]], tuple[_T, ...]]
) -> tuple[_T, ...] | None:
    if raw is None or raw == "":
        return None
    try:
        items = json.loads(raw) if isinstance(raw, str) else raw
        # A tensor signature of one unnamed tensor is written as a bare object by old versions.
        return parse(items if isinstance(items, list) else [items])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else str(error)
        message = (
            f"Cannot read the {part} of the model signature: {reason}. Expected the JSON list that "
            "MLflow writes; save the model again or correct the MLmodel file."
        )
        raise MLmodelError(message) from error


def _required(raw: Mapping[str, Any]) -> bool:
    # MLflow writes null here for nested types that it read from a file without the key.
    if raw.get("required") is not None:
        return bool(raw["required"])
    return not raw.get("optional", False)


def _parse_specs(items: list[Any]) -> tuple[Spec, ...]:
    types = [_parse_spec_type(item) for item in items]
    names = column_names([item.get("name") for item in items])
    return tuple(
        Spec(kind, name, _required(item))
        for kind, name, item in zip(types, names, items, strict=True)
    )


def _parse_spec_type(raw: Mapping[str, Any]) -> SpecType:
    if raw["type"] == "tensor":
        tensor = raw["tensor-spec"]
        return Tensor(tensor_dtype(tensor["dtype"]), tuple(int(n) for n in tensor["shape"]))
    return _parse_type(raw)


def _parse_type(raw: Mapping[str, Any]) -> ColumnType:
    kind = raw["type"]
    if kind in SCALAR_NAMES:
        return Scalar(kind)
    match kind:
        case "array":
            return Array(_parse_type(raw["items"]))
        case "object":
            members = (
                Property(name, _parse_type(member), _required(member))
                for name, member in raw["properties"].items()
            )
            return Object(tuple(sorted(members, key=lambda member: member.name)))
        case "map":
            return Map(_parse_type(raw["values"]))
        case "any":
            return AnyValue()
        case "sparkml_vector":
            return SparkVector()
        case _:
            message = f'type "{kind}" is not one that MLflow writes'
            raise ValueError(message)


def _parse_params(items: list[Any]) -> tuple[Param, ...]:
    return tuple(map(_parse_param, items))


def _parse_param(raw: Mapping[str, Any]) -> Param:
    shape = raw.get("shape")
    kind = _parse_type({**raw, "type": raw.get("type", raw.get("dtype"))})
    if not isinstance(kind, Scalar | Object):
        message = f'param "{raw["name"]}" has type "{kind}"'
        raise TypeError(message)
    return Param(str(raw["name"]), kind, raw["default"], None if shape is None else tuple(shape))


# --- values -> JSON -------------------------------------------------------------------------------


def dump_signature(signature: Signature) -> dict[str, str | None]:
    """Give the ``signature`` mapping of an MLmodel file, as MLflow writes it."""
    return {
        "inputs": _dump_specs(signature.inputs),
        "outputs": _dump_specs(signature.outputs),
        "params": None
        if signature.params is None
        else json.dumps([_dump_param(param) for param in signature.params]),
    }


def _dump_specs(specs: tuple[Spec, ...] | None) -> str | None:
    if specs is None:
        return None
    # MLflow refuses optional columns without a name. It numbers them, as pandas does.
    numbered = any(spec.name is None and not spec.required for spec in specs)
    names = range(len(specs)) if numbered else [spec.name for spec in specs]
    return json.dumps([_dump_spec(spec, name) for spec, name in zip(specs, names, strict=True)])


def _dump_spec(spec: Spec, name: str | int | None) -> dict[str, Any]:
    raw: dict[str, Any]
    if isinstance(spec.type, Tensor):
        raw = {
            "type": "tensor",
            "tensor-spec": {"dtype": spec.type.dtype, "shape": list(spec.type.shape)},
        }
    else:
        raw = {**_dump_type(spec.type), "required": spec.required}
    return raw if name is None else {**raw, "name": name}


def _dump_type(kind: ColumnType) -> dict[str, Any]:
    match kind:
        case Scalar(name):
            return {"type": name}
        case Array(items):
            return {"type": "array", "items": _dump_type(items)}
        case Object(properties):
            members = {p.name: {**_dump_type(p.type), "required": p.required} for p in properties}
            return {"type": "object", "properties": members}
        case Map(values):
            return {"type": "map", "values": _dump_type(values)}
        case AnyValue():
            return {"type": "any"}
        case SparkVector():
            return {"type": "sparkml_vector"}


def _dump_param(param: Param) -> dict[str, Any]:
    shape = None if param.shape is None else list(param.shape)
    return {
        "name": param.name,
        "default": param.default,
        "shape": shape,
        **_dump_type(param.type),
    }
