"""What becomes of an output that is there: each mode, and those who still read the old one."""

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from job_kit import predicted

import scorecast
from scorecast.batch.verify import verify
from scorecast.errors import InputDataError, OutputError, OutputExistsError


def rows_of(df) -> list[tuple[int, int]]:
    """Give number and prediction of the rows of a frame, sorted."""
    return sorted((row["rid"], row["prediction"]) for row in df.collect())


def test_append_adds_the_rows_as_one_version(job):
    """After an append the output has the old rows and the new ones, and tells both runs."""
    a, b = job.write("a.parquet", range(10)), job.write("b.parquet", range(10, 15))
    job.run(input=a, mode="append")
    first = {file["path"] for file in job.manifest()["files"]}
    report = job.run(input=b, mode="append")
    assert job.rows() == predicted(range(15))
    assert (report.rows_in, report.rows_out) == (5, 15)
    manifest = job.manifest()
    assert [run["counters"]["rows_in"] for run in manifest["runs"]] == [10, 5]
    assert first < {file["path"] for file in manifest["files"]}
    assert len(manifest["inputs"]) == 2


def test_append_of_the_same_job_adds_nothing(job):
    """The same rows are never added twice, also when other jobs added theirs in between."""
    a, b = job.write("a.parquet", range(10)), job.write("b.parquet", range(10, 15))
    for source in (a, b):
        job.run(input=source, mode="append")
    before = job.state()
    for source in (a, b):
        assert job.run(input=source, mode="append").already_published
    assert job.state() == before
    assert job.run(input=a, mode="append", force=True).rows_out == 25


def test_overwrite_is_not_satisfied_by_an_output_with_more_rows(job):
    """An output that a job was appended to is not the output of that job alone."""
    a, b = job.write("a.parquet", range(10)), job.write("b.parquet", range(10, 15))
    job.run(input=a, mode="append")
    job.run(input=b, mode="append")
    with pytest.raises(OutputExistsError):
        job.run(input=b, mode="error")
    assert not job.run(input=b, mode="overwrite").already_published
    assert job.rows() == predicted(range(10, 15))
    assert job.run(input=b, mode="error").already_published


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": ("rid",)}, "bad"),
        ({"result_type": "double"}, "double"),
        ({"output_column": "other"}, "other"),
        ({"partition_by": ("bad",)}, "partitioned by bad"),
    ],
)
def test_append_of_other_columns_is_refused(job, options, words):
    """Rows of other columns, types or partitions are not added to an output."""
    job.write("a.parquet", range(10))
    job.run(mode="append")
    before = job.state()
    job.write("b.parquet", range(10, 12))
    with pytest.raises(OutputError, match="Cannot add to the output") as failed:
        job.run(mode="append", extra_env=job.calls(), **options)
    assert words in str(failed.value)
    assert job.called_on() == []
    assert job.state() == before


TYPES = """
    true as bad, cast(1.5 as float) f, 2.5D d, cast(3.25 as decimal(20, 4)) e, 'x' s,
    unhex('00FF') b, date'1500-03-01' day, timestamp'2024-05-01 12:00:00' at,
    timestamp_ntz'2024-05-01 12:00:00' local, cast(1 as tinyint) tiny, cast(2 as smallint) small,
    array(1, null) list, map('k', named_struct('m', timestamp'2020-01-01 00:00:00')) map,
    named_struct('a', cast(1 as decimal(9, 2)), 'b', array(2.5D)) nested,
    interval '3 01:02:03' day to second as span
"""


@pytest.mark.parametrize("times", ["INT96", "TIMESTAMP_MICROS"])
def test_append_to_what_spark_wrote(job, spark, conf, tmp_path, times):
    """Files that Spark wrote stay, of whatever types, and are joined by those of the job."""
    conf("spark.sql.parquet.outputTimestampType", times)
    # Spark 3 writes no old dates unless it is told the calendar.
    conf("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED")
    conf("spark.sql.parquet.int96RebaseModeInWrite", "CORRECTED")
    model = scorecast.save_model(_constant(), tmp_path / "model")
    df = spark.sql(f"select id as rid, {TYPES} from range(5)")
    df.write.parquet(str(job.input))
    options = {"result_type": "array<double>"}
    written = scorecast.predict_frame(df, model, **options).coalesce(1)
    written.write.parquet(str(job.output))
    expected = spark.read.parquet(str(job.output)).schema
    (old,) = job.output.glob("part-*.parquet")
    content = old.read_bytes()
    assert job.run(model_uri=model, mode="append", **options).rows_out == 10
    assert (job.output / old.name).read_bytes() == content
    found = spark.read.parquet(str(job.output))
    assert found.schema == expected
    assert found.count() == 10
    assert pq.read_table(job.output, columns=["rid"]).num_rows == 10


def _constant():
    def model(data):
        import numpy as np

        return np.ones((len(data), 2))

    return model


def test_append_to_what_spark_wrote_with_other_columns_is_refused(job, spark):
    """Files of other columns, types or partitions are found before anything is predicted."""
    job.write("a.parquet", range(4))
    df = spark.range(3).selectExpr("id as rid", "false as bad", "id * 10 + 1 as prediction")
    others = {
        "columns": df.withColumnRenamed("rid", "id"),
        "types": df.selectExpr("rid", "bad", "cast(prediction as int) prediction"),
        "fewer": df.drop("bad"),
    }
    for name, other in others.items():
        other.write.parquet(str(job.folder / name))
        with pytest.raises(OutputError, match="Cannot add to the output"):
            job.run(output=job.folder / name, mode="append")
    df.write.partitionBy("bad").parquet(str(job.folder / "parts"))
    with pytest.raises(OutputError, match="partitioned by bad"):
        job.run(output=job.folder / "parts", mode="append")
    report = job.run(output=job.folder / "parts", mode="append", partition_by=("bad",))
    assert report.rows_out == 7
    assert len(ds.dataset(job.folder / "parts", partitioning="hive").to_table()) == 7


def test_overwrite_partitions_replaces_those_that_come(job):
    """Partitions of the new rows are replaced, all others stay as they are."""
    days = {"mode": "overwrite-partitions", "partition_by": ("day",)}
    a = job.write("a.parquet", range(6), day=pa.array(["1", "1", "2", "2", None, None]))
    b = job.write("b.parquet", range(10, 13), day=pa.array(["2", "3", "3"]))
    job.run(input=a, **days)
    kept = {path: value for path, value in job.state().items() if "day=1/" in path}
    job.run(input=b, **days)
    assert job.rows() == predicted([0, 1, 4, 5, 10, 11, 12])
    assert {path: value[0] for path, value in job.state().items() if path in kept} == {
        path: value[0] for path, value in kept.items()
    }
    assert job.run(input=b, **days).already_published
    # Rows of the first job were replaced, so that it has something to do again.
    assert not job.run(input=a, **days).already_published
    assert job.rows() == predicted([0, 1, 2, 3, 4, 5, 11, 12])


def test_overwrite_partitions_without_rows_changes_nothing(job):
    """No rows replace no partition, the one of NULL included."""
    days = {"mode": "overwrite-partitions", "partition_by": ("day",)}
    job.write("a.parquet", range(4), day=pa.array(["1", None, None, "2"]))
    job.run(**days)
    job.run(where="rid > 99", **days)
    assert job.rows() == predicted(range(4))


def test_append_adds_again_what_was_replaced(job):
    """A job whose rows were replaced by partitions is not taken for one that is in the output."""
    days = {"partition_by": ("day",)}
    a = job.write("a.parquet", range(3), day=pa.array(["1", "1", "2"]))
    b = job.write("b.parquet", range(10, 12), day=pa.array(["1", "1"]))
    job.run(input=a, mode="append", **days)
    job.run(input=b, mode="overwrite-partitions", **days)
    assert job.rows() == predicted([2, 10, 11])
    assert not job.run(input=a, mode="append", **days).already_published
    assert job.rows() == predicted([0, 1, 2, 2, 10, 11])


def test_partitions_are_read_by_all_readers(job, spark):
    """Spark, pyarrow and DuckDB find rows and partition values where Spark would put them."""
    values = ["a:b/c d", "{x,y}*[1]", None, "ü%41", "plain"]
    job.write("a.parquet", range(5), day=pa.array(values))
    job.run(partition_by=("day",))
    expected = sorted(zip(range(5), values, strict=True))
    arrow = ds.dataset(job.output, partitioning="hive").to_table().to_pylist()
    assert sorted((row["rid"], row["day"]) for row in arrow) == expected
    ours = scorecast.read_predictions(spark, str(job.output))
    for df in (ours, spark.read.parquet(str(job.output))):
        assert sorted((row["rid"], row["day"]) for row in df.collect()) == expected
    assert ours.schema == spark.read.parquet(str(job.output)).schema
    found = duckdb.sql(
        f"select rid, day from read_parquet('{job.output}/day=*/*.parquet', "
        "hive_partitioning = true, hive_types_autocast = false)"
    ).fetchall()
    assert sorted(rid for rid, _ in found) == list(range(5))


def test_incremental_predicts_on_new_files_alone(job):
    """Files that the output holds are not predicted on again; all is one version."""
    options = {"incremental": True, "extra_env": job.calls()}
    job.write("a.parquet", range(10))
    job.run(**options)
    assert job.called_on() == list(range(10))
    job.write("b.parquet", range(10, 15))
    job.write("c.parquet", range(15, 18))
    report = job.run(**options)
    assert job.called_on() == list(range(10, 18))
    assert (report.rows_in, report.rows_out) == (8, 18)
    assert job.rows() == predicted(range(18))
    assert len(job.manifest()["inputs"]) == 3


@pytest.mark.parametrize("force", [False, True])
def test_incremental_without_new_files_does_nothing(job, monkeypatch, force):
    """Nothing new is exit code 0, with no model for the workers and the output untouched."""
    job.write("a.parquet", range(10))
    job.run(incremental=True)
    before = job.state()

    def refuse(*_args, **_options):
        raise AssertionError("a model was shipped")

    monkeypatch.setattr("scorecast.spark.prepare.CheckedModel.ship", refuse)
    assert job.cli("--incremental", *(["--force"] if force else [])) == 0
    assert job.state() == before


def test_incremental_refuses_known_files_that_changed(job, capsys):
    """A file that is another one now is named; its old rows are not joined by new ones."""
    job.write("a.parquet", range(10))
    job.run(incremental=True)
    before = job.state()
    job.write("a.parquet", range(11))
    assert job.cli("--incremental") == 3
    shown = capsys.readouterr().err
    assert "a.parquet" in shown
    assert "--mode overwrite" in shown
    assert job.state() == before


def test_incremental_needs_files(job, spark):
    """Rows of a view cannot be told apart by files."""
    spark.range(3).selectExpr("id as rid", "false as bad").createOrReplaceTempView("some_rows")
    with pytest.raises(InputDataError, match="made of files"):
        job.run(input="some_rows", input_format="table", incremental=True)
    assert not job.output.exists()


def test_a_frame_of_an_old_version_stays_readable(job, spark):
    """Who reads the output gets the rows of its version, while it is replaced 20 times."""
    a, b = job.write("a.parquet", range(100)), job.write("b.parquet", range(100, 300))
    job.run(input=a, mode="overwrite")
    frame = scorecast.read_predictions(spark, str(job.output))
    assert frame.count() == 100
    for turn in range(20):
        job.run(input=(a, b)[turn % 2], mode="overwrite", force=True)
        assert frame.count() == 100
    assert rows_of(frame) == predicted(range(100))
    assert rows_of(scorecast.read_predictions(spark, str(job.output))) == predicted(range(100, 300))


def test_replaced_versions_are_kept_as_long_as_asked(job, spark):
    """Without hours for replaced versions nothing of them is left on the disk."""
    a, b = job.write("a.parquet", range(5)), job.write("b.parquet", range(5, 7))
    job.run(input=a, mode="overwrite")
    frame = scorecast.read_predictions(spark, str(job.output))
    job.run(input=b, mode="overwrite")
    assert rows_of(frame) == predicted(range(5))
    assert len(list(job.runs.iterdir())) == 2
    job.run(input=a, mode="overwrite", keep_replaced=0)
    assert len(list(job.runs.iterdir())) == 1
    assert job.rows() == predicted(range(5))
    assert rows_of(scorecast.read_predictions(spark, str(job.output))) == predicted(range(5))


def test_read_predictions_after_an_append(job, spark):
    """A version that holds files of several runs is read as a whole, and no more than it."""
    a, b = job.write("a.parquet", range(5)), job.write("b.parquet", range(5, 7))
    job.run(input=a, mode="append")
    first = scorecast.read_predictions(spark, str(job.output))
    job.run(input=b, mode="append")
    assert rows_of(first) == predicted(range(5))
    assert rows_of(scorecast.read_predictions(spark, str(job.output))) == predicted(range(7))


def test_an_output_with_signs_of_patterns_in_its_name(job, spark):
    """Brackets and stars in a path are letters of it, not patterns."""
    job.write("a.parquet", range(5))
    for name in ("out [1]", "a{b,c}*", "50%20off"):
        output = str(job.folder / name)
        assert job.run(output=output, mode="overwrite").rows_out == 5
        assert rows_of(scorecast.read_predictions(spark, output)) == predicted(range(5))
        assert job.run(output=output).already_published


def test_there_is_nothing_to_read(job, spark):
    """An output that is not there, or that no job has published, is said to be so."""
    with pytest.raises(OutputError, match="No job has published"):
        scorecast.read_predictions(spark, str(job.output))
    spark.range(3).write.parquet(str(job.output))
    with pytest.raises(OutputError, match="No job has published"):
        scorecast.read_predictions(spark, str(job.output))


def aside_rows(job) -> list[int]:
    """Name the rows that are in the quarantine, whatever the partitions."""
    table = ds.dataset(job.output / "_quarantine", partitioning="hive", ignore_prefixes=["."])
    return sorted(table.to_table()["rid"].to_pylist())


def test_overwrite_partitions_replaces_their_quarantine(job):
    """A row that was put aside and is predicted now is in the output once, and not aside."""
    options = {
        "mode": "overwrite-partitions",
        "partition_by": ("day",),
        "on_error": "quarantine",
        "max_error_rate": 1.0,
    }
    a = job.write("a.parquet", range(6), bad=[1, 4], day=pa.array(["1", "1", "1", "2", "2", "2"]))
    job.run(input=a, **options)
    assert aside_rows(job) == [1, 4]
    b = job.write("b.parquet", range(3), day=pa.array(["1", "1", "1"]))
    job.run(input=b, **options)
    assert job.rows() == predicted([0, 1, 2, 3, 5])
    assert aside_rows(job) == [4]
    c = job.write("c.parquet", range(3), bad=range(3), day=pa.array(["1", "1", "1"]))
    job.run(input=c, **options)
    assert job.rows() == predicted([3, 5])
    assert aside_rows(job) == [0, 1, 2, 4]
    assert not verify(str(job.output), deep=True).damages
    assert job.run(input=c, **options).already_published


def test_incremental_knows_files_by_any_spelling(job):
    """A directory that is given by a link holds no new files."""
    job.write("a.parquet", range(10))
    job.run(incremental=True)
    link = job.folder / "link"
    link.symlink_to(job.input)
    assert job.run(incremental=True, input=link).already_published
    job.write("b.parquet", range(10, 13))
    job.run(incremental=True, input=link)
    assert job.rows() == predicted(range(13))


def test_incremental_needs_a_manifest(job, spark, capsys):
    """What Spark wrote does not say which files it is of, so that rows might come twice."""
    job.write("a.parquet", range(10))
    df = spark.range(10).selectExpr("id as rid", "false as bad", "id * 10 + 1 as prediction")
    df.write.parquet(str(job.output))
    before = job.state()
    assert job.cli("--incremental") == 6
    assert "No manifest says" in capsys.readouterr().err
    assert job.state() == before


def test_an_output_that_is_a_link_stays_one(job):
    """The directory that it leads to is replaced, beside which everything else is kept."""
    target = job.folder / "elsewhere" / "predictions"
    target.parent.mkdir()
    a, b = job.write("a.parquet", range(10)), job.write("b.parquet", range(10, 15))
    job.run(input=a, output=target, mode="overwrite")
    job.output.symlink_to("elsewhere/predictions")
    job.run(input=b, mode="overwrite")
    assert job.output.is_symlink()
    assert job.rows() == predicted(range(10, 15))
    assert not (job.folder / ".out.scorecast").exists()
