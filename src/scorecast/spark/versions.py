"""What differs between the versions of Spark (3.5 to 4.3) and between its two kinds of session.

Driver only. The one place that asks which version runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import PySparkException
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HAS_ARROW_UDF = hasattr(F, "arrow_udf")
"""Whether functions of columns take Arrow data (4.1); before, they take pandas Series."""

VARIANTS: tuple[type[st.DataType], ...] = (st.VariantType,) if hasattr(st, "VariantType") else ()
"""The type of variants where Spark has it (4.0), for isinstance."""


def is_connect(spark: SparkSession) -> bool:
    """Tell whether a session is one of Spark Connect, which has no broadcast and no JVM here."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def parse_ddl(spark: SparkSession, text: str) -> st.DataType:
    """Read a type, or the fields of a struct, as Spark writes it.

    Raises:
        PySparkException: The text is neither.
    """
    if hasattr(st.DataType, "fromDDL"):
        return st.DataType.fromDDL(text)
    try:
        return spark.createDataFrame([], f"value {text}").schema["value"].dataType
    except PySparkException:
        return spark.createDataFrame([], text).schema


def condition_of(error: Exception) -> str | None:
    """Give the name that Spark has for an error, such as ``PATH_NOT_FOUND``, if it has one."""
    if not isinstance(error, PySparkException):
        return None
    return error.getCondition() if hasattr(error, "getCondition") else error.getErrorClass()


def add_python_file(spark: SparkSession, path: str) -> None:
    """Give a file of Python code to all workers of a session, those to come included."""
    if is_connect(spark) or hasattr(spark, "addArtifact"):
        spark.addArtifact(path, pyfile=True)
    else:
        spark.sparkContext.addPyFile(path)
