"""What a job reads: formats, paths, conditions, broken files, and files that change meanwhile."""

import json
import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_kit import predicted

import scorecast
from scorecast.cli.exit_codes import exit_code
from scorecast.errors import ConfigError, InputChangedError, InputDataError, InputMismatchError


@pytest.mark.parametrize("kind", ["csv", "json", "orc"])
@pytest.mark.parametrize("units", [1, 2])
def test_other_formats(job, spark, kind, units):
    """csv, json and orc are read as parquet is, with the rows of a condition counted."""
    df = spark.range(100).selectExpr("id as rid", "id % 50 = 3 as bad")
    for part, name in enumerate(("a", "b")):
        writer = df.where(f"rid div 50 = {part}").coalesce(1).write.format(kind)
        writer.option("header", "true").save(str(job.folder / name))
    paths = (job.folder / "a", job.folder / "b")
    report = job.run(
        input=paths,
        input_format=kind,
        where="rid < 80",
        units=units,
        on_error="quarantine",
        max_errors=2,
    )
    assert job.rows() == predicted(rid for rid in range(80) if rid % 50 != 3)
    assert [row["rid"] for row in job.quarantine()] == [3, 53]
    assert all(str(job.folder) in row["file"] for row in job.quarantine())
    counters = report.counters
    assert (counters.rows_read, counters.rows_filtered_out, counters.rows_in) == (100, 20, 80)


@pytest.mark.parametrize("where", ["1 = 0", "rid is null", "rid = null", "false"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_condition_that_is_never_met(job, where, kind):
    """Where Spark sees that no row can be left, rows are counted all the same."""
    if kind == "csv":
        job.input.mkdir()
        (job.input / "a.csv").write_text("rid,bad\n1,true\n2,false\n")
    else:
        job.write("a.parquet", [1, 2])
    assert job.cli("--where", where, "--input-format", kind) == 0
    table = pq.read_table(job.output)
    assert (table.num_rows, table.column_names[-1]) == (0, "prediction")
    counters = job.counters()
    assert (counters["rows_read"], counters["rows_filtered_out"]) == (2, 2)


def test_several_paths_globs_and_directories_of_hive(job):
    """All rows of all paths are read once, with the columns of directories."""
    job.write("x/day=1/a.parquet", range(10))
    job.write("x/day=2/b.parquet", range(10, 20))
    job.write("x/day=2/_hidden.parquet", range(900, 910))
    job.write("y1.parquet", range(20, 30))
    job.write("y2.parquet", range(30, 40))
    job.write("z.parquet", range(800, 810))
    job.run(input=(job.input / "y*.parquet", job.input / "y[3-9].parquet")[:1])
    assert job.rows() == predicted(range(20, 40))
    job.run(input=job.input / "x", mode="overwrite", units=2)
    assert job.rows() == predicted(range(20))
    days = pq.read_table(job.output).select(["rid", "day"]).to_pylist()
    assert all(row["day"] == 1 + row["rid"] // 10 for row in days)
    job.run(input=job.input / "x", mode="overwrite", where="day = 2", partition_by=("day",))
    assert job.rows() == predicted(range(10, 20))
    two = (job.input / "y1.parquet", job.input / "z.parquet")
    job.run(input=two, mode="overwrite")
    assert job.rows() == predicted([*range(20, 30), *range(800, 810)])


def test_a_path_that_is_given_twice(job):
    """Rows are never read twice without anybody noticing."""
    path = job.write("a.parquet", range(10))
    with pytest.raises(ConfigError, match="2 times"):
        job.run(input=(path, path))
    again = ("--input", str(job.input / "*.parquet"))
    assert job.cli(*again, "--engine", "spark") != 0
    assert not job.output.exists()
    assert job.cli(*again, "--engine", "arrow") == 0
    assert job.rows() == predicted(range(10))


def test_tables_and_views(job, spark):
    """A table of the catalog is made of files; a view is read, and knows no files."""
    df = spark.range(30).selectExpr("id as rid", "id = 7 as bad")
    path = str(job.folder / "table")
    spark.sql("drop table if exists people_of_job")
    df.write.option("path", path).saveAsTable("people_of_job")
    table = {"input": "people_of_job", "input_format": "table", "on_error": "quarantine"}
    job.run(max_errors=1, **table)
    assert job.rows() == predicted(set(range(30)) - {7})
    assert job.run(max_errors=1, **table).already_published
    (row,) = job.quarantine()
    assert row["file"].startswith(path)
    spark.sql("drop table people_of_job")
    df.createOrReplaceTempView("view_of_job")
    report = job.run(
        input="view_of_job", input_format="table", where="not bad and rid > 9", mode="overwrite"
    )
    assert (report.counters.rows_read, report.rows_in) == (30, 20)
    assert job.rows() == predicted(range(10, 30))


def test_the_output_in_a_table_that_is_read(job, spark):
    """A table is never replaced by predictions on itself."""
    spark.sql("drop table if exists self_of_job")
    df = spark.range(30).selectExpr("id as rid", "false as bad")
    df.write.option("path", str(job.output)).saveAsTable("self_of_job")
    before = job.state()
    code = job.cli("--input-format", "table", "--mode", "overwrite", input_path="self_of_job")
    assert code == 6
    assert job.state() == before
    spark.sql("drop table self_of_job")


def break_footer(path) -> None:
    """Cut a file off."""
    path.write_bytes(path.read_bytes()[:-5])


def break_page(path) -> None:
    """Overwrite pages of a file whose footer stays whole."""
    content = bytearray(path.read_bytes())
    content[40:1000] = np.random.default_rng(1).bytes(960)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(("broken", "units"), [(break_footer, 1), (break_page, 1), (break_page, 3)])
class TestBrokenFiles:
    """One of three files is broken: the job fails, or tells that it was left out."""

    @pytest.fixture(params=["a", "b"])
    def path(self, job, request, broken):
        """Write three files and break one: that with the columns for Spark, or another."""
        for i, name in enumerate("abc"):
            job.write(f"{name}.parquet", range(i * 1000, i * 1000 + 1000))
        path = job.input / f"{request.param}.parquet"
        broken(path)
        return path

    def test_the_job_fails_and_names_it(self, job, capsys, path, units):
        """With fail, the exit code is 3 and nothing is published or left."""
        assert job.cli("--units", str(units)) == 3
        shown = capsys.readouterr().err
        assert path.name in shown
        assert not job.output.exists()

    def test_it_is_left_out_and_listed(self, job, capsys, path, units):
        """With skip, the other rows are published, and exit code, report and manifest tell."""
        more = ["--on-corrupt", "skip", "--units", str(units)]
        assert job.cli(*more) == 8
        assert str(path) in capsys.readouterr().out
        start = 1000 * "abc".index(path.stem)
        kept = [rid for rid in range(3000) if not start <= rid < start + 1000]
        assert job.rows() == predicted(kept)
        (run,) = job.manifest()["runs"]
        assert [file["path"].rpartition("/")[2] for file in run["skipped"]] == [path.name]
        assert all(file["reason"] for file in run["skipped"])
        assert run["counters"]["rows_read"] == 2000
        assert len(job.manifest()["inputs"]) == 2
        # The same again is published already, and no less degraded for that.
        assert job.cli(*more) == 8
        assert job.cli("--units", str(units), "--mode", "overwrite") == 3


@pytest.mark.parametrize("broken", [break_footer, break_page])
def test_nothing_is_published_of_broken_files_alone(job, capsys, broken):
    """An input of which no file can be read is an error, also with skip."""
    for i, name in enumerate("ab"):
        broken(job.write(f"{name}.parquet", range(i * 1000, i * 1000 + 1000)))
    assert job.cli("--on-corrupt", "skip", "--units", "2") == 3
    assert "a.parquet" in capsys.readouterr().err
    assert not job.output.exists()


def test_errors_count_once_when_a_broken_file_is_left_out(job):
    """Rows that failed before the broken file was met are not counted again."""
    job.write("a.parquet", range(1000), bad=[1, 5])
    break_page(job.write("b.parquet", range(1000, 2000)))
    report = job.run(on_corrupt="skip", on_error="quarantine", max_errors=2)
    assert (report.counters.rows_quarantined, report.counters.rows_in) == (2, 1000)


def test_an_incremental_job_takes_a_mended_file(job):
    """A file that was left out is not known, so that it is predicted on once it is mended."""
    job.write("a.parquet", range(1000))
    path = job.write("b.parquet", range(1000, 2000))
    whole = path.read_bytes()
    break_page(path)
    job.run(on_corrupt="skip", incremental=True)
    assert job.rows() == predicted(range(1000))
    path.write_bytes(whole)
    job.run(on_corrupt="skip", incremental=True)
    assert job.rows() == predicted(range(2000))


@pytest.mark.parametrize(("kind", "text"), [("csv", "rid,bad\n1,x,,\n"), ("json", "{broken\n")])
def test_malformed_records_are_an_input_error(job, capsys, kind, text):
    """A record that cannot be read names its file, and none of its values."""
    job.input.mkdir()
    good = {"csv": "rid,bad\n1,false\n", "json": '{"rid": 1, "bad": false}\n'}[kind]
    (job.input / f"a.{kind}").write_text(good)
    (job.input / f"b.{kind}").write_text(text.replace("x", "canary-5f1e"))
    assert job.cli("--input-format", kind) == 3
    shown = capsys.readouterr().err
    assert "canary-5f1e" not in shown
    assert len(shown.splitlines()) < 6
    assert not job.output.exists()


def test_columns_that_differ_between_files(job, capsys):
    """Files of other columns are found by their footers, before anything is predicted."""
    job.write("a.parquet", range(10))
    path = job.write("b.parquet", range(10))
    pq.write_table(pq.read_table(path).rename_columns(["id", "bad"]), path)
    assert job.cli() == 3
    shown = capsys.readouterr().err
    assert "b.parquet" in shown
    assert '"rid" is missing' in shown
    table = pa.table({"rid": pa.array([1.5]), "bad": [False]})
    pq.write_table(table, path)
    with pytest.raises(InputMismatchError, match="double, but"):
        job.run(extra_env=job.calls())
    assert job.called_on() == []


def test_columns_that_the_job_does_not_need_may_differ(job):
    """What is neither kept nor given to the model is not looked at."""
    job.write("a.parquet", range(10), more=pa.array(["x"] * 10))
    job.write("b.parquet", range(10, 20))
    job.run(keep=("rid",))
    assert job.rows() == predicted(range(20))


def test_inputs_without_rows(job, capsys):
    """No files are an error; no rows are an output without rows, with no call of the model."""
    job.input.mkdir()
    assert job.cli() == 3
    (job.input / "_hidden.parquet").write_text("x")
    assert job.cli() == 3
    assert str(job.input) in capsys.readouterr().err
    job.write("a.parquet", [])
    report = job.run(extra_env=job.calls(), on_error="quarantine", partition_by=("bad",))
    assert (report.rows_in, report.rows_out, report.counters.rows_read) == (0, 0, 0)
    assert job.called_on() == []
    assert scorecast.read_predictions(job.spark, str(job.output)).columns == [
        "rid",
        "prediction",
        "bad",
    ]
    assert job.run(extra_env=job.calls(), on_error="quarantine", partition_by=("bad",)).rows_in == 0


def test_no_model_is_shipped_for_no_rows(job, monkeypatch):
    """Footers tell that there is nothing to predict."""

    def refuse(*_args, **_options):
        raise AssertionError("a model was shipped")

    monkeypatch.setattr("scorecast.spark.prepare.CheckedModel.ship", refuse)
    job.write("a.parquet", [])
    assert job.run().rows_out == 0


def add(job) -> None:
    """Add a file."""
    job.write("new.parquet", range(5))


def delete(job) -> None:
    """Delete a file."""
    (job.input / "b.parquet").unlink()


def replace(job) -> None:
    """Put another file of the same size in the place of one."""
    path, other = job.input / "b.parquet", job.input / "_other"
    shutil.copy(path, other)
    os.replace(other, path)  # noqa: PTH105 - one step, as a job that replaces its output does


@pytest.mark.parametrize("change", [add, delete, replace])
@pytest.mark.parametrize("old", [False, True])
def test_an_input_that_changes_is_not_published(job, change, old):
    """Files that were added, removed or replaced while the job ran are named; exit code 3."""
    job.write("a.parquet", range(10))
    job.write("b.parquet", range(10, 20))
    if old:
        job.run(where="rid < 5")
    before = job.state() if old else None

    def step(name: str) -> None:
        if name == "run:compare-input":
            change(job)

    with pytest.raises(InputChangedError, match="changed while the job ran") as failed:
        job.run_with_step(step, mode="overwrite", units=2)
    assert ("new.parquet" if change is add else "b.parquet") in str(failed.value)
    assert exit_code(failed.value) == 3
    if old:
        assert job.state() == before
    else:
        assert not job.output.exists()
    # What was done for the old input is not taken for the new one.
    assert job.run(mode="overwrite", units=2).resumed_units == 0
    expected = [*range(20), *range(5)] if change is add else range(10 if change is delete else 20)
    assert job.rows() == predicted(expected)


def test_an_input_that_is_gone_is_an_input_error(job):
    """A directory that was removed while the job ran is no bug of the job."""
    job.write("a.parquet", range(10))

    def step(name: str) -> None:
        if name == "run:compare-input":
            shutil.rmtree(job.input)

    with pytest.raises(InputDataError):
        job.run_with_step(step)
    assert not job.output.exists()


def test_the_manifest_names_the_files_that_were_read(job):
    """Input files stand there with sizes and rows."""
    paths = [job.write(f"{name}.parquet", range(i + 3)) for i, name in enumerate("ab")]
    job.run()
    found = json.loads((job.output / "_MANIFEST.json").read_text())["inputs"]
    assert [(file["size"], file["rows"]) for file in found] == [
        (path.stat().st_size, pq.read_metadata(path).num_rows) for path in paths
    ]


def metadata_column(job, rids, name="a.parquet"):
    """Write a file with a column that has the name of Spark's own on files."""
    return job.write(name, rids, _metadata=pa.array([str(rid) for rid in rids]))


def test_files_are_watched_although_a_column_is_named_metadata(job, capsys):
    """Spark cannot tell their rows apart by files then; broken and changed ones are found still."""
    metadata_column(job, range(10))
    b = metadata_column(job, range(10, 20), "b.parquet")
    report = job.run(units=2)
    assert (report.rows_out, report.units) == (20, 1)
    assert job.run().already_published
    assert [file["rows"] for file in job.manifest()["inputs"]] == [10, 10]

    def step(name):
        if name == "run:compare-input":
            metadata_column(job, range(10, 21), "b.parquet")

    with pytest.raises(InputChangedError, match=r"b\.parquet"):
        job.run_with_step(step, mode="overwrite", force=True)
    b.write_bytes(b.read_bytes()[:-9])
    assert job.cli("--mode", "overwrite", "--on-corrupt", "skip") == 3
    assert "b.parquet" in capsys.readouterr().err
    assert job.rows() == predicted(range(20))


def test_files_below_a_view_are_watched(job, spark):
    """A view whose file is replaced while the job runs is not published."""
    path = job.write("a.parquet", range(10))
    spark.read.parquet(str(path)).where("rid > 3").createOrReplaceTempView("some_of_a")

    def step(name):
        if name == "run:compare-input":
            job.write("a.parquet", range(11))

    options = {"input": "some_of_a", "input_format": "table"}
    with pytest.raises(InputChangedError):
        job.run_with_step(step, **options)
    spark.read.parquet(str(path)).where("rid > 3").createOrReplaceTempView("some_of_a")
    assert job.run(**options).rows_out == 7


def test_rows_that_would_be_dropped_are_an_error(job, capsys):
    """An option of Spark that leaves malformed rows out is refused."""
    job.input.mkdir()
    (job.input / "a.csv").write_text("rid,bad\n1,false\nx\n")
    options = ("--input-format", "csv", "--input-option", "mode=DropMalformed")
    assert job.cli(*options) == 2
    assert "leaves rows out in silence" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "text"), [("json", '{"rid": 2, "bad": fal\n'), ("orc", "ORC is not this")]
)
def test_a_broken_file_that_columns_are_taken_from_is_not_left_out(job, capsys, kind, text):
    """Spark reads json, and one file of orc, to find the columns: skip says that it cannot help."""
    job.input.mkdir()
    (job.input / f"a.{kind}").write_text(text)
    assert job.cli("--input-format", kind, "--on-corrupt", "skip") == 3
    assert "skip cannot leave out one that is broken then" in capsys.readouterr().err
    assert not job.output.exists()


def test_formats_in_any_case(job):
    """Another case of the name keeps all checks."""
    job.write("a.parquet", range(10))
    broken = job.write("b.parquet", range(10, 20))
    broken.write_bytes(broken.read_bytes()[:-9])
    with pytest.raises(InputDataError, match="cut off"):
        job.run(input_format="Parquet")
