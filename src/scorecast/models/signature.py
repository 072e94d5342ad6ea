"""What a model declares about its inputs, outputs and params: plain values.

Their JSON form is in `signature_json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

ScalarName: TypeAlias = Literal[
    "boolean", "integer", "long", "float", "double", "string", "binary", "datetime"
]

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
        inner = ", ".join(f"{p.name}{'' if p.required else '?'}: {p.type}" for p in self.properties)
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
    return None if None in names else tuple(cast("list[str]", names))


def column_names(labels: Sequence[Any]) -> list[str | None]:
    """Give the names of columns by their labels; pandas and MLflow know labels that are not text.

    The numbers 0, 1, 2 ... are how pandas numbers the columns of a frame without names: the model
    knows such columns by position, so they have no name.
    """
    if list(labels) == list(range(len(labels))):
        return [None] * len(labels)
    return [None if label is None else str(label) for label in labels]


def tensor_dtype(dtype: Any) -> str:
    """Give the name by which MLflow writes a numpy dtype; texts and bytes have no length in it.

    Raises:
        TypeError: There is no such dtype, or no name from which numpy makes it again.
    """
    given = np.dtype(dtype)
    name: str = {"U": "str", "S": "bytes"}.get(given.kind, given.name)
    np.dtype(name)
    return name
