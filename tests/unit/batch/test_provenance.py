"""Who predicted a row: values of the columns, and how they are written."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest
from pyspark.sql import types as st

from scorecast.artifacts.references import registered_version
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.engines.job import plan_job
from scorecast.batch.prepare import fit
from scorecast.batch.provenance import COLUMNS, provenance_values
from scorecast.errors import ConfigError
from scorecast.spark.frame import FramePlan


@pytest.mark.parametrize(
    ("uri", "registered"),
    [
        ("models:/churn/3", ("churn", "3")),
        ("models:/main.ml.churn/12", ("main.ml.churn", "12")),
        ("models:/m-0123456789abcdef0123456789abcdef", None),
        ("runs:/0123456789abcdef/model", None),
        ("s3://bucket/churn/3", None),
        ("/models/churn/3", None),
    ],
)
def test_only_versions_of_a_registry_have_a_name(uri, registered):
    """A path that looks like one is none."""
    assert registered_version(uri) == registered


@pytest.mark.parametrize(("name", "version"), [("churn", "3"), (None, None)])
def test_values_have_the_types_of_their_columns(name, version):
    """Times are in the zone of the session, and a model of no registry has no name."""
    values = provenance_values(
        name,
        version,
        "sha256:0",
        run_id="r",
        started_at="2026-01-02T03:04:05.678+00:00",
        zone="Asia/Tokyo",
    )
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    assert [value.as_py() for value in values] == [name, version, "sha256:0", "r", at]
    assert [value.type for value in values] == [pa.string()] * 4 + [
        pa.timestamp("us", "Asia/Tokyo")
    ]


@pytest.mark.parametrize("by", [("model_version",), ("run_id", "id"), ("prediction",)])
def test_all_columns_that_are_written_can_make_directories(by):
    """They stand behind the others, with the types that their values have."""
    model = SimpleNamespace(time_zone="UTC", result_type=st.LongType())
    said = st.StructType([st.StructField("result", st.LongType())])
    kept = st.StructField("id", st.IntegerType())
    frame = FramePlan(
        model, ("id",), None, st.StructType([kept, st.StructField("prediction", said)])
    )
    session = SimpleNamespace(conf={"spark.sql.parquet.compression.codec": "snappy"}, version="4")
    df = SimpleNamespace(schema=st.StructType([kept]))
    job = plan_job(session, df, frame, partition_by=by, quarantine=False, provenance=True)
    types = {"id": st.IntegerType(), "prediction": st.LongType(), **dict(COLUMNS)}
    assert {field.name: field.dataType for field in job.schema} == types
    assert job.schema.names[-len(by) :] == list(by)


def test_rows_that_fail_are_in_no_partition_of_provenance():
    """Which of them to replace with a partition, nothing would tell."""
    config = BatchPredictConfig(
        model_uri="m",
        input="in",
        output="out",
        mode="overwrite-partitions",
        on_error="quarantine",
        partition_by=("run_id",),
        provenance=True,
    )
    with pytest.raises(ConfigError, match='partitioned by "run_id", which rows that fail'):
        fit(None, config, None, None)
