"""The Arrow type of a prediction: from the outputs that a model declares, or from a short text."""

from __future__ import annotations

import warnings

import pyarrow as pa

from scorecast.errors import ConfigError
from scorecast.models.signature import (
    AnyValue,
    Array,
    ColumnType,
    Map,
    Object,
    Scalar,
    Signature,
    SpecType,
    Tensor,
    tensor_dtype,
)
from scorecast.worker.variants import VARIANT

_INSTANT = pa.timestamp("us", tz="UTC")
_SCALARS: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "byte": pa.int8(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": _INSTANT,
    "timestamp_ntz": pa.timestamp("us"),
}
_ALIASES = {
    "bool": "boolean",
    "int": "integer",
    "bigint": "long",
    "smallint": "short",
    "tinyint": "byte",
    "real": "float",
    "datetime": "timestamp",
}
# dtypes of tensors -> the narrowest type of Spark that holds all their values.
_DTYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.int16(),
    "uint16": pa.int32(),
    "uint32": pa.int64(),
    "float16": pa.float32(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "object": pa.string(),
    "str": pa.string(),
    "bytes": pa.binary(),
}


def result_type_of(signature: Signature, model_output: str | None = None) -> pa.DataType:
    """Give the type of a prediction from the declared outputs.

    One output gives its bare type, several a struct, and a column that is chosen its own. A tensor
    of shape ``[-1]`` is one value per row, not an array of one; a tensor whose first axis has a
    length is an array per row. Without declared outputs the type is ``double``, with a warning, as
    in MLflow.

    Raises:
        ConfigError: An output is of a type that has no fixed Arrow type.
    """
    outputs = [
        spec for spec in signature.outputs or () if model_output in (None, spec.name)
    ] or signature.outputs
    if not outputs:
        warnings.warn(
            'No result type is given and the model declares no outputs: using "double". Give a '
            "result type, or save the model with a signature.",
            UserWarning,
            stacklevel=3,
        )
        return pa.float64()
    if len(outputs) == 1:
        return _spec_type(outputs[0].type)
    return pa.struct(
        [
            (str(i) if spec.name is None else spec.name, _spec_type(spec.type))
            for i, spec in enumerate(outputs)
        ]
    )


def parse_simple_type(text: str) -> pa.DataType:
    """Read the name of a scalar type or ``array<...>`` of one, without Spark.

    Raises:
        ConfigError: It is neither.
    """
    stripped = text.strip().lower()
    if stripped.startswith("array<") and stripped.endswith(">"):
        return pa.list_(parse_simple_type(stripped[len("array<") : -1]))
    name = _ALIASES.get(stripped, stripped)
    if name not in _SCALARS:
        message = (
            f'Cannot read the result type "{text}". Expected one of {", ".join(_SCALARS)}, or '
            "array<...> of one. Records need a model that declares its outputs."
        )
        raise ConfigError(message)
    return _SCALARS[name]


def _spec_type(declared: SpecType) -> pa.DataType:
    if not isinstance(declared, Tensor):
        return _column_type(declared)
    dtype = tensor_dtype(declared.dtype)
    kind = _INSTANT if dtype.startswith("datetime64") else _DTYPES.get(dtype)
    if kind is None:
        message = (
            f"The declared output {declared} has no Spark type. Give a result type, such as "
            '"array<double>".'
        )
        raise ConfigError(message)
    # The first axis is that of the rows where its length is left open.
    for _ in declared.shape[1:] if declared.shape[:1] == (-1,) else declared.shape:
        kind = pa.list_(kind)
    return kind


def _column_type(declared: ColumnType) -> pa.DataType:
    match declared:
        case Scalar("datetime"):
            return _INSTANT
        case Scalar(name):
            return _SCALARS[name]
        case Array(items):
            return pa.list_(_column_type(items))
        case Map(values):
            return pa.map_(pa.string(), _column_type(values))
        case Object(properties):
            return pa.struct([(member.name, _column_type(member.type)) for member in properties])
        case AnyValue():
            return VARIANT
        case _:
            message = f'The declared output "{declared}" has no fixed type. Give a result type.'
    raise ConfigError(message)
