"""A job says why it has no profile, and does not take its lack for a lack of drift."""

import json
import sys

import pytest
from pyspark.sql import types as st

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.profile import take_profile
from scorecast.batch.profile_plan import plan_profile
from scorecast.batch.units import UnitRecord
from scorecast.errors import MissingExtraError, WorkerEnvironmentError
from scorecast.worker.input_plan import InputColumn, InputPlan


class Anything:
    """Has the attributes that it is made with."""

    def __init__(self, **values) -> None:
        self.__dict__.update(values)


def config(**options):
    """Give the options of a job."""
    return BatchPredictConfig(model_uri="m", input="i", output="o", **options)


SCHEMA = st.StructType([st.StructField("x", st.DoubleType())])
RESULT = st.StructType([st.StructField("a", st.LongType()), st.StructField("b", st.StringType())])
INPUTS = InputPlan("frame", (InputColumn(0, "x"), InputColumn(0, "again")))
JOB = Anything(
    frame=Anything(
        inputs=INPUTS,
        columns=("x",),
        schema=st.StructType([*SCHEMA.fields, st.StructField("p", RESULT)]),
        model=Anything(result_type=RESULT, time_zone="UTC"),
    )
)
DATA = Anything(source=Anything(df=Anything(schema=SCHEMA)), total_rows=10**6, held=())


def record(rows):
    """Give a unit without statistics."""
    return UnitRecord("u", "f", rows, rows, 0, 0, 0, 0, (), (), 1, 0.1)


def take(options, rows=5):
    """Take the profile of a run of one unit without statistics."""
    return take_profile(config(**options), JOB, DATA, "run", [record(rows)], None)


def test_without_the_library(monkeypatch):
    """The job goes on and says once what to install, unless options need it."""
    monkeypatch.setitem(sys.modules, "datasketches", None)
    assert plan_profile(config(), JOB, DATA) is None
    assert take({}).note == 'none; for one: pip install "scorecast[report]"'
    for options in ({"profile": "full"}, {"baseline": "b"}, {"max_drift": 0.1}):
        with pytest.raises(MissingExtraError, match=r"scorecast\[report\]"):
            plan_profile(config(**options), JOB, DATA)


def test_workers_without_the_library():
    """A limit of drift that cannot be held is no limit that holds."""
    assert take({}).data is None
    assert "on all workers" in take({}).note
    with pytest.raises(WorkerEnvironmentError, match="No statistics were taken"):
        take({"max_drift": 0.2})
    assert take({"profile": "off"}).note == ""


def test_columns_where_no_row_came():
    """Each input once, and each member of a struct."""
    found = take({"max_drift": 0.2}, rows=0)
    content = json.loads(found.data)
    told = [(column["name"], column["role"], column["type"]) for column in content["columns"]]
    assert told == [
        ("x", "input", "double"),
        ("p.a", "prediction", "bigint"),
        ("p.b", "prediction", "string"),
    ]
    assert found.note == "0 of 0 rows; no baseline to compare with"


def test_sample_by_what_is_known():
    """Rows where they are known, else bytes; all rows where all are asked for."""
    files = Anything(**{**DATA.__dict__, "total_rows": None, "held": [Anything(size=100 * 2**20)]})
    assert plan_profile(config(), JOB, DATA).bits == 6
    assert plan_profile(config(), JOB, files).bits == 7
    assert plan_profile(config(profile="full"), JOB, DATA).bits == 0
    assert plan_profile(config(profile="off"), JOB, DATA) is None
    assert plan_profile(config(), JOB, DATA).inputs == (0,)
