"""Values of any kind, which reach Spark as JSON text and become variants there.

Arrow has no such type. A type of this module stands for it while predictions are converted; what
leaves the worker is plain text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorecast.worker.casts import MisfitError
from scorecast.worker.nested import convert_nested, with_plain_types

VARIANT = pa.opaque(pa.string(), "variant", "spark")
"""Stands for a variant where a prediction's type is declared."""


def stored_type(kind: pa.DataType) -> pa.DataType:
    """Give the type in which values of a declared type leave the worker."""
    return with_plain_types(kind, lambda plain: pa.string() if plain == VARIANT else plain)


def stored(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Give the same values in the type in which they leave the worker."""
    if array.type == kind:
        return array
    return convert_nested(array, kind, lambda plain, _: getattr(plain, "storage", plain))


def json_texts(values: Any) -> pa.Array:
    """Give each value as JSON text, and a missing one as NULL.

    Raises:
        MisfitError: A value has no JSON form: infinity, bytes, or an object.
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        values = values.to_pandas(maps_as_pydicts="strict", integer_object_nulls=True)
    texts: list[str | None] = []
    for i, value in enumerate(values):
        try:
            plain = _plain(value)
            text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
            text.encode()  # half of a surrogate pair is no text
            texts.append(None if plain is None else text)
        except (TypeError, ValueError) as error:
            raise MisfitError(str(error), "a value with a JSON form", i) from None
    return pa.ExtensionArray.from_storage(VARIANT, pa.array(texts, pa.string()))


def _of_python(value: Any) -> Any:
    """Give values of numpy and pydantic as those of Python."""
    if isinstance(value, np.datetime64):
        return pd.Timestamp(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "mM":
        return list(value)  # numpy's own list holds bare numbers
    if isinstance(value, np.generic | np.ndarray) and not isinstance(value, np.timedelta64):
        return value.tolist()
    return value.model_dump() if hasattr(value, "model_dump") else value


def _plain(value: Any) -> Any:
    """Give a value in the types that JSON knows."""
    value = _of_python(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    match value:
        case float() if math.isnan(value):
            return None
        case bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case float():
            message = "infinity, which JSON does not have"
            raise ValueError(message)
        case date():
            return value.isoformat()
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    raise TypeError(type(value).__name__)
