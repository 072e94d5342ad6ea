"""Input columns of a frame sent to Python as one column of arrays. Driver only.

Spark writes every value of every column into Arrow on its own, which is most of what a cheap model
over many columns costs. One column of arrays is filled in one go (`benchmarks/packed.py`). Nothing
but floats is packed: their nulls are NaN to a model in either shape, and no conversion can fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.models.signature import Scalar
from scorecast.spark.column_function import column_of
from scorecast.worker.input_plan import InputPlan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DECLARED: dict[st.DataType, Scalar] = {
    st.DoubleType(): Scalar("double"),
    st.FloatType(): Scalar("float"),
}
_FEWEST = 20
"""The width at which packing was measured to be faster; fewer inputs have less to gain."""


def can_pack(inputs: InputPlan, kinds: Sequence[st.DataType], kept: int) -> bool:
    """Tell whether the inputs of a frame may be packed, and are better packed.

    Args:
        inputs: Which columns become which inputs.
        kinds: Spark types of the inputs.
        kept: How many of the first columns are sent in any case; inputs among them would be sent
            twice.
    """
    if len(kinds) < _FEWEST:
        return False
    kind = kinds[0]
    return (
        inputs.form == "frame"
        and kind in _DECLARED
        and all(other == kind for other in kinds)
        and all(column.declared in (None, _DECLARED[kind]) for column in inputs.columns)
        and all(column.source >= kept for column in inputs.columns)
    )


def pack(df: DataFrame, inputs: InputPlan, names: Sequence[str], kept: int) -> DataFrame:
    """Give the kept columns and one of arrays, under names of our own.

    Args:
        df: The data.
        inputs: Which columns become which inputs.
        names: Names of the columns that the plan knows by position; the kept ones come first.
        kept: How many are kept.
    """
    columns = [column_of(name).alias(f"c{i}") for i, name in enumerate(names[:kept])]
    values = F.array(*(column_of(names[column.source]) for column in inputs.columns))
    return df.select(*columns, values.alias(f"c{kept}"))


def packed_plan(inputs: InputPlan, kept: int) -> InputPlan:
    """Give the plan for what `pack` gives."""
    columns = tuple(replace(column, source=kept) for column in inputs.columns)
    return replace(inputs, columns=columns, packed=True)
