"""What is written: every value as the model gave it and as the input had it, in Spark's types."""

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scorecast
from scorecast.errors import InputDataError
from scorecast.models.signature import Scalar, Signature, Spec

RESULTS = {
    "double": lambda data: data["rid"] * 0.1,
    "float": lambda data: (data["rid"] * 0.1).astype("float32"),
    "long": lambda data: data["rid"] * 3,
    "int": lambda data: (data["rid"] * 3).astype("int32"),
    "boolean": lambda data: data["rid"] % 2 == 0,
    "string": lambda data: "ü " + data["rid"].astype("str"),
    "binary": lambda data: pd.Series([bytes([int(i) % 256, 0, 255]) for i in data["rid"]]),
    "date": lambda data: pd.Series([dt.date(1969, 1, 1 + int(i) % 28) for i in data["rid"]]),
    "timestamp": lambda data: (
        pd.Timestamp("1999-12-31 23:59:59.000001", tz="UTC")
        + pd.to_timedelta(data["rid"], unit="h")
    ),
    "decimal(12,3)": lambda data: pd.Series([Decimal(int(i)) / 8 for i in data["rid"]]),
    "array<double>": lambda data: np.outer(data["rid"], [0.1, 0.2, 0.3]),
    "array<array<long>>": lambda data: [[[int(i)], []] for i in data["rid"]],
    "struct<a:double,b:string>": lambda data: pd.DataFrame(
        {"a": data["rid"] * 0.1, "b": data["rid"].astype("str")}
    ),
    "map<string,long>": lambda data: [{"k": int(i), "l": 1} for i in data["rid"]],
}

# Arrow's types are Spark's for these; the bits of their values are compared below.
PLAIN = ("float", "long", "int", "boolean")

KEPT = """
    id as rid, true as bo, cast(id as tinyint) as ti, cast(id as smallint) as sm,
    cast(id as int) as i, cast(id / 7 as float) as f, id / 7D as d,
    cast(id / 7 as decimal(9, 2)) as e, cast(id as decimal(38, 0)) as big, cast(id as string) as s,
    cast(null as string) as nothing, encode(cast(id as string), 'utf-8') as b,
    date_add(date'1969-12-30', cast(id as int)) as day, timestamp_seconds(id * 7777.5) as at,
    timestamp_ntz'1969-12-31 23:59:59.999999' as local, array(id, null) as li,
    map('k', array(id / 7D)) as m, named_struct('x', id, 'y', named_struct('z', 1.5D)) as st,
    interval '3 01:02:03' day to second as span, double('nan') as nan, double('-inf') as inf
"""


@pytest.fixture(scope="module")
def everything(spark, tmp_path_factory):
    """Write rows of all types that Spark stores, nulls included, and give the folder."""
    folder = tmp_path_factory.mktemp("everything") / "in"
    df = spark.sql(f"select {KEPT} from range(100)")
    names = [name for name in df.columns if name != "rid"]
    df = df.selectExpr("rid", *(f"if(rid % 9 = 4, null, {name}) as {name}" for name in names))
    df.coalesce(2).write.parquet(str(folder))
    return folder


def save(tmp_path, function):
    """Save a model of one long; its code goes with it."""

    def model(data):
        return function(data)

    signature = Signature(inputs=(Spec(Scalar("long"), "rid"),))
    return scorecast.save_model(model, tmp_path / "model", signature=signature)


@pytest.mark.parametrize("kind", [kind for kind in RESULTS if kind not in PLAIN])
def test_files_are_those_that_spark_would_write(job, spark, conf, everything, tmp_path, kind):
    """Columns, types and values are equal to those of predict_frame, written by Spark."""
    conf("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    model = save(tmp_path, RESULTS[kind])
    job.run(model_uri=model, input=everything, result_type=kind)
    df = spark.read.parquet(str(everything))
    written = str(tmp_path / "by_spark")
    scorecast.predict_frame(df, model, result_type=kind).write.parquet(written)
    ours, theirs = spark.read.parquet(str(job.output)), spark.read.parquet(written)
    assert ours.schema == theirs.schema
    texts = [[str(row) for row in found.orderBy("rid").collect()] for found in (ours, theirs)]
    assert texts[0] == texts[1]
    assert pq.read_table(job.output).schema.types == pq.read_table(written).schema.types


@pytest.mark.parametrize("kind", ["double", "float", "long", "string", "array<double>"])
def test_predictions_are_those_of_load_model_bit_by_bit(job, tmp_path, kind):
    """What a model gives for a frame of pandas is what the files hold."""
    model = save(tmp_path, RESULTS[kind])
    job.write("a.parquet", range(500))
    job.run(model_uri=model, result_type=kind)
    expected = scorecast.load_model(model).predict(pd.DataFrame({"rid": np.arange(500)}))
    found = pq.read_table(job.output).sort_by("rid")["prediction"].to_pandas()
    if kind == "string":
        assert found.tolist() == expected.tolist()
    else:
        both = np.stack(found.to_numpy()), np.stack(np.asarray(expected))
        assert both[0].dtype == both[1].dtype
        assert both[0].tobytes() == both[1].tobytes()


def odd_numbers(data):
    """Give NaN, infinities, negative zero and numbers, by the rest of a division."""
    table = np.array([np.nan, np.inf, -np.inf, -0.0, 1.5])
    return table[data["rid"].to_numpy() % 5]


@pytest.mark.parametrize("as_null", [False, True])
@pytest.mark.parametrize("kind", ["double", "float", "array<double>", "struct<a:double,b:double>"])
def test_odd_numbers_are_kept_and_counted(job, tmp_path, kind, as_null):
    """NaN stays NaN or becomes NULL, infinity and negative zero stay; all are counted exactly."""

    def function(data):
        import numpy as np
        import pandas as pd

        table = np.array([np.nan, np.inf, -np.inf, -0.0, 1.5])
        found = table[data["rid"].to_numpy() % 5]
        if kind.startswith("array"):
            return np.stack([found, found], axis=1)
        if kind.startswith("struct"):
            return pd.DataFrame({"a": found, "b": 1.0})
        return found.astype("float32") if kind == "float" else found

    model = save(tmp_path, function)
    job.write("a.parquet", range(100))
    counters = job.run(model_uri=model, result_type=kind, nan_as_null=as_null).counters
    column = pq.read_table(job.output).sort_by("rid")["prediction"].to_pylist()
    twice = 2 if kind.startswith("array") else 1
    first = [
        value[0] if isinstance(value, list) else value["a"] if isinstance(value, dict) else value
        for value in column
    ]
    expected = odd_numbers(pd.DataFrame({"rid": np.arange(100)}))
    assert [value is None for value in first] == [as_null and rid % 5 == 0 for rid in range(100)]
    kept = [(a, b) for a, b in zip(first, expected, strict=True) if a is not None]
    assert np.array([a for a, _ in kept]).tobytes() == np.array([b for _, b in kept]).tobytes()
    assert counters.n_nan == (0 if as_null else 20 * twice)
    assert counters.n_inf == 40 * twice
    assert counters.n_null == (20 if as_null and kind in ("double", "float") else 0)


def test_nan_ends_a_job_that_allows_none(job, tmp_path, capsys):
    """With exit code 5 and the place of it, nothing published; nor is what holds some accepted."""
    model = save(tmp_path, lambda data: 0.0 * data["rid"].astype("float64").replace(70, np.inf))
    path = job.write("a.parquet", range(100))
    more = ["--model-uri", str(model), "--result-type", "double"]
    assert job.cli(*more, "--fail-on-nan") == 5
    shown = capsys.readouterr().err
    assert "predicted NaN 1 times" in shown
    assert f'"{path}", rows 64 to 99' in shown
    assert not job.output.exists()
    assert job.cli(*more) == 0
    before = job.state()
    assert job.cli(*more, "--fail-on-nan") == 5
    assert "predicted NaN 1 times" in capsys.readouterr().err
    assert job.state() == before


def test_missing_predictions_are_null_and_counted(job, tmp_path):
    """None and NA of any type are NULL, never text or a number."""

    def function(data):
        return [None if rid % 4 == 0 else f"p{rid}" for rid in data["rid"]]

    job.write("a.parquet", range(100))
    report = job.run(model_uri=save(tmp_path, function), result_type="string")
    found = pq.read_table(job.output).sort_by("rid")["prediction"].to_pylist()
    assert found == [None if rid % 4 == 0 else f"p{rid}" for rid in range(100)]
    assert report.counters.n_null == 25


ODD_NAMES = [
    "a.b",
    "a`b",
    "`quoted`",
    "with space",
    "ünï",
    "日本",
    "🐍",
    "x" * 300,
    "a,b;c{}()=",
    "tab\tline\n",
    "select",
    "100%",
    "_metadata",
    "c0",
    "prediction2",
    "result",
    "error",
]


def test_columns_of_odd_names(job, tmp_path):
    """Names with dots, quotes, spaces and signs come out as they went in, with their values."""
    table = {name: pa.array([f"{i}-{at}" for at in range(100)]) for i, name in enumerate(ODD_NAMES)}
    job.write("a.parquet", range(100), **table)

    def function(data):
        return data["a.b"] + "|" + data["🐍"] + "|" + data["`quoted`"]

    signature = Signature(
        inputs=tuple(Spec(Scalar("string"), name) for name in ("a.b", "🐍", "`quoted`"))
    )

    def model(data):
        return function(data)

    path = scorecast.save_model(model, tmp_path / "model", signature=signature)
    job.run(model_uri=path, result_type="string", output_column="p.q `r`", on_error="quarantine")
    out = pq.read_table(job.output).sort_by("rid")
    assert out.column_names == ["rid", "bad", *ODD_NAMES, "p.q `r`"]
    for name, values in table.items():
        assert out[name].to_pylist() == values.to_pylist()
    at = [ODD_NAMES.index(name) for name in ("a.b", "🐍", "`quoted`")]
    expected = ["|".join(f"{i}-{row}" for i in at) for row in range(100)]
    assert out["p.q `r`"].to_pylist() == expected


def test_rows_that_are_equal_stay_as_many(job):
    """Rows that occur three times do so in the output."""
    for name in ("a", "b"):
        job.write(f"{name}.parquet", list(range(100)) * (1 if name == "a" else 2))
    job.run()
    assert job.rows() == sorted((rid, rid * 10 + 1) for rid in range(100) for _ in range(3))


# The last day of the Julian calendar, and older ones; a time that clocks of St. John's do not have,
# and those that they show twice.
TIMES = np.array(
    [
        "1582-10-04T12:00:00.000000",
        "1500-03-01T00:00:00.000000",
        "0001-01-03T00:00:00.000000",
        "1883-11-18T12:03:57.999999",
        "1969-12-31T23:59:59.999999",
        "2024-03-10T06:30:00.000001",
        "2024-11-03T04:30:00.000000",
        "2024-11-03T05:30:00.000000",
        "2050-07-01T00:00:00.000000",
        "9999-12-30T00:00:00.000000",
    ],
    dtype="datetime64[us]",
)


def columns_of_times() -> dict[str, pa.Array]:
    """Give the times as instants, as clocks show them and as days, and some for a model."""
    local = pa.array(TIMES)
    instants = local.cast(pa.timestamp("us", "UTC"))
    # Models get times of pandas, which are of fewer years, as clocks show them: one is none of two.
    near = instants.take(pa.array([None, None, None, 3, 4, 5, None, None, 8, None]))
    return {"at": instants, "local": local, "day": local.cast(pa.date32()), "near": near}


@pytest.fixture
def options_of_times(job, tmp_path):
    """Write the times, and give the options of a job that keeps them and predicts one."""
    job.write("a.parquet", range(len(TIMES)), **columns_of_times())

    def model(data):
        return data["near"]

    signature = Signature(inputs=(Spec(Scalar("datetime"), "near"),))
    path = scorecast.save_model(model, tmp_path / "model", signature=signature)
    # Spark 3 wants to be told the calendar of files that it did not write itself.
    return {
        "model_uri": str(path),
        "result_type": "timestamp",
        "partition_by": ("day",),
        "input_options": {"datetimeRebaseMode": "CORRECTED"},
    }


def assert_times_are_kept(output) -> None:
    """Compare an output with what went in."""
    given = columns_of_times()
    out = pq.read_table(output).sort_by("rid")
    assert out["at"].cast(pa.int64()).to_pylist() == given["at"].cast(pa.int64()).to_pylist()
    assert out["local"].to_pylist() == given["local"].to_pylist()
    found = out["prediction"].cast(pa.int64()).to_pylist()
    assert found == given["near"].cast(pa.int64()).to_pylist()
    assert sorted(path.name for path in output.glob("day=*")) == sorted(
        {f"day={day.as_py().year:04d}-{day.as_py():%m-%d}" for day in given["day"]}
    )


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns", "Asia/Kathmandu"])
def test_times_do_not_depend_on_the_time_zone(job, conf, options_of_times, zone):
    """Instants and local times come out as they went in, kept or predicted, in every zone."""
    conf("spark.sql.session.timeZone", zone)
    job.run(**options_of_times)
    assert_times_are_kept(job.output)


ELSEWHERE = """
import json, sys
import scorecast
from scorecast.spark.session import start_session

spark = start_session(master="local[2]", conf={"spark.ui.enabled": "false"}).spark
for zone, options in json.loads(sys.argv[1]).items():
    spark.conf.set("spark.sql.session.timeZone", zone)
    scorecast.batch_predict(spark, scorecast.BatchPredictConfig(**options))
spark.stop()
"""


@pytest.mark.parametrize("processes", ["Asia/Kathmandu", "America/St_Johns"])
def test_times_do_not_depend_on_the_zone_of_the_processes(
    job, run_python, options_of_times, processes
):
    """Nor on where driver, JVM and workers believe to be."""
    outputs = {zone: job.folder / zone.replace("/", " ") for zone in ("UTC", "Asia/Kathmandu")}
    options = {
        zone: {**options_of_times, "input": str(job.input), "output": str(output)}
        for zone, output in outputs.items()
    }
    done = run_python(ELSEWHERE, json.dumps(options), TZ=processes)
    assert done.returncode == 0, done.stderr[-3000:]
    for output in outputs.values():
        assert_times_are_kept(output)


OLD_TIMES = """
    select id as rid, false as bad, date'1500-03-01' as day, timestamp'1500-03-01 12:00:00Z' as at,
    timestamp'1890-05-05 05:05:05.000005Z' as later from range(4)
"""


@pytest.mark.parametrize("written", ["LEGACY", "CORRECTED"])
@pytest.mark.parametrize("times", ["INT96", "TIMESTAMP_MICROS"])
def test_times_of_another_calendar(job, spark, conf, times, written):
    """Old dates of files of Spark 2, which say so, come out as the days that they are."""
    conf("spark.sql.parquet.outputTimestampType", times)
    conf("spark.sql.parquet.datetimeRebaseModeInWrite", written)
    conf("spark.sql.parquet.int96RebaseModeInWrite", written)
    spark.sql(OLD_TIMES).write.parquet(str(job.input))
    assert job.run().rows_out == 4
    out = pq.read_table(job.output).to_pandas(date_as_object=True, timestamp_as_object=True)
    assert set(out["day"]) == {dt.date(1500, 3, 1)}
    assert set(out["at"]) == {dt.datetime(1500, 3, 1, 12, tzinfo=dt.UTC)}
    assert set(out["later"]) == {dt.datetime(1890, 5, 5, 5, 5, 5, 5, tzinfo=dt.UTC)}


def test_times_of_an_unknown_calendar(job, conf):
    """Where Spark does not guess, the error says what to give; what is given makes another job."""
    days = pa.array([dt.date(1500, 3, 1)] * 4)
    job.write("a.parquet", range(4), day=days)
    conf("spark.sql.parquet.datetimeRebaseModeInRead", "EXCEPTION")
    for corrupt in ("fail", "skip"):
        with pytest.raises(InputDataError, match="--input-option datetimeRebaseMode=CORRECTED"):
            job.run(on_corrupt=corrupt)
    job.run(input_options={"datetimeRebaseMode": "CORRECTED"})
    assert pq.read_table(job.output)["day"].to_pylist() == days.to_pylist()
    conf("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED")
    assert not job.run(mode="overwrite").already_published
    assert job.run(mode="overwrite").already_published
    conf("spark.sql.parquet.datetimeRebaseModeInRead", "LEGACY")
    assert not job.run(mode="overwrite").already_published
    assert set(pq.read_table(job.output)["day"].to_pylist()) == {dt.date(1500, 2, 20)}


def test_two_hundred_random_names(job, tmp_path):
    """Each column of a random name keeps its own values, and the model gets the right one."""
    random = np.random.default_rng(49)
    signs = [chr(sign) for sign in range(1, 0x3000)] + list("🐍😀 .`\"'\\/,;:{}()=%*?[]-" * 200)
    drawn = ("".join(random.choice(signs, random.integers(1, 12))) for _ in range(400))
    names = list({name.lower(): name for name in drawn if name.strip()}.values())[:200]
    table = {name: pa.array([f"{i}-{at}" for at in range(50)]) for i, name in enumerate(names)}
    job.write("a.parquet", range(50), **table)
    asked = names[::20]

    def model(data):
        return data[asked].agg("|".join, axis=1)

    inputs = tuple(Spec(Scalar("string"), name) for name in asked)
    path = scorecast.save_model(model, tmp_path / "model", signature=Signature(inputs=inputs))
    job.run(model_uri=path, result_type="string", on_error="quarantine")
    out = pq.read_table(job.output).sort_by("rid")
    assert len(names) == 200
    assert out.column_names == ["rid", "bad", *names, "prediction"]
    assert all(out[name].to_pylist() == values.to_pylist() for name, values in table.items())
    at = [names.index(name) for name in asked]
    expected = ["|".join(f"{i}-{row}" for i in at) for row in range(50)]
    assert out["prediction"].to_pylist() == expected
