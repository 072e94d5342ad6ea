"""Spark Connect: no broadcast and no context, the same answers."""

import json

import pytest

import scorecast

CODE = """
import json, sys, warnings
warnings.simplefilter("ignore")
from pyspark.sql import SparkSession, functions as F
import scorecast
model, people, out = sys.argv[1:]
spark = SparkSession.builder.remote("local[2]").config("spark.ui.enabled", "false").getOrCreate()
df = spark.read.parquet(people)
udf = scorecast.spark_udf(spark, model)
column = df.select("id", udf(*df.columns).alias("p")).orderBy("id").toPandas()["p"]
frame = scorecast.predict_frame(df, model).orderBy("id").toPandas()["prediction"]
report = scorecast.batch_predict(
    spark, scorecast.BatchPredictConfig(model_uri=model, input=people, output=out, keep=("id",))
)
from scorecast.spark.failures import error_in_worker
try:
    df.select(udf(F.col("age"))).collect()
    failed = "nothing"
except Exception as error:
    failed = str(error_in_worker(error))
print(json.dumps({"column": column.tolist(), "frame": frame.tolist(), "failed": failed,
                  "rows": [report.rows_in, report.rows_out], "module": type(spark).__module__}))
"""


@pytest.fixture(scope="module")
def answers(connect_server, run_python, people, churn_model, tmp_path_factory):
    """Run all fronts on one Connect session; give what they answered."""
    folder = tmp_path_factory.mktemp("connect")
    people.to_parquet(folder / "people.parquet", index=False, row_group_size=100)
    done = run_python(
        CODE, str(churn_model), str(folder / "people.parquet"), str(folder / "out.parquet")
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "folder": folder}


def test_session_is_one_of_connect(answers):
    """The answers below come from a Connect session."""
    assert answers["module"].startswith("pyspark.sql.connect")


def test_column_and_frame_equal_the_model_on_the_driver(answers, people, churn_model):
    """Both fronts predict what load_model predicts."""
    expected = scorecast.load_model(churn_model).predict(people).tolist()
    assert answers["column"] == expected
    assert answers["frame"] == expected


def test_job_publishes_all_rows(answers, people, churn_model):
    """The job counts and writes every row."""
    import pyarrow.parquet as pq

    out = pq.read_table(answers["folder"] / "out.parquet").to_pandas().sort_values("id")
    assert answers["rows"] == [500, 500]
    assert out["prediction"].tolist() == scorecast.load_model(churn_model).predict(people).tolist()


def test_errors_of_workers_are_found(answers):
    """A worker's error is the same text on Connect as on a classic session."""
    assert "takes 4 input columns, got 1" in answers["failed"]
