"""What differs between the versions of Spark (3.5 to 4.3) and between its two kinds of session.

Driver only. The one place that asks which version runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pyspark
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException, PythonException
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HAS_ARROW_UDF = hasattr(F, "arrow_udf")
"""Whether functions of columns take Arrow data (4.1); before, they take pandas Series."""

VARIANTS: tuple[type[st.DataType], ...] = (st.VariantType,) if hasattr(st, "VariantType") else ()
"""The type of variants where Spark has it (4.0), for isinstance."""

_PYTHON = "PYTHON_EXCEPTION"
_DESCRIPTION, _GROUP = "spark.job.description", "spark.jobGroup.id"
_IS_3 = pyspark.__version__.startswith("3.")

# Spark 3 says in the trace of an exception of Java only which condition it was, and where.
_CONDITION = re.compile(r"^(?:Caused by|): org\.apache\.spark\.[\w.]+: \[([\w.]+)\]", re.MULTILINE)
_IN_INPUT = re.compile(
    r"^\s+at org\.apache\.spark\."
    r"(?:sql\.execution\.datasources\.FileScanRDD|api\.python\.BasePythonRunner\$WriterThread)",
    re.MULTILINE,
)


def is_connect(spark: SparkSession) -> bool:
    """Tell whether a session is one of Spark Connect, which has no broadcast and no JVM here."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def can_observe(spark: SparkSession) -> bool:
    """Tell whether a job can count the rows that pass through it (not on Connect of Spark 3)."""
    return not (_IS_3 and is_connect(spark))


def parallelism(spark: SparkSession) -> int:
    """Give the number of tasks that run at once. On Connect that takes a tiny job."""
    if not is_connect(spark):
        return max(1, int(spark.sparkContext.defaultParallelism))
    # Spark divides a range by that number.
    return spark.range(1 << 16).select(F.spark_partition_id()).distinct().count()


def parse_ddl(spark: SparkSession, text: str) -> st.DataType:
    """Read a type, or the fields of a struct, as Spark writes it.

    Raises:
        PySparkException: The text is neither.
    """
    if not _IS_3:
        return st.DataType.fromDDL(text)
    if not is_connect(spark):
        # The one way to the parser of Spark 3 that keeps types which no frame can have.
        return F.udf(lambda: None, text).returnType
    try:
        fields = spark.createDataFrame([], f"value {text}").schema.fields
    except PySparkException:
        fields = []
    # More fields: "double, b int" is no type, although it reads well behind a name.
    return fields[0].dataType if len(fields) == 1 else spark.createDataFrame([], text).schema


def condition_of(error: Exception) -> str | None:
    """Give the name that Spark has for an error, such as ``PATH_NOT_FOUND``, if it has one."""
    if _IS_3 and isinstance(error, Py4JJavaError):
        text = str(error)
        if "org.apache.spark.api.python.PythonException: " in text:
            return _PYTHON
        found = _CONDITION.findall(text)
        return found[-1] if found else None
    if not isinstance(error, PySparkException):
        return None
    named = error.getCondition() if hasattr(error, "getCondition") else error.getErrorClass()
    return _PYTHON if named is None and isinstance(error, PythonException) else named


def failed_in_input(error: Exception) -> bool:
    """Tell whether a job of Spark 3 failed before Python: while it read or filtered its rows.

    Newer versions of Spark have a condition for that, see `condition_of`.
    """
    return _IS_3 and _IN_INPUT.search(str(error)) is not None


def add_python_file(spark: SparkSession, path: str) -> None:
    """Give a file of Python code to all workers of a session, those to come included."""
    if _IS_3 and not is_connect(spark):
        spark.sparkContext.addPyFile(path)
    else:
        spark.addArtifact(path, pyfile=True)


@contextmanager
def tagged(spark: SparkSession, tag: str) -> Iterator[None]:
    """Give a tag to all jobs that this thread starts in the block, by which they can be ended."""
    connect = is_connect(spark)
    # A classic session knows tags by thread, its context for all threads.
    (spark.addTag if connect else spark.sparkContext.addJobTag)(tag)
    try:
        yield
    finally:
        # A session that is gone has no tags, and its own error counts.
        with suppress(Exception):
            (spark.removeTag if connect else spark.sparkContext.removeJobTag)(tag)


@contextmanager
def described(spark: SparkSession, text: str, group: str) -> Iterator[str]:
    """Say in Spark's UI what the jobs are for that this thread starts in the block.

    Gives the group that they are in: one that the caller of ours has given to its thread stays.
    Spark Connect has neither.

    Args:
        spark: The session.
        text: Description of the jobs.
        group: Their group, where the thread has none.
    """
    if is_connect(spark):
        yield group
        return
    context = spark.sparkContext
    before = {name: context.getLocalProperty(name) for name in (_DESCRIPTION, _GROUP)}
    chosen = before[_GROUP] or group
    context.setLocalProperty(_DESCRIPTION, text)
    context.setLocalProperty(_GROUP, chosen)
    try:
        yield chosen
    finally:
        for name, value in before.items():
            # A session that is gone has no properties, and its own error counts.
            with suppress(Exception):
                # None takes the property away.
                context.setLocalProperty(name, value)  # type: ignore[arg-type]


def cancel_tagged(spark: SparkSession, tag: str) -> None:
    """End the jobs that have a tag, from any thread."""
    if is_connect(spark):
        spark.interruptTag(tag)
    else:
        spark.sparkContext.cancelJobsWithTag(tag)
