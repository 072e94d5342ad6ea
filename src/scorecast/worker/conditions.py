"""Simple conditions on rows, answered as Spark answers them. Runs on workers, once per batch.

What is met here and what is not follows Spark's rules for NULL and NaN, see
https://spark.apache.org/docs/latest/sql-ref-null-semantics.html and
https://spark.apache.org/docs/latest/sql-ref-datatypes.html#nan-semantics: a comparison with NULL is
never met, and NaN is greater than every number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "in", "is null", "is not null"]

_COMPARE: dict[str, Callable[[pa.Array, pa.Scalar], pa.Array]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_MET_BY_NAN = {">", ">="}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition on one column.

    Attributes:
        column: Its name.
        operator: How it is compared.
        values: With what: one value of the column's type, several for ``in``, none for ``is null``
            and ``is not null``.
    """

    column: str
    operator: Operator
    values: tuple[Any, ...] = ()


def met(batch: pa.RecordBatch, conditions: Sequence[Comparison]) -> pa.Array:
    """Tell which rows meet all conditions.

    Args:
        batch: Rows with the columns that the conditions name.
        conditions: At least one.

    Returns:
        One boolean per row, none of them NULL.
    """
    found = _met(batch.column(conditions[0].column), conditions[0])
    for condition in conditions[1:]:
        found = pc.and_(found, _met(batch.column(condition.column), condition))
    return found


def may_meet(condition: Comparison, low: Any, high: Any) -> bool:
    """Tell whether any value from `low` to `high` can meet a condition.

    Args:
        condition: A condition on a column that holds no NaN.
        low: The smallest value.
        high: The largest value.
    """
    values = condition.values
    match condition.operator:
        case "=" | "in":
            return any(low <= value <= high for value in values)
        case "<":
            return bool(low < values[0])
        case "<=":
            return bool(low <= values[0])
        case ">":
            return bool(high > values[0])
        case ">=":
            return bool(high >= values[0])
        case _:
            return True


def _met(column: pa.Array, condition: Comparison) -> pa.Array:
    operator = condition.operator
    if operator == "is null":
        return column.is_null()
    if operator == "is not null":
        return column.is_valid()
    given = condition.values
    if operator == "in" and pt.is_floating(column.type) and 0 in given:
        given = (*given, 0.0, -0.0)  # equal to Spark, and to `is_in` they are not
    values = pa.array(given, column.type)
    if operator == "in":
        return pc.is_in(column, value_set=values)
    found = _COMPARE[operator](column, values[0])
    if operator in _MET_BY_NAN and pt.is_floating(column.type):
        found = pc.or_(found, pc.is_nan(column))
    return pc.fill_null(found, fill_value=False)
