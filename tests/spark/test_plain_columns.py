"""Columns of plain parquet files are found without a job of Spark, and are those that Spark finds.

What Spark itself infers is the oracle everywhere.
"""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jobs_kit import started
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from scorecast.batch.plain_columns import plain_columns
from scorecast.batch.source import InputOptions, open_source
from scorecast.errors import InputDataError

DAY = dt.date(2024, 2, 29)
TIME = dt.datetime(2024, 11, 3, 5, 30, tzinfo=dt.UTC)
PLAIN = {
    "bool": pa.array([True]),
    "int8": pa.array([1], pa.int8()),
    "int16": pa.array([1], pa.int16()),
    "int32": pa.array([1], pa.int32()),
    "int64": pa.array([1], pa.int64()),
    "uint8": pa.array([1], pa.uint8()),
    "uint16": pa.array([1], pa.uint16()),
    "uint32": pa.array([1], pa.uint32()),
    "float": pa.array([1], pa.float32()),
    "double": pa.array([1.0]),
    "text": pa.array(["a"]),
    "large_text": pa.array(["a"], pa.large_string()),
    "category": pa.array(["a"]).dictionary_encode(),
    "date": pa.array([DAY]),
    "date64": pa.array([DAY]).cast(pa.date64()),
}
DOUBTFUL = {
    "uint64": pa.array([1], pa.uint64()),
    "null": pa.nulls(1),
    "binary": pa.array([b"a"]),
    "fixed": pa.array([b"abc"], pa.binary(3)),
    "decimal": pa.array([Decimal("1.25")]),
    "local": pa.array([TIME.replace(tzinfo=None)], pa.timestamp("us")),
    "at": pa.array([TIME], pa.timestamp("us", "UTC")),
    "list": pa.array([[1.0]]),
    "struct": pa.array([{"x": 1}]),
    "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
}
SQL = """
select true as b, cast(1 as tinyint) as i8, 1 as i32, 1L as i64, cast(1 as float) as f, 1.5D as d,
  1.25 as m, 'a' as s, cast('a' as binary) as raw, date'2024-02-29' as day, timestamp'2024-02-29' as
  at, timestamp_ntz'2024-02-29' as ntz, array(1.0D) as xs, map('a', 1) as kv,
  named_struct('x', 1, 'y', array(named_struct('z', 'a'))) as st
"""


@pytest.fixture
def jobs(spark):
    """Count the jobs that Spark runs for a call."""

    def count(call):
        before = started(spark)
        return call(), started(spark) - before

    return count


def _open(spark, *paths, **options):
    return open_source(spark, InputOptions(tuple(map(str, paths)), **options)).df


@pytest.mark.parametrize("name", PLAIN)
def test_plain_types_of_other_writers(spark, jobs, tmp_path, name):
    """Types and order are Spark's, and no job was needed."""
    pq.write_table(pa.table({"x": PLAIN[name], "y": [1]}), tmp_path / "a.parquet")
    df, ran = jobs(lambda: _open(spark, tmp_path))
    assert ran == 0
    assert df.schema == spark.read.parquet(str(tmp_path)).schema
    assert df.collect() == spark.read.parquet(str(tmp_path)).collect()


@pytest.mark.parametrize("name", DOUBTFUL)
def test_other_types_are_left_to_spark(spark, jobs, tmp_path, name):
    """One such column is enough."""
    pq.write_table(pa.table({"y": [1], "x": DOUBTFUL[name]}), tmp_path / "a.parquet")
    df, ran = jobs(lambda: _open(spark, tmp_path))
    assert ran == 1
    assert df.schema == spark.read.parquet(str(tmp_path)).schema


@pytest.mark.parametrize("old", ["true", "false"])
def test_files_that_spark_wrote(spark, jobs, conf, tmp_path, old):
    """Spark leaves its types as text: every type is known, nested ones and INT96 included."""
    conf("spark.sql.parquet.writeLegacyFormat", old)
    conf("spark.sql.parquet.outputTimestampType", "INT96" if old == "true" else "TIMESTAMP_MICROS")
    spark.sql(SQL).write.parquet(str(tmp_path / "out"))
    df, ran = jobs(lambda: _open(spark, tmp_path / "out"))
    assert ran == 0
    assert df.schema == spark.read.parquet(str(tmp_path / "out")).schema
    assert df.collect() == spark.read.parquet(str(tmp_path / "out")).collect()


def test_columns_that_carry_more_than_a_type_are_left_to_spark(spark, tmp_path):
    """Such as comments, the length of a char, and types with a class of their own."""
    from pyspark.ml.linalg import Vectors

    comment = spark.range(1).withMetadata("id", {"comment": "a number"})
    comment.write.parquet(str(tmp_path / "comment"))
    vectors = spark.createDataFrame([(Vectors.dense([1.0]),)], ["v"])
    vectors.write.parquet(str(tmp_path / "vectors"))
    for name in ("comment", "vectors"):
        df = _open(spark, tmp_path / name)
        expected = spark.read.parquet(str(tmp_path / name)).schema
        assert df.schema.jsonValue() == expected.jsonValue()


@pytest.mark.parametrize("text", ["no json", '{"type":"struct","fields":[{"name":"x"}]}', "[]"])
def test_text_of_spark_that_is_none_is_left_to_spark(spark, tmp_path, text):
    """Spark then goes by the types in parquet, as for what a newer version has written."""
    metadata = {"org.apache.spark.sql.parquet.row.metadata": text}
    table = pa.table({"x": [1]}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "a.parquet")
    assert _open(spark, tmp_path).schema == spark.read.parquet(str(tmp_path)).schema


def test_columns_are_those_of_the_first_file_by_path(spark, tmp_path):
    """As Spark sorts them: by the whole path, decoded."""
    for name, kind in [("b%41", pa.int32()), ("b A", pa.int8()), ("c/a", pa.int64())]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"x": pa.array([1], kind)}), tmp_path / f"{name}.parquet")
    for paths in ([tmp_path], [tmp_path / "c", tmp_path / "b*.parquet"], [f"file:{tmp_path}/c"]):
        expected = spark.read.parquet(*map(str, paths)).schema
        assert _open(spark, *paths).schema == expected


def test_columns_of_directories(spark, tmp_path):
    """Spark finds their types, and which of two columns of a name counts."""
    folder = tmp_path / "day=2024-02-29" / "x=7"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"x": [1.5], "y": ["a"]}), folder / "a.parquet")
    assert _open(spark, tmp_path).schema == spark.read.parquet(str(tmp_path)).schema


def test_merged_columns(spark, conf, tmp_path):
    """A session may ask for the columns of all files."""
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"y": [1]}), tmp_path / "b.parquet")
    assert _open(spark, tmp_path).columns == ["x"]
    conf("spark.sql.parquet.mergeSchema", "true")
    assert _open(spark, tmp_path).columns == ["x", "y"]


def test_broken_first_file_has_sparks_words(spark, tmp_path):
    """The error is the one that Spark gives."""
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "b.parquet")
    with pytest.raises((PySparkException, Py4JError)):
        spark.read.parquet(str(tmp_path))
    with pytest.raises(InputDataError, match=r"a\.parquet"):
        _open(spark, tmp_path)


def test_first_file_without_a_byte(spark, tmp_path):
    """Spark takes the columns of the next one; that the file is broken is told later."""
    (tmp_path / "a.parquet").touch()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "b.parquet")
    assert _open(spark, tmp_path).schema == spark.read.parquet(str(tmp_path)).schema


def test_what_is_elsewhere_or_unlike_data_is_left_to_spark(spark, tmp_path):
    """No file is opened for it."""
    folder = tmp_path / "_summary"
    files = [f"file://{folder}", "file:///no/such/file", "s3a://bucket/a.parquet"]
    for uri in files:
        assert plain_columns(spark, [uri]) is None
    assert plain_columns(spark, []) is None
