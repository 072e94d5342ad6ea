"""What a model declares about its inputs, outputs and params: values, and their JSON form.

The JSON is the one that MLflow writes into the ``signature`` key of an ``MLmodel`` file (see
https://mlflow.org/docs/latest/ml/model/signatures/). Reading it imports no MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args

from scorecast.errors import MLmodelError

ScalarName: TypeAlias = Literal[
    "boolean", "integer", "long", "float", "double", "string", "binary", "datetime"
]
_T = TypeVar("_T")

SCALAR_NAMES: tuple[str, ...] = get_args(ScalarName)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value per row: one of `SCALAR_NAMES`; integers are 32, longs 64 bits wide."""

    name: ScalarName

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Array:
    """A list of any length per row."""

    items: ColumnType

    def __str__(self) -> str:
        return f"array<{self.items}>"


@dataclass(frozen=True, slots=True)
class Property:
    """One named member of an `Object`."""

    name: str
    type: ColumnType
    required: bool = True


@dataclass(frozen=True, slots=True)
class Object:
    """A record with named members per row; properties are sorted by name, as MLflow sorts them."""

    properties: tuple[Property, ...]

    def __str__(self) -> str:
        inner = ", ".join(
            f"{p.name}{'' if p.required else '?'}: {p.type}" for p in self.properties
        )
        return f"object<{inner}>"


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping from strings to values of one type per row."""

    values: ColumnType

    def __str__(self) -> str:
        return f"map<string, {self.values}>"


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Anything; the value reaches the model as it arrives."""

    def __str__(self) -> str:
        return "any"


@dataclass(frozen=True, slots=True)
class SparkVector:
    """A vector of Spark ML."""

    def __str__(self) -> str:
        return "sparkml_vector"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A numpy array: `dtype` is a numpy name, `shape` starts with -1 when rows are free."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"tensor({self.dtype}, {self.shape})"


ColumnType: TypeAlias = Scalar | Array | Object | Map | AnyValue | SparkVector
SpecType: TypeAlias = ColumnType | Tensor


@dataclass(frozen=True, slots=True)
class Spec:
    """One input or output: its name (None when the model knows it by position only) and type."""

    type: SpecType
    name: str | None = None
    required: bool = True

    def __str__(self) -> str:
        name = "(unnamed)" if self.name is None else self.name
        return f"{name}: {self.type}{'' if self.required else ' (optional)'}"


@dataclass(frozen=True, slots=True)
class Param:
    """One inference parameter: constant for a whole call, with a default.

    `shape` is None for one value and ``(-1,)`` for a list. The default of a ``datetime`` is kept
    as the ISO text that stands in the file.
    """

    name: str
    type: Scalar | Object
    default: Any
    shape: tuple[int, ...] | None = None

    def __str__(self) -> str:
        kind = str(self.type) if self.shape is None else f"array<{self.type}>"
        return f"{self.name}: {kind} = {self.default!r}"


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs, outputs and params of a model; None where the model declares nothing."""

    inputs: tuple[Spec, ...] | None = None
    outputs: tuple[Spec, ...] | None = None
    params: tuple[Param, ...] | None = None

    @property
    def input_names(self) -> tuple[str, ...] | None:
        """Names of all inputs in order, or None when there are none or they are unnamed."""
        return _names(self.inputs)

    @property
    def takes_tensors(self) -> bool:
        """Whether the inputs are numpy arrays rather than columns of a frame."""
        return bool(self.inputs) and all(isinstance(s.type, Tensor) for s in self.inputs or ())

    def __str__(self) -> str:
        lines = []
        for title, items in (
            ("inputs", self.inputs),
            ("outputs", self.outputs),
            ("params", self.params),
        ):
            listed = "(not declared)" if items is None else ", ".join(map(str, items))
            lines.append(f"{title}: {listed}")
        return "\n".join(lines)


def _names(specs: Sequence[Spec] | None) -> tuple[str, ...] | None:
    if not specs:
        return None
    names = [spec.name for spec in specs]
    return None if None in names else tuple(cast(list[str], names))


# --- JSON -> values -------------------------------------------------------------------------------


def parse_signature(raw: Mapping[str, Any]) -> Signature:
    """Read the ``signature`` mapping of an MLmodel file.

    Args:
        raw: Mapping with the keys ``inputs``, ``outputs`` and ``params``; each is a JSON text, an
            already parsed list, None or absent.

    Raises:
        MLmodelError: A part is not JSON, or has a type that is not known.
    """
    return Signature(
        inputs=_parse_list(raw.get("inputs"), "inputs", _parse_spec),
        outputs=_parse_list(raw.get("outputs"), "outputs", _parse_spec),
        params=_parse_list(raw.get("params"), "params", _parse_param),
    )


def _parse_list(raw: Any, part: str, parse: Callable[[Any], _T]) -> tuple[_T, ...] | None:
    if raw is None:
        return None
    try:
        items = json.loads(raw) if isinstance(raw, str) else raw
        # A tensor signature of one unnamed tensor is written as a bare object by old versions.
        return tuple(parse(item) for item in (items if isinstance(items, list) else [items]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else str(error)
        message = (
            f"Cannot read the {part} of the model signature: {reason}. Expected the JSON list that "
            "MLflow writes; save the model again or correct the MLmodel file."
        )
        raise MLmodelError(message) from error


def _required(raw: Mapping[str, Any]) -> bool:
    if "required" in raw:
        return bool(raw["required"])
    return not raw.get("optional", False)


def _parse_spec(raw: Mapping[str, Any]) -> Spec:
    return Spec(type=_parse_spec_type(raw), name=raw.get("name"), required=_required(raw))


def _parse_spec_type(raw: Mapping[str, Any]) -> SpecType:
    if raw["type"] == "tensor":
        tensor = raw["tensor-spec"]
        return Tensor(str(tensor["dtype"]), tuple(int(n) for n in tensor["shape"]))
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
    message = f'type "{kind}" is not one that MLflow writes'
    raise ValueError(message)


def _parse_param(raw: Mapping[str, Any]) -> Param:
    shape = raw.get("shape")
    kind = _parse_type({**raw, "type": raw.get("type", raw.get("dtype"))})
    if not isinstance(kind, Scalar | Object):
        message = f'param "{raw["name"]}" has type "{kind}"'
        raise TypeError(message)
    return Param(raw["name"], kind, raw["default"], None if shape is None else tuple(shape))


# --- values -> JSON -------------------------------------------------------------------------------


def dump_signature(signature: Signature) -> dict[str, str | None]:
    """Give the ``signature`` mapping of an MLmodel file, as MLflow writes it."""
    return {
        "inputs": _dump_list(signature.inputs, _dump_spec),
        "outputs": _dump_list(signature.outputs, _dump_spec),
        "params": _dump_list(signature.params, _dump_param),
    }


def _dump_list(items: tuple[_T, ...] | None, dump: Callable[[_T], dict[str, Any]]) -> str | None:
    return None if items is None else json.dumps([dump(item) for item in items])


def _dump_spec(spec: Spec) -> dict[str, Any]:
    raw: dict[str, Any]
    if isinstance(spec.type, Tensor):
        raw = {
            "type": "tensor",
            "tensor-spec": {"dtype": spec.type.dtype, "shape": list(spec.type.shape)},
        }
    else:
        raw = {**_dump_type(spec.type), "required": spec.required}
    return raw if spec.name is None else {**raw, "name": spec.name}


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
