"""Footers of parquet files: which files are broken, and which differ from the others."""

import base64
import datetime as dt
import decimal
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorecast.batch.footers import Corrupt, Footer, corrupt_error, drift, read_footers
from scorecast.errors import InputDataError


def _uri(path: Path) -> str:
    return "file://" + quote(str(path))


def _good(path: Path) -> bytes:
    values = [float(n) for n in range(2000)]
    table = pa.table({"x": values, "text": [str(v) for v in values]})
    pq.write_table(table, path, row_group_size=500)
    return path.read_bytes()


def test_footers_tell_rows_and_columns(tmp_path):
    """Rows are those that pyarrow counts, whatever is in the names; none is fine."""
    files = []
    for rows, name in [(0, "none"), (3, "a b"), (7, "p%41"), (5, "[x]#?")]:
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"x": pa.array(range(rows), pa.int32())}), path)
        files.append(_uri(path))
    footers, corrupt = read_footers(files)
    assert corrupt == []
    assert [(footer.path, footer.rows) for footer in footers] == list(
        zip(files, [0, 3, 7, 5], strict=True)
    )
    assert footers[0].schema == pa.schema([("x", pa.int32())])


def _breakages() -> dict[str, tuple[object, str]]:
    def cut(share):
        return lambda data: data[: int(len(data) * share)]

    cases = {
        f"cut at {share:.0%}": (cut(share), "cut off") for share in (0.1 * n for n in range(1, 10))
    }
    cases["cut by one byte"] = (lambda data: data[:-1], "cut off")
    cases |= {
        "empty": (lambda _: b"", "0 bytes"),
        "four bytes": (lambda data: data[:4], "not a parquet file"),
        "magic at the start": (lambda data: b"XXXX" + data[4:], "missing at the start"),
        "magic at the end": (lambda data: data[:-4] + b"XXXX", "cut off"),
        "length too large": (lambda d: d[:-8] + b"\xff\xff\xff\x7f" + d[-4:], "2,147,483,647"),
        "length negative": (lambda d: d[:-8] + b"\xff\xff\xff\xff" + d[-4:], "4,294,967,295"),
        "length zero": (lambda d: d[:-8] + bytes(4) + d[-4:], "footer"),
        "footer overwritten": (lambda d: d[:-400] + b"\x11" * 380 + d[-20:], "cannot be read"),
        "text": (lambda _: b"a,b\n1,2\n3,4\n5,6\n", "not a parquet file"),
        "orc": (lambda d: b"ORC" + d[4:-4] + b"ORC\x17", "not a parquet file"),
        "zeros": (lambda d: bytes(len(d)), "not a parquet file"),
    }
    return cases


@pytest.mark.parametrize("case", _breakages())
def test_a_broken_file_is_named_with_its_reason(tmp_path, case):
    """Broken at its start, its end, in its footer, or no parquet: that file, and no other."""
    how, reason = _breakages()[case]
    data = _good(tmp_path / "a.parquet")
    broken = tmp_path / "b c.parquet"
    broken.write_bytes(how(data))
    _good(tmp_path / "c.parquet")
    files = [_uri(path) for path in sorted(tmp_path.iterdir())]
    footers, corrupt = read_footers(files)
    assert [footer.path for footer in footers] == [files[0], files[2]]
    assert [item.path for item in corrupt] == [files[1]]
    assert reason in corrupt[0].reason
    if case != "magic at the start":  # pyarrow looks at the end alone
        with pytest.raises((pa.ArrowException, OSError)):
            pq.read_metadata(broken)


def test_files_that_the_store_does_not_give_are_not_broken(tmp_path):
    """What is gone, or no file, is named, and never left out as if it had been read."""
    _good(tmp_path / "a.parquet")
    (tmp_path / "d.parquet").mkdir()
    files = [_uri(tmp_path / name) for name in ("a.parquet", "d.parquet", "gone.parquet")]
    with pytest.raises(InputDataError) as caught:
        read_footers(files)
    assert "d.parquet: Is a directory" in str(caught.value)
    assert "gone.parquet: No such file or directory" in str(caught.value)
    assert "a.parquet" not in str(caught.value)


@pytest.mark.parametrize("plaintext", [False, True])
def test_an_encrypted_footer_says_so(tmp_path, plaintext):
    """A file with an encrypted footer is refused as that; a plain footer can be read."""
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Kms(encryption.KmsClient):
        def wrap_key(self, key_bytes, master_key_identifier):
            return base64.b64encode(key_bytes)

        def unwrap_key(self, wrapped_key, master_key_identifier):
            return base64.b64decode(wrapped_key)

    factory = encryption.CryptoFactory(lambda _config: Kms())
    configuration = encryption.EncryptionConfiguration(
        footer_key="k", column_keys={"k": ["x"]}, plaintext_footer=plaintext
    )
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), configuration)
    table = pa.table({"x": [1, 2, 3]})
    with pq.ParquetWriter(
        tmp_path / "e.parquet", table.schema, encryption_properties=properties
    ) as writer:
        writer.write_table(table)
    footers, corrupt = read_footers([_uri(tmp_path / "e.parquet")])
    if plaintext:
        assert [footer.rows for footer in footers] == [3]
    else:
        assert footers == []
        assert "encrypted" in corrupt[0].reason


def test_the_error_names_five_files_and_counts_the_rest():
    """It says that nothing was published, and how to leave the files out."""
    found = [Corrupt(f"file:///in/p%20{n}", "it is empty (0 bytes)") for n in range(12)]
    error = corrupt_error(found)
    assert isinstance(error, InputDataError)
    text = str(error)
    assert text.startswith("12 input files cannot be read")
    assert "/in/p 4: it is empty (0 bytes)" in text
    assert "/in/p 5" not in text
    assert "and 7 more" in text
    assert "nothing was published" in text
    assert "--on-corrupt skip" in text


def test_two_thousand_files_share_one_schema(tmp_path):
    """Many files cost little to keep."""
    _good(tmp_path / "a")
    files = []
    for number in range(2000):
        (tmp_path / f"{number}").hardlink_to(tmp_path / "a")
        files.append(_uri(tmp_path / f"{number}"))
    footers, corrupt = read_footers(files)
    assert corrupt == []
    assert sum(footer.rows for footer in footers) == 2000 * 2000
    assert len({id(footer.schema) for footer in footers}) == 1


def _footers(tmp_path: Path, *tables: pa.Table, **options: object) -> list[Footer]:
    files = []
    for number, table in enumerate(tables):
        path = tmp_path / f"{number} p.parquet"
        pq.write_table(table, path, **options)
        files.append(_uri(path))
    footers, corrupt = read_footers(files)
    assert corrupt == []
    return footers


def _table(**columns: object) -> pa.Table:
    return pa.table(columns)


A = pa.array([1, 2], pa.int64())
TIME = [dt.datetime(2020, 1, 1)] * 2  # noqa: DTZ001 - Arrow adds the zone

# What the files after the first hold -> the words that name what is wrong, None when nothing is.
CASES: dict[str, tuple[pa.Table, pa.Table, str | None]] = {
    "the same": (_table(a=A, b=A), _table(a=A, b=A), None),
    "missing": (_table(a=A, b=A), _table(a=A), 'column "b" is missing'),
    "extra": (_table(a=A, b=A), _table(a=A, b=A, c=A), None),
    "reordered": (_table(a=A, b=A), _table(b=A, a=A), None),
    "other case": (_table(a=A, b=A), _table(A=A, B=A), None),
    "twice by case": (_table(a=A, b=A), _table(a=A, b=A, B=A), '"b" and "B"'),
    "renamed": (_table(a=A, b=A), _table(a=A, b_=A), 'column "b" is missing'),
    "int to bigint": (_table(b=A), _table(b=A.cast("int32")), None),
    "bigint to int": (_table(b=A.cast("int32")), _table(b=A), "is bigint, but int"),
    "int to double": (_table(b=A.cast("double")), _table(b=A.cast("int32")), None),
    "bigint to double": (_table(b=A.cast("double")), _table(b=A), "is bigint, but double"),
    "unsigned to double": (
        _table(b=A.cast("double")),
        _table(b=A.cast("uint32")),
        "is bigint, but double",
    ),
    "float to double": (_table(b=A.cast("double")), _table(b=A.cast("float")), None),
    "double to float": (_table(b=A.cast("float")), _table(b=A.cast("double")), "is double"),
    "string to double": (_table(b=A.cast("double")), _table(b=["x", "y"]), "is string, but double"),
    "int to string": (_table(b=["x", "y"]), _table(b=A), "is bigint, but string"),
    "dictionary": (_table(b=["x", "y"]), _table(b=pa.array(["x", "y"]).dictionary_encode()), None),
    "large string": (_table(b=["x", "y"]), _table(b=pa.array(["x"] * 2, pa.large_string())), None),
    "binary to string": (_table(b=["x", "y"]), _table(b=[b"x", b"y"]), "is binary, but string"),
    "int to date": (
        _table(b=pa.array([1, 2], pa.date32())),
        _table(b=A.cast("int32")),
        "is int, but date",
    ),
    "date to timestamp": (
        _table(b=pa.array(TIME, pa.timestamp("us"))),
        _table(b=pa.array([1, 2], pa.date32())),
        "is date, but timestamp_ntz",
    ),
    "time unit": (
        _table(b=pa.array(TIME, pa.timestamp("us"))),
        _table(b=pa.array(TIME, pa.timestamp("ms"))),
        None,
    ),
    "nanoseconds": (
        _table(b=pa.array(TIME, pa.timestamp("us"))),
        _table(b=pa.array(TIME, pa.timestamp("ns"))),
        "nanoseconds, which Spark does not read",
    ),
    "time zone": (
        _table(b=pa.array(TIME, pa.timestamp("us", "UTC"))),
        _table(b=pa.array(TIME, pa.timestamp("us", "Asia/Kathmandu"))),
        None,
    ),
    "without a zone": (
        _table(b=pa.array(TIME, pa.timestamp("us", "UTC"))),
        _table(b=pa.array(TIME, pa.timestamp("us"))),
        "is timestamp_ntz, but timestamp",
    ),
    "larger decimal": (
        _table(b=pa.array([decimal.Decimal("1.25")] * 2, pa.decimal128(20, 2))),
        _table(b=pa.array([decimal.Decimal("1.25")] * 2, pa.decimal128(9, 2))),
        None,
    ),
    "scale of a decimal": (
        _table(b=pa.array([decimal.Decimal("1.2500")] * 2, pa.decimal128(18, 4))),
        _table(b=pa.array([decimal.Decimal("1.25")] * 2, pa.decimal128(18, 2))),
        "is decimal(18,2), but decimal(18,4)",
    ),
    "only null": (_table(b=A), _table(b=pa.nulls(2)), None),
    "only null for text": (_table(b=["x", "y"]), _table(b=pa.nulls(2)), "nothing but NULL"),
    "nullable": (
        pa.table([A], pa.schema([pa.field("b", pa.int64(), nullable=False)])),
        _table(b=A),
        None,
    ),
    "member missing": (
        _table(b=[{"x": 1, "y": 2}] * 2),
        _table(b=[{"x": 1}] * 2),
        "struct<x:bigint>, but struct<x:bigint,y:bigint>",
    ),
    "member extra and reordered": (
        _table(b=[{"x": 1, "y": 2}] * 2),
        _table(b=pa.array([{"Y": 1, "z": 2, "x": 3}] * 2)),
        None,
    ),
    "element type": (
        _table(b=[[1], [2]]),
        _table(b=[["x"], ["y"]]),
        "array<string>, but array<bigint>",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_on_files_that_differ(tmp_path, case):
    """Only what Spark reads right may differ; the text names the file and the column."""
    first, other, problem = CASES[case]
    found = drift(_footers(tmp_path, first, first, other), first.column_names)
    if problem is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(f"{tmp_path}/2 p.parquet: ")
        assert problem in found[0]


def test_columns_that_are_not_needed_may_differ(tmp_path):
    """Case does not count in the names of needed columns either."""
    footers = _footers(tmp_path, _table(a=A, b=A), _table(a=A, b=["x", "y"]))
    assert drift(footers, ["a"]) == []
    assert len(drift(footers, ["A", "B"])) == 1


def test_a_column_missing_from_the_first_file_alone_is_drift(tmp_path):
    """Whichever file lacks it is the one that is named."""
    found = drift(_footers(tmp_path, _table(a=A), _table(a=A, b=A)), ["a", "b"])
    assert found == [f'{tmp_path}/0 p.parquet: the column "b" is missing']


def test_columns_of_directories_are_in_no_file(tmp_path):
    """Hive's layout: the column is in no file, or in some and then not read from them."""
    for name, table in [("k=1", _table(a=A)), ("k=2", _table(a=A, K=["x", "y"]))]:
        (tmp_path / name).mkdir()
        pq.write_table(table, tmp_path / name / "p.parquet")
    files = [_uri(path) for path in sorted(tmp_path.glob("*/*"))]
    footers, _ = read_footers(files)
    assert drift(footers[:1], ["a", "k"]) == []
    assert drift(footers, ["a", "k"]) == []


def test_times_of_old_spark_are_times_with_a_zone(tmp_path):
    """INT96 is what Spark writes by default, beside files of other writers."""
    zoned = _table(b=pa.array(TIME, pa.timestamp("us", "UTC")))
    pq.write_table(zoned, tmp_path / "a", use_deprecated_int96_timestamps=True)
    pq.write_table(zoned, tmp_path / "b")
    footers, _ = read_footers([_uri(tmp_path / "a"), _uri(tmp_path / "b")])
    assert pq.read_metadata(tmp_path / "a").schema.column(0).physical_type == "INT96"
    assert drift(footers, ["b"]) == []
    pq.write_table(_table(b=zoned["b"].cast(pa.timestamp("us"))), tmp_path / "b")
    footers, _ = read_footers([_uri(tmp_path / "a"), _uri(tmp_path / "b")])
    assert len(drift(footers, ["b"])) == 1


def test_many_files_that_differ_are_counted(tmp_path):
    """Five are named, and the rest is a number."""
    tables = [_table(b=A), *[_table(b=["x", "y"])] * 9]
    found = drift(_footers(tmp_path, *tables), ["b"])
    assert len(found) == 6
    assert found[-1] == "and 4 more"
