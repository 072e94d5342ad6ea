"""One local session for all tests of this folder; small batches, so that every test has several.

The modules beside this file are imported by name, whatever pytest's import mode is.
"""

import fcntl
import sys
from pathlib import Path

import pandas as pd
import pyspark
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def connect_server(tmp_path_factory: pytest.TempPathFactory):
    """Skip tests where pyspark cannot start a Connect server of its own, which has one port."""
    pytest.importorskip("grpc")
    jars = Path(pyspark.__file__).parent / "jars"
    if not list(jars.glob("spark-connect_*.jar")):
        pytest.skip(
            f"pyspark {pyspark.__version__} comes without the jar of the Connect server "
            "(spark-connect), which Spark 3 downloads from Maven"
        )
    # The directory above is that of all processes that run tests.
    with (tmp_path_factory.getbasetemp().parent / "connect.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
    context = handle.spark.sparkContext
    context.setLogLevel("OFF")
    # Set here and not above, where they would hold for later sessions of this process, too.
    context._jsc.sc().conf().set("spark.python.daemon.module", "warm_daemon")
    context.environment["PYTHONPATH"] = str(Path(__file__).parent / "workers")
    yield handle.spark
    handle.spark.stop()


@pytest.fixture
def conf(spark):
    """Set options of the session for one test."""
    before = {}

    def change(name: str, value: str) -> None:
        before.setdefault(name, spark.conf.get(name))
        spark.conf.set(name, value)

    yield change
    for name, value in before.items():
        spark.conf.set(name, value)


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


@pytest.fixture
def adder(tmp_path):
    """Save a model that adds a number to the ids; each test takes a number that no other has."""
    import scorecast
    from scorecast.models.signature import Scalar, Signature, Spec

    signature = Signature(inputs=(Spec(Scalar("long"), "id"),))

    def save(number: int):
        def model(data):
            return data["id"] + number

        return scorecast.save_model(model, tmp_path / "m", signature=signature)

    return save
