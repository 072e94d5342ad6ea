"""The model's inputs, each held against the columns of the data. Driver only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from scorecast.errors import InputMismatchError
from scorecast.spark.prepare import CheckedModel
from scorecast.spark.types import to_arrow
from scorecast.worker.arrow_types import fits, readable

if TYPE_CHECKING:
    from pyspark.sql import types as st

OK = "ok"
"""Verdict on a column that fits."""


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """A column that the model takes.

    Attributes:
        column: Its name.
        wanted: Declared type.
        got: Type in the input, or nothing.
        verdict: ``ok``, ``missing``, ``wrong type`` or ``left out``.
    """

    column: str
    wanted: str
    got: str
    verdict: str


def column_checks(
    model: CheckedModel, schema: st.StructType, columns: Sequence[str] | None
) -> tuple[ColumnCheck, ...]:
    """Hold the model's inputs against the columns of the data.

    Args:
        model: The model; one without a signature takes any columns.
        schema: Columns of the data.
        columns: Columns to predict on by position; None takes them by name.
    """
    specs = model.resolved.info.enforced_signature.inputs
    if not specs:
        return ()
    found = []
    for position, spec in enumerate(specs):
        source: str | None = str(spec.name)
        if columns is not None:
            source = columns[position] if position < len(columns) else None
        elif spec.name is None:
            source = schema.names[position] if position < len(schema.names) else None
        wanted = f"{spec.type}{'' if spec.required else ', optional'}"
        name = str(spec.name if spec.name is not None else source or position)
        if source not in schema.names:
            found.append(
                ColumnCheck(name, wanted, "nothing", "missing" if spec.required else "left out")
            )
            continue
        kind = _arrow_or_none(schema[source].dataType, model.time_zone)
        good = kind is not None and fits(kind, spec.type)
        got = schema[source].dataType.simpleString() if kind is None else readable(kind)
        found.append(ColumnCheck(name, wanted, got, OK if good else "wrong type"))
    return tuple(found)


def _arrow_or_none(kind: st.DataType, zone: str) -> pa.DataType | None:
    try:
        return to_arrow(kind, zone)
    except InputMismatchError:
        return None
