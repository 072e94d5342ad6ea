"""Columns that say who predicted a row, and what Spark's UI says of a job."""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from job_kit import predicted
from jobs_kit import wait_until_told

from scorecast.errors import ConfigError

STAMPS = ["model_name", "model_version", "model_digest", "run_id", "predicted_at"]


@pytest.mark.parametrize("engine", ["spark", "arrow"])
def test_each_row_says_which_model_and_run_predicted_it(job, engine):
    """The columns hold what the manifest says, in rows of all units alike."""
    job.write("a.parquet", range(10))
    job.write("b.parquet", range(10, 15), bad=(12,))
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # which a run counts in
    job.run(
        provenance=True, engine=engine, units=2, on_error="quarantine", max_errors=1, keep=("rid",)
    )
    run = job.manifest()["runs"][0]
    found = duckdb.sql(f"from read_parquet('{job.output}/*.parquet')")
    assert found.columns == ["rid", "prediction", *STAMPS]
    stamps = set(found.select(*(duckdb.ColumnExpression(name) for name in STAMPS)).fetchall())
    assert len(stamps) == 1
    name, version, digest, run_id, at = stamps.pop()
    assert (name, version) == (None, None)  # a directory is no version of a registered model
    assert (digest, run_id) == (run["model"]["digest"], run["run_id"])
    assert before <= at <= datetime.now(UTC)
    assert at == datetime.fromisoformat(run["started_at"])
    assert job.rows() == predicted([i for i in range(15) if i != 12])
    read = job.spark.read.parquet(str(job.output))
    assert [field.dataType.typeName() for field in read.schema][-5:] == ["string"] * 4 + [
        "timestamp"
    ]


def test_a_column_of_the_same_name_is_refused(job):
    """Nothing is predicted when the output would have two columns of one name."""
    job.write("a.parquet", range(3), Run_Id=pa.array([1, 2, 3]))
    with pytest.raises(ConfigError, match=r'adds the column "run_id".*has "Run_Id".*keep'):
        job.run(provenance=True)
    assert not job.output.exists()


def test_the_ui_of_spark_tells_what_jobs_are_for(job):
    """Jobs carry the output and the unit; what the caller has set for its thread stays."""
    job.write("a.parquet", range(5))
    context = job.spark.sparkContext
    context.setJobGroup("nightly", "mine")
    try:
        job.run(units=1, engine="spark")
        known = [
            context.getLocalProperty(f"spark.{name}") for name in ("jobGroup.id", "job.description")
        ]
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)
        context.setLocalProperty("spark.job.description", None)
    assert known == ["nightly", "mine"]
    wait_until_told(job.spark)
    jobs = context._jsc.sc().statusStore().jobsList(None)
    said = {}
    for at in range(jobs.size()):
        if jobs.apply(at).jobGroup().isDefined():
            said.setdefault(jobs.apply(at).jobGroup().get(), []).append(
                jobs.apply(at).description().get()
            )
    assert any(
        text == f"scorecast batch-predict to {job.output}: predict unit {unit['unit']}"
        for unit in job.manifest()["runs"][0]["units"]
        for text in said["nightly"]
    )
