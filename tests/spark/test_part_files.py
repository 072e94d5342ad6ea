"""Part files of a worker beside those of Spark's own writer: the same types, values and names."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import types as st

from scorecast.worker.parts import PartFile, PartOptions, PartWriter, write_empty

NAN, INF = float("nan"), float("inf")

# Spark type, values. Every column is followed by a row of NULL.
MATRIX: dict[str, tuple[str, list[object]]] = {
    "byte": ("tinyint", [-128, 127, 0]),
    "short": ("smallint", [-32768, 32767, 0]),
    "int": ("int", [-(2**31), 2**31 - 1, 0]),
    "long": ("bigint", [-(2**63), 2**63 - 1, 0]),
    "float": ("float", [NAN, -INF, -0.0]),
    "double": ("double", [NAN, INF, -0.0]),
    "bool": ("boolean", [True, False, True]),
    "text": ("string", ["", "ü\t☃", "x" * 5000]),
    "bin": ("binary", [b"", b"\0\xff", b"x"]),
    "day": ("date", [date(1500, 1, 1), date(1, 1, 1), date(9999, 12, 31)]),
    "ntz": (
        "timestamp_ntz",
        [datetime.fromisoformat(text) for text in
         ("0001-01-01", "1582-10-10T01:02:03.000004", "9999-12-31T23:59:59")],
    ),
    "ts": (
        "timestamp",
        [datetime(1500, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
         datetime(2024, 3, 31, 1, 30, tzinfo=UTC)],
    ),
    "money": ("decimal(10,2)", [Decimal("-99999999.99"), Decimal("0.01"), Decimal(0)]),
    "small": ("decimal(5,1)", [Decimal("-9999.9"), Decimal("0.1"), Decimal(0)]),
    "huge": ("decimal(38,10)", [Decimal("9" * 28 + "." + "9" * 10), Decimal("-1e-10"), Decimal(0)]),
    "list": ("array<int>", [[], [1, None], [None]]),
    "lists": ("array<array<string>>", [[["a"], None, []], [], [[None]]]),
    "struct": ("struct<a:int,b:string>", [(1, None), (None, None), (2, "b")]),
    "map": ("map<string,double>", [{}, {"a": None}, {"b": 1.5}]),
    "deep": (
        "array<struct<m:map<int,array<date>>>>",
        [[({1: [date(1500, 1, 1), None]},)], [None], [({},), (None,)]],
    ),
    "wait": (
        "interval day to second",
        [timedelta(days=-1, microseconds=1), timedelta(0), timedelta(days=400)],
    ),
    "hours": ("interval hour to minute", [timedelta(hours=-3), timedelta(0), timedelta(hours=2)]),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def proleptic(spark):
    """Let Spark 3 write days before 1582 as they are; newer ones do."""
    modes = [f"spark.sql.parquet.{kind}RebaseModeInWrite" for kind in ("datetime", "int96")]
    for mode in modes:
        spark.conf.set(mode, "CORRECTED")
    yield
    for mode in modes:
        spark.conf.unset(mode)


@pytest.fixture(scope="module")
def matrix(spark):
    """Give a frame with a column per type."""
    kinds = ", ".join(f"`{name}` {kind}" for name, (kind, _) in MATRIX.items())
    rows = list(zip(*([*values, None] for _, values in MATRIX.values()), strict=True))
    return spark.createDataFrame(rows, kinds).coalesce(1)


def _write_from_spark(df, folder: Path, *by: str, codec: str = "snappy") -> list[PartFile]:
    """Write a frame as tasks do, from the batches that Spark sends to Python."""
    in_files = st.StructType([field for field in df.schema if field.name not in by])
    spark_schema, version, target = in_files.json(), df.sparkSession.version, str(folder)

    def task(batches):
        writer = None
        for batch in batches:
            if writer is None:
                options = PartOptions(batch.schema, spark_schema, version, codec, by)
                writer = PartWriter(target, "part-u0-00000-a", options)
            writer.write(batch)
        for part in writer.close() if writer else []:
            yield pa.RecordBatch.from_pylist(
                [{"path": part.path, "rows": part.rows, "bytes": part.bytes, "sha": part.sha256}]
            )

    records = df.mapInArrow(task, "path string, rows long, bytes long, sha string").collect()
    return [PartFile(*record) for record in records]


def test_spark_reads_what_its_own_writer_writes(spark, matrix, tmp_path: Path):
    """Schema and every value are the same as from files of Spark, through both of its readers."""
    matrix.write.parquet(str(tmp_path / "theirs"))
    (part,) = _write_from_spark(matrix, tmp_path / "ours")
    assert part.rows == 4
    theirs, ours = (spark.read.parquet(str(tmp_path / who)) for who in ("theirs", "ours"))
    assert ours.schema == theirs.schema == matrix.schema
    # As text for NaN and -0.0, which differ from or equal more than themselves.
    expected = [repr(row) for row in theirs.collect()]
    assert [repr(row) for row in ours.collect()] == expected
    assert expected == [repr(row) for row in matrix.collect()]
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", "false")
    try:
        again = spark.read.parquet(str(tmp_path / "ours"))
        assert [repr(row) for row in again.collect()] == expected
    finally:
        spark.conf.unset("spark.sql.parquet.enableVectorizedReader")


def test_other_readers_see_files_of_spark(spark, matrix, tmp_path: Path):
    """Types and values are the same to pyarrow and duckdb as those of files of Spark."""
    # Spark's default is INT96, which other systems have dropped.
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    try:
        matrix.write.parquet(str(tmp_path / "theirs"))
    finally:
        spark.conf.unset("spark.sql.parquet.outputTimestampType")
    _write_from_spark(matrix, tmp_path / "ours")
    (theirs,) = (tmp_path / "theirs").glob("*.parquet")
    (ours,) = (tmp_path / "ours").glob("*.parquet")
    left, right = (pq.ParquetFile(path) for path in (ours, theirs))
    for name in matrix.columns:
        assert left.schema_arrow.field(name).type == right.schema_arrow.field(name).type
    assert repr(left.read().to_pylist()) == repr(right.read().to_pylist())
    key = b"org.apache.spark.sql.parquet.row.metadata"
    ours_meta, theirs_meta = left.metadata.metadata, right.metadata.metadata
    assert json.loads(ours_meta[key]) == json.loads(theirs_meta[key])
    assert {**ours_meta, key: b""} == {**theirs_meta, key: b""}
    read = [
        duckdb.sql(f"select * replace (epoch_us(ts) as ts), typeof(ts) from '{path}'")
        for path in (ours, theirs)
    ]
    assert (read[0].columns, read[0].types) == (read[1].columns, read[1].types)
    assert repr(read[0].fetchall()) == repr(read[1].fetchall())


def test_filters_find_rows_by_statistics(spark, matrix, tmp_path: Path):
    """A filter that Spark pushes into files finds what it finds in files of Spark."""
    matrix.write.parquet(str(tmp_path / "theirs"))
    _write_from_spark(matrix, tmp_path / "ours")
    for condition in (
        "double > 1e300", "float < 0", "isnan(double)", "text = ''", "bool",
        "day < date'1600-01-01'", "ts < timestamp'1969-01-01'", "ntz < timestamp_ntz'1600-01-01'",
        "money = 0.01", "huge < 0", "byte < 0", "`long` > 0", "`int` is null",
    ):  # fmt: skip
        theirs, ours = (
            spark.read.parquet(str(tmp_path / who)).where(condition).select("long").collect()
            for who in ("theirs", "ours")
        )
        assert ours == theirs, condition
        assert theirs, condition


def test_what_only_spark_knows_comes_back(spark, tmp_path: Path):
    """Metadata of columns, where Spark keeps char and varchar too, is read from the footer."""
    note = {"__CHAR_VARCHAR_TYPE_STRING": "varchar(5)", "comment": "a note"}
    kind = st.StructType([st.StructField("c", st.StringType(), metadata=note)])
    df = spark.createDataFrame([("a",)], kind)
    df.write.parquet(str(tmp_path / "theirs"))
    _write_from_spark(df, tmp_path / "ours")
    ours, theirs = (spark.read.parquet(str(tmp_path / who)).schema for who in ("ours", "theirs"))
    assert ours.json() == theirs.json()
    assert ours["c"].metadata["comment"] == "a note"


ODD = [
    "a", "", None, "a b", " lead", "trail ", "ü/ä", "x=y", "50%", "%25", "{}", "q?#", "tab\tx",
    "line\nx", "\x01\x1f", "\x7f", "[x]^", "~|<>&;", "a:b*c", "\"'\\", "☃𝄞", "1",
    "01", "null", ".", "..",
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", ODD),
        ("int", [-1, 0, 2**31 - 1, None]),
        ("bigint", [-(2**63), 5, None]),
        ("boolean", [True, False, None]),
        ("date", [date(1, 1, 1), date(1500, 2, 3), date(9999, 12, 31), None]),
        ("decimal(10,2)", [Decimal("-1.50"), Decimal("0.00"), Decimal("12345678.90"), None]),
        ("decimal(20,0)", [Decimal(10**19), Decimal(-7), None]),
    ],
)
def test_partition_directories_are_those_of_spark(spark, tmp_path: Path, kind: str, values: list):
    """Directories have the names that partitionBy makes, and Spark finds each value by them."""
    df = spark.createDataFrame(list(enumerate(values)), f"n int, p {kind}").coalesce(1)
    df.write.partitionBy("p").parquet(str(tmp_path / "theirs"))
    parts = _write_from_spark(df, tmp_path / "ours", "p")
    theirs, ours = (
        sorted(path.name for path in (tmp_path / who).iterdir() if path.is_dir())
        for who in ("theirs", "ours")
    )
    assert ours == theirs
    assert sorted({part.path.split("/")[0] for part in parts}) == theirs
    read = spark.read.schema(df.schema).parquet(str(tmp_path / "ours"))
    expected = [(n, None if value == "" else value) for n, value in enumerate(values)]
    assert sorted(map(tuple, read.collect())) == expected
    found = duckdb.sql(
        f"select n, p from read_parquet('{tmp_path}/ours/*/*.parquet', hive_partitioning=true, "
        "hive_types={'p': varchar}) order by n"
    ).fetchall()
    if kind == "string":
        assert found == [(n, value or None) for n, value in enumerate(values)]
    else:
        shown = df.selectExpr("n", "cast(p as string)").orderBy("n").collect()
        assert found == [tuple(row) for row in shown]


def test_several_partition_columns(spark, tmp_path: Path):
    """Nested directories, a column name with odd characters, and several codecs read back."""
    df = spark.range(200).selectExpr(
        "id", "id % 3 as `a b=`", "cast(id % 5 as string) as q", "id * 2 as v"
    )
    df = df.coalesce(1)
    df.write.partitionBy("q", "a b=").parquet(str(tmp_path / "theirs"))
    _write_from_spark(df, tmp_path / "ours", "q", "a b=", codec="zstd")
    theirs, ours = (
        sorted(str(path.relative_to(tmp_path / who)) for path in (tmp_path / who).glob("*=*/*=*"))
        for who in ("theirs", "ours")
    )
    assert ours == theirs
    read = spark.read.parquet(str(tmp_path / "ours"))
    assert read.schema == spark.read.parquet(str(tmp_path / "theirs")).schema
    assert sorted(map(tuple, read.select("id", "v").collect())) == [(i, 2 * i) for i in range(200)]


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4"])
def test_spark_reads_every_codec(spark, tmp_path: Path, codec: str):
    """Spark reads files of all codecs."""
    _write_from_spark(spark.range(100).coalesce(1), tmp_path / "ours", codec=codec)
    read = spark.read.parquet(str(tmp_path / "ours"))
    assert [row.id for row in read.collect()] == list(range(100))


def test_spark_reads_a_part_without_rows(spark, matrix, tmp_path: Path):
    """An output without rows has the columns of the frame."""
    arrow = pa.schema({"int": pa.int32(), "text": pa.string()})
    schema = matrix.select("int", "text").schema
    write_empty(str(tmp_path), "p", PartOptions(arrow, schema.json(), spark.version, "snappy"))
    read = spark.read.parquet(str(tmp_path))
    assert read.schema == schema
    assert read.count() == 0
