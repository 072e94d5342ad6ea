"""What a sample of a job says about the whole of it, without Spark."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.dry_run import beyond_limits
from scorecast.batch.engines.spans import spans_of
from scorecast.batch.sample import first_difference
from scorecast.errors import NanPredictedError, TooManyErrorsError
from scorecast.worker.conditions import Comparison
from scorecast.worker.options import PredictOptions
from scorecast.worker.row_groups import ReadPlan, Span
from scorecast.worker.sample import read_first, results_of

NAN = float("nan")


def job(**options):
    """Give a job with limits."""
    return BatchPredictConfig(model_uri="m", input="in", output="out", **options)


@pytest.mark.parametrize(
    ("options", "failed", "total", "kind"),
    [
        ({"on_error": "null"}, 1, 10, TooManyErrorsError),
        ({"on_error": "quarantine", "max_errors": 1}, 1, 10, None),
        ({"on_error": "quarantine", "max_errors": 1}, 2, None, TooManyErrorsError),
        ({"on_error": "null", "max_error_rate": 0.1}, 1, 10, None),
        ({"on_error": "null", "max_error_rate": 0.1}, 2, 10, TooManyErrorsError),
        ({"on_error": "null", "max_error_rate": 0.1}, 2, None, None),
        ({"fail_on_nan": True}, 0, 10, NanPredictedError),
        ({}, 0, 10, None),
    ],
)
def test_what_is_certain_to_end_the_job(options, failed, total, kind):
    """More failed rows in a sample than the job allows in all, and NaN where there may be none."""
    found = beyond_limits(job(**options), pa.array([1.0, NAN]), ["bad row"] * failed, total)
    assert (None if found is None else type(found)) is kind
    assert kind is not TooManyErrorsError or "bad row" in str(found)


def test_errors_are_no_predictions():
    """Rows that fail are told apart from NULL, and texts that differ are no difference."""
    options = PredictOptions(on_error="struct", error_class=True)
    rows = [
        {"result": 1.0, "error": None, "error_class": None},
        {"result": None, "error": "at 0x1", "error_class": "ValueError"},
        {"result": None, "error": None, "error_class": None},
    ]
    values, errors = results_of(pa.array(rows), options)
    assert (values.to_pylist(), errors) == ([1.0, None, None], ["at 0x1"])
    rows[1]["error"] = "at 0x2"
    assert first_difference(values, results_of(pa.array(rows), options)[0], "p") is None
    struct = pa.array([{"a": 1, "b": None}])
    assert results_of(struct, PredictOptions()) == (struct, [])


@pytest.mark.parametrize(
    ("one", "other", "rounding"),
    [
        (1 / 3, np.nextafter(1 / 3, 1), True),
        (1 / 3, 1 / 3 + 1e-7, False),
        # A model that counts in single precision, with a result of double precision.
        (float(np.float32(0.1)), float(np.nextafter(np.float32(0.1), np.float32(1))), True),
        (float(np.float32(0.1)), float(np.float32(0.1001)), False),
        (1.0, float(np.nextafter(np.float32(1), np.float32(0))), True),
        (0.0, float(np.float32(0.1)), False),
        (1_000_000.0, 1_000_001.0, False),
        (0.0, NAN, False),
        (1.0, float("inf"), False),
        (NAN, 0.0, False),
        (0.0, 5e-324, False),
        (1, 2, False),
        ("a", "b", False),
        (None, 1.0, False),
    ],
)
def test_what_rounding_makes_is_no_difference(one, other, rounding):
    """Sums in another order differ in their last digits; whatever else differs is told."""
    kind = pa.string() if isinstance(one, str) else pa.float64()
    found = first_difference(pa.array([one], kind), pa.array([other], kind), "p")
    assert (found.row, found.place, found.rounding) == (0, "p", rounding)
    assert first_difference(pa.array([one], kind), pa.array([one], kind), "p") is None


def test_a_condition_is_looked_for_in_all_tasks(tmp_path):
    """The rows of the first task that has some, and of no other."""
    tasks = []
    for at in range(4):
        path = str(tmp_path / f"{at}.parquet")
        pq.write_table(pa.table({"a": [at, at, 9]}), path)
        whole = Span(path, path, at, (), 0, 0, (), 0)
        tasks.append(list(spans_of(whole, [(3, 24)])))
    columns = pa.schema([("a", pa.int64())])
    for value, files in ((2, [2, 2]), (9, [0]), (7, [])):
        plan = ReadPlan(columns, conditions=(Comparison("a", "=", (value,)),))
        batches = list(read_first(tasks, plan))
        assert [at for batch in batches for at in batch.column(1).to_pylist()] == files
