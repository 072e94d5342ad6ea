"""The batch job on Spark Connect: units, conditions, quarantine and messages as elsewhere."""

import json

import pyarrow.parquet as pq
import pytest
from job_kit import predicted

CODE = """
import json, logging, sys, warnings
from contextlib import contextmanager
warnings.simplefilter("ignore")
from pyspark.sql import SparkSession
import scorecast
from scorecast import BatchPredictConfig, batch_predict
from scorecast.batch.dry_run import dry_run
from scorecast.progress import logged
model, folder = sys.argv[1:]
spark = SparkSession.builder.remote("local[2]").config("spark.ui.enabled", "false").getOrCreate()
def run(name, **options):
    given = {"model_uri": model, "output": f"{folder}/{name}", "on_error": "quarantine"}
    try:
        report = batch_predict(spark, BatchPredictConfig(**{**given, **options}))
    except scorecast.errors.ScorecastError as error:
        return [type(error).__name__, str(error)]
    counters = report.counters
    return [counters.rows_read, counters.rows_in, counters.rows_quarantined, report.units,
            report.already_published]
@contextmanager
def interrupted(*_):
    def advance(rows):
        if rows:
            raise KeyboardInterrupt
    yield advance
def stopped(name):
    config = BatchPredictConfig(model_uri=model, output=f"{folder}/{name}", input=f"{folder}/in",
                                on_error="null", max_errors=2)
    try:
        batch_predict(spark, config, progress=interrupted)
    except KeyboardInterrupt as error:
        return str(error)
def lines(name):
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.context)
    log = logging.getLogger("scorecast.progress")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    config = BatchPredictConfig(model_uri=model, output=f"{folder}/{name}", input=f"{folder}/in",
                                on_error="null", max_errors=2)
    batch_predict(spark, config, progress=logged(0))
    log.removeHandler(handler)
    return [records[-1]["done"], records[-1]["total"]]
def dry(**options):
    config = BatchPredictConfig(**{"model_uri": model, "output": f"{folder}/dry",
                                   "input": f"{folder}/in", **options})
    found = dry_run(spark, config)
    return [found.facts, None if found.problem is None else str(found.problem)]
print(json.dumps({
    "dry": dry(on_error="null", max_errors=2),
    "dry_failed": dry(),
    "stopped": stopped("stopped"),
    "next": run("stopped", input=f"{folder}/in", on_error="null", max_errors=2),
    "lines": lines("told"),
    "parquet": run("out", input=f"{folder}/in", units=2, max_errors=2, where="rid < 150"),
    "again": run("out", input=f"{folder}/in", units=2, max_errors=2, where="rid < 150"),
    "csv": run("csv_out", input=f"{folder}/a.csv", input_format="csv", where="1 = 0"),
    "failed": run("failed", input=f"{folder}/in", units=2, max_errors=1),
    "read": scorecast.read_predictions(spark, f"{folder}/out").count(),
}))
"""


@pytest.fixture(scope="module")
def answers(connect_server, run_python, tmp_path_factory, counting_model):
    """Run jobs on one Connect session; give what they answered."""
    from job_kit import Kit

    job = Kit(None, tmp_path_factory.mktemp("connect"), counting_model)
    job.write("a.parquet", range(100), bad=[3])
    job.write("b.parquet", range(100, 200), bad=[103])
    (job.folder / "a.csv").write_text("rid,bad\n1,true\n2,false\n")
    done = run_python(CODE, str(counting_model), str(job.folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "job": job}


def test_rows_are_predicted_put_aside_and_counted(answers):
    """Files and manifest of the output are those of a classic session."""
    assert answers["parquet"] == [200, 150, 2, 2, False]
    job = answers["job"]
    assert job.rows() == predicted(set(range(150)) - {3, 103})
    assert [row["file"] for row in job.quarantine()] == [
        str(job.input / name) for name in ("a.parquet", "b.parquet")
    ]
    assert answers["read"] == pq.read_table(job.output, columns=["rid"]).num_rows


def test_a_published_job_is_found(answers):
    """The same job does nothing on Connect either."""
    assert answers["again"] == [200, 150, 2, 2, True]


def test_a_condition_that_is_never_met_is_counted(answers):
    """Rows of csv are counted before the condition, also where Spark sees that none is left."""
    assert answers["csv"] == [2, 0, 0, 1, False]


def test_too_many_errors_end_the_job(answers):
    """Errors of tasks reach the driver, and nothing is published."""
    kind, text = answers["failed"]
    assert kind == "TooManyErrorsError"
    assert "1 are allowed" in text
    assert not (answers["job"].folder / "failed").exists()


def test_a_dry_run_tells_what_it_tells_elsewhere(answers):
    """A sample, the first task of the input, is predicted on both sides; nothing is written."""
    facts, problem = answers["dry"]
    assert problem is None
    assert facts["sample"] == "100 rows; predictions of a worker and of the driver are equal"
    assert "1 of 100 rows" in facts["failed"]
    assert facts["plan"].startswith("1 unit")
    _, problem = answers["dry_failed"]
    assert "bad row" in problem
    assert not (answers["job"].folder / "dry").exists()


def test_an_interrupt_ends_the_jobs_and_the_next_run_publishes(answers):
    """The session is as good as before."""
    assert answers["stopped"].startswith("The jobs of Spark were cancelled and nothing was")
    assert answers["next"] == [200, 200, 0, 1, False]
    assert len(pq.read_table(answers["job"].folder / "stopped")) == 200


def test_rows_are_counted_while_it_runs(answers):
    """The last line tells of all of them."""
    assert answers["lines"] == [200, 200]
