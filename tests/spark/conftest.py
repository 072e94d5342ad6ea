"""One local session for all tests of this folder; small batches, so that every test has several."""

from pathlib import Path

import pandas as pd
import pyspark
import pytest


@pytest.fixture(scope="session")
def connect_server() -> None:
    """Skip a test where pyspark cannot start a Connect server of its own."""
    pytest.importorskip("grpc")
    jars = Path(pyspark.__file__).parent / "jars"
    if not list(jars.glob("spark-connect_*.jar")):
        pytest.skip(
            f"pyspark {pyspark.__version__} comes without the jar of the Connect server "
            "(spark-connect), which Spark 3 downloads from Maven"
        )


@pytest.fixture(scope="session")
def spark():
    """Give a session with two cores, and batches of at most 64 rows."""
    from scorecast.spark.session import start_session

    handle = start_session(
        master="local[2]",
        conf={
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "64",
            "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
        },
    )
    handle.spark.sparkContext.setLogLevel("OFF")
    yield handle.spark
    handle.spark.stop()


@pytest.fixture(scope="session")
def people(people: pd.DataFrame) -> pd.DataFrame:
    """Give the people with times in microseconds: Spark reads no finer ones from parquet."""
    return people.assign(since=people["since"].dt.as_unit("us"))


@pytest.fixture(scope="session")
def people_df(spark, people: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory):
    """Give the people as Spark reads them from parquet, in partitions of which some are empty."""
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    people.to_parquet(path, index=False, coerce_timestamps="us")
    df = spark.read.parquet(str(path))
    empty = spark.createDataFrame([], df.schema)
    return df.repartitionByRange(4, df["id"]).union(empty).cache()
