"""A client of a Spark Connect server, in a process without Java; prints what it saw as JSON."""

import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import scorecast
from scorecast.spark.failures import error_in_worker


def probe(batches):
    """Ask a worker for the counter of its model cache."""
    import os

    import pyarrow as pa

    from scorecast.worker.cache import MODELS

    for _ in batches:
        yield pa.RecordBatch.from_pydict({"pid": [os.getpid()], "loads": [MODELS.stats().loads]})


def predictions(df, column):
    """Give the values of a column in the order of the ids."""
    return df.orderBy("id").toPandas()[column].tolist()


def reason(df):
    """Give scorecast's error that an action ends with."""
    try:
        df.collect()
    except Exception as error:  # noqa: BLE001 - its class is Spark's affair
        return str(error_in_worker(error))
    return "nothing"


def main(remote: str, model: str, people: str) -> None:
    """Predict by all fronts, with a model that is gone from disk before the first action."""
    spark = SparkSession.builder.remote(remote).getOrCreate()
    df = spark.createDataFrame(pd.read_parquet(people)).repartition(4)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(model, Path(folder) / "model"))
        udf = scorecast.spark_udf(spark, copy)
        again = scorecast.spark_udf(spark, copy)
        frame = scorecast.predict_frame(df, copy)
        pandas = scorecast.predict_frame(df, copy, interface="pandas")
    named = df.select("id", udf(*df.columns).alias("p"))
    packed = df.select("id", again(F.struct(*df.columns)).alias("p"))
    answers = {
        "names": predictions(named, "p"),
        "names in a second action": predictions(named, "p"),
        "struct": predictions(packed, "p"),
        "frame": predictions(frame, "prediction"),
        "frame in a second action": predictions(frame, "prediction"),
        "frame by pandas": predictions(pandas, "prediction"),
    }
    seen = spark.range(16, numPartitions=16).mapInArrow(probe, "pid long, loads long").distinct()
    loads = [row.loads for row in seen.collect()]
    facts = {
        "answers": answers,
        "loads": loads,
        # Last, since Spark ends a worker whose task failed.
        "failed": reason(df.select(udf(F.col("age")))),
        "session": type(spark).__module__,
        "java": shutil.which("java"),
        "jvm": SparkContext._gateway is not None or SparkContext._jvm is not None,
    }
    spark.stop()
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
