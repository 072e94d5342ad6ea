"""Rows that the model fails on: put aside and counted, within limits, or the job ends."""

import json
import math
import os
import random

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_kit import predicted

import scorecast
from scorecast.errors import OutputShapeError, TooManyErrorsError

ASIDE = {"on_error": "quarantine", "max_error_rate": 1.0}


def assert_balanced(job, rows: int, bad: list[int]) -> None:
    """Compare output, quarantine, footers and counters with the rows of the input."""
    good = sorted(set(range(rows)) - set(bad))
    assert job.rows() == predicted(good)
    assert [row["rid"] for row in job.quarantine()] == sorted(bad)
    counters = job.counters()
    assert counters["rows_read"] == counters["rows_in"] == rows
    assert counters["rows_filtered_out"] == 0
    assert counters["rows_predicted"] == len(good) == job.footer_rows("*.parquet")
    assert counters["rows_quarantined"] == len(bad) == job.footer_rows("_quarantine/*.parquet")
    assert counters["rows_failed"] == len(bad)


@pytest.mark.parametrize("bad", [[], [1234], [7, 1999], list(range(1, 2000, 2))])
def test_exactly_the_bad_rows_are_aside(job, bad):
    """From no bad row to every second one, exactly those are in the quarantine."""
    job.write("a.parquet", range(2000), bad=bad)
    report = job.run(**ASIDE)
    assert report.rows_quarantined == len(bad)
    assert_balanced(job, 2000, bad)
    assert (job.output / "_quarantine").exists() == bool(bad)


@pytest.mark.parametrize(("engine", "batch"), [("arrow", 65_536), ("spark", 10_000)])
def test_one_bad_row_of_a_million(job, conf, engine, batch):
    """It alone is aside, and finding it takes two calls for each halving of its batch."""
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "10000")
    rows, bad = 1_000_000, 654_321
    job.write("a.parquet", range(rows), bad=[bad])
    job.run(extra_env=job.calls(), engine=engine, **ASIDE)
    assert [row["rid"] for row in job.quarantine()] == [bad]
    table = pq.read_table(job.output, columns=["rid", "prediction"]).sort_by("rid")
    rids = np.delete(np.arange(rows), bad)
    assert np.array_equal(table["rid"].to_numpy(), rids)
    assert np.array_equal(table["prediction"].to_numpy(), rids * 10 + 1)
    calls = len((job.folder / "calls").read_text().splitlines())
    # Row groups of a thousand rows fill batches; a task may have one more, of what is left.
    assert rows / batch <= calls <= rows / batch + 10 + 2 * math.ceil(math.log2(batch)) + 1


@pytest.mark.parametrize("batch_size", [None, 1])
def test_batches_of_bad_rows_alone_are_aside(job, batch_size):
    """Bad rows may fill batches, as long as the job allows them all."""
    bad = list(range(256))
    job.write("a.parquet", range(1000), bad=bad)
    job.run(on_error="quarantine", max_errors=256, batch_size=batch_size)
    assert_balanced(job, 1000, bad)


def test_all_rows_may_be_bad(job):
    """An output of which every row is in the quarantine has its columns."""
    job.write("a.parquet", range(300), bad=range(300))
    job.run(isolate="batch", **ASIDE)
    assert_balanced(job, 300, list(range(300)))
    assert pq.read_table(job.output).column_names == ["rid", "bad", "prediction"]


@pytest.mark.parametrize("seed", range(int(os.environ.get("ERROR_PATTERNS", "30"))))
def test_rows_are_balanced_for_any_pattern_of_errors(job, seed):
    """Whatever rows fail, in whatever files and units, every row is accounted for once."""
    chance = random.Random(seed)
    sizes = [chance.randint(0, 150) for _ in range(chance.randint(1, 3))]
    rows = sum(sizes)
    share = chance.choice([0, 0.01, 0.1, 0.4])
    # One row of every batch of 64 does well.
    bad = [rid for rid in range(rows) if chance.random() < share and rid % 5]
    start = 0
    for i, size in enumerate(sizes):
        job.write(f"{i}.parquet", range(start, start + size), bad=bad)
        start += size
    units = chance.choice([1, 3])
    size = chance.choice([None, 100])
    job.run(units=units, batch_size=size, on_error="quarantine", max_errors=len(bad))
    assert_balanced(job, rows, bad)


LIMITS = [
    # rows that fail of 100, max_errors, max_error_rate, whether that is allowed
    (0, None, None, True),
    (1, None, None, False),
    (1, 1, None, True),
    (2, 1, None, False),
    (6, None, 0.05, False),
    (5, 10, 0.04, False),
    (5, 4, 0.5, False),
    (5, 5, 0.05, True),
    (29, None, 0.29, True),
]


@pytest.mark.parametrize(
    ("bad", "most", "rate", "allowed", "on_error"),
    [(*limit, "quarantine") for limit in LIMITS] + [(*limit, "null") for limit in LIMITS[2:6]],
)
def test_each_limit_must_hold(job, bad, most, rate, allowed, on_error):
    """Rows may fail up to each limit that is given, and none may without one."""
    job.write("a.parquet", range(100), bad=range(1, 3 * bad, 3))
    options = {"on_error": on_error, "max_errors": most, "max_error_rate": rate}
    if allowed:
        assert job.run(**options).counters.rows_failed == bad
        return
    with pytest.raises(TooManyErrorsError, match="allowed"):
        job.run(**options)
    assert not job.output.exists()


@pytest.mark.parametrize(("rate", "code"), [(0.5, 0), (0.3, 5)])
def test_a_rate_is_of_the_rows_that_meet_the_condition(job, rate, code):
    """Rows that a condition leaves out do not make room for errors."""
    job.write("a.parquet", range(100), bad=range(0, 20, 2))
    more = ["--where", "rid < 20", "--on-error", "quarantine", "--max-error-rate", str(rate)]
    assert job.cli(*more) == code


def test_limits_hold_where_rows_are_not_known_before(job):
    """Rows of csv are counted on the way, and the rate is held against them."""
    job.input.mkdir()
    lines = [f"{rid},{'true' if rid % 10 == 3 else 'false'}" for rid in range(200)]
    (job.input / "a.csv").write_text("rid,bad\n" + "\n".join(lines) + "\n")
    options = {"input_format": "csv", "on_error": "quarantine"}
    with pytest.raises(TooManyErrorsError, match="20 of 200 rows"):
        job.run(max_error_rate=0.09, **options)
    with pytest.raises(TooManyErrorsError):
        job.run(max_errors=19, **options)
    assert job.run(max_error_rate=0.1, **options).rows_quarantined == 20


def test_too_many_errors_leave_the_old_output(job, capsys):
    """Over the limit the exit code is 5, and the output is the one of before, byte by byte."""
    job.write("a.parquet", range(1000), bad=range(0, 1000, 2))
    assert job.cli("--where", "not bad", "--on-error", "quarantine") == 0
    before = job.state()
    capsys.readouterr()
    more = ["--on-error", "quarantine", "--max-error-rate", "0.01", "--mode", "overwrite"]
    assert job.cli(*more) == 5
    shown = capsys.readouterr()
    assert "10 are allowed" in shown.err
    assert "max_error_rate" in shown.err
    assert shown.out == ""
    assert job.state() == before


def test_the_limit_is_one_of_all_tasks(job, capsys):
    """Tasks that are each within the limit are not so together."""
    for i in range(4):
        job.write(f"{i}.parquet", range(i * 100, i * 100 + 100), bad=[i * 100 + 5, i * 100 + 9])
    for units in ("1", "4"):
        more = ["--on-error", "quarantine", "--max-errors", "7", "--units", units]
        assert job.cli(*more) == 5
        assert "7 are allowed" in capsys.readouterr().err
    assert job.cli("--on-error", "quarantine", "--max-errors", "8") == 0


COLUMNS = """
    id as rid, id % 4 = 1 as bad, 'x' as kept, interval '3' day as span, parse_json('{"a":1}') as v,
    make_interval(1, 2, 0, 3) as calendar, interval '2-3' year to month as months,
    map('k', 1.5D) as m, timestamp'2024-05-01 12:00:00' as at, cast(null as string) as nothing,
    'mine' as file, 'too' as ERROR_CLASS, '?' as `odd ``name. ü`
"""


def test_the_quarantine_has_all_columns_of_the_input(job, spark):
    """Also those that are not kept, those that Python cannot take as text, and why, and where."""
    if spark.version < "4":
        pytest.skip("Spark 3 has no variants")
    spark.sql(f"select {COLUMNS} from range(0, 8, 1, 1)").createOrReplaceTempView("all_types")
    job.run(input="all_types", input_format="table", keep=("rid", "kept"), **ASIDE)
    (path,) = (job.output / "_quarantine").glob("*.parquet")
    rows = pq.read_table(path).to_pylist()
    assert [row["rid"] for row in rows] == [1, 5]
    expected = spark.table("all_types").where("rid = 1")
    ours = spark.read.parquet(str(path)).where("rid = 1")
    same = ["kept", "span", "m", "at", "nothing", "file", "ERROR_CLASS", "`odd ``name. ü`"]
    assert ours.select(*same).collect() == expected.select(*same).collect()
    texts = ["v", "calendar", "months"]
    cast = expected.select(*(expected[name].cast("string").alias(name) for name in texts))
    assert ours.select(*texts).collect() == cast.collect()
    report = {name: rows[0][name] for name in ("_file", "_error_class", "error_message")}
    assert report["_file"] is None
    assert report["_error_class"] == "ModelPredictError"
    assert "ValueError" in report["error_message"]
    assert rows[0]["model_digest"] == scorecast.inspect_model(job.model).digest
    assert pq.read_table(job.output).column_names == ["rid", "kept", "prediction"]


def test_the_quarantine_names_the_file_of_each_row(job):
    """Files whose paths share a CRC-32 are told apart, as those with spaces and letters are."""
    names = ["plumless.parquet", "buckeroo.parquet", "ü b%20c.parquet"]
    for i, name in enumerate(names):
        job.write(name, range(i * 10, i * 10 + 10), bad=[i * 10 + 3])
    job.run(**ASIDE)
    found = {row["rid"]: row["file"] for row in job.quarantine()}
    assert found == {i * 10 + 3: str(job.input / name) for i, name in enumerate(names)}


@pytest.mark.parametrize("partition_by", [(), ("bad",)])
def test_readers_of_predictions_do_not_see_the_quarantine(job, spark, partition_by):
    """Spark, pyarrow and DuckDB on the files of the output skip it; ** of DuckDB does not."""
    job.write("a.parquet", range(200), bad=[3, 60, 61])
    job.run(partition_by=partition_by, **ASIDE)
    assert spark.read.parquet(str(job.output)).count() == 197
    assert scorecast.read_predictions(spark, str(job.output)).count() == 197
    assert pq.read_table(job.output, columns=["rid"]).num_rows == 197
    pattern = "bad=*/*.parquet" if partition_by else "*.parquet"
    count = "select count(*) from read_parquet('{}', union_by_name = true)"
    assert duckdb.sql(count.format(f"{job.output}/{pattern}")).fetchall() == [(197,)]
    assert duckdb.sql(count.format(f"{job.output}/**/*.parquet")).fetchall() == [(200,)]
    assert spark.read.parquet(str(job.output / "_quarantine")).count() == 3


def test_null_for_rows_that_fail(job):
    """With null, rows that fail stay in the output without a prediction, and are counted."""
    job.write("a.parquet", range(200), bad=[3, 60, 199])
    report = job.run(on_error="null", max_errors=3)
    expected = [(rid, None if bad else value) for (rid, value), bad in _with_bad(200, [3, 60, 199])]
    table = pq.read_table(job.output).to_pylist()
    assert sorted((row["rid"], row["prediction"]) for row in table) == expected
    assert (report.counters.rows_failed, report.counters.n_null) == (3, 3)
    assert report.rows_quarantined == 0
    assert not (job.output / "_quarantine").exists()


def _with_bad(rows: int, bad: list[int]):
    return [((rid, value), rid in bad) for rid, value in predicted(range(rows))]


def test_whole_batches_fail_where_rows_belong_together(job):
    """With isolate=batch, one bad row puts the batch aside that the model was called with."""
    job.write("a.parquet", range(200), bad=[25])
    job.run(isolate="batch", batch_size=10, **ASIDE)
    assert_balanced(job, 200, list(range(20, 30)))


def test_batches_of_the_model_are_as_large_as_asked(job):
    """The model is called with so many rows, whatever batches Spark sends and rows fail."""
    job.write("a.parquet", range(230), bad=[101])
    job.run(batch_size=100, extra_env=job.calls(), **ASIDE)
    lines = (job.folder / "calls").read_text().split()
    sizes = [line.count(",") + 1 for line in lines]
    assert sizes[0] == 100
    assert sizes[-1] == 30
    assert max(sizes) == 100
    assert_balanced(job, 230, [101])


@pytest.mark.parametrize("on_error", ["fail", "null", "quarantine"])
def test_predictions_that_are_not_one_per_row_end_the_job(job, tmp_path, on_error):
    """A model that gives fewer predictions than rows is no matter of rows."""
    model = scorecast.save_model(_short(), tmp_path / "short")
    job.write("a.parquet", range(100))
    limit = {} if on_error == "fail" else {"max_error_rate": 1.0}
    with pytest.raises(OutputShapeError, match="63"):
        job.run(model_uri=model, result_type="long", on_error=on_error, **limit)
    assert not job.output.exists()


def _short():
    def model(data):
        return data["rid"][1:]

    return model


@pytest.mark.parametrize("on_error", ["fail", "quarantine"])
def test_messages_name_rows_and_hold_none_of_their_values(job, capsys, on_error):
    """What a job says of rows that fail is where they are, not what they are."""
    canary = "canary-5f1e"
    job.write("a.parquet", range(100), text=pa.array([canary] * 100))
    path = job.write("b.parquet", range(100, 200), bad=[150], text=pa.array([canary] * 100))
    assert job.cli("--on-error", on_error) == 5
    shown = capsys.readouterr()
    assert canary not in shown.err + shown.out
    assert str(path) in shown.err
    # Batches have 64 rows here, and row 50 of the file is in the first one.
    assert "rows 0 to 63" in shown.err
    assert not job.output.exists()


def test_the_manifest_holds_no_values_of_rows(job):
    """Nor does the manifest of an output with a quarantine."""
    canary = "canary-5f1e"
    job.write("a.parquet", range(100), bad=[5], text=pa.array([canary] * 100))
    job.run(**ASIDE)
    assert canary not in json.dumps(job.manifest())
    assert job.quarantine()[0]["text"] == canary
    assert canary not in job.quarantine()[0]["error_message"]


def test_a_batch_of_bad_rows_may_be_within_the_rate_of_rows_that_are_counted(job):
    """Rows of csv are not known before, so that a first file of bad rows alone ends nothing."""
    job.input.mkdir()
    for name, rids, bad in (("a", range(50), "true"), ("b", range(50, 200), "false")):
        lines = "".join(f"{rid},{bad}\n" for rid in rids)
        (job.input / f"{name}.csv").write_text(f"rid,bad\n{lines}")
    report = job.run(input_format="csv", on_error="quarantine", max_error_rate=0.25)
    assert report.rows_quarantined == 50
    assert job.rows() == predicted(range(50, 200))


def test_stricter_limits_are_not_met_by_what_is_published(job, capsys):
    """The same job with fewer errors allowed is no success, and leaves the output."""
    job.write("a.parquet", range(100), bad=[3])
    job.run(**ASIDE)
    before = job.state()
    assert job.cli("--on-error", "quarantine") == 5
    assert "failed on 1 of 100 rows, and 0 are allowed now" in capsys.readouterr().err
    assert job.cli("--on-error", "quarantine", "--max-errors", "1") == 0
    assert job.state() == before


def test_globs_for_part_files_pass_over_the_quarantine(job):
    """DuckDB reads predictions alone, of all partitions."""
    job.write("a.parquet", range(100), bad=[3], half=pa.array([rid % 2 for rid in range(100)]))
    job.run(partition_by=("half",), **ASIDE)
    rows = duckdb.sql(f"SELECT count(*) FROM '{job.output}/**/part-*.parquet'").fetchall()
    assert rows == [(99,)]


def test_a_batch_that_fails_as_a_whole_is_of_one_file(job):
    """Small files share a call of the model only where single rows are told apart."""
    for i in range(4):
        job.write(f"{i}.parquet", range(i * 10, i * 10 + 10), bad=[12])
    job.run(isolate="batch", engine="arrow", **ASIDE)
    assert_balanced(job, 40, list(range(10, 20)))
    job.run(engine="arrow", mode="overwrite", **ASIDE)
    assert_balanced(job, 40, [12])
