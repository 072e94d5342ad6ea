"""Values, numpy dtypes and pandas columns -> the types of signatures, as MLflow infers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from scorecast.models.signature import (
    AnyValue,
    Array,
    ColumnType,
    Object,
    Property,
    Scalar,
    ScalarName,
)

NDArray: TypeAlias = npt.NDArray[Any]

# In this order: bool is an int, and datetimes and pandas timestamps are dates.
_PYTHON_TYPES: tuple[tuple[type | tuple[type, ...], Scalar], ...] = (
    (bool, Scalar("boolean")),
    (int, Scalar("long")),
    (float, Scalar("double")),
    (str, Scalar("string")),
    ((bytes, bytearray), Scalar("binary")),
    (date, Scalar("datetime")),
)
_KINDS: dict[str, Scalar] = {
    "b": Scalar("boolean"),
    "U": Scalar("string"),
    "S": Scalar("binary"),
    "M": Scalar("datetime"),
}
_ADVICE = {
    "DataFrame": "Pass a pandas DataFrame or pyarrow Table, such as df.limit(100).toArrow()",
    "Decimal": "Convert them to float",
    "Fraction": "Convert them to float",
    "Interval": "Make two columns of them",
    "Period": "Convert them to timestamps",
    "Series": "Pass a DataFrame instead",
    "Timedelta": "Convert them to seconds",
    "UUID": "Convert them to text",
    "set": "Convert them to lists",
    "time": "Convert them to text",
    "timedelta": "Convert them to seconds",
    "tuple": "Convert them to lists",
}


class UndescribedError(ValueError):
    """Raised when no type of a signature describes the data; the caller adds which data it is."""


def is_missing(value: object) -> bool:
    """Tell whether one value stands for a missing one: None, NaN, NaT or NA."""
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - only NaN differs from itself
    return value is None or value is pd.NA or value is pd.NaT


def type_of_value(value: object) -> ColumnType:
    """Describe one value; missing values and empty containers are `AnyValue`.

    Raises:
        UndescribedError: No type describes it.
    """
    if is_missing(value) or (isinstance(value, list | Mapping) and not value):
        return AnyValue()
    if isinstance(value, Mapping):
        return _type_of_mapping(value)
    if isinstance(value, np.ndarray):
        return _type_of_array(value)
    if isinstance(value, list):
        return Array(common_type(value))
    if isinstance(value, np.generic):
        return type_of_dtype(value.dtype)
    for python_type, kind in _PYTHON_TYPES:
        if isinstance(value, python_type):
            return kind
    name = type(value).__name__
    advice = _ADVICE.get(name, "Convert them to numbers, text, lists or dicts")
    message = f"it holds {name} objects, for which signatures have no type. {advice}"
    raise UndescribedError(message)


def _type_of_mapping(value: Mapping[Any, object]) -> ColumnType:
    members = []
    for name, member in value.items():
        if not isinstance(name, str):
            message = (
                f"it holds a dict with a key that is {type(name).__name__}. Make all keys text"
            )
            raise UndescribedError(message)
        try:
            kind = type_of_value(member)
        except UndescribedError as error:
            message = f'in member "{name}" {error}'
            raise UndescribedError(message) from None
        members.append(Property(name, kind, required=not isinstance(kind, AnyValue)))
    return Object(tuple(sorted(members, key=lambda member: member.name)))


def _type_of_array(values: NDArray) -> ColumnType:
    if values.ndim == 0:
        return type_of_value(values[()])
    if values.size == 0:
        return AnyValue()
    if values.dtype.kind == "O":
        return Array(common_type(values))
    # MLflow looks at each value, where a NaN of double precision is a missing one.
    all_nan = values.dtype == np.float64 and bool(np.isnan(values).all())
    kind: ColumnType = AnyValue() if all_nan else type_of_dtype(values.dtype)
    for _ in range(values.ndim):
        kind = Array(kind)
    return kind


def type_of_dtype(dtype: Any) -> Scalar:
    """Describe the values of a numpy dtype or pandas extension dtype other than ``object``.

    Raises:
        UndescribedError: No type describes it.
    """
    if isinstance(dtype, pd.SparseDtype):
        dtype = dtype.subtype
    kind, size = dtype.kind, getattr(dtype, "itemsize", 0)
    if kind in _KINDS:
        return _KINDS[kind]
    name: ScalarName | None = None
    if kind in "iu":
        # An unsigned number needs the next wider signed type.
        needed = size if kind == "i" else size * 2
        name = "integer" if needed <= 4 else "long" if needed <= 8 else None  # noqa: PLR2004
    elif kind == "f":
        name = "float" if size <= 4 else "double" if size <= 8 else None  # noqa: PLR2004
    if name is None:
        advice = "Convert it to seconds" if kind == "m" else "Cast it to another type"
        message = f"its type is {dtype}, for which signatures have no type. {advice}"
        raise UndescribedError(message)
    return Scalar(name)


def common_type(values: Iterable[object]) -> ColumnType:
    """Describe values that share a column or list; `AnyValue` when none is there.

    Raises:
        UndescribedError: A value has no type, or values have types that do not go together.
    """
    common: ColumnType | None = None
    for value in values:
        kind = type_of_value(value)
        if common is None:
            common = kind
        elif kind is not common:
            common = merged(common, kind)
    return AnyValue() if common is None else common


def merged(first: ColumnType, second: ColumnType) -> ColumnType:
    """Give the type of values of both types. Missing members and values become optional.

    Raises:
        UndescribedError: The types do not go together.
    """
    if first == second:
        return first
    match first, second:
        case (AnyValue(), kind) | (kind, AnyValue()):
            return _all_optional(kind) if isinstance(kind, Object) else kind
        case Array(left), Array(right):
            return Array(merged(left, right))
        case Object(left), Object(right):
            return _merged_objects(left, right)
        case _:
            message = (
                f"it holds values of two types, {first} and {second}. Convert all of them to one "
                "of the two"
            )
            raise UndescribedError(message)


def _all_optional(kind: Object) -> Object:
    return Object(tuple(Property(p.name, p.type, required=False) for p in kind.properties))


def _merged_objects(left: tuple[Property, ...], right: tuple[Property, ...]) -> Object:
    lefts = {member.name: member for member in left}
    rights = {member.name: member for member in right}
    members = []
    for name in sorted({*lefts, *rights}):
        ours, theirs = lefts.get(name), rights.get(name)
        if ours is not None and theirs is not None:
            required = ours.required and theirs.required
            try:
                kind = merged(ours.type, theirs.type)
            except UndescribedError as error:
                message = f'in member "{name}" {error}'
                raise UndescribedError(message) from None
            members.append(Property(name, kind, required))
        elif (only := ours or theirs) is not None:
            members.append(Property(name, only.type, required=False))
    return Object(tuple(members))


def type_of_column(column: pd.Series[Any]) -> ColumnType:
    """Describe a pandas column by its dtype; object and category columns by their values.

    Raises:
        UndescribedError: No type describes it.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return common_type(column.cat.remove_unused_categories().cat.categories.to_list())
    if column.dtype.kind == "O":
        column = column.infer_objects()
    if column.dtype.kind != "O":
        return type_of_dtype(column.dtype)
    if column.empty:
        return Scalar("string")
    # Many rows of text are the common case; pandas looks at them without a Python loop.
    if column.notna().any() and pd.api.types.infer_dtype(column, skipna=True) == "string":
        return Scalar("string")
    return common_type(column.to_list())
