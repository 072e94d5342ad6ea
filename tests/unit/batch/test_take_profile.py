"""A job says why it has no profile, and does not take its lack for a lack of drift."""

import json
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import types as st

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.profile import take_profile
from scorecast.batch.profile_drift import Baseline
from scorecast.batch.profile_plan import plan_profile
from scorecast.batch.units import UnitRecord
from scorecast.errors import DriftError, InputDataError, MissingExtraError, WorkerEnvironmentError
from scorecast.worker.input_plan import InputColumn, InputPlan
from scorecast.worker.profile import ProfilePlan, Profiler


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


def record(rows, profile=None):
    """Give a unit, without statistics or with them."""
    return UnitRecord("u", "f", rows, rows, 0, 0, 0, 0, (), (), 1, 0.1, profile=profile)


def statistics(rows, bits, first=0):
    """Take the statistics that a unit has."""
    profiler = Profiler(ProfilePlan((0,), bits, 1))
    numbers = np.arange(first, first + rows)
    batch = pa.RecordBatch.from_pydict({"x": numbers.astype(float), "row": numbers})
    profiler.add(batch, pa.array([{"a": 1, "b": "t"}] * rows), None)
    return profiler.result()


def take_of(records, **options):
    """Take the profile of a run of some units."""
    return take_profile(config(**options), JOB, DATA, "run", records, None)


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


def test_an_empty_sample_is_no_lack_of_the_library():
    """Workers that took no row into the sample could have."""
    found = take_of([record(3, statistics(3, 10, first=1))], max_drift=0.2)
    content = json.loads(found.data)
    assert (content["rows"], content["rows_profiled"], len(content["columns"])) == (3, 0, 3)
    assert found.note.startswith("0 of 3 rows")
    old = Baseline("old", {**content, "rows": 3})
    with pytest.raises(DriftError, match=r"no row is in the sample.*--profile full"):
        take_profile(
            config(max_drift=0.2),
            JOB,
            DATA,
            "run",
            [record(3, statistics(3, 10, first=1))],
            old,
        )


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([record(9000, statistics(9000, 5)), record(9000, statistics(9000, 0))], "different rates"),
        ([record(9000, statistics(9000, 5)), record(9000)], "1 of 2 units"),
    ],
)
def test_units_that_cannot_be_merged(records, words):
    """Rows of one unit would count for more than those of another, or not at all."""
    found = take_of(records)
    assert found.data is None
    assert words in found.note
    with pytest.raises(DriftError, match=f"{words}.*Nothing was published.*--force"):
        take_of(records, max_drift=0.2)


def test_units_that_can_be_merged():
    """Units without rows have no say in it."""
    found = take_of([record(9000, statistics(9000, 5)), record(0), record(40, statistics(40, 5))])
    assert json.loads(found.data)["rows_profiled"] == sum(
        statistics(rows, 5)["rows"] for rows in (9000, 40)
    )


@pytest.mark.parametrize("limit", [None, 9.0])
def test_a_baseline_that_is_named_and_cannot_be_compared(limit):
    """It is refused; one that nobody named is told of."""
    records = [record(5, statistics(5, 0))]
    other = {**json.loads(take_of(records).data)["columns"][0], "kind": "category"}
    old = Baseline("old", {"rows": 5, "columns": [other]})
    named = config(baseline="old", max_drift=limit)
    with pytest.raises(InputDataError, match=r'with the baseline "old".*Nothing was published'):
        take_profile(named, JOB, DATA, "run", records, old)
    found = take_profile(config(max_drift=9.0), JOB, DATA, "run", records, old)
    assert found.note == "5 of 5 rows; nothing in the baseline to compare with"


def test_columns_that_were_not_compared_are_told():
    """In the summary."""
    records = [record(5, statistics(5, 0))]
    old = Baseline("old", {"rows": 5, "columns": json.loads(take_of(records).data)["columns"][:2]})
    found = take_profile(config(), JOB, DATA, "run", records, old)
    left_out = 'prediction "p.b" (not in the baseline)'
    assert found.note == f"5 of 5 rows; not compared: {left_out}"


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
    # Nobody knows how many rows a condition leaves.
    assert plan_profile(config(where="x > 1"), JOB, DATA).bits == 0
    assert plan_profile(config(profile="off"), JOB, DATA) is None
    assert plan_profile(config(), JOB, DATA).inputs == (0,)
