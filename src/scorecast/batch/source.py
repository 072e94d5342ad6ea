"""Read the rows to predict on. Driver only; nothing is read before a task runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from scorecast.errors import ConfigError, InputDataError
from scorecast.spark.failures import reason
from scorecast.spark.versions import condition_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


# Spark says it in the text of a nested exception of Java only.
_NOT_PARQUET = re.compile(r"(\S+) is not a Parquet file")


def read_input(spark: SparkSession, path: str, where: str | None) -> DataFrame:
    """Give the rows of the parquet data at `path` that meet `where`.

    Raises:
        InputDataError: There is no parquet data at `path`.
        ConfigError: `where` is not a condition on the columns of the data.
    """
    try:
        df = spark.read.parquet(path)
        names = ", ".join(df.columns)
    except (PySparkException, Py4JError) as error:
        message = (
            f'Cannot read the input "{path}": {_reason(error)} Give the path of a parquet file, or '
            "of a directory that holds parquet files."
        )
        raise InputDataError(message) from error
    if where is None:
        return df
    try:
        filtered = df.filter(where)
        filtered.schema  # noqa: B018 - Connect analyses on this access, classic has done so before
    except PySparkException as error:
        message = (
            f'Cannot use where="{where}": {_reason(error)} The columns of the input are: {names}.'
        )
        raise ConfigError(message) from error
    return filtered


def _reason(error: Exception) -> str:
    text = reason(error)
    broken = _NOT_PARQUET.search(str(error))
    if broken is not None:
        return f'"{broken[1]}" is not a parquet file.'
    if "(TIMESTAMP(NANOS" in str(error):
        return (
            "it holds times in nanoseconds, which Spark does not read from parquet. Write it with "
            'microseconds, in pandas with to_parquet(..., coerce_timestamps="us").'
        )
    condition = condition_of(error)
    if condition == "PATH_NOT_FOUND":
        return "the path does not exist."
    if condition == "UNABLE_TO_INFER_SCHEMA":
        return "it holds no parquet files."
    return text if text.endswith((".", "?")) else f"{text}."
