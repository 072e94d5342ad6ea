"""Example data -> the signature that describes it, the same that MLflow infers.

Where MLflow cannot describe data it warns and declares one unnamed input of type ``any``, which
checks nothing and forgets the names of all columns. Here such data is an error that names the
column. Data that may be anything, such as a column of None alone, is ``any`` here too.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorecast.errors import ConfigError, InputMismatchError
from scorecast.models.infer_arrow import has_missing, type_of_arrow
from scorecast.models.infer_params import infer_params
from scorecast.models.infer_values import (
    UndescribedError,
    common_type,
    is_missing,
    type_of_column,
    type_of_value,
)
from scorecast.models.signature import (
    ColumnType,
    Scalar,
    Signature,
    Spec,
    Tensor,
    column_names,
    tensor_dtype,
)

_SHOWN_NAMES = 5
_OR_BY_HAND = ", or write the Signature by hand, with AnyValue() for what may be anything."


def infer_signature(
    inputs: Any = None, outputs: Any = None, params: Mapping[str, Any] | None = None
) -> Signature:
    """Describe example inputs, outputs and params of a model.

    Runs on the driver. A DataFrame, pyarrow Table or list of dicts gives columns; a numpy array, a
    dict of them or a scipy sparse matrix gives tensors, whose first axis is rows; a Series, list or
    single value gives one column. Columns in which values are missing are optional. An Arrow table
    is described as the DataFrame that it would become: integers with nulls are double.

    Warns when inputs are integers without a missing value: predictions will refuse nulls there.

    Args:
        inputs: What the model predicts on, such as some rows of the training data.
        outputs: What the model returns for it.
        params: Inference params with their default values.

    Returns:
        The signature, ready for `scorecast.save_model`.

    Raises:
        ConfigError: Nothing is given.
        InputMismatchError: The data cannot be described: several types in one column, or objects
            for which signatures have no type. Names the column and what to do.
    """
    if inputs is None and outputs is None and not params:
        message = "infer_signature needs at least one of inputs, outputs and params."
        raise ConfigError(message)
    described = None if inputs is None else _specs(inputs, "inputs")
    _warn_of_integers(described or ())
    return Signature(
        inputs=described,
        outputs=None if outputs is None else _specs(outputs, "outputs"),
        params=None if not params else infer_params(params),
    )


def _warn_of_integers(specs: Iterable[Spec]) -> None:
    names = [
        f"{spec.name or i}"
        for i, spec in enumerate(specs)
        if spec.required and spec.type in (Scalar("integer"), Scalar("long"))
    ]
    if names:
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        message = (
            f"Integer inputs without missing values: {', '.join(names[:_SHOWN_NAMES])}{more}. "
            "Predictions will refuse nulls in them; if there will be some, infer the signature "
            "from data that has some."
        )
        warnings.warn(message, UserWarning, stacklevel=3)


def _specs(data: Any, part: str) -> tuple[Spec, ...]:
    if isinstance(data, pd.DataFrame):
        labels = data.columns.to_list()
        columns = [data.iloc[:, i] for i in range(len(labels))]
        return _columns(labels, columns, part, type_of_column, _has_missing)
    if isinstance(data, pa.Table | pa.RecordBatch):
        table = pa.table(data) if isinstance(data, pa.RecordBatch) else data
        return _columns(table.column_names, table.columns, part, type_of_arrow, has_missing)
    if isinstance(data, pd.Series):
        return _columns([data.name], [data], part, type_of_column, _has_missing)
    if isinstance(data, np.ndarray):
        return (_tensor(data, None, part),)
    if isinstance(data, Mapping):
        return _specs_of_mapping(data, part)
    if isinstance(data, list):
        return _specs_of_list(data, part)
    # A scipy sparse matrix of any format, without importing scipy.
    if hasattr(data, "tocsr") and isinstance(getattr(data, "dtype", None), np.dtype):
        return (_tensor(data, None, part),)
    return (Spec(_described(type_of_value, data, f"the {part}")),)


def _specs_of_mapping(data: Mapping[Any, Any], part: str) -> tuple[Spec, ...]:
    for name in data:
        if not isinstance(name, str):
            message = (
                f"Cannot describe the {part}: a key of the dict is {type(name).__name__}. Make all "
                "keys text."
            )
            raise InputMismatchError(message)
    labels, values = list(data), list(data.values())
    if labels and all(isinstance(value, np.ndarray) for value in values):
        return tuple(_tensor(value, name, part) for name, value in data.items())
    return _columns(labels, values, part, type_of_value, _value_has_missing)


def _specs_of_list(data: list[Any], part: str) -> tuple[Spec, ...]:
    if not data:
        # MLflow's answer since before it had the type any.
        return (Spec(Scalar("string")),)
    if not all(isinstance(row, Mapping) for row in data):
        return (Spec(_described(common_type, data, f"the {part}")),)
    labels = list(dict.fromkeys(name for row in data for name in row))
    # A key that a row lacks makes the column optional, and says nothing about its type.
    columns = [[row[name] for row in data if name in row] for name in labels]
    return _columns(
        labels,
        columns,
        part,
        common_type,
        lambda values: len(values) < len(data) or any(value is None for value in values),
    )


def _columns(
    labels: list[Any],
    columns: list[Any],
    part: str,
    describe: Callable[[Any], ColumnType],
    lacks_values: Callable[[Any], bool],
) -> tuple[Spec, ...]:
    """Describe named columns; all that cannot be described are reported in one error."""
    if not labels:
        message = f"Cannot describe the {part}: there are no columns in it."
        raise InputMismatchError(message)
    _check_labels(labels, part)
    specs, problems = [], []
    for name, label, column in zip(column_names(labels), labels, columns, strict=True):
        try:
            specs.append(Spec(describe(column), name, required=not lacks_values(column)))
        except UndescribedError as error:
            problems.append(f'column "{label}": {error}')
    if problems:
        message = f"Cannot describe the {part}: " + "; ".join(problems) + _OR_BY_HAND
        raise InputMismatchError(message)
    return tuple(specs)


def _check_labels(labels: list[Any], part: str) -> None:
    if labels == [None]:
        # A Series without a name.
        return
    if odd := [label for label in labels if not isinstance(label, str | int)]:
        message = (
            f"Cannot describe the {part}: {len(odd)} of {len(labels)} column names are not text, "
            f"such as {odd[0]!r}. Rename the columns, for example with "
            "frame.columns = [str(name) for name in frame.columns]."
        )
        raise InputMismatchError(message)
    counts = Counter(map(str, labels))
    if twice := sorted(name for name, count in counts.items() if count > 1):
        message = (
            f"Cannot describe the {part}: more than one column is called {', '.join(twice)}. "
            "Rename or drop one."
        )
        raise InputMismatchError(message)


def _has_missing(column: pd.Series[Any]) -> bool:
    return bool(column.isna().any())


def _value_has_missing(value: object) -> bool:
    return any(map(is_missing, value)) if isinstance(value, list) else is_missing(value)


def _described(describe: Callable[[Any], ColumnType], data: Any, what: str) -> ColumnType:
    try:
        return describe(data)
    except UndescribedError as error:
        message = f"Cannot describe {what}: {error}{_OR_BY_HAND}"
        raise InputMismatchError(message) from None


def _tensor(array: Any, name: str | None, part: str) -> Spec:
    what = f"the {part}" if name is None else f'"{name}" in the {part}'
    if not array.shape:
        message = (
            f"Cannot describe {what}: an array without axes has no rows. Pass an array whose "
            "first axis is rows."
        )
        raise InputMismatchError(message)
    try:
        dtype = tensor_dtype(array.dtype)
    except TypeError:
        message = (
            f"Cannot describe {what}: numpy cannot make the type {array.dtype} from its name. Cast "
            "the array to a plain type, or pass a DataFrame."
        )
        raise InputMismatchError(message) from None
    return Spec(Tensor(dtype, (-1, *array.shape[1:])), name)
