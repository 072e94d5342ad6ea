"""The function of Spark around the inner loop: an Arrow UDF over iterators of batches."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.spark.versions import HAS_ARROW_UDF
from scorecast.worker.columns import ColumnsPlan, predict_columns
from scorecast.worker.series import predict_series

if TYPE_CHECKING:
    from pyspark.sql import Column


def column_function(plan: ColumnsPlan, result_type: st.DataType) -> Any:
    """Make a function of Spark columns that predicts as planned. Driver only.

    Args:
        plan: What workers need; travels with the function.
        result_type: Spark type of what leaves the worker.
    """
    if not HAS_ARROW_UDF:
        return _pandas_function(plan, result_type)

    def predict(batches: Iterator[tuple[pa.Array, ...]]) -> Iterator[pa.Array]:
        return predict_columns(batches, plan)

    # Spark reads the shape of the function from its hints, which are text in this module.
    predict.__annotations__ = {
        "batches": Iterator[tuple[pa.Array, ...]],
        "return": Iterator[pa.Array],
    }
    # The stubs of pyspark 4.3 leave it out.
    return F.arrow_udf(predict, returnType=result_type)  # type: ignore[attr-defined]


def _pandas_function(plan: ColumnsPlan, result_type: st.DataType) -> Any:
    def predict(batches: Iterator[Any]) -> Iterator[Any]:
        return predict_series(batches, plan)

    is_record = isinstance(result_type, st.StructType)
    # These versions of Spark know the hints of `typing` alone.
    predict.__annotations__ = {
        "batches": typing.Iterator[typing.Tuple[typing.Union[pd.Series, pd.DataFrame], ...]],  # noqa: UP006, UP007
        "return": typing.Iterator[pd.DataFrame] if is_record else typing.Iterator[pd.Series],
    }
    # The stubs of pyspark 4.3 leave it out.
    return F.pandas_udf(predict, returnType=result_type)  # type: ignore[attr-defined]


def column_of(name: str) -> Column:
    """Give the column of a name as it is: a dot in it is not a path into a struct. Driver only."""
    return F.col(f"`{name.replace('`', '``')}`")
