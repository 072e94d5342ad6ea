"""Columns that came through pandas, as before Spark 4.1."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from scorecast.errors import InputMismatchError
from scorecast.models.signature import Array, Map, Scalar, Spec
from scorecast.worker.columns import ColumnsPlan
from scorecast.worker.input_plan import InputColumn, InputPlan
from scorecast.worker.options import PredictOptions
from scorecast.worker.series import predict_series

LONG = Spec(Scalar("long"), "n", required=False)
OTHER = Spec(Scalar("long"), "m", required=False)


def shown(data):
    """Predict what the model is given."""
    return [" ".join(f"{data[c].dtype}:{data[c].iloc[i]}" for c in data) for i in range(len(data))]


def predicted(batches, plan):
    """Predict and give plain lists."""
    return [list(made) for made in predict_series(batches, plan)]


def test_integers_beside_nulls_are_integers_again(handle):
    """With nulls and without them the model is given the same dtype."""
    plan = ColumnsPlan(handle(shown, [LONG]), pa.string())
    batches = [pd.Series([1.0, np.nan]), (pd.Series([2, 3]),)]
    assert predicted(batches, plan) == [["Int64:1", "Int64:<NA>"], ["Int64:2", "Int64:3"]]


@pytest.mark.parametrize("value", [2.0**53, 2.0**53 + 2, 0.5, float("inf")])
def test_what_may_have_been_rounded_is_refused(handle, value):
    """A double that is no exact integer is an error that names column and row, not the value."""
    plan = ColumnsPlan(handle(shown, [LONG]), pa.string())
    with pytest.raises(InputMismatchError, match=r'"n" holds .* row 1 of this batch'):
        predicted([pd.Series([1.0, value, np.nan])], plan)


def test_columns_are_those_of_the_plan(handle):
    """Where the driver knows which inputs come, an optional one may be left out before others."""
    model = handle(shown, [LONG, OTHER])
    inputs = InputPlan("frame", (InputColumn(0, "m", Scalar("long"), nullable=True),))
    plan = ColumnsPlan(model, pa.string(), inputs=inputs)
    assert predicted([pd.Series([4.0, np.nan])], plan) == [["Int64:4", "Int64:<NA>"]]


def test_records_are_matched_by_name(handle):
    """A frame stands for its columns, whatever their order."""
    plan = ColumnsPlan(handle(shown, [LONG, OTHER]), pa.string())
    frame = pd.DataFrame({"m": [1.0, np.nan], "x": ["a", "b"], "n": [3, 4]})
    assert predicted([frame], plan) == [["Int64:3 Int64:1", "Int64:4 Int64:<NA>"]]


def test_lists_and_maps_have_their_declared_type(handle):
    """Also in a batch in which they are all missing."""

    def model(data):
        return [f"{left!r} {right!r}" for left, right in zip(data["a"], data["b"], strict=True)]

    specs = [Spec(Array(Scalar("double")), "a"), Spec(Map(Scalar("long")), "b")]
    plan = ColumnsPlan(handle(model, specs), pa.string())
    batches = [
        (pd.Series([None, None]), pd.Series([None, None])),
        (pd.Series([np.array([1.0]), None]), pd.Series([{"k": 1}, None])),
    ]
    assert predicted(batches, plan) == [
        ["None None", "None None"],
        ["array([1.]) {'k': 1}", "None None"],
    ]


def test_records_are_predicted_as_frames(handle):
    """A struct goes back to Spark as a frame of its members."""

    def model(data):
        return {"a": data["n"].to_numpy(dtype="int64") * 2, "b": ["x"] * len(data)}

    kind = pa.struct([("a", pa.int64()), ("b", pa.string())])
    plan = ColumnsPlan(handle(model, [LONG]), kind)
    (frame,) = predict_series([pd.Series([1, 2])], plan)
    assert frame.to_dict("list") == {"a": [2, 4], "b": ["x", "x"]}


def test_batches_may_be_taken_together_whose_types_differ(handle):
    """Decimals of another precision, and text that is missing at first."""

    def model(data):
        texts = data["1"].fillna("none")  # which is None in pandas 2 and NaN in pandas 3
        return [f"{left} {right}" for left, right in zip(data["0"], texts, strict=True)]

    plan = ColumnsPlan(handle(model), pa.string(), options=PredictOptions(batch_size=4))
    batches = [
        (pd.Series([Decimal("1.5"), None]), pd.Series([None, None])),
        (pd.Series([Decimal("10.25")]), pd.Series(["x"])),
    ]
    assert predicted(batches, plan) == [["1.50 none", "None none"], ["10.25 x"]]
