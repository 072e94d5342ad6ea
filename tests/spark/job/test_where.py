"""``--where``: it means on both engines what Spark says, and nobody else sets it."""

import datetime as dt
import functools
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_kit import predicted
from pyspark.sql import functions as F

from scorecast.batch.source import filtered
from scorecast.batch.where import simple_conditions
from scorecast.errors import ConfigError
from scorecast.worker.row_groups import ReadPlan, Span, read_spans

DAY, YEAR = dt.date(2024, 1, 1), dt.date(2023, 12, 31)


class Columns:
    """Columns by their names; Spark makes none before it runs."""

    def __getattr__(self, name):
        """Give a column."""
        return F.col(name)


# What the arrow engine answers itself, and the same in Spark's functions.
SIMPLE = {
    "n = 3": lambda c: c.n == 3,
    "n == 3": lambda c: c.n == 3,
    "n <> 3": lambda c: c.n != 3,
    "n != 3 AND n >= -1": lambda c: (c.n != 3) & (c.n >= -1),
    "n < 3": lambda c: c.n < 3,
    "n <= 3 and n > -2": lambda c: (c.n <= 3) & (c.n > -2),
    "n between 2 and 4": lambda c: c.n.between(2, 4),
    "n between 2 and 4 and rid > 3": lambda c: c.n.between(2, 4) & (c.rid > 3),
    "n in (1, 2, 77)": lambda c: c.n.isin(1, 2, 77),
    "n is not null and n in (3)": lambda c: c.n.isNotNull() & c.n.isin(3),
    "rid >= 0 and rid <> 9": lambda c: (c.rid >= 0) & (c.rid != 9),
    "x > 1.5": lambda c: c.x > 1.5,
    "x >= 1": lambda c: c.x >= 1,
    "x < 1.5": lambda c: c.x < 1.5,
    "x = 0": lambda c: c.x == 0,
    "x != 0": lambda c: c.x != 0,
    "x in (0, 1.5)": lambda c: c.x.isin(0.0, 1.5),
    "x between -1 and 2": lambda c: c.x.between(-1, 2),
    "`x` <= -1.5": lambda c: c.x <= -1.5,
    "s = 'b'": lambda c: c.s == "b",
    "s = ''": lambda c: c.s == "",
    "s >= 'b' and s <> 'ü'": lambda c: (c.s >= "b") & (c.s != "ü"),
    "s < 'b'": lambda c: c.s < "b",
    "S IN ('a', 'ü')": lambda c: c.s.isin("a", "ü"),
    "s is null": lambda c: c.s.isNull(),
    "s IS NOT NULL and x is not null": lambda c: c.s.isNotNull() & c.x.isNotNull(),
    "day = date'2024-01-01'": lambda c: c.day == DAY,
    "day >= '2024-01-01'": lambda c: c.day >= DAY,
    "day < date'2024-01-01'": lambda c: c.day < DAY,
    "day is null": lambda c: c.day.isNull(),
    "day between '2023-01-01' and '2023-12-31'": lambda c: c.day.between(dt.date(2023, 1, 1), YEAR),
    "flag = true": lambda c: c.flag == F.expr("true"),
    "flag != false": lambda c: c.flag != F.expr("false"),
    "small = 127": lambda c: c.small == 127,
    "small > -128 and small <= 3": lambda c: (c.small > -128) & (c.small <= 3),
}

# What is left to Spark, and the same in its functions.
FOR_SPARK = {
    "n = 3 or n = 4": lambda c: (c.n == 3) | (c.n == 4),
    "not n = 3": lambda c: ~(c.n == 3),
    "(n = 3)": lambda c: c.n == 3,
    "n + 1 = 4": lambda c: c.n + 1 == 4,
    "n % 2 = 0": lambda c: c.n % 2 == 0,
    "n = 3.0": lambda c: c.n == 3.0,
    "n = 99999999999999999999": lambda c: F.expr("false"),
    "n <=> null": lambda c: c.n.isNull(),
    "small < 300": lambda c: c.small < 300,
    "s = 'it''s'": lambda c: c.s == "it''s",
    "s like 'b%'": lambda c: c.s.like("b%"),
    "s rlike '^[ab]$'": lambda c: c.s.rlike("^[ab]$"),
    "upper(s) = 'B'": lambda c: F.upper(c.s) == "B",
    "length(s) > 1": lambda c: F.length(c.s) > 1,
    "coalesce(s, 'none') = 'none'": lambda c: F.coalesce(c.s, F.lit("none")) == "none",
    "day > 'today'": lambda c: F.expr("false"),
    "year(day) = 2023": lambda c: F.year(c.day) == 2023,
    "at > '2024-01-01'": lambda c: F.expr("true"),
    "f > 1.5": lambda c: c.f > 1.5,
    "n = x": lambda c: c.n == c.x,
    "n in (1, null)": lambda c: c.n == 1,
    "n = null": lambda c: F.lit(None).cast("boolean"),
    "flag": lambda c: c.flag,
    "not flag": lambda c: ~c.flag,
    "isnan(x)": lambda c: F.isnan(c.x),
    "case when n > 3 then flag else true end": lambda c: F.when(c.n > 3, c.flag).otherwise(
        F.expr("true")
    ),
    "n = 3 -- and more": lambda c: c.n == 3,
    "/* why */ n = 3": lambda c: c.n == 3,
    "n not in (1, 2)": lambda c: ~c.n.isin(1, 2),
}

MALFORMED = [
    "n =",
    "= 3",
    "n = 'a",
    "(n = 3",
    "n = 3)",
    "nobody = 3",
    "n = 3; drop table people",
    "select * from people",
    "n + 1",
    "s",
    "unknown_function(n)",
    "n in ()",
    "n between 1",
    "count(n) > 1",
    "\N{LEFT SINGLE QUOTATION MARK}a\N{RIGHT SINGLE QUOTATION MARK} = s",
    "n = 3 \N{NULL}",
]


@pytest.fixture(scope="module")
def conditional(spark, tmp_path_factory):
    """Write rows with every odd value, in row groups of two; give the file and Spark's frame."""
    path = tmp_path_factory.mktemp("conditional") / "a.parquet"
    numbers = [0.0, -0.0, 1.5, -1.5, float("nan"), float("inf"), None, 1.0, 2.0, 3.0]
    table = pa.table(
        {
            "rid": range(10),
            "n": pa.array([None, 1, 2, 3, 4, 5, -1, -2, 3, None], pa.int64()),
            "x": pa.array(numbers, pa.float64()),
            "f": pa.array(numbers, pa.float32()),
            "s": pa.array(["a", "b", None, "ü", "", "B", "bb", "a", "z", None]),
            "day": pa.array([dt.date(2023, 12, 31), None, dt.date(2024, 1, 1), *[None] * 7]),
            "at": pa.array(
                [dt.datetime(2024, 1, 2, tzinfo=dt.UTC)] * 10, pa.timestamp("us", "UTC")
            ),
            "flag": pa.array([True, False, None, True, *[False] * 6]),
            "small": pa.array([127, -128, None, *range(7)], pa.int8()),
        }
    )
    pq.write_table(table, path, row_group_size=2)
    return path, spark.read.parquet(str(path))


@pytest.fixture(scope="module")
def expected(conditional):
    """Rows that meet each condition, by Spark's functions: one query for all."""
    columns = [make(Columns()) for table in (SIMPLE, FOR_SPARK) for make in table.values()]
    found = conditional[1].select("rid", *(c.alias(f"c{i}") for i, c in enumerate(columns)))
    rows = sorted(found.collect())
    texts = [*SIMPLE, *FOR_SPARK]
    return {text: [row[0] for row in rows if row[1 + i]] for i, text in enumerate(texts)}


def test_a_condition_means_what_sparks_functions_mean(conditional, expected):
    """More than sixty of them, all in one query."""
    assert len(expected) > 60
    frames = [
        filtered(conditional[1], where).select(F.lit(i).alias("i"), "rid")
        for i, where in enumerate(expected)
    ]
    rows = functools.reduce(lambda one, two: one.union(two), frames).collect()
    found = {where: sorted(r.rid for r in rows if r.i == i) for i, where in enumerate(expected)}
    assert found == expected


@pytest.mark.parametrize("where", SIMPLE)
def test_the_arrow_engine_answers_as_spark_does(conditional, expected, where):
    """NULL, NaN, negative zero, case and words as SQL has them."""
    path, df = conditional
    conditions = simple_conditions(where, df.schema)
    assert conditions is not None
    names = dict.fromkeys(["rid", *(condition.column for condition in conditions)])
    file = pq.ParquetFile(path)
    schema = pa.schema([file.schema_arrow.field(name) for name in names])
    span = Span(str(path), "a", 0, (0, 1, 2, 3, 4), 0, 10, (), 1)
    found = [
        rid
        for batch in read_spans([span], ReadPlan(schema, conditions=conditions))
        for rid in batch.column(0).to_pylist()
    ]
    assert found == expected[where]
    assert 0 < len(found) < 10


@pytest.mark.parametrize("where", [*FOR_SPARK, "small = 300", "s = 'a\\\\b'", "day = '2024-1-1'"])
def test_other_conditions_are_left_to_spark(conditional, where):
    """Whatever would take converting, computing or knowing more of SQL."""
    assert simple_conditions(where, conditional[1].schema) is None


@pytest.mark.parametrize("where", MALFORMED)
def test_what_is_no_condition_is_one_clear_error(conditional, where):
    """It names the option, what was given, and the columns that there are."""
    with pytest.raises(ConfigError, match=r'^Cannot use where="') as failed:
        filtered(conditional[1], where).isEmpty()
    text = str(failed.value)
    assert where in text
    assert "The columns of the input are: rid, n, x" in text
    assert "Traceback" not in text
    assert "JVM stacktrace" not in text
    assert "\tat " not in text
    assert len(text.splitlines()) <= 1 + where.count("\n")


def test_nobody_else_sets_the_condition(job, monkeypatch, tmp_path, counting_model):
    """Neither model, nor data, nor environment: the command line and the call do."""
    for variable in ("WHERE", "SCORECAST_BATCH_PREDICT_WHERE"):
        monkeypatch.setenv(variable, "rid < 0")
    model = tmp_path / "model"
    shutil.copytree(counting_model, model)
    with (model / "MLmodel").open("a") as file:
        file.write("where: rid < 0\nmetadata: {where: rid < 0, filter: rid < 0}\n")
    table = pa.table({"rid": range(9), "bad": [False] * 9, "where": ["rid < 0"] * 9})
    job.input.mkdir()
    described = table.replace_schema_metadata({"where": "rid < 0", "--where": "rid < 0"})
    pq.write_table(described, job.input / "a.parquet")
    assert job.cli("--model-uri", str(model)) == 0
    assert job.rows() == predicted(range(9))
    assert job.manifest()["runs"][-1]["options"]["where"] is None
    # One that would be meant for it is refused, since who set it wants other rows.
    monkeypatch.setenv("SCORECAST_WHERE", "rid < 0")
    assert job.cli("--model-uri", str(model), "--force") == 2
