"""The files of a new version: which old ones it keeps, and where each of them is."""

import hashlib
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from publishing import manifest as manifest_of
from pyspark.sql import types as st

from scorecast.batch.assemble import assemble, check_columns, empty_part
from scorecast.batch.engines.job import Job
from scorecast.batch.output import open_output
from scorecast.batch.publish import Published
from scorecast.batch.snapshot import InputFile
from scorecast.batch.units import UnitRecord
from scorecast.errors import OutputError
from scorecast.worker.parts import PartFile, PartOptions

SCHEMA = st.StructType([st.StructField("p", st.LongType()), st.StructField("day", st.LongType())])


def job(partition_by=("day",)) -> Job:
    """Describe a job that writes a number by days."""
    arrow = pa.schema([("day", pa.int64()), ("p", pa.int64())])
    parts = PartOptions(arrow, "", "", "snappy", partition_by)
    return Job(None, quarantine=True, parts=parts, aside=None, schema=SCHEMA)


def record(unit: str, rows: dict[str, int], aside: int = 0) -> UnitRecord:
    """Describe a unit with a file of so many rows in each partition."""
    folder = f".out.scorecast/runs/new/data/{unit}"
    files = tuple(PartFile(f"{day}/{unit}.parquet", n, 10, "0" * 64) for day, n in rows.items())
    bad = (PartFile(f"{unit}.parquet", aside, 10, "0" * 64),) if aside else ()
    rows_in = sum(rows.values()) + aside
    return UnitRecord(unit, folder, rows_in, rows_in, aside, 0, 0, 0, files, bad, 1, 0.1)


@pytest.fixture
def output(tmp_path):
    """Give an output."""
    return open_output(str(tmp_path / "out"))


def version(output, mode, records, old=None):
    """Put a version together on top of the files of an old one; gives paths and places."""
    run = replace(manifest_of("new").run, run_id="new", mode=mode)
    base = None
    if old is not None:
        files = {path: (b"x", rows) for path, rows in old.items()}
        base = Published("old", manifest_of("old", files))
    made, sources = assemble(output, base, job(), run, records, [InputFile("f", 1, "1")])
    return made, sources


OLD = {"day=1/a": 3, "day=2/a": 4, "day=__HIVE_DEFAULT_PARTITION__/a": 5}


@pytest.mark.parametrize("mode", ["error", "overwrite"])
def test_an_overwrite_keeps_nothing(output, mode):
    """The new version is of the new files alone, and of one run."""
    made, sources = version(output, mode, [record("u", {"day=1": 7}, aside=2)], OLD)
    assert [(file.path, file.rows) for file in made.files] == [("day=1/u.parquet", 7)]
    assert [(file.path, file.rows) for file in made.quarantine] == [("_quarantine/u.parquet", 2)]
    data = ".out.scorecast/runs/new/data/u"
    assert sources == {
        "day=1/u.parquet": f"{data}/day=1/u.parquet",
        "_quarantine/u.parquet": f"{data}/quarantine/u.parquet",
    }
    assert len(made.runs) == 1


def test_an_append_keeps_everything(output):
    """Old files come from the output as it is, new ones from the run."""
    made, sources = version(output, "append", [record("u", {"day=1": 7})], OLD)
    assert {file.path: file.rows for file in made.files} == {**OLD, "day=1/u.parquet": 7}
    assert {path: place for path, place in sources.items() if path in OLD} == {
        path: f"out/{path}" for path in OLD
    }
    assert [run.run_id for run in made.runs] == ["old", "new"]
    assert {file.run_id for file in made.files if file.path in OLD} == {"old"}


def test_partitions_that_come_replace_those_of_their_name(output):
    """Other partitions are kept, the one of NULL included."""
    made, _ = version(output, "overwrite-partitions", [record("u", {"day=2": 7, "day=3": 1})], OLD)
    assert {file.path: file.rows for file in made.files} == {
        "day=1/a": 3,
        "day=__HIVE_DEFAULT_PARTITION__/a": 5,
        "day=2/u.parquet": 7,
        "day=3/u.parquet": 1,
    }


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("append", ["_quarantine/day=1/q", "_quarantine/day=2/q"]),
        ("overwrite-partitions", ["_quarantine/day=1/q"]),
        ("overwrite", []),
    ],
)
def test_the_quarantine_is_treated_as_the_predictions(output, mode, kept):
    """Rows aside of partitions that stay do so; those of replaced ones go with them."""
    old = {"day=1/a": (b"x", 3), "_quarantine/day=1/q": (b"x", 1), "_quarantine/day=2/q": (b"x", 2)}
    aside = [path for path in old if path.startswith("_")]
    base = Published("old", manifest_of("old", old, quarantine=aside))
    part = PartFile("day=2/u.parquet", 5, 10, "0" * 64)
    new = replace(record("u", {"day=2": 7}), quarantine=(part,))
    run = replace(manifest_of("new").run, run_id="new", mode=mode)
    made, sources = assemble(output, base, job(), run, [new], [])
    paths = [file.path for file in made.quarantine]
    assert paths == [*kept, "_quarantine/day=2/u.parquet"]
    assert [sources[path] for path in kept] == [f"out/{path}" for path in kept]


@pytest.mark.parametrize("mode", ["append", "overwrite-partitions"])
def test_no_rows_replace_no_partition(output, mode):
    """An empty part is there for its columns; where there are rows it is not needed."""
    empty = empty_part(output, job(), "new")
    made, _ = version(output, mode, [empty], OLD)
    assert {file.path: file.rows for file in made.files} == OLD
    made, sources = version(output, mode, [empty], {})
    (file,) = made.files
    assert file.rows == 0
    table = pq.read_table(output.store.uri(sources[file.path]), partitioning=None)
    assert (table.num_rows, table.column_names) == (0, ["p"])


def test_other_columns_are_refused(output):
    """Types, names, their order and partitions must be those of the output."""
    made, _ = version(output, "overwrite", [record("u", {"day=1": 1})])
    base = Published("old", made)
    check_columns(output, base, job())
    others = [
        replace(job(), schema=st.StructType(SCHEMA.fields[:1])),
        replace(job(), schema=st.StructType(SCHEMA.fields[::-1])),
        replace(job(), schema=st.StructType([st.StructField("p", st.IntegerType()), SCHEMA[1]])),
        job(partition_by=()),
    ]
    for other in others:
        with pytest.raises(OutputError, match="Cannot add to the output"):
            check_columns(output, base, other)
    told = (
        r'p "long", day "long", partitioned by day, the job writes p "long", day "long"\. Nothing'
    )
    with pytest.raises(OutputError, match=told):
        check_columns(output, base, job(partition_by=()))
    # Whether a column may be NULL is no difference: files have all of them so.
    never = st.StructType([st.StructField("p", st.LongType(), nullable=False), SCHEMA[1]])
    check_columns(output, base, replace(job(), schema=never))


def test_files_of_others_must_have_the_columns(output, tmp_path):
    """A directory that no job has published is looked at file by file, hidden ones apart."""
    folder = tmp_path / "out" / "day=1"
    folder.mkdir(parents=True)
    base = Published("listing:x", None)
    pq.write_table(pa.table({"p": [1]}), folder / "a.parquet")
    (tmp_path / "out" / "_SUCCESS").touch()
    (folder / ".a.parquet.crc").write_text("x")
    check_columns(output, base, job())
    pq.write_table(pa.table({"p": ["1"]}), folder / "b.parquet")
    with pytest.raises(OutputError, match=r"b\.parquet.*p string.*p int64"):
        check_columns(output, base, job())
    (folder / "b.parquet").unlink()
    pq.write_table(pa.table({"p": [1]}), tmp_path / "out" / "c.parquet")
    with pytest.raises(OutputError, match=r"c\.parquet.*p int64, the job .* partitioned by day"):
        check_columns(output, base, job())
    (tmp_path / "out" / "c.parquet").unlink()
    (folder / "b.parquet").write_text("no parquet file at all")
    with pytest.raises(OutputError, match=r"b\.parquet.* is no parquet file"):
        check_columns(output, base, job())


def test_files_of_others_are_described_as_they_are(output, tmp_path):
    """Rows, size and digest of what Spark has written are read, for verify to compare with."""
    folder = tmp_path / "out" / "day=1"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"p": range(1000)}), folder / "a.parquet")
    (tmp_path / "out" / "_SUCCESS").touch()
    run = replace(manifest_of("new").run, run_id="new", mode="append")
    base = Published("listing:x", None)
    made, sources = assemble(output, base, job(), run, [record("u", {"day=2": 7})], [])
    old, new = made.files
    data = (folder / "a.parquet").read_bytes()
    assert (old.path, old.rows, old.bytes) == ("day=1/a.parquet", 1000, len(data))
    assert old.sha256 == hashlib.sha256(data).hexdigest()
    assert (new.path, sources[old.path]) == ("day=2/u.parquet", "out/day=1/a.parquet")
    assert [run.run_id for run in made.runs] == ["new"]
