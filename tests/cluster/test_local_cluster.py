"""Executors in processes of their own: the model is shipped, unpacked once and loaded once."""

import json

import pytest

import scorecast

CODE = """
import json, sys, warnings
warnings.simplefilter("ignore")
from scorecast.spark.session import start_session
import scorecast
model, people = sys.argv[1:]
spark = start_session(
    master="local-cluster[2,1,1024]",
    conf={"spark.ui.enabled": "false", "spark.sql.execution.arrow.maxRecordsPerBatch": "32"},
).spark
df = spark.read.parquet(people).repartition(6)

def probe(batches):
    import os
    import pathlib
    import pyarrow as pa
    from pyspark import SparkFiles
    from scorecast.worker.cache import MODELS
    for batch in batches:
        folder = pathlib.Path(SparkFiles.getRootDirectory()).absolute() / "scorecast-models"
        copies = len([p for p in folder.glob("sha256-*") if p.is_dir()])
        yield pa.RecordBatch.from_pydict({"worker": [f"{folder}"], "pid": [os.getpid()],
                                          "loads": [MODELS.stats().loads], "copies": [copies]})

udf = scorecast.spark_udf(spark, model)
again = scorecast.spark_udf(spark, model)
first = df.select("id", udf(*df.columns).alias("p"))
for _ in range(8):
    first.agg({"p": "count"}).collect()
column = first.orderBy("id").toPandas()["p"].tolist()
other = df.select("id", again(*df.columns).alias("p")).orderBy("id").toPandas()["p"].tolist()
frame = scorecast.predict_frame(df, model).orderBy("id").toPandas()["prediction"].tolist()
seen = spark.range(32, numPartitions=32).mapInArrow(
    probe, "worker string, pid long, loads long, copies long").distinct().collect()
print(json.dumps({"column": column, "other": other, "frame": frame,
                  "seen": [row.asDict() for row in seen]}))
spark.stop()
"""


@pytest.fixture(scope="module")
def answers(run_python, people_file, churn_model):
    """Run all fronts on two executors; give what they answered and what workers counted."""
    done = run_python(CODE, str(churn_model), str(people_file))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_all_fronts_equal_the_model_on_the_driver(answers, people, churn_model):
    """Predictions made in other processes are those of load_model."""
    expected = scorecast.load_model(churn_model).predict(people).tolist()
    assert answers["column"] == answers["other"] == answers["frame"] == expected


def test_there_are_two_executors(answers):
    """The workers that answered belong to two executors."""
    assert len({seen["worker"] for seen in answers["seen"]}) == 2


def test_one_load_per_worker_and_one_copy_per_executor(answers):
    """Two functions, a frame and ten actions: one load in each worker, one copy on disk."""
    loads = {(seen["worker"], seen["pid"]): seen["loads"] for seen in answers["seen"]}
    assert max(loads.values()) == 1
    assert {worker for (worker, _), count in loads.items() if count} == {
        seen["worker"] for seen in answers["seen"]
    }
    assert {seen["copies"] for seen in answers["seen"]} == {1}
