"""Real Spark opens inputs of every kind, names what is wrong with them, and reads chosen files."""

import base64
import datetime as dt
import decimal
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from scorecast.batch.schema_drift import drift_between, spark_schema
from scorecast.batch.source import (
    InputOptions,
    corrupt_file_of,
    file_names,
    filtered,
    only_files,
    open_source,
)
from scorecast.errors import ConfigError, InputDataError

SPARK_3 = pyspark.__version__.startswith("3.")
A = pa.array([1, 2], pa.int64())
ODD = [
    "plain",
    "a b",
    "p%41",
    "100%",
    "x[1]",
    "q?x",
    "h#y",
    "ü",
    "{a}",
    "a;b,c",
    "quote'x",
    "^",
    "+",
]


def _open(spark, *paths, **options):
    return open_source(spark, InputOptions(tuple(map(str, paths)), **options))


def _rows(df, *columns):
    return sorted(tuple(row) for row in df.select(*columns).collect())


@pytest.fixture
def odd_files(tmp_path):
    """Write one file per odd name, each with a number of its own."""
    for number, name in enumerate(ODD):
        pq.write_table(pa.table({"n": [number], "m": [number * 10]}), tmp_path / f"{name}.parquet")
    return tmp_path


def test_files_are_listed_and_named(spark, odd_files):
    """Names are plain paths, for both spellings of Spark."""
    source = _open(spark, odd_files)
    assert source.has_positions
    assert source.has_row_index
    expected = {str(odd_files / f"{name}.parquet"): n for n, name in enumerate(ODD)}
    names = file_names(source.files)
    assert set(names.values()) == set(expected)
    found = source.df.select("_metadata.file_path", "n").collect()
    assert {names[row[0]]: row[1] for row in found} == expected
    assert list(source.files) == sorted(source.files)
    assert source.reads == source.files


@pytest.mark.parametrize("name", ODD)
def test_only_the_rows_of_chosen_files_are_read(spark, odd_files, name):
    """A file is chosen whatever is in its name; the schema stays as it is."""
    source = _open(spark, odd_files)
    files = [f for f in source.files if file_names([f])[f].endswith(f"/{name}.parquet")]
    assert len(files) == 1
    chosen = only_files(source, files)
    assert _rows(chosen, "n") == [(ODD.index(name),)]
    assert chosen.schema == source.df.schema


def test_other_files_are_not_opened(spark, odd_files):
    """A broken file does not matter to the rows of the others; all files are the input itself."""
    source = _open(spark, odd_files)
    assert only_files(source, source.files[::-1]) is source.df
    (odd_files / "plain.parquet").write_bytes(b"broken")
    rest = [file for file in source.files if not file.endswith("plain.parquet")]
    assert _rows(only_files(source, rest), "n") == [(n,) for n in range(1, len(ODD))]
    assert only_files(source, []).count() == 0


def test_columns_of_directories_are_kept(spark, tmp_path):
    """Hive's layout: rows of one file have the values of its directory, also odd ones."""
    frame = pd.DataFrame({"n": range(6), "day": ["a b", "p%41", "x=1"] * 2, "k": [1, 2, 3] * 2})
    pq.write_to_dataset(pa.Table.from_pandas(frame), tmp_path / "in", partition_cols=["day", "k"])
    source = _open(spark, tmp_path / "in")
    assert _rows(source.df, "n", "day", "k") == sorted(
        frame[["n", "day", "k"]].itertuples(index=False)
    )
    found = [_rows(only_files(source, [file]), "n", "day", "k") for file in source.files]
    by_day = frame.groupby("day")[["n", "day", "k"]]
    assert sorted(found) == sorted(sorted(part.itertuples(index=False)) for _, part in by_day)


def test_several_paths_and_globs(spark, tmp_path):
    """They go to Spark as they are; a bracket that is part of a name is escaped."""
    for name in ["a1", "a2", "b1", "x[1]"]:
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"n": [name]}), tmp_path / name / "p.parquet")
    found = _open(spark, tmp_path / "a*", tmp_path / "b1")
    assert _rows(found.df, "n") == [("a1",), ("a2",), ("b1",)]
    assert _rows(_open(spark, tmp_path / "{a1,b1}").df, "n") == [("a1",), ("b1",)]
    assert _rows(_open(spark, tmp_path / "a[2-9]").df, "n") == [("a2",)]
    assert _rows(_open(spark, tmp_path / "x\\[1\\]").df, "n") == [("x[1]",)]
    with pytest.raises(InputDataError, match=r"write \\\["):
        _open(spark, tmp_path / "x[1]")


@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "orc", "text"])
def test_a_missing_path_is_named(spark, tmp_path, kind):
    """The one of several that does not exist."""
    (tmp_path / "in").mkdir()
    with pytest.raises(InputDataError) as caught:
        _open(spark, tmp_path / "in", tmp_path / "gone away", format=kind)
    assert f'"{tmp_path}/gone away" does not exist' in str(caught.value)


@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "orc", "text", "binaryFile"])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_directory_without_files_is_refused(spark, tmp_path, kind, hidden):
    """An empty directory, and one with hidden files only."""
    if hidden:
        for name in ("_a.csv", ".b.csv"):
            (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(InputDataError, match="holds no"):
        _open(spark, tmp_path, format=kind)


@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "orc"])
def test_an_empty_file_has_no_columns(spark, tmp_path, kind):
    """A file of 0 bytes alone is no input."""
    (tmp_path / "a.x").write_bytes(b"")
    with pytest.raises(
        InputDataError, match=r"no columns|no files of that format|cannot be read|not a parquet"
    ):
        _open(spark, tmp_path / "a.x", format=kind)


def test_no_rows_are_fine_and_no_columns_are_not(spark, tmp_path):
    """Zero rows keep their columns; zero columns are refused."""
    pq.write_table(pa.table({"a": A[:0]}), tmp_path / "rows.parquet")
    pq.write_table(pa.table({"a": A}).select([]), tmp_path / "columns.parquet")
    source = _open(spark, tmp_path / "rows.parquet")
    assert source.df.columns == ["a"]
    assert len(source.files) == 1
    with pytest.raises(InputDataError, match="has no columns"):
        _open(spark, tmp_path / "columns.parquet")


@pytest.mark.parametrize("names", [("a", "A"), ("a", "a")])
def test_columns_that_differ_by_case_are_refused(spark, tmp_path, names):
    """Spark could not tell them apart; neither in parquet nor in json."""
    pq.write_table(pa.Table.from_arrays([A, A], names=list(names)), tmp_path / "a.parquet")
    with pytest.raises(InputDataError, match="more than once"):
        _open(spark, tmp_path / "a.parquet")
    if names[0] != names[1]:
        (tmp_path / "a.json").write_text('{"a": 1, "A": 2}\n')
        with pytest.raises(InputDataError, match="more than once"):
            _open(spark, tmp_path / "a.json", format="json")


names_of_columns = some.text(
    some.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters=""),
    min_size=1,
    max_size=30,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=some.lists(names_of_columns, min_size=1, max_size=5, unique_by=str.casefold))
def test_any_name_of_a_column_survives(spark, tmp_path, names):
    """Columns are those that pyarrow wrote, in their order, and belong to their values."""
    if len({name.lower() for name in names}) < len(names):
        return
    table = pa.Table.from_arrays([pa.array([n]) for n in range(len(names))], names=names)
    pq.write_table(table, tmp_path / "a.parquet")
    source = _open(spark, tmp_path / "a.parquet")
    assert source.df.columns == names
    assert tuple(source.df.first()) == tuple(range(len(names)))


CSV_NAMES = ["with space", "with.dot", "with`tick", "ünï", "😀", "x" * 300, "prediction", "a,b"]


def test_names_of_csv_columns_survive(spark, tmp_path):
    """As pandas wrote them, in several files, and with their values."""
    frame = pd.DataFrame([range(len(CSV_NAMES))], columns=CSV_NAMES)
    for name in ("a", "b"):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    source = _open(spark, tmp_path, format="csv")
    assert source.df.columns == CSV_NAMES
    assert [tuple(row) for row in source.df.collect()] == [tuple(range(len(CSV_NAMES)))] * 2


def test_csv_json_and_orc_are_read_with_types(spark, tmp_path):
    """Values and types are those that pandas wrote."""
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, 1.5], "t": ["a", "ü"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.json", orient="records", lines=True)
    spark.createDataFrame(frame.to_dict("records"), "n long, x double, t string").write.orc(
        str(tmp_path / "a.orc")
    )
    expected = list(frame.itertuples(index=False, name=None))
    for kind in ("csv", "json", "orc"):
        source = _open(spark, tmp_path / f"a.{kind}", format=kind)
        assert _rows(source.df, "n", "x", "t") == expected
        assert {kind for _, kind in source.df.dtypes} <= {"int", "bigint", "double", "string"}
        assert source.has_positions
        assert not source.has_row_index


def test_the_index_that_pandas_writes_is_a_column(spark, tmp_path):
    """One file may have a header with an empty name; several cannot be matched by it."""
    frame = pd.DataFrame({"n": [1, 2]})
    frame.to_csv(tmp_path / "a.csv")
    source = _open(spark, tmp_path, format="csv")
    assert _rows(source.df, "_c0", "n") == [(0, 1), (1, 2)]
    frame.to_csv(tmp_path / "b.csv")
    with pytest.raises(InputDataError, match=r"Column 1 .* has no name"):
        _open(spark, tmp_path, format="csv")
    same = _open(spark, tmp_path, format="csv", options={"enforceSchema": "true"})
    assert same.df.count() == 4


@pytest.mark.parametrize("line", ["3", "4,5,6", "x,y,z", '"a'])
def test_a_malformed_line_is_an_error(spark, tmp_path, line):
    """Not NULL in silence, whichever columns are asked for; unless the user wants that."""
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b c.csv").write_text(f"a,b\n1,2\n{line}\n7,8\n")
    source = _open(spark, tmp_path, format="csv")
    for column in source.df.columns:
        with pytest.raises(Exception, match=r"(?i)malformed") as caught:
            source.df.select(column).collect()
        if not SPARK_3:
            assert corrupt_file_of(caught.value) == f"{tmp_path}/b c.csv"
    loose = _open(spark, tmp_path, format="csv", options={"MODE": "PERMISSIVE"})
    assert len(loose.df.select("a").collect()) >= 3


def test_a_header_in_another_order_is_an_error(spark, tmp_path):
    """Spark would otherwise take columns by position."""
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b b.csv").write_text("b,a\n1,2\n")
    source = _open(spark, tmp_path, format="csv")
    with pytest.raises(Exception, match="CSV header does not conform") as caught:
        source.df.select("a").collect()
    assert corrupt_file_of(caught.value) == f"{tmp_path}/b b.csv"


def test_a_malformed_record_of_json_is_an_error(spark, tmp_path):
    """At once where Spark looks for types; no values of rows are told."""
    (tmp_path / "a.json").write_text('{"a": "canary"}\n{"a": "canary\n')
    with pytest.raises(InputDataError, match="a record is malformed") as caught:
        _open(spark, tmp_path, format="json")
    assert "canary" not in str(caught.value)
    options = {"mode": "PERMISSIVE"}
    assert _open(spark, tmp_path, format="json", options=options).df.count() == 2


def test_other_sources_of_spark(spark, tmp_path):
    """Files of any kind, and sources that are not files."""
    (tmp_path / "a b").write_bytes(b"one\ntwo\n")
    text = _open(spark, tmp_path, format="text")
    assert _rows(text.df, "value") == [("one",), ("two",)]
    binary = _open(spark, tmp_path, format="binaryFile")
    assert [(row.length, bytes(row.content)) for row in binary.df.collect()] == [(8, b"one\ntwo\n")]
    assert list(file_names(binary.files).values()) == [f"{tmp_path}/a b"] * 2
    with pytest.raises(InputDataError, match="nosuch"):
        _open(spark, tmp_path, format="nosuch")


@pytest.fixture
def database(spark, tmp_path):
    """Make a database of its own with one table of parquet files."""
    spark.sql(f"create database shop location '{tmp_path}/shop'")
    spark.range(4).write.saveAsTable("shop.orders")
    yield "shop"
    spark.sql("drop database shop cascade")


def test_tables_are_read_by_name(spark, database):
    """A table is made of files, which can be chosen."""
    source = _open(spark, "shop.orders", format="table")
    assert _rows(source.df, "id") == [(0,), (1,), (2,), (3,)]
    assert source.has_row_index
    assert len(source.files) == len(source.df.inputFiles())
    parts = [_rows(only_files(source, [file]), "id") for file in source.files]
    assert sorted(row for part in parts for row in part) == [(0,), (1,), (2,), (3,)]


@pytest.mark.parametrize("name", ["shop.order", "shop.`Orders_`", "shop.ORDER"])
def test_a_missing_table_is_named_with_its_neighbour(spark, database, name):
    """The closest name of the same database is offered."""
    with pytest.raises(InputDataError, match=r'Did you mean "shop\.orders"') as caught:
        _open(spark, name, format="table")
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["nosuch.orders", "a.b.c.d", "drop table x", ""])
def test_a_name_that_is_no_table_is_refused(spark, name):
    """Unknown databases and text that is no name."""
    with pytest.raises(InputDataError, match="table"):
        _open(spark, name, format="table")


def test_views_are_not_files(spark, database):
    """Rows of a view may come from more than files; what it reads is known all the same."""
    spark.sql("create view shop.large as select id * 10 as id from shop.orders where id > 1")
    source = _open(spark, "shop.large", format="table")
    assert _rows(source.df, "id") == [(20,), (30,)]
    assert source.files == ()
    assert not source.has_positions
    assert set(source.reads) == set(_open(spark, "shop.orders", format="table").files)
    assert only_files(source, ()) is source.df


def test_a_wrong_condition_names_the_columns(spark, odd_files):
    """What Spark says, and what there is."""
    source = _open(spark, odd_files)
    assert _rows(filtered(source.df, "n > 10"), "n") == [(11,), (12,)]
    assert filtered(source.df, None) is source.df
    for where in ("nn > 1", "n >", "n", "count(n) > 1"):
        with pytest.raises(ConfigError, match="n, m"):
            filtered(source.df, where)


@pytest.mark.parametrize("name", ["ignoreCorruptFiles", "IGNORECORRUPTFILES", "ignoreMissingFiles"])
def test_leaving_files_out_in_silence_is_refused(spark, odd_files, name):
    """The option that does it by name is offered."""
    with pytest.raises(ConfigError, match="--on-corrupt skip"):
        _open(spark, odd_files, options={name: "true"})


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_a_session_that_ignores_broken_files_does_not_count(spark, tmp_path, kind):
    """Files are read or named, whatever the session was set to."""
    spark.sql(f"create table ignoring using parquet location '{tmp_path}/t' as select 1 a")
    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    spark.conf.set("spark.sql.files.ignoreMissingFiles", "true")
    try:
        name = "ignoring" if kind == "table" else tmp_path / "t"
        source = _open(spark, name, format=kind)
        broken = Path(file_names(source.files)[source.files[0]])
        broken.write_bytes(broken.read_bytes()[:-10])
        (broken.parent / f".{broken.name}.crc").unlink()
        with pytest.raises(Exception, match=r"(?i)not a parquet file"):
            source.df.collect()
        broken.unlink()
        with pytest.raises(Exception, match=r"(?i)not exist"):
            source.df.collect()
    finally:
        spark.conf.unset("spark.sql.files.ignoreCorruptFiles")
        spark.conf.unset("spark.sql.files.ignoreMissingFiles")
        spark.sql("drop table ignoring")


def _page_damage(data: bytes, how: str) -> bytes:
    if how == "header":
        return data[:4] + b"\x77" * 26 + data[30:]
    if how == "cut":
        return data[: len(data) // 2] + data[len(data) // 2 + 1000 :]
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


@pytest.mark.parametrize("how", ["header", "cut", "checksum"])
def test_a_damaged_page_is_named(spark, tmp_path, how):
    """Behind a good footer: a task comes upon it, one wrong bit included where pages have sums."""
    table = pa.table({"x": [float(n) for n in range(20_000)]})
    good = tmp_path / "a.parquet"
    pq.write_table(table, good, use_dictionary=False, compression="none", write_page_checksum=True)
    (tmp_path / "b c.parquet").write_bytes(_page_damage(good.read_bytes(), how))
    source = _open(spark, tmp_path)
    with pytest.raises(Py4JError) as caught:
        source.df.collect()
    assert corrupt_file_of(caught.value) == f"{tmp_path}/b c.parquet"


@pytest.mark.parametrize("data", [b"", b"PAR1", b"a,b\n1,2\n3,4\n5,6\n", b"PAR1" + b"0" * 50])
def test_a_file_that_is_no_parquet_is_named(spark, tmp_path, data):
    """As the only one, when the input is opened; beside others, when a task comes to it."""
    bad = tmp_path / "b c.parquet"
    bad.write_bytes(data)
    with pytest.raises(InputDataError) as caught:
        _open(spark, bad)
    assert f"{tmp_path}/b c.parquet" in str(caught.value)
    if data:
        pq.write_table(pa.table({"a": A}), tmp_path / "a.parquet")
        with pytest.raises((PySparkException, Py4JError)) as raised:
            _open(spark, tmp_path).df.collect()
        assert corrupt_file_of(raised.value) == str(bad)


@pytest.mark.parametrize("data", [b"", b"PAR1" + b"0" * 50])
def test_a_broken_first_file_can_be_skipped(spark, tmp_path, data):
    """Columns then come from the next one; the file stays listed, and an error to read."""
    for name in ("k=1", "k=2"):
        (tmp_path / name).mkdir()
    bad = tmp_path / "k=1" / "a.parquet"
    bad.write_bytes(data)
    pq.write_table(pa.table({"a": A}), tmp_path / "k=2" / "b.parquet")
    source = open_source(spark, InputOptions((str(tmp_path),)), skip_corrupt=True)
    assert list(file_names(source.files).values())[::2] == [
        str(bad),
        str(tmp_path / "k=2" / "b.parquet"),
    ]
    good = only_files(source, source.files[1:])
    assert _rows(good, "a", "k") == [(1, 2), (2, 2)]
    if data:
        with pytest.raises((PySparkException, Py4JError)):
            source.df.collect()
        with pytest.raises(InputDataError, match="not a parquet file"):
            _open(spark, tmp_path)


def test_an_encrypted_file_says_so(spark, tmp_path):
    """As the only file, which Spark takes the columns from."""
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Kms(encryption.KmsClient):
        def wrap_key(self, key_bytes, master_key_identifier):
            return base64.b64encode(key_bytes)

    factory = encryption.CryptoFactory(lambda _config: Kms())
    properties = factory.file_encryption_properties(
        encryption.KmsConnectionConfig(),
        encryption.EncryptionConfiguration(footer_key="k", column_keys={"k": ["a"]}),
    )
    with pq.ParquetWriter(
        tmp_path / "e.parquet", pa.schema([("a", pa.int64())]), encryption_properties=properties
    ) as writer:
        writer.write_table(pa.table({"a": A}))
    with pytest.raises(InputDataError, match="is encrypted"):
        _open(spark, tmp_path / "e.parquet")


def test_a_cut_orc_file_is_named(spark, tmp_path):
    """Orc files are broken in other ways, and named as well."""
    folder = tmp_path / "in"
    spark.range(1000).coalesce(1).write.orc(str(folder))
    (good,) = folder.glob("*.orc")
    data = good.read_bytes()
    (folder / "z z.orc").write_bytes(data)
    source = _open(spark, folder, format="orc")
    (folder / "z z.orc").write_bytes(data[:-30] + data[:30])
    with pytest.raises(Py4JError) as caught:
        source.df.collect()
    if not SPARK_3:
        assert corrupt_file_of(caught.value) == f"{folder}/z z.orc"
    good.unlink()
    with pytest.raises(InputDataError, match="broken or no ORC file"):
        _open(spark, folder, format="orc")


def test_whole_files_are_not_called_corrupt(spark, tmp_path):
    """A file that is gone, one of other types, and errors that are not about files."""
    pq.write_table(pa.table({"a": A.cast("int32")}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": ["x", "y"]}), tmp_path / "b.parquet")
    source = _open(spark, tmp_path)
    for broken in (source.df, source.df.selectExpr("raise_error('no')")):
        with pytest.raises((PySparkException, Py4JError)) as caught:
            broken.collect()
        assert corrupt_file_of(caught.value) is None
    (tmp_path / "b.parquet").unlink()
    with pytest.raises((PySparkException, Py4JError), match=r"(?i)not exist") as caught:
        source.df.collect()
    assert corrupt_file_of(caught.value) is None
    assert corrupt_file_of(ValueError("file:/a/b")) is None


def test_times_in_nanoseconds_say_what_to_do(spark, tmp_path):
    """Spark reads no such parquet."""
    pq.write_table(pa.table({"t": pa.array([1], pa.timestamp("ns"))}), tmp_path / "a.parquet")
    with pytest.raises(InputDataError, match='coerce_timestamps="us"'):
        _open(spark, tmp_path)


def _kinds() -> dict[str, pa.Array]:
    times = [dt.datetime(2020, 1, 1), dt.datetime(1969, 1, 1)]  # noqa: DTZ001 - Arrow adds zones
    money = [decimal.Decimal("1.25"), decimal.Decimal("-3.50")]
    whole = {
        name: pa.array([low, high], name)
        for name, low, high in [
            ("int8", -5, 100),
            ("int16", -5, 30_000),
            ("int32", -5, 2**31 - 1),
            ("int64", -5, 2**62),
            ("uint8", 5, 200),
            ("uint16", 5, 60_000),
            ("uint32", 5, 4_000_000_000),
            ("uint64", 5, 2**63 + 1),
        ]
    }
    return whole | {
        "float": pa.array([0.5, 1.25], pa.float32()),
        "double": pa.array([0.1, 1.25]),
        "bool": pa.array([True, False]),
        "string": pa.array(["a", "b"]),
        "binary": pa.array([b"a", b"b"]),
        "dictionary": pa.array(["a", "b"]).dictionary_encode(),
        "date": pa.array([1, -700_000], pa.date32()),
        "null": pa.nulls(2),
        "ntz_us": pa.array(times, pa.timestamp("us")),
        "ntz_ms": pa.array(times, pa.timestamp("ms")),
        "utc_us": pa.array(times, pa.timestamp("us", "UTC")),
        "utc_ms": pa.array(times, pa.timestamp("ms", "Asia/Kathmandu")),
        "decimal(9,2)": pa.array(money, pa.decimal128(9, 2)),
        "decimal(18,2)": pa.array(money, pa.decimal128(18, 2)),
        "decimal(20,2)": pa.array(money, pa.decimal128(20, 2)),
        "decimal(20,4)": pa.array(money, pa.decimal128(20, 4)),
        "list32": pa.array([[1], [2]], pa.list_(pa.int32())),
        "list64": pa.array([[1], [2]], pa.list_(pa.int64())),
        "struct a": pa.array([{"a": 1}, {"a": 2}], pa.struct([("a", pa.int32())])),
        "struct A64": pa.array([{"A": 1}, {"A": 2}], pa.struct([("A", pa.int64())])),
        "map32": pa.array([{"k": 1}, {"k": 2}], pa.map_(pa.string(), pa.int32())),
        "map64": pa.array([{"k": 1}, {"k": 2}], pa.map_(pa.string(), pa.int64())),
    }


KINDS = _kinds()


@pytest.mark.skipif(SPARK_3, reason="Spark 3 refuses most wider types, aloud")
@pytest.mark.parametrize("kind", KINDS)
def test_types_that_may_differ_are_read_right(spark, tmp_path, kind):
    """Whatever other type drift lets pass behind a first file of this one, Spark reads as it is."""
    for name, values in KINDS.items():
        folder = tmp_path / name
        folder.mkdir()
        pq.write_table(pa.table({"x": KINDS[kind]}), folder / "0.parquet")
        pq.write_table(pa.table({"x": values}), folder / "1.parquet")
    passed = []
    for name in KINDS:
        paths = sorted((tmp_path / name).iterdir())
        schemas = [(str(path), spark_schema(pq.read_metadata(path))) for path in paths]
        if drift_between(schemas, ["x"]):
            continue
        passed.append(name)
        source = _open(spark, tmp_path / name)
        second = only_files(source, [f for f in source.files if f.endswith("1.parquet")])
        shutil.copy(paths[1], tmp_path / "alone.parquet")
        alone = _open(spark, tmp_path / "alone.parquet").df
        got, expected = ([_plain(row[0]) for row in df.collect()] for df in (second, alone))
        assert got == expected
    assert kind in passed


def _plain(value):
    return tuple(value) if isinstance(value, tuple) else value
