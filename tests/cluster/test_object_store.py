"""Jobs on an S3 server: model, input and output there, and no JVM connector is installed.

The server is moto's, on loopback, with conditional writes as S3 has them.
"""

import json

import numpy as np
import pandas as pd

import scorecast

JOB = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import boto3
import scorecast
from scorecast.batch.run import run_job
from scorecast.batch.verify import verify
from scorecast.spark.session import start_session

model, source, output = sys.argv[1:]
boto3.client("s3").create_bucket(Bucket="bucket")
spark = start_session(master="local[2,4]", conf={"spark.ui.enabled": "false"}).spark
spark.sparkContext.setLogLevel("OFF")


def job(step=lambda name: None, **options):
    config = {"model_uri": model, "input": source, "output": output} | options
    return run_job(spark, scorecast.BatchPredictConfig(**config), preflight=True, step=step)


def rows():
    return [row.asDict() for row in scorecast.read_predictions(spark, output).collect()]


def kind(work):
    try:
        work()
    except scorecast.ScorecastError as error:
        return type(error).__name__
    return "published"


told = {}
first = job()
told["first"] = rows()
told["again"] = job().already_published
told["exists"] = kind(lambda: job(where="id < 3"))
frame = scorecast.read_predictions(spark, output)
job(mode="append", where="id < 3", partition_by=())
told["appended"] = len(rows())
told["read before"] = frame.count()
job(mode="overwrite", keep=("id", "plan"), partition_by=("plan",))
told["partitioned"] = rows()
told["damages"] = list(verify(output, deep=True).damages)
# Both have seen the same version before either goes on.
meet = Barrier(2)
started = lambda name: meet.wait(60) if name == "run:plan" else None
with ThreadPoolExecutor(2) as pool:
    both = [
        pool.submit(kind, lambda n=n: job(started, mode="overwrite", where=f"id < {n}"))
        for n in (5, 6)
    ]
told["at once"] = sorted(future.result() for future in both)
told["after"] = len(rows())
# The input is there, too, and Spark knows no such store.
with open(source, "rb") as file:
    data = file.read()
for key in ("day=2024-01-01/a b.parquet", "day=2024-01-02/b.parquet", "_hidden/c.parquet", ".d"):
    boto3.client("s3").put_object(Bucket="bucket", Key=f"in/{key}", Body=data)
away = {"input": "s3://bucket/in", "mode": "overwrite", "where": "id >= 2"}
told["from s3"] = job(**away).engine
told["rows from s3"] = rows()
told["once"] = job(**away).already_published
told["glob"] = job(**{**away, "input": "s3a://bucket/in/day=*-02/*.parquet"}).rows_out
told["for Spark"] = kind(lambda: job(**{**away, "where": "id % 2 = 0"}))
told["nothing"] = kind(lambda: job(**{**away, "input": "s3://bucket/out of/nowhere"}))
boto3.client("s3").put_object(Bucket="bucket", Key="in/day=2024-01-03/e.parquet", Body=data[:99])
told["cut off"] = kind(lambda: job(**away))
told["skipped"] = len(job(**away, on_corrupt="skip").skipped)
print(json.dumps(told, default=str))
spark.stop()
"""


def test_the_job_publishes_to_s3(s3, run_python, people: pd.DataFrame, people_file, churn_model):
    """Every mode gives complete versions there, and of two jobs at once one publishes."""
    done = run_python(JOB, str(churn_model), str(people_file), "s3://bucket/jobs/out", **s3)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    expected = np.asarray(scorecast.load_model(churn_model).predict(people)).tolist()
    got = sorted((row["id"], row["prediction"]) for row in told["first"])
    assert got == sorted(zip(people["id"].tolist(), expected, strict=True))
    assert told["again"] is True
    assert told["exists"] == "OutputExistsError"
    assert told["appended"] == len(people) + 3
    assert told["read before"] == len(people)
    plans = people["plan"].astype(object).where(people["plan"].notna(), None)
    assert {row["id"]: row["plan"] for row in told["partitioned"]} == dict(
        zip(people["id"].tolist(), plans.tolist(), strict=True)
    )
    assert told["damages"] == []
    assert told["at once"] == ["OutputChangedError", "published"]
    assert told["after"] in (5, 6)
    assert told["from s3"] == "arrow"
    wanted = [(i, p, d) for i, p in got if i >= 2 for d in ("2024-01-01", "2024-01-02")]
    read = [(row["id"], row["prediction"], row["day"]) for row in told["rows from s3"]]
    assert sorted(read) == wanted
    assert told["once"] is True
    assert told["glob"] == len(people) - 2
    assert told["for Spark"] == "RuntimeEnvironmentError"
    assert told["nothing"] == told["cut off"] == "InputDataError"
    assert told["skipped"] == 1


MODELS = """
import json, os, sys
from pathlib import Path
import boto3
import scorecast
from scorecast.spark.session import start_session

model, source = map(Path, sys.argv[1:])
s3 = boto3.client("s3")
s3.create_bucket(Bucket="models")
for file in model.rglob("*"):
    if file.is_file():
        s3.upload_file(str(file), "models", f"of us/churn/{file.relative_to(model)}")
s3.upload_file(str(source), "models", "in/people.parquet")
uri = "s3://models/of us/churn"


def error(work):
    try:
        work()
    except scorecast.ScorecastError as error:
        return type(error).__name__, str(error)


told = {"digest": scorecast.inspect_model(uri).digest}
told["again"] = scorecast.inspect_model(uri.replace("s3:", "s3a:") + "/").digest
told["nothing"] = error(lambda: scorecast.inspect_model("s3://models/of us/nothing"))
told["no bucket"] = error(lambda: scorecast.inspect_model("s3://nowhere/churn"))
spark = start_session(master="local-cluster[2,1,1024]").spark
spark.sparkContext.setLogLevel("OFF")
report = scorecast.batch_predict(spark, scorecast.BatchPredictConfig(
    model_uri=uri, model_digest=told["digest"], input="s3://models/in", output="s3://models/out",
))
told["engine"] = report.engine
frame = scorecast.read_predictions(spark, "s3://models/out")
told["rows"] = [row.asDict() for row in frame.collect()]
spark.stop()
os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
told["down"] = error(lambda: scorecast.inspect_model("s3://models/of us/churn"))
print(json.dumps(told, default=str))
"""


def test_a_job_lives_on_s3_alone(s3, run_python, people: pd.DataFrame, people_file, churn_model):
    """The model comes from there as well, to executors that are processes of their own."""
    done = run_python(MODELS, str(churn_model), str(people_file), **s3)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["digest"] == told["again"] == scorecast.inspect_model(churn_model).digest
    assert told["nothing"][0] == "ArtifactNotFoundError"
    assert "s3://models/of us/nothing" in told["nothing"][1]
    assert told["no bucket"][0] in ("ArtifactError", "ArtifactNotFoundError")
    assert told["engine"] == "arrow"
    expected = np.asarray(scorecast.load_model(churn_model).predict(people)).tolist()
    got = sorted((row["id"], row["prediction"]) for row in told["rows"])
    assert got == sorted(zip(people["id"].tolist(), expected, strict=True))
    assert told["down"][0] == "ArtifactError"
    assert "AWS_ENDPOINT_URL" in told["down"][1]
    assert "nothing" not in told["down"][1].replace("Nothing", "")
