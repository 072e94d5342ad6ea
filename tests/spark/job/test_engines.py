"""Both engines give the same rows, values and types; auto takes arrow only where that is so."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_kit import predicted

from scorecast.errors import ConfigError

DAYS = [dt.date(2024, 2, 29), None, dt.date(1970, 1, 1), dt.date(1600, 1, 1)]
TIMES = [
    dt.datetime(2024, 11, 3, 5, 30, 0, 1000, tzinfo=dt.UTC),
    None,
    dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
    None,
]
LOCAL = [None if time is None else time.replace(tzinfo=None) for time in TIMES]

# Types that a file may have, as Arrow and others write them: all are read by both engines.
COLUMNS = {
    "bool": pa.array([True, None, False, True]),
    "int8": pa.array([1, None, -128, 127], pa.int8()),
    "int16": pa.array([1, None, -(2**15), 2**15 - 1], pa.int16()),
    "int32": pa.array([1, None, -(2**31), 2**31 - 1], pa.int32()),
    "int64": pa.array([1, None, -(2**63), 2**63 - 1], pa.int64()),
    "uint8": pa.array([1, None, 0, 255], pa.uint8()),
    "uint16": pa.array([1, None, 0, 2**16 - 1], pa.uint16()),
    "uint32": pa.array([1, None, 0, 2**32 - 1], pa.uint32()),
    "uint64": pa.array([1, None, 0, 2**64 - 1], pa.uint64()),
    "float": pa.array([0.1, None, float("nan"), float("-inf")], pa.float32()),
    "double": pa.array([0.1, None, float("nan"), -0.0], pa.float64()),
    "decimal_small": pa.array([Decimal("1.25"), None, Decimal("-9.99"), Decimal(0)]),
    "decimal_large": pa.array([Decimal(10**37), None, Decimal(-1), Decimal(0)]),
    "text": pa.array(["", None, "ü 🐍", "x" * 1000]),
    "large_text": pa.array(["", None, "ü", "x"], pa.large_string()),
    "category": pa.array(["b", None, "a", "b"]).dictionary_encode(),
    "binary": pa.array([b"", None, b"\x00\xff", b"x"]),
    "fixed": pa.array([b"abc", None, b"\x00\x01\xff", b"xyz"], pa.binary(3)),
    "date": pa.array(DAYS),
    "date64": pa.array(DAYS).cast(pa.date64()),
    "local_ms": pa.array(LOCAL, pa.timestamp("ms")),
    "local_us": pa.array(LOCAL, pa.timestamp("us")),
    "at_ms": pa.array(TIMES, pa.timestamp("ms", "Asia/Kathmandu")),
    "at_us": pa.array(TIMES, pa.timestamp("us", "UTC")),
    "list": pa.array([[1, None], None, [], [3]], pa.list_(pa.int32())),
    "large_list": pa.array([[0.5], None, [], [None]], pa.large_list(pa.float64())),
    "vector": pa.array([[1, 2], [0.5, 0], [3, -1], [4, 5]], pa.list_(pa.float64(), 2)),
    "texts": pa.array([["a", None], None, [], ["b"]]),
    "struct": pa.array([{"x": 1, "y": {"z": "s"}}, None, {"x": None, "y": None}, {"x": 2}]),
    "map": pa.array([[("a", 1)], None, [], [("b", None)]], pa.map_(pa.string(), pa.int64())),
    "structs": pa.array([[{"x": 1}], None, [], [None]], pa.list_(pa.struct([("x", pa.int64())]))),
}


def both(job, **options):
    """Run a job on both engines; give what was reported, and the rows and columns of the files."""
    found = {}
    for engine in ("arrow", "spark"):
        report = job.run(engine=engine, mode="overwrite", force=True, **options)
        assert report.engine == engine
        files = sorted(job.output.rglob("part-*.parquet"))
        tables = [pq.ParquetFile(file).read() for file in files]
        found[engine] = (report.counters, pa.concat_tables(tables), job.quarantine())
    return found["arrow"], found["spark"]


def rows(table):
    """Give rows as texts, sorted by their number: NaN is equal to itself in a text."""
    return [str(row) for row in table.sort_by("rid").to_pylist()]


@pytest.fixture
def everything(job):
    """Write every type, in files of two row groups; model and output are the kit's."""
    job.write("a.parquet", range(4), **COLUMNS)
    job.write("b.parquet", range(4, 8), **{n: a.take([3, 2, 1, 0]) for n, a in COLUMNS.items()})
    return job


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns"])
def test_values_and_types_of_kept_columns(everything, spark, conf, zone):
    """Files of both engines are the same in value and schema, and what Spark reads in the input."""
    conf("spark.sql.session.timeZone", zone)
    arrow, by_spark = both(everything)
    assert arrow[1].schema.equals(by_spark[1].schema, check_metadata=True)
    assert rows(arrow[1]) == rows(by_spark[1])
    assert arrow[0] == by_spark[0]
    columns = ["rid", *COLUMNS]
    read = spark.read.parquet(str(everything.output)).select(columns).orderBy("rid")
    given = spark.read.parquet(str(everything.input)).select(columns).orderBy("rid")
    assert read.schema == given.schema
    assert list(map(str, read.collect())) == list(map(str, given.collect()))


def test_times_as_int96(job, spark, conf):
    """What older Spark writes times as."""
    conf("spark.sql.parquet.outputTimestampType", "INT96")
    text = "select id as rid, false as bad, timestamp_seconds(id * 77777.5 - 9e8) as at"
    spark.sql(f"{text} from range(100)").write.parquet(str(job.input))
    arrow, by_spark = both(job)
    assert rows(arrow[1]) == rows(by_spark[1])
    assert len(arrow[1]) == 100


def test_files_with_narrower_types(job):
    """Spark takes the columns of the first file; those of others are widened to them."""
    job.write("a.parquet", range(2), i=pa.array([1, 2], pa.int64()), d=pa.array([0.5, None]))
    job.write("b.parquet", (2, 3), i=pa.array([3, -4], pa.int8()), d=pa.array([0.1, 2], "float"))
    job.write("c.parquet", (4, 5), i=pa.nulls(2, pa.int64()), d=pa.nulls(2))
    arrow, by_spark = both(job)
    assert rows(arrow[1]) == rows(by_spark[1])


def test_columns_of_directories(job):
    """Texts, numbers and days in the names of directories, escaped and missing ones included."""
    parts = ["t=a%3Ab/n=1/d=2024-02-29", "t=ü x/n=-2/d=1970-01-01"]
    null = "__HIVE_DEFAULT_PARTITION__"
    parts.append(f"t={null}/n={null}/d={null}")
    for number, part in enumerate(parts):
        job.write(f"{part}/x.parquet", [number])
    arrow, by_spark = both(job)
    assert rows(arrow[1]) == rows(by_spark[1])
    found = {row["rid"]: (row["t"], row["n"], row["d"]) for row in arrow[1].to_pylist()}
    days = (dt.date(2024, 2, 29), dt.date(1970, 1, 1))
    assert found == {0: ("a:b", 1, days[0]), 1: ("ü x", -2, days[1]), 2: (None, None, None)}
    arrow, by_spark = both(job, where="n <= 1 and rid >= 0 and d < '2024-01-01'")
    assert arrow[0] == by_spark[0]
    assert [row["rid"] for row in arrow[1].to_pylist()] == [1]


def test_rows_that_fail_are_named_by_file_and_row(job):
    """Quarantine, counters and the error that ends a job say the same on both engines."""
    job.write("a.parquet", range(1500), bad=[3, 1200])
    job.write("b.parquet", range(2000, 2100), bad=[2050])
    arrow, by_spark = both(job, on_error="quarantine", max_errors=3)
    assert arrow[0] == by_spark[0]
    assert arrow[2] == by_spark[2]
    assert [row["rid"] for row in arrow[2]] == [3, 1200, 2050]
    assert rows(arrow[1]) == rows(by_spark[1])


def test_a_condition_in_a_job(job):
    """The counters of both engines balance."""
    job.write("a.parquet", range(3000))
    arrow, by_spark = both(job, where="rid >= 990 and rid < 2500")
    assert arrow[0] == by_spark[0]
    assert arrow[0].rows_filtered_out == 3000 - 1510
    assert rows(arrow[1]) == rows(by_spark[1])
    assert job.rows() == predicted(range(990, 2500))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"where": "rid % 2 = 0"}, "only Spark evaluates the condition"),
        ({"input_options": {"pathGlobFilter": "*.parquet"}}, "Spark knows the input options path"),
        ({"engine": "spark"}, "it was asked for"),
        ({"where": "upper(part) = 'A'"}, "only Spark evaluates the condition"),
    ],
)
def test_auto_says_why_it_takes_spark(job, options, reason):
    """In the report, its summary and the manifest."""
    job.write("part=a/a.parquet", range(4))
    report = job.run(**options)
    assert (report.engine, reason in report.engine_reason) == ("spark", True)
    assert f"spark: {report.engine_reason}" in report.summary()
    engine = job.manifest()["runs"][-1]["engine"]
    assert engine == {"name": "spark", "reason": report.engine_reason}


def test_auto_leaves_to_spark_what_arrow_reads_otherwise(job, conf):
    """Values of directories in other types, and settings that change what Spark reads."""
    job.write("half=0.5/a.parquet", range(4))
    assert job.run().engine_reason == '"half" is double in names of directories'
    assert job.run(keep="none", mode="overwrite").engine == "arrow"
    conf("spark.sql.caseSensitive", "true")
    assert "spark.sql.caseSensitive" in job.run(keep="none", mode="overwrite").engine_reason


def test_auto_leaves_lists_of_one_length_with_nulls_to_spark(job):
    """Arrow does not read what it has written there."""
    vectors = pa.array([[1.0, 2.0], None, [3.0, None], [4.0, 5.0]], pa.list_(pa.float64(), 2))
    job.write("a.parquet", range(4), vector=vectors)
    report = job.run()
    assert "holds NULL among lists of one length" in report.engine_reason
    assert pq.read_table(job.output)["vector"].to_pylist() == vectors.to_pylist()


def test_an_engine_that_cannot_do_the_job(job):
    """Arrow is refused with all reasons, before anything is predicted."""
    job.write("a.parquet", range(4))
    options = {"where": "rid % 2 = 0", "input_options": {"mergeSchema": "true"}}
    with pytest.raises(ConfigError, match=r'"arrow" cannot do this job: Spark knows the input opt'):
        job.run(engine="arrow", **options)
    assert not job.output.exists()
    with pytest.raises(ConfigError, match="expected one of auto, spark, arrow"):
        job.config(engine="duckdb")


def test_the_engine_does_not_make_another_job(job):
    """What one engine has published, the other one need not do again."""
    job.write("a.parquet", range(4))
    assert job.run(engine="spark").engine == "spark"
    report = job.run(engine="arrow")
    assert report.already_published
    assert report.engine == "spark"


def test_one_task_reads_row_groups_of_many_files(job):
    """Each row is predicted once, with its own place, whatever the division into tasks."""
    for number in range(40):
        job.write(f"{number:02}.parquet", range(number * 10, number * 10 + 10))
    report = job.run()
    assert report.engine == "arrow"
    assert job.rows() == predicted(range(400))
    assert job.manifest()["runs"][-1]["units"][0]["tasks"] < 40
