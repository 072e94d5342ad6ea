"""Values of any kind on their way to a variant: JSON text."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from scorecast.errors import OutputMismatchError
from scorecast.worker.outputs import to_predictions
from scorecast.worker.variants import VARIANT, stored_type


@pytest.mark.parametrize(
    "prediction",
    [
        [{"a": 1}, [1, "x"], None],
        np.array([1, 2, 3]),
        pd.Series([1.5, 2.5, 3.0]),
        pa.array(["a", None, "b"]),
        [np.float64(0.5), np.array([[1, 2]]), date(2024, 1, 2)],
    ],
    ids=["objects", "integers", "series", "arrow", "numpy"],
)
def test_each_value_is_one_json_text(prediction):
    """What a model returns comes out as the JSON of the same values."""
    made = to_predictions(prediction, 3, VARIANT)
    assert made.type == pa.string()
    plain = prediction.tolist() if isinstance(prediction, np.ndarray) else list(prediction)
    for text, value in zip(made.to_pylist(), plain, strict=True):
        expected = value.as_py() if isinstance(value, pa.Scalar) else value
        if isinstance(expected, date):
            expected = expected.isoformat()
        expected = getattr(expected, "tolist", lambda e=expected: e)()
        assert (None if text is None else json.loads(text)) == expected


def test_variants_inside_of_other_types_leave_the_others_as_they_are():
    """A record with a variant keeps all its members (MLflow gives that one alone)."""
    kind = pa.struct([("score", pa.float64()), ("why", VARIANT), ("all", pa.list_(VARIANT))])
    prediction = [{"score": 1.0, "why": {"x": [1]}, "all": [1, "a"]}, None]

    made = to_predictions(prediction, 2, kind)

    assert made.type == stored_type(kind)
    assert made.to_pylist() == [{"score": 1.0, "why": '{"x": [1]}', "all": ["1", '"a"']}, None]


def test_nan_is_null_as_in_all_types_without_it():
    """Pandas' missing number is no value, at the top and inside."""
    made = to_predictions(pd.Series([1.5, None]), 2, VARIANT)
    assert made.to_pylist() == ["1.5", None]
    assert to_predictions([[1.0, float("nan")]], 1, VARIANT).to_pylist() == ["[1.0, null]"]


@pytest.mark.parametrize("value", [float("inf"), b"x", object()])
def test_what_json_does_not_have_is_refused(value):
    """It is an error with the row, never another value."""
    with pytest.raises(OutputMismatchError, match="row 1"):
        to_predictions([1, value], 2, VARIANT)


def test_times_are_text_whatever_their_unit():
    """Nanoseconds of numpy are no bare numbers."""
    times = np.array(["2020-01-01T00:00:00"], "datetime64[ns]")
    for values in (times, list(times), [times], pa.array(times)):
        (text,) = to_predictions(values, 1, VARIANT).to_pylist()
        assert "2020-01-01T00:00:00" in text


def test_arrow_data_becomes_variants_too():
    """Records, maps and lists of Arrow, alone and inside of a struct."""
    kind = pa.map_(pa.string(), pa.int64())
    maps = pa.array([[("a", 1)]], kind)
    assert to_predictions(maps, 1, VARIANT).to_pylist() == ['{"a": 1}']
    records = pa.array([{"v": {"x": [1, None]}, "n": 1}])
    wanted = pa.struct([("v", VARIANT), ("n", pa.int64())])
    made = to_predictions(records, 1, wanted).to_pylist()
    assert made == [{"v": '{"x": [1, null]}', "n": 1}]


def test_half_of_a_surrogate_pair_is_no_text():
    """It is refused here, where its row is known, and not by Spark."""
    with pytest.raises(OutputMismatchError, match="variant"):
        to_predictions(["\ud800"], 1, VARIANT)
