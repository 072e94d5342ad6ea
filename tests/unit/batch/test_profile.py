"""What `_PROFILE.json` says of columns, and how far two profiles are apart."""

import base64
import json
import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorecast.batch.profile_columns import Column, describe, read_described
from scorecast.batch.profile_drift import Baseline, drift_from, left_out_of, psi, refuse_drift
from scorecast.batch.profile_plan import sampling_bits
from scorecast.errors import DriftError
from scorecast.worker.column_profile import ColumnProfile, kind_of

RNG = np.random.default_rng(11)


def profiled(values, kind=None):
    """Profile values."""
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    found = ColumnProfile.of(kind_of(array.type))
    found.add(array)
    return found


def described(values, kind=None, ddl="double"):
    """Give what the profile says of a column, as its readers get it."""
    content = describe(Column("x", "input", ddl), profiled(values, kind))
    return json.loads(json.dumps(content, allow_nan=False))


def drift(before, after, kind=None):
    """Compare the same column of two runs."""
    baseline = Baseline("b", {"rows": len(before), "columns": [described(before, kind)]})
    return drift_from(baseline, [Column("x", "input", "double")], [profiled(after, kind)])


def psi_of(before, after):
    """Give the index of two samples of numbers by numpy alone: NaN is a bin of its own."""
    missing = np.isnan(before).mean(), np.isnan(after).mean()
    edges = np.unique(np.quantile(before[~np.isnan(before)], np.arange(0.1, 1, 0.1)))
    shares = []
    for values, gone in zip((before, after), missing, strict=True):
        bins = np.searchsorted(edges, values[~np.isnan(values)], side="left")
        counts = np.bincount(bins, minlength=len(edges) + 1)
        shares.append(np.maximum([*(counts / len(values)), gone], 1e-4))
    one, other = shares
    return sum((b - a) * math.log(b / a) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("shift", "missing", "verdict"),
    [(0, 0, "ok"), (0.35, 0, "moderate"), (1, 0, "large"), (0, 0.3, "large")],
)
def test_index_of_numbers_as_by_its_formula(shift, missing, verdict):
    """Numbers that move, and numbers that go missing."""
    before, after = RNG.normal(size=30_000), RNG.normal(shift, size=40_000)
    after[RNG.random(40_000) < missing] = np.nan
    found = drift(before, after)["columns"][0]
    assert found["psi"] == pytest.approx(psi_of(before, after), rel=0.1, abs=0.003)
    assert found["verdict"] == verdict
    assert found["null_rate_change"] == pytest.approx(np.isnan(after).mean())


def test_index_of_numbers_with_one_value_in_most_rows():
    """Tenths of the baseline that are the same number are one bin."""
    before = np.where(RNG.random(20_000) < 0.6, 0, RNG.exponential(5, 20_000))
    after = np.where(RNG.random(20_000) < 0.3, 0, RNG.exponential(5, 20_000))
    found = drift(before, after)["columns"][0]
    assert found["psi"] == pytest.approx(psi_of(before, after), rel=0.1)
    assert drift(np.zeros(100), np.zeros(50))["columns"][0]["psi"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.r_[np.ones(9200), np.zeros(800)].astype(int), np.zeros(10_000, int)),
        (np.full(1000, 5.0), np.zeros(1000)),
        (np.full(1000, 5.0), np.full(1000, 4.999)),
        (np.full(1000, -1.7976931348623157e308), np.zeros(1000)),
        (np.r_[np.full(3000, 7.0), np.arange(7000) + 8.0], np.full(1000, 1.0)),
    ],
)
def test_numbers_below_a_value_that_most_rows_have(before, after):
    """What falls to the left of such a value is not that value."""
    assert drift(before, after)["largest"]["psi"] > 1
    assert drift(before, before)["largest"]["psi"] < 0.02  # sketches compact by chance


def test_index_of_equal_and_of_shifted_samples_stays():
    """A value that many rows have does not make equal samples differ."""
    for rounded in (False, True):
        before, same = RNG.normal(size=20_000), RNG.normal(size=20_000)
        moved = RNG.normal(0.5, size=20_000)
        if rounded:
            before, same, moved = (np.maximum(np.round(v), -1) for v in (before, same, moved))
        assert drift(before, same)["largest"]["psi"] < 0.01
        assert drift(before, moved)["largest"]["psi"] == pytest.approx(0.25, abs=0.05)


def test_index_of_categories():
    """A value of the baseline is a bin; new and rare ones are one together."""
    before = ["a"] * 600 + ["b"] * 395 + ["rare"] * 5
    after = ["a"] * 300 + ["b"] * 400 + ["new"] * 250 + [None] * 50
    one = np.array([0.6, 0.395, 0.005, 1e-4])
    other = np.array([0.3, 0.4, 0.25, 0.05])
    expected = sum((o - a) * math.log(o / a) for a, o in zip(one, other, strict=True))
    assert drift(before, after)["columns"][0]["psi"] == pytest.approx(expected)
    assert drift([True] * 50 + [False] * 50, [True] * 90 + [False] * 10)["columns"][0]["psi"] > 0.5


def test_times_are_compared_for_missing_ones_alone():
    """A later day is no drift; a day without times is."""
    day = datetime(2024, 1, 1, tzinfo=UTC)
    before = [day + timedelta(minutes=i) for i in range(1000)]
    after = [day + timedelta(days=1, minutes=i) for i in range(1000)]
    assert drift(before, after)["columns"][0]["psi"] == pytest.approx(0)
    assert drift(before, [*after[:500], *[None] * 500])["columns"][0]["verdict"] == "large"


@settings(max_examples=100, deadline=None)
@given(*[st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=30)] * 2)
def test_index_is_a_number_whatever_the_values(before, after):
    """It is never negative, and none of a column with itself."""
    kind = pa.float64()
    assert drift(before, after, kind)["largest"]["psi"] >= 0
    assert math.isfinite(drift(before, after, kind)["largest"]["psi"])
    assert drift(before, before, kind)["largest"]["psi"] == pytest.approx(0, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_index_is_symmetric(shares):
    """Which of the two is the baseline decides on bins alone."""
    one, other = np.array(shares), np.array(shares[::-1])
    assert psi(one, other) == pytest.approx(psi(other, one))


def test_integers_are_compared_with_other_numbers():
    """A column that was of integers and has fractions now, or the other way round."""
    whole, moved = RNG.integers(0, 100, 5000), RNG.integers(90, 200, 5000)
    for before, after in ((whole, moved.astype(float)), (whole.astype(float), moved)):
        assert drift(before, after)["largest"]["psi"] > 1
        assert drift(before, before.astype(after.dtype))["largest"]["psi"] < 0.02


def test_columns_that_were_not_compared_are_listed():
    """With the reason, beside those that were."""
    old = {"rows": 1, "columns": [described([1.0]), {**described([1.0]), "name": "kind"}]}
    columns = [Column(name, "input", "any") for name in ("x", "kind", "new")]
    found = [profiled([1.0]), profiled(["text"]), profiled([1.0])]
    told = drift_from(Baseline("b", old), columns, found)
    assert [column["name"] for column in told["columns"]] == ["x"]
    assert left_out_of(told) == (
        'input "kind" (number in the baseline, category now), input "new" (not in the baseline)'
    )
    assert left_out_of(drift([1.0], [1.0])) == ""


@pytest.mark.parametrize("values", [["a", "a", "b", None], [True, True, False], [1, 2, 2], [0.5]])
def test_a_published_column_is_as_far_from_a_baseline_as_when_it_was_published(values):
    """Its description tells enough."""
    baseline = Baseline("b", {"rows": 2, "columns": [described(values[:2])]})
    column, found = read_described(described(values))
    assert column == Column("x", "input", "double")
    told = drift_from(baseline, [column], [found])
    assert told == drift_from(baseline, [column], [profiled(values)])


def test_columns_that_cannot_be_compared():
    """New columns, columns of another kind, and columns without rows are left out."""
    old = {"rows": 1, "columns": [described([1.0])]}
    one, empty = profiled([1.0]), profiled([], pa.float64())
    for name, found in (("y", one), ("x", profiled(["text"])), ("x", empty)):
        told = drift_from(Baseline("b", old), [Column(name, "input", "double")], [found])
        assert (told["columns"], told["left_out"][0]["name"]) == ([], name)
    told = drift_from(Baseline("b", old), [Column("x", "prediction", "double")], [one])
    assert (told["columns"], told["largest"]) == ([], None)


def test_refused_with_the_columns_that_drifted():
    """The message names them, the farthest first, and what to do."""
    found = {
        "baseline": "old",
        "columns": [
            {"name": n, "role": "input", "psi": p, "null_rate_change": 0.1}
            for n, p in (("a", 0.2), ("b", 0.3), ("c", 4.0))
        ],
    }
    refuse_drift(found, None, "")
    refuse_drift(None, 0.1, "")
    refuse_drift(found, 4.0, "")
    with pytest.raises(DriftError, match=r'2 of 3 .*"c" \(PSI 4, missing \+10.0%\).*"b".*Do so'):
        refuse_drift(found, 0.25, "Do so.")


def test_what_is_told_of_numbers():
    """Range, mean, deviation, quantiles, and bins that hold every number."""
    values = RNG.normal(size=5000)
    told = described([*values, None, math.nan, math.inf])
    assert (told["count"], told["null"], told["nan"], told["inf"]) == (5003, 1, 1, 1)
    assert (told["min"], told["max"]) == (values.min(), values.max())
    assert told["mean"] == pytest.approx(values.mean())
    assert told["std"] == pytest.approx(values.std(ddof=1))
    assert told["quantiles"]["0.5"] == pytest.approx(np.median(values), abs=0.05)
    edges, counts = told["histogram"]["edges"], told["histogram"]["counts"]
    assert (len(edges), len(counts), sum(counts)) == (21, 20, 5000)
    true, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    assert np.abs(true - counts).max() < 5000 * 0.02
    assert told["top"] == []


def test_bins_of_whole_numbers():
    """Each bin of few whole numbers is one of them."""
    months = RNG.integers(1, 13, 3000)
    told = described(months, ddl="bigint")
    assert told["histogram"]["edges"] == [month - 0.5 for month in range(1, 14)]
    assert np.abs(told["histogram"]["counts"] - np.bincount(months)[1:]).max() < 3000 * 0.01
    assert {top["value"]: top["count"] for top in told["top"]}.items() <= dict(
        enumerate(np.bincount(months).tolist())
    ).items()
    assert len(told["top"]) == 10
    assert (told["min"], told["quantiles"]["0.99"]) == (1, 12)
    assert isinstance(told["min"], int)


def test_dates_and_times_are_iso():
    """Values and edges of bins are texts."""
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(10)]
    told = described(days, ddl="date")
    assert (told["min"], told["max"], told["std"]) == ("2024-01-01", "2024-01-10", None)
    assert told["histogram"]["counts"] == [1] * 10
    assert told["histogram"]["edges"] == [*(day.isoformat() for day in days), "2024-01-11"]
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    zoned = pa.array([noon], pa.timestamp("us", "Asia/Tokyo"))
    assert described(zoned, ddl="timestamp")["min"] == "2024-07-01T12:00:00+00:00"
    bare = described([noon.replace(tzinfo=None)], ddl="timestamp_ntz")
    assert (bare["min"], bare["mean"]) == ("2024-07-01T12:00:00", "2024-07-01T12:00:00")
    assert bare["histogram"]["edges"] == ["2024-07-01T12:00:00"] * 2
    far = pa.array([2**62], pa.timestamp("us", "UTC"))
    assert described(far, ddl="timestamp")["max"] is None
    assert described(far, ddl="timestamp")["histogram"] is None
    hours = [noon + timedelta(hours=i) for i in range(1000)]
    edges = described(hours, ddl="timestamp")["histogram"]["edges"]
    times = [datetime.fromisoformat(edge) for edge in edges]
    assert (len(times), times) == (21, sorted(times))
    assert noon <= times[0] < times[-1] <= hours[-1]
    assert abs((times[1] - times[0]) * 20 - (times[-1] - times[0])) < timedelta(seconds=1)


def test_rare_values_are_nowhere():
    """Neither in plain words nor in the sketch: only what one row in a hundred has."""
    names = ["Smith"] * 500 + ["Miller"] * 490 + [f"person {i}" for i in range(10)]
    told = described(names, ddl="string")
    assert [top["value"] for top in told["top"]] == ["Smith", "Miller"]
    assert (told["min"], told["max"], told["distinct"]) == (None, None, 12)
    few = described(["Smith"] * 3 + ["person"], ddl="string")
    assert few["top"] == [{"value": "Smith", "count": 3}]
    for found in (told, few):
        assert "person" not in json.dumps(found)
        assert b"person" not in base64.b64decode(found["sketch"])


@pytest.mark.parametrize(
    "values",
    [
        pa.nulls(4, pa.float64()),
        pa.array([], pa.float64()),
        pa.array([math.nan, math.inf]),
        pa.array([1.7e308, -1.7e308]),
        pa.array([5e-324, 0.0, 5e-324]),
        pa.array([1e300, 1e300, 1e300 * (1 + 2**-52)]),
        pa.array([2**63 - 1, -(2**63)]),
        pa.array([[1.0], None]),
        pa.array([b"\x00"]),
        pa.nulls(2, pa.null()),
        pa.nulls(2, pa.date32()),
        pa.nulls(2, pa.string()),
    ],
)
def test_json_holds_whatever_comes(values):
    """Nothing but numbers that JSON has; counts of bins add up where there are bins."""
    told = described(values, ddl="any")
    assert (told["count"], told["null"]) == (len(values), values.null_count)
    if told["histogram"] is not None:
        finite = told["count"] - told["null"] - told["nan"] - told["inf"]
        assert sum(told["histogram"]["counts"]) == finite
        assert len(told["histogram"]["edges"]) == len(told["histogram"]["counts"]) + 1


@pytest.mark.parametrize("rows", [0, 1, 16_383, 16_384, 336_776, 10**7, 10**12])
def test_sample_is_large_enough_and_no_larger(rows):
    """8,192 rows or more, or all there are; and one row of 256 or more."""
    bits = sampling_bits(rows, 20)
    assert rows >> bits >= min(rows, 8192)
    assert rows >> bits < 16_384 or bits == 10


@pytest.mark.parametrize(("columns", "least"), [(50, 8192), (200, 2048), (10_000, 1024)])
def test_sample_of_wide_data_is_smaller(columns, least):
    """As many values or fewer, and enough rows for shares of bins."""
    assert least <= 10**6 >> sampling_bits(10**6, columns) < 2 * least
