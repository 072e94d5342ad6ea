"""The function of Spark around the inner loop: an Arrow UDF over iterators of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.worker.columns import ColumnsPlan, predict_columns

if TYPE_CHECKING:
    from pyspark.sql import Column


def column_function(plan: ColumnsPlan, result_type: st.DataType) -> Any:
    """Make a function of Spark columns that predicts as planned. Driver only.

    Args:
        plan: What workers need; travels with the function.
        result_type: Spark type of what leaves the worker.
    """

    def predict(batches: Iterator[tuple[pa.Array, ...]]) -> Iterator[pa.Array]:
        return predict_columns(batches, plan)

    # Spark reads the shape of the function from its hints, which are text in this module.
    predict.__annotations__ = {
        "batches": Iterator[tuple[pa.Array, ...]],
        "return": Iterator[pa.Array],
    }
    # The stubs of pyspark 4.3 leave it out.
    return F.arrow_udf(predict, returnType=result_type)  # type: ignore[attr-defined]


def column_of(name: str) -> Column:
    """Give the column of a name as it is: a dot in it is not a path into a struct. Driver only."""
    return F.col(f"`{name.replace('`', '``')}`")
