"""Part files that a worker writes, read back by pyarrow and duckdb."""

import hashlib
import os
import pickle
import shutil
import subprocess
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as hs
from pyarrow import fs

from scorecast.errors import OutputError, OutputMismatchError, UnknownNameError
from scorecast.worker.parts import PartOptions, PartWriter, partition_problems, write_empty
from scorecast.worker.storage import filesystem_of


def _options(schema: pa.Schema, *by: str, **more) -> PartOptions:
    return PartOptions(schema, "", "4.0.0", more.pop("compression", "snappy"), by, **more)


def _write(folder, table: pa.Table, options: PartOptions, name: str = "part-u0-00000-a"):
    writer = PartWriter(str(folder), name, options)
    for batch in table.to_batches():
        writer.write(batch)
    return writer.close()


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


NUMBERS = pa.table({"k": pa.array(range(1000)), "v": pa.array([i / 7 for i in range(1000)])})


def test_tells_what_is_on_the_disk(tmp_path: Path):
    """Path, rows, size and digest of a record are those of the file."""
    (part,) = _write(tmp_path / "out", NUMBERS, _options(NUMBERS.schema))
    content = (tmp_path / "out" / part.path).read_bytes()
    assert part.path == "part-u0-00000-a.snappy.parquet"
    assert _files(tmp_path / "out") == [part.path]
    assert (part.bytes, part.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert part.rows == 1000
    assert pq.read_table(tmp_path / "out" / part.path).equals(NUMBERS)


def test_no_rows_make_nothing(tmp_path: Path):
    """A task without rows leaves not even a directory."""
    writer = PartWriter(str(tmp_path / "out"), "p", _options(NUMBERS.schema))
    writer.write(pa.RecordBatch.from_pylist([], schema=NUMBERS.schema))
    assert writer.close() == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("codec", "extension", "inside"),
    [
        ("snappy", ".snappy.parquet", "SNAPPY"),
        ("ZSTD", ".zstd.parquet", "ZSTD"),
        ("gzip", ".gz.parquet", "GZIP"),
        ("lz4", ".lz4raw.parquet", "LZ4"),
        ("none", ".parquet", "UNCOMPRESSED"),
        ("uncompressed", ".parquet", "UNCOMPRESSED"),
    ],
)
def test_codecs(tmp_path: Path, codec: str, extension: str, inside: str):
    """The name and the content of a file have the codec that was asked for."""
    (part,) = _write(tmp_path, NUMBERS, _options(NUMBERS.schema, compression=codec), "p")
    assert part.path == f"p{extension}"
    column = pq.ParquetFile(tmp_path / part.path).metadata.row_group(0).column(0)
    assert column.compression == inside


def test_unknown_codec():
    """A codec that cannot be written is refused where options are made."""
    with pytest.raises(UnknownNameError, match=r'compression "lzo".*snappy'):
        _options(NUMBERS.schema, compression="lzo")


@pytest.mark.parametrize("limit", [{"row_group_rows": 300}, {"row_group_bytes": 300 * 16}])
@pytest.mark.parametrize("step", [1000, 70])
def test_row_groups_keep_their_limit(tmp_path: Path, limit: dict[str, int], step: int):
    """Small batches share row groups and large ones are cut."""
    options = _options(NUMBERS.schema, **limit)
    table = pa.Table.from_batches(NUMBERS.to_batches(max_chunksize=step))
    (part,) = _write(tmp_path, table, options)
    meta = pq.ParquetFile(tmp_path / part.path).metadata
    sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
    assert max(sizes) <= 300
    assert len(sizes) <= 5
    assert pq.read_table(tmp_path / part.path).equals(NUMBERS)


def test_all_columns_are_nullable_and_footer_has_sparks_keys(tmp_path: Path):
    """Files have optional columns on all levels, decimals as integers and the keys of Spark."""
    inner = pa.struct([pa.field("x", pa.int32(), nullable=False)])
    schema = pa.schema(
        [
            pa.field("a", pa.list_(pa.field("item", inner, nullable=False)), nullable=False),
            pa.field("d", pa.decimal128(10, 2), nullable=False),
            pa.field("t", pa.timestamp("us", "Europe/Berlin")),
            pa.field("n", pa.timestamp("us")),
        ]
    )
    table = pa.Table.from_pylist([{"a": [{"x": 1}], "d": Decimal("1.50"), "t": 0, "n": 0}], schema)
    options = PartOptions(schema, '{"type":"struct"}', "4.3.0", "none")
    (part,) = _write(tmp_path, table, options)
    rows = duckdb.sql(
        "select name, repetition_type, type, converted_type, logical_type::varchar "
        f"from parquet_schema('{tmp_path / part.path}')"
    ).fetchall()
    by_name = {name: rest for name, *rest in rows}
    assert [by_name[name][0] for name in ("a", "element", "x", "d", "t", "n")] == ["OPTIONAL"] * 6
    assert by_name["d"][1] == "INT64"
    assert by_name["t"][1] == by_name["n"][1] == "INT64"
    logical = [str(pq.ParquetFile(tmp_path / part.path).schema.column(i)) for i in (2, 3)]
    assert "isAdjustedToUTC=true, timeUnit=microseconds" in logical[0]
    assert "isAdjustedToUTC=false, timeUnit=microseconds" in logical[1]
    assert pq.read_metadata(tmp_path / part.path).metadata == {
        b"org.apache.spark.version": b"4.3.0",
        b"org.apache.spark.sql.parquet.row.metadata": b'{"type":"struct"}',
    }


def test_partitions_hold_their_rows_in_order(tmp_path: Path):
    """Every value has a directory; its rows are there, in order, without the column."""
    table = NUMBERS.append_column("p", pa.array([f"v{i % 3}" for i in range(1000)]))
    parts = _write(tmp_path, table, _options(table.schema, "p", row_group_rows=400))
    assert sorted(part.path for part in parts) == [
        f"p=v{i}/part-u0-00000-a.snappy.parquet" for i in range(3)
    ]
    for i in range(3):
        read = pq.ParquetFile(tmp_path / f"p=v{i}" / "part-u0-00000-a.snappy.parquet").read()
        assert read.equals(NUMBERS.take(list(range(i, 1000, 3))))


def test_partition_names(tmp_path: Path):
    """Names of directories are those of Hive, and duckdb finds all values by them."""
    values = ["a b", "", None, "ü/ä", "x=y", "50%", "{}", "q?#", "tab\t", "\x7f", "[x]^", "~|<>"]
    table = pa.table({"p": values, "n": list(range(len(values)))})
    _write(tmp_path, table, _options(table.schema, "p"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [
            "p=a b", "p=__HIVE_DEFAULT_PARTITION__", "p=ü%2Fä", "p=x%3Dy", "p=50%25", "p=%7B}",
            "p=q%3F%23", "p=tab%09", "p=%7F", "p=%5Bx%5D%5E", "p=~|<>",
        ]
    )  # fmt: skip
    found = duckdb.sql(
        f"select n, p from read_parquet('{tmp_path}/*/*.parquet', hive_partitioning=true, "
        "hive_types={'p': varchar}) order by n"
    ).fetchall()
    assert found == [(i, value or None) for i, value in enumerate(values)]


def test_partition_values_of_other_types(tmp_path: Path):
    """Booleans, dates before and after Python's own, and decimals are written as Spark does."""
    days = pa.array([-719162 - 366, 0, 2932897, None], pa.int32()).cast(pa.date32())
    table = pa.table(
        {
            "b": [True, False, True, None],
            "d": days,
            "m": pa.array([Decimal(0), Decimal("-1.5"), Decimal(10), None], pa.decimal128(20, 10)),
            "n": [1, 2, 3, 4],
        }
    )  # fmt: skip
    _write(tmp_path, table, _options(table.schema, "b", "d", "m"), "p")
    none = "__HIVE_DEFAULT_PARTITION__"
    assert _files(tmp_path) == sorted(
        f"{directory}/p.snappy.parquet"
        for directory in (
            "b=true/d=0000-01-01/m=0.0000000000",
            "b=false/d=1970-01-01/m=-1.5000000000",
            "b=true/d=+10000-01-01/m=10.0000000000",
            f"b={none}/d={none}/m={none}",
        )
    )


def test_more_partitions_than_open_files(tmp_path: Path):
    """With many values all rows are found, in several files for some of them."""
    table = pa.table({"p": [i * 7919 % 150 for i in range(3000)], "n": list(range(3000))})
    options = _options(table.schema, "p", row_group_rows=1000)
    parts = _write(tmp_path, table, options, "x")
    assert sorted(part.path for part in parts) == _files(tmp_path)
    assert any(part.path.endswith("x-c001.snappy.parquet") for part in parts)
    assert sum(part.rows for part in parts) == 3000
    found = duckdb.sql(
        f"select p, n from read_parquet('{tmp_path}/*/*.parquet', hive_partitioning=true) "
        "order by n"
    ).fetchall()
    assert found == [(i * 7919 % 150, i) for i in range(3000)]


def test_at_most_64_files_are_open(tmp_path: Path):
    """However many values there are, few files are open at a time."""
    table = pa.table({"p": list(range(500)), "n": list(range(500))})
    writer = PartWriter(str(tmp_path), "x", _options(table.schema, "p", row_group_rows=250))
    for batch in table.to_batches(max_chunksize=100):
        writer.write(batch)
    opened = [str(link.resolve()) for link in Path("/proc/self/fd").iterdir()]
    assert 0 < sum(path.startswith(str(tmp_path)) for path in opened) <= 64
    assert sum(part.rows for part in writer.close()) == 500


def test_a_nul_in_a_partition_value_is_refused(tmp_path: Path):
    """A value that no file system takes gives an error that names the column, not the value."""
    table = pa.table({"p": ["secret\0"], "n": [1]})
    with pytest.raises(OutputError, match=r'"p".*NUL') as caught:
        _write(tmp_path, table, _options(table.schema, "p"))
    assert "secret" not in str(caught.value)


def test_partition_problems():
    """All that is wrong with the columns to partition by is said at once."""
    schema = pa.schema(
        {"day": pa.date32(), "plan": pa.string(), "x": pa.float64(), "t": pa.timestamp("us"),
         "s": pa.struct({"a": pa.int8()}), "b": pa.binary()}
    )  # fmt: skip
    assert partition_problems(schema, ("day", "plan")) == []
    problems = partition_problems(schema, ("Day", "plan", "plan", "x", "t", "s", "b"))
    assert 'by "Day"' in problems[0]
    assert problems[0].endswith('Did you mean "day"?')
    assert '"plan" 2 times' in problems[1]
    for name, problem in zip("xtsb", problems[2:], strict=True):
        assert f'"{name}" of type' in problem
    (problem,) = partition_problems(pa.schema({"a": pa.int8()}), ("a",))
    assert "all of its columns" in problem


@pytest.mark.parametrize("by", [(), ("p",)])
def test_abort_leaves_no_file(tmp_path: Path, by: tuple[str, ...]):
    """After abort no file is there, neither finished nor open ones, and no handle is kept."""
    table = pa.table({"p": [i % 100 for i in range(1000)], "n": list(range(1000))})
    writer = PartWriter(str(tmp_path), "x", _options(table.schema, *by, row_group_rows=400))
    for batch in table.to_batches(max_chunksize=100):
        writer.write(batch)
    assert _files(tmp_path)
    writer.abort()
    writer.abort()
    assert _files(tmp_path) == []
    with pytest.raises(OutputError, match="given up"):
        writer.close()


def test_empty_part(tmp_path: Path):
    """A part without rows has all columns; a partitioned one is where NULL is."""
    part = write_empty(str(tmp_path), "p", _options(NUMBERS.schema))
    assert (part.path, part.rows) == ("p.snappy.parquet", 0)
    assert pq.read_schema(tmp_path / part.path) == NUMBERS.schema.remove_metadata()
    part = write_empty(str(tmp_path), "p", _options(NUMBERS.schema, "k"))
    assert part.path == "k=__HIVE_DEFAULT_PARTITION__/p.snappy.parquet"
    assert pq.ParquetFile(tmp_path / part.path).schema_arrow.names == ["v"]


def test_a_name_is_never_written_twice(tmp_path: Path):
    """A file that is there is not replaced."""
    (part,) = _write(tmp_path, NUMBERS, _options(NUMBERS.schema))
    before = (tmp_path / part.path).read_bytes()
    writer = PartWriter(str(tmp_path), "part-u0-00000-a", _options(NUMBERS.schema))
    writer.write(NUMBERS.to_batches()[0])
    with pytest.raises(OutputError, match="exists"):
        writer.close()
    writer.abort()
    assert (tmp_path / part.path).read_bytes() == before


def test_nothing_is_written_below_a_directory_that_is_gone(tmp_path: Path):
    """A task that outlives its run does not bring its directory back."""
    base, folder = tmp_path / "run", tmp_path / "run" / "unit"
    base.mkdir()
    options = _options(NUMBERS.schema)
    writers = [PartWriter(str(folder), name, options, str(base)) for name in "ab"]
    writers[0].write(NUMBERS.to_batches()[0])
    assert [part.rows for part in writers[0].close()] == [1000]
    shutil.rmtree(base)
    writers[1].write(NUMBERS.to_batches()[0])
    with pytest.raises(OutputError, match="No such file or directory"):
        writers[1].close()
    writers[1].abort()
    assert list(tmp_path.iterdir()) == []


def test_batches_of_other_columns_are_refused(tmp_path: Path):
    """A batch whose values do not fit the columns is an error, and nothing is written."""
    writer = PartWriter(str(tmp_path), "p", _options(pa.schema({"n": pa.int8()})))
    with pytest.raises(OutputMismatchError, match=r'"n".*int8.*int64'):
        writer.write(pa.record_batch({"n": pa.array([1000])}))
    writer.abort()
    assert _files(tmp_path) == []


def test_a_footer_that_disagrees_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Rows that pyarrow loses are found before the file is taken for complete."""
    real = pq.ParquetWriter.write_table
    monkeypatch.setattr(
        pq.ParquetWriter, "write_table", lambda self, table, *a, **k: real(self, table[1:], *a, **k)
    )
    with pytest.raises(OutputMismatchError, match="holds 999 rows and 1000"):
        _write(tmp_path, NUMBERS, _options(NUMBERS.schema))


def test_full_disk(tmp_path: Path):
    """On a full disk the error tells what is free and what to do, and abort leaves nothing."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        table = pa.table({"x": [os.urandom(1000) for _ in range(4000)]})
        options = _options(table.schema, row_group_rows=1000)
        writer = PartWriter(f"{tmp_path}/out", "p", options)
        with pytest.raises(
            OutputError, match=r"No space left.* of 1,048,576 bytes.*nothing was published"
        ):
            _write_all(writer, table)
        writer.abort()
        assert _files(tmp_path) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def _write_all(writer: PartWriter, table: pa.Table) -> None:
    for batch in table.to_batches():
        writer.write(batch)
    writer.close()


def test_a_file_that_may_not_grow(tmp_path: Path, run_python):
    """Any other refusal of the system is told too."""
    code = """
import os, resource, signal, sys
import pyarrow as pa
from scorecast.errors import OutputError
from scorecast.worker.parts import PartOptions, PartWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
batch = pa.record_batch({"x": pa.array([os.urandom(1000) for _ in range(1000)])})
writer = PartWriter(sys.argv[1], "p", PartOptions(batch.schema, "", "", "none"))
try:
    writer.write(batch)
    writer.close()
except OutputError as error:
    print(error)
writer.abort()
"""
    done = run_python(code, str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert 'part file "p"' in done.stdout
    assert "File too large" in done.stdout
    assert _files(tmp_path) == []


def test_options_pickle():
    """Options go to workers."""
    options = _options(NUMBERS.schema, "k")
    assert pickle.loads(pickle.dumps(options)) == options


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/a/b c", "/a/b c"),
        ("/a/p=50%25", "/a/p=50%25"),
        ("file:/a/b%20c", "/a/b c"),
        ("file:///a/b%23c#d", "/a/b#c#d"),
        ("file://localhost/a", "/a"),
        ("x", f"{Path.cwd()}/x"),
    ],
)
def test_local_places(uri: str, path: str):
    """Paths and file URIs are local paths."""
    filesystem, found = filesystem_of(uri)
    assert isinstance(filesystem, fs.LocalFileSystem)
    assert found == path


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_s3_places(scheme: str, monkeypatch: pytest.MonkeyPatch):
    """Hadoop's names of S3 are S3."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    filesystem, found = filesystem_of(f"{scheme}://bucket/a b/ü?region=eu-central-1")
    assert filesystem.type_name == "s3"
    assert found == "bucket/a b/ü"


@pytest.mark.parametrize("uri", ["dbfs:/x", "nope://user:secret@host/x", "file://host/x"])
def test_places_that_cannot_be_written(uri: str):
    """A place that Python cannot reach gives an error that says what to do, and no password."""
    with pytest.raises(OutputError, match=r"mounted path|three slashes") as caught:
        filesystem_of(uri)
    assert "secret" not in str(caught.value)


ROWS = hs.lists(
    hs.tuples(
        hs.one_of(hs.none(), hs.sampled_from(["", "a", "b/c", "%41", "ü"])),
        hs.one_of(hs.none(), hs.floats(allow_nan=False)),
        hs.one_of(hs.none(), hs.lists(hs.one_of(hs.none(), hs.text(max_size=3)), max_size=3)),
    ),
    max_size=40,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=ROWS,
    cuts=hs.lists(hs.integers(0, 40), max_size=6),
    group=hs.integers(1, 50),
    size=hs.integers(1, 2000),
    partitioned=hs.booleans(),
)
def test_any_split_gives_the_same_rows(tmp_path_factory, rows, cuts, group, size, partitioned):
    """However rows come in batches, all of them are in the files, in order per partition."""
    folder = tmp_path_factory.mktemp("split")
    columns = {"p": pa.string(), "x": pa.float64(), "l": pa.list_(pa.string()), "n": pa.int64()}
    schema = pa.schema(columns)
    dicts = [{"p": p, "x": x, "l": items, "n": n} for n, (p, x, items) in enumerate(rows)]
    table = pa.Table.from_pylist(dicts, schema)
    by = ("p",) if partitioned else ()
    options = _options(schema, *by, row_group_rows=group, row_group_bytes=size)
    writer = PartWriter(str(folder), "p", options)
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    for start, end in pairwise(edges):
        for batch in table.slice(start, end - start).combine_chunks().to_batches():
            writer.write(batch)
    parts = writer.close()
    assert sum(part.rows for part in parts) == len(rows)
    read = [row for part in parts for row in pq.ParquetFile(folder / part.path).read().to_pylist()]
    expected = [{name: row[name] for name in schema.names if name not in by} for row in dicts]
    if partitioned:
        assert all(
            _is_sorted(pq.ParquetFile(folder / part.path).read().column("n").to_pylist())
            for part in parts
        )
        read.sort(key=lambda row: row["n"])
    assert read == expected


def _is_sorted(numbers: list[int]) -> bool:
    return numbers == sorted(numbers)
