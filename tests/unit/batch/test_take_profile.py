"""A job says why it has no profile, and does not take its lack for a lack of drift."""

import json
import sys
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import types as st

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.output import open_output
from scorecast.batch.profile import take_profile
from scorecast.batch.profile_drift import Baseline
from scorecast.batch.profile_files import ProfileFiles
from scorecast.batch.profile_plan import plan_profile
from scorecast.batch.units import UnitRecord
from scorecast.errors import DriftError, InputDataError, MissingExtraError, WorkerEnvironmentError
from scorecast.worker.input_plan import InputColumn, InputPlan
from scorecast.worker.profile import ProfilePlan, Profiler, write_profile


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
DATA = Anything(source=Anything(df=Anything(schema=SCHEMA)), total_rows=10**6, held=(), listed=())


def record(rows, profile=None):
    """Give a unit, without statistics or with them."""
    return UnitRecord("u", "f", rows, rows, 0, 0, 0, 0, (), (), 1, 0.1, profile=profile)


@pytest.fixture
def take_of(tmp_path):
    """Take the profile of a run of some units, whose statistics are files as tasks leave them."""
    output = open_output(str(tmp_path / "out"))
    files = ProfileFiles(output.store, "profiles")
    (tmp_path / "profiles").mkdir()

    def take(records, before=None, **options):
        kept = [
            replace(
                each,
                profile=each.profile
                and write_profile(str(tmp_path / "profiles"), "u", uuid4().hex, each.profile),
            )
            for each in records
        ]
        return take_profile(config(**options), JOB, DATA, "run", kept, files, before)

    return take


@pytest.fixture
def take(take_of):
    """Take the profile of a run of one unit without statistics."""
    return lambda options, rows=5: take_of([record(rows)], **options)


def statistics(rows, bits, first=0):
    """Take the statistics that a unit has."""
    profiler = Profiler(ProfilePlan((0,), bits, 1))
    numbers = np.arange(first, first + rows)
    batch = pa.RecordBatch.from_pydict({"x": numbers.astype(float), "row": numbers})
    profiler.add(batch, pa.array([{"a": 1, "b": "t"}] * rows), None)
    return profiler.result()


def test_without_the_library(monkeypatch, take):
    """The job goes on and says once what to install, unless options need it."""
    monkeypatch.setitem(sys.modules, "datasketches", None)
    assert plan_profile(config(), JOB, DATA) is None
    assert take({}).note == 'none; for one: pip install "scorecast[report]"'
    for options in ({"profile": "full"}, {"baseline": "b"}, {"max_drift": 0.1}):
        with pytest.raises(MissingExtraError, match=r"scorecast\[report\]"):
            plan_profile(config(**options), JOB, DATA)


def test_workers_without_the_library(take):
    """A limit of drift that cannot be held is no limit that holds."""
    assert take({}).data is None
    assert "on all workers" in take({}).note
    with pytest.raises(WorkerEnvironmentError, match="No statistics were taken"):
        take({"max_drift": 0.2})
    assert take({"profile": "off"}).note == ""


def test_an_empty_sample_is_no_lack_of_the_library(take_of):
    """Workers that took no row into the sample could have."""
    found = take_of([record(3, statistics(3, 10, first=1))], max_drift=0.2)
    content = json.loads(found.data)
    assert (content["rows"], content["rows_profiled"], len(content["columns"])) == (3, 0, 3)
    assert found.note.startswith("0 of 3 rows")
    old = Baseline("old", {**content, "rows": 3})
    with pytest.raises(DriftError, match=r"no row is in the sample.*--profile full"):
        take_of([record(3, statistics(3, 10, first=1))], old, max_drift=0.2)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([record(9000, statistics(9000, 5)), record(9000, statistics(9000, 0))], "different rates"),
        ([record(9000, statistics(9000, 5)), record(9000)], "1 of 2 units"),
    ],
)
def test_units_that_cannot_be_merged(take_of, records, words):
    """Rows of one unit would count for more than those of another, or not at all."""
    found = take_of(records)
    assert found.data is None
    assert words in found.note
    with pytest.raises(DriftError, match=f"{words}.*Nothing was published.*--force"):
        take_of(records, max_drift=0.2)


def test_units_that_can_be_merged(take_of):
    """Units without rows have no say in it."""
    found = take_of([record(9000, statistics(9000, 5)), record(0), record(40, statistics(40, 5))])
    assert json.loads(found.data)["rows_profiled"] == sum(
        statistics(rows, 5)["rows"] for rows in (9000, 40)
    )


@pytest.mark.parametrize("limit", [None, 9.0])
def test_a_baseline_that_is_named_and_cannot_be_compared(take_of, limit):
    """It is refused; one that nobody named is told of."""
    records = [record(5, statistics(5, 0))]
    other = {**json.loads(take_of(records).data)["columns"][0], "kind": "category"}
    old = Baseline("old", {"rows": 5, "columns": [other]})
    with pytest.raises(InputDataError, match=r'with the baseline "old".*Nothing was published'):
        take_of(records, old, baseline="old", max_drift=limit)
    found = take_of(records, old, max_drift=9.0)
    assert found.note == "5 of 5 rows; nothing could be compared with old"
    assert (found.drift["columns"], found.drift["largest"]) == ([], None)
    assert len(found.drift["left_out"]) == 3


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"mode": "overwrite"}, True),
        ({"baseline": "old"}, True),
        ({"mode": "append"}, False),
        ({"incremental": True}, False),
    ],
)
def test_no_rows_where_the_baseline_has_some(take_of, options, refused):
    """An output that would be emptied is what a limit of drift is for; to add none is nothing."""
    some = [record(5, statistics(5, 0))]
    old = Baseline("old", {"rows": 5, "columns": json.loads(take_of(some).data)["columns"]})
    if refused:
        with pytest.raises(DriftError, match=r'No row.*"old" has 5 rows.*Nothing was published'):
            take_of([record(0)], old, max_drift=9.0, **options)
    else:
        found = take_of([record(0)], old, max_drift=9.0, **options)
        assert found.note == "0 of 0 rows; nothing could be compared with old"
    assert take_of([record(0)], old, **{**options, "baseline": None}).data is not None


def test_statistics_that_are_cut_are_none(take_of, tmp_path):
    """Nothing waits until they are on the disk; the predictions are published all the same."""
    take_of([record(9, statistics(9, 0))])
    (whole,) = (tmp_path / "profiles" / "u").iterdir()
    whole.write_bytes(whole.read_bytes()[:-10])
    output = open_output(str(tmp_path / "out"))
    given = [record(9, f"u/{whole.name}")]
    files = ProfileFiles(output.store, "profiles")
    found = take_profile(config(), JOB, DATA, "run", given, files, None)
    assert (found.data, found.note.partition(";")[0]) == (None, "none was taken")


def test_profiles_of_many_tasks_are_one(tmp_path):
    """It is that of all rows, wherever they were cut."""
    output = open_output(str(tmp_path / "out"))
    files = ProfileFiles(output.store, "profiles")
    (tmp_path / "profiles").mkdir()
    paths = [
        write_profile(str(tmp_path / "profiles"), "u", f"t{i}", statistics(40, 0, first=40 * i))
        for i in range(30)
    ]
    (found,) = files.read([files.merge("u", paths)])
    whole = statistics(1200, 0)
    assert (found["rows"], found["bits"]) == (1200, 0)
    for one, other in zip(found["columns"], whole["columns"], strict=True):
        assert {n: one[n] for n in ("count", "low", "high", "distinct", "frequent")} == {
            n: other[n] for n in ("count", "low", "high", "distinct", "frequent")
        }
    assert files.merge("u", paths[:1]) == paths[0]
    assert files.merge("u", []) is None


def test_columns_that_were_not_compared_are_told(take_of):
    """In the summary."""
    records = [record(5, statistics(5, 0))]
    old = Baseline("old", {"rows": 5, "columns": json.loads(take_of(records).data)["columns"][:2]})
    found = take_of(records, old)
    left_out = 'prediction "p.b" (not in the baseline)'
    assert found.note == f"5 of 5 rows; not compared: {left_out}"


def test_columns_where_no_row_came(take):
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
    # Nobody knows how many rows a condition leaves, or how many a table has.
    unknown = Anything(**{**DATA.__dict__, "total_rows": None})
    listed = Anything(**{**unknown.__dict__, "listed": [Anything(size=100 * 2**20)]})
    assert plan_profile(config(where="x > 1"), JOB, DATA).bits == 4
    assert plan_profile(config(), JOB, unknown).bits == 4
    assert plan_profile(config(), JOB, listed).bits == 7
    # Few rows drift by chance, so that a limit takes all of them.
    for gate in ({"max_drift": 0.2}, {"baseline": "b"}):
        assert plan_profile(config(where="x > 1", **gate), JOB, DATA).bits == 0
        assert plan_profile(config(**gate), JOB, unknown).bits == 0
        # What a file's size says of its rows is a guess.
        assert plan_profile(config(**gate), JOB, listed).bits == 0
        assert plan_profile(config(**gate), JOB, files).bits == 0
        assert plan_profile(config(**gate), JOB, DATA).bits == 6
    assert plan_profile(config(profile="off"), JOB, DATA) is None
    assert plan_profile(config(), JOB, DATA).inputs == (0,)
