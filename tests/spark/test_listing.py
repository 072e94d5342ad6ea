"""Files that pyarrow lists are those that Spark lists, with the same columns."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorecast.batch.listing import list_parquet
from scorecast.errors import InputDataError

NULL = "__HIVE_DEFAULT_PARTITION__"
FILES = [
    "plain/a.parquet",
    "plain/deep/b c%d.parquet",
    "plain/_hidden.parquet",
    "plain/.hidden/c.parquet",
    "plain/_hidden/d.parquet",
    "days/day=2024-01-01/n=1/t=a%3Ab/_part=x/e.parquet",
    f"days/day={NULL}/n={NULL}/t={NULL}/_part={NULL}/f.parquet",
    "days/day=2024-01-02/n=9999999999/t=1/_part=y/g.parquet",
]
EVERYTHING = """
    id as i, cast(id as tinyint) as ti, cast(id as decimal(9, 2)) as e, 'x' as s, true as b,
    date'2024-01-01' as day, timestamp'2024-01-01 00:00:00' as at, array(id) as li,
    named_struct('x', id) as st, map('k', id) as m, cast(id as float) as f
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Write the files."""
    folder = tmp_path_factory.mktemp("tree")
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"Rid": pa.array([1], pa.int32()), "x": [0.5]}), path)
    return folder


@pytest.mark.parametrize(
    "given",
    [
        ("plain",),
        ("plain/a.parquet",),
        ("plain/*.parquet",),
        ("plain/d*",),
        ("days",),
        ("days/day=2024-01-01",),
        ("plain/a.parquet", "plain/deep"),
    ],
)
def test_files_and_columns_are_those_of_spark(spark, tree, given):
    """Hidden files, globs, values in the names of directories and escaped names."""
    listed = list_parquet([f"file://{tree}/{path}" for path in given], skip_corrupt=False)
    df = spark.read.option(
        "recursiveFileLookup", str(given[0] == "plain" or len(given) > 1)
    ).parquet(*(f"{tree}/{path}" for path in given))
    assert list(listed.files) == sorted(df.inputFiles())
    assert listed.schema == df.schema


@pytest.mark.parametrize("text", ["no json", '{"type":"struct","fields":[{"name":"x"}]}', "[]"])
def test_text_of_spark_that_cannot_be_read(spark, tmp_path, text):
    """Types in parquet count then, as they do for Spark."""
    metadata = {"org.apache.spark.sql.parquet.row.metadata": text}
    table = pa.table({"x": [1]}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "a.parquet")
    listed = list_parquet([f"file://{tmp_path}"], skip_corrupt=False)
    assert listed.schema == spark.read.parquet(str(tmp_path)).schema


@pytest.mark.parametrize("by_spark", [True, False])
def test_columns_of_files(spark, tmp_path, by_spark):
    """As Spark wrote them, or as it reads what others wrote."""
    spark.sql(f"select {EVERYTHING} from range(2)").coalesce(1).write.parquet(str(tmp_path / "a"))
    (file,) = (tmp_path / "a").glob("*.parquet")
    if not by_spark:
        pq.write_table(pq.read_table(file), tmp_path / "a" / "b.parquet")
        file.unlink()
    listed = list_parquet([f"file://{tmp_path}/a"], skip_corrupt=False)
    assert listed.schema == spark.read.parquet(str(tmp_path / "a")).schema


def test_nothing_to_read(tmp_path):
    """No files, hidden ones alone, a broken first one."""
    (tmp_path / "_SUCCESS").touch()
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(InputDataError, match="holds no files, but for hidden ones"):
            list_parquet([f"file://{path}"], skip_corrupt=False)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputDataError, match="cannot be read as parquet"):
        list_parquet([f"file://{tmp_path}"], skip_corrupt=False)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "b.parquet")
    listed = list_parquet([f"file://{tmp_path}"], skip_corrupt=True)
    assert (len(listed.files), listed.schema.names) == (2, ["x"])


def test_values_of_directories_that_only_spark_reads(tmp_path):
    """A number with a point is a double to Spark, of its own rules."""
    (tmp_path / "half=0.5").mkdir()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "half=0.5" / "b.parquet")
    with pytest.raises(InputDataError, match="Only Spark reads these"):
        list_parquet([f"file://{tmp_path}"], skip_corrupt=False)
