"""Executors in processes of their own: the model is shipped, unpacked once, loaded once."""

import json

import pytest

import scorecast

CODE = """
import json, sys, tempfile, warnings
warnings.simplefilter("ignore")
from scorecast.spark.session import start_session
import scorecast
model, people, configured = sys.argv[1:]
cache = tempfile.mkdtemp()
spark = start_session(
    master="local-cluster[2,1,1024]",
    conf={"spark.ui.enabled": "false", "spark.sql.execution.arrow.maxRecordsPerBatch": "32",
          "spark.executorEnv.SCORECAST_CACHE_DIR": cache},
).spark
df = spark.read.parquet(people).repartition(6)

def probe(batches):
    import os
    import pathlib
    import pyarrow as pa
    from pyspark import SparkFiles
    from scorecast.worker.cache import MODELS
    for batch in batches:
        folder = pathlib.Path(SparkFiles.getRootDirectory()).absolute()
        copies = len([p for p in pathlib.Path(cache).glob("*/sha256-*") if p.is_dir()])
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
tuned = scorecast.spark_udf(spark, configured, "string", model_config={"limit": 7},
                            extra_env={"SCORECAST_TEST_CLUSTER": "there"})
config = sorted({row.p for row in df.select(tuned("id").alias("p")).collect()})
print(json.dumps({"column": column, "other": other, "frame": frame, "config": config,
                  "seen": [row.asDict() for row in seen]}))
spark.stop()
"""


MLMODEL = """
flavors:
  python_function:
    loader_module: configured_loader
    code: code
    data: data
    config: {limit: 1}
"""

LOADER = """
import os

class Model:
    def __init__(self, config):
        self.text = f"{config['limit']} {os.environ.get('SCORECAST_TEST_CLUSTER')}"

    def predict(self, data):
        return [self.text] * len(data)

def _load_pyfunc(path, model_config=None):
    return Model(model_config)
"""


@pytest.fixture(scope="module")
def configured(tmp_path_factory):
    """Give a model of a loader module that predicts its configuration and a variable."""
    path = tmp_path_factory.mktemp("configured") / "model"
    (path / "code").mkdir(parents=True)
    (path / "data").write_text("")
    (path / "MLmodel").write_text(MLMODEL)
    (path / "code" / "configured_loader.py").write_text(LOADER)
    return path


@pytest.fixture(scope="module")
def answers(run_python, people_file, churn_model, configured):
    """Run all fronts on two executors; give what they answered and what workers counted."""
    done = run_python(CODE, str(churn_model), str(people_file), str(configured))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_all_fronts_equal_the_model_on_the_driver(answers, people, churn_model):
    """Predictions made in other processes are those of load_model."""
    expected = scorecast.load_model(churn_model).predict(people).tolist()
    assert answers["column"] == answers["other"] == answers["frame"] == expected


def test_there_are_two_executors(answers):
    """The workers that answered belong to two executors."""
    assert len({seen["worker"] for seen in answers["seen"]}) == 2


def test_one_load_per_worker_and_one_copy_per_machine(answers):
    """Two functions, a frame and ten actions: one load in each worker, one copy on disk."""
    loads = {(seen["worker"], seen["pid"]): seen["loads"] for seen in answers["seen"]}
    assert max(loads.values()) == 1
    assert {worker for (worker, _), count in loads.items() if count} == {
        seen["worker"] for seen in answers["seen"]
    }
    assert {seen["copies"] for seen in answers["seen"]} == {1}


def test_configuration_and_environment_reach_the_executors(answers):
    """Both are there when the model loads in another process (MLflow loses model_config there)."""
    assert answers["config"] == ["7 there"]
