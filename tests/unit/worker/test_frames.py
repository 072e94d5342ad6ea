"""Whole batches and frames -> the same with predictions beside them."""

# ruff: noqa: DTZ001 - times without a zone are among the values tested

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from scorecast.models.signature import Scalar, Spec
from scorecast.worker.frames import append_to_batches, append_to_frames
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import InputColumn, InputPlan
from scorecast.worker.predict import PredictPlan

Handle = Callable[..., ModelHandle]
PARIS = pa.timestamp("us", "Europe/Paris")
NAN = float("nan")
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)

KEPT: dict[str, pa.Array] = {
    "bool": pa.array([True, None, False]),
    "long": pa.array([2**62 + 1, None, 3]),
    "byte": pa.array([1, 2, 3], pa.int8()),
    "double": pa.array([1.5, None, NAN]),
    "float": pa.array([1.5, None, NAN], pa.float32()),
    "text": pa.array(["a", None, ""]),
    "binary": pa.array([b"a", None, b"\xff"]),
    "decimal": pa.array([Decimal("1.50"), None, Decimal("2.00")], pa.decimal128(20, 2)),
    "date": pa.array([date(2024, 1, 1), None, date(1, 1, 1)]),
    "instant": pa.array([NOON, None, NOON], PARIS),
    "local": pa.array([datetime(2024, 1, 1), None, datetime(9999, 1, 1)], pa.timestamp("us")),
    "span": pa.array([1, None, 3], pa.duration("us")),
    "list": pa.array([[1, 2], None, []]),
    "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": None}]),
    "map": pa.array([{"a": 1}, None, {}], pa.map_(pa.string(), pa.int64())),
    "instants": pa.array([[NOON], None, []], pa.list_(PARIS)),
    "x": pa.array([1.0, 2.0, 3.0]),
}


def predict_plan(handle: ModelHandle, schema: pa.Schema, result: pa.DataType) -> PredictPlan:
    """A plan for a model whose only input is x."""
    column = InputColumn(schema.get_field_index("x"), "x", Scalar("double"))
    return PredictPlan(handle, InputPlan("frame", (column,)), result)


@pytest.fixture
def doubler(handle: Handle) -> ModelHandle:
    """A model that doubles x."""
    return handle(lambda data: data["x"] * 2, [Spec(Scalar("double"), "x")])


def test_kept_columns_pass_through_untouched(doubler: ModelHandle) -> None:
    """Columns of every type stand beside the predictions exactly as they came."""
    dictionary = pa.array(["a", None, "a"]).dictionary_encode()
    batch = pa.RecordBatch.from_pydict({"category": dictionary, **KEPT})
    names = [*batch.schema.names, "prediction"]

    (result,) = append_to_batches([batch], predict_plan(doubler, batch.schema, pa.float64()), names)

    assert result.schema.names == names
    for kept, given in zip(result.columns, batch.columns, strict=False):
        assert kept.type == given.type
        assert repr(kept.to_pylist()) == repr(given.to_pylist())
    assert result["prediction"].to_pylist() == [2.0, 4.0, 6.0]


def test_columns_get_the_names_asked_for_and_inputs_may_be_dropped(doubler: ModelHandle) -> None:
    """The first columns are kept under the given names, those behind are for the model alone."""
    schema = pa.schema([pa.field("c0", pa.int64(), nullable=False), ("x", pa.float64())])
    batch = pa.RecordBatch.from_arrays([pa.array([7]), pa.array([1.0])], schema=schema)

    (result,) = append_to_batches(
        [batch], predict_plan(doubler, batch.schema, pa.float32()), ["id.of row", "p"]
    )

    assert result.schema == pa.schema(
        [pa.field("id.of row", pa.int64(), nullable=False), ("p", pa.float32())]
    )
    assert result.to_pylist() == [{"id.of row": 7, "p": 2.0}]


def test_every_batch_is_answered_by_one(doubler: ModelHandle) -> None:
    """Empty batches come out as empty batches with the column of predictions."""
    batch = pa.RecordBatch.from_pydict({"x": KEPT["x"]})
    plan = predict_plan(doubler, batch.schema, pa.float64())

    results = list(append_to_batches([batch[:0], batch, batch[:1]], plan, ["x", "p"]))

    assert [result.num_rows for result in results] == [0, 3, 1]
    assert all(result.schema.names == ["x", "p"] for result in results)


def as_spark_gives(batch: pa.RecordBatch) -> pd.DataFrame:
    """The frame of mapInPandas: pandas' own types, and instants as local clock time."""
    frame = batch.to_pandas(maps_as_pydicts="strict")
    if "instant" in frame:
        frame["instant"] = frame["instant"].dt.tz_localize(None)
    if "instants" in frame:
        local = [datetime(2024, 7, 1, 14)]
        frame["instants"] = pd.Series([np.array(local, "M8[us]"), None, np.array([])], dtype=object)
    return frame


def test_frames_give_the_same_as_batches(doubler: ModelHandle) -> None:
    """By way of pandas the same rows come out, as far as pandas can tell NULL and NaN apart."""
    columns = {
        **KEPT,
        # What pandas has one value for already came as one.
        "double": pa.array([1.5, None, None]),
        "float": pa.array([1.5, None, None], pa.float32()),
        "long": pa.array([2**52 + 1, None, 3]),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    names = [*batch.schema.names, "prediction"]
    plan = predict_plan(doubler, batch.schema, pa.float64())
    (expected,) = append_to_batches([batch], plan, names)

    (frame,) = append_to_frames([as_spark_gives(batch)], plan, names, batch.schema)

    assert list(frame.columns) == names
    for name in set(names) - {"instants"}:
        field = expected.schema.field(name)
        back = pa.array(frame[name], type=field.type, from_pandas=True)
        if isinstance(back, pa.ChunkedArray):
            back = back.combine_chunks()
        assert back.equals(expected[name]), name
    # Spark takes times inside of values for local ones.
    assert [t.astype("datetime64[us]").item() for t in frame["instants"][0]] == [
        datetime(2024, 7, 1, 14)
    ]


PREDICTIONS: list[tuple[pa.DataType, Any]] = [
    (pa.float64(), [1.5, NAN, None]),
    (pa.float32(), [1.5, NAN, None]),
    (pa.int64(), [2**62 + 1, None, 3]),
    (pa.int8(), [1, None, 3]),
    (pa.bool_(), [True, None, False]),
    (pa.string(), ["a", None, ""]),
    (pa.date32(), [date(2024, 1, 1), None, date(1, 1, 1)]),
    (PARIS, [NOON, None, NOON]),
    (pa.decimal128(10, 2), [Decimal("1.50"), None, Decimal("2.00")]),
    (pa.list_(pa.int64()), [[1, 2], None, []]),
]


@pytest.mark.parametrize(("result", "values"), PREDICTIONS, ids=str)
def test_predictions_keep_null_and_nan_apart_in_frames(
    handle: Handle, result: pa.DataType, values: list[Any]
) -> None:
    """NaN stays NaN and NULL NULL, and integers beside NULL stay exact, on the pandas way too."""
    batch = pa.RecordBatch.from_pydict({"x": KEPT["x"]})
    plan = predict_plan(
        handle(lambda data: values, [Spec(Scalar("double"), "x")]), batch.schema, result
    )

    (by_arrow,) = append_to_batches([batch], plan, ["p"])
    (frame,) = append_to_frames([batch.to_pandas()], plan, ["p"], batch.schema)

    back = pa.array(frame["p"], type=result, from_pandas=True)
    back = back.combine_chunks() if isinstance(back, pa.ChunkedArray) else back
    assert repr(back.to_pylist()) == repr(by_arrow["p"].to_pylist())


def test_instants_reach_the_model_as_local_time_from_frames_too(handle: Handle) -> None:
    """A time is the same to the model whether it comes by Arrow or by pandas."""
    seen = handle(lambda data: [str(t) for t in data["t"]], [Spec(Scalar("datetime"), "t")])
    batch = pa.RecordBatch.from_arrays([KEPT["instant"]], names=["instant"])
    column = InputColumn(0, "t", Scalar("datetime"))
    plan = PredictPlan(seen, InputPlan("frame", (column,)), pa.string())

    (by_arrow,) = append_to_batches([batch], plan, ["t", "p"])
    (frame,) = append_to_frames([as_spark_gives(batch)], plan, ["t", "p"], batch.schema)

    assert by_arrow["p"].to_pylist() == ["2024-07-01 14:00:00", "NaT", "2024-07-01 14:00:00"]
    assert frame["p"].tolist() == by_arrow["p"].to_pylist()
    back = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    assert back["t"].equals(KEPT["instant"])


def test_arrow_backed_frames_lose_nothing(doubler: ModelHandle) -> None:
    """A frame of Arrow types keeps what pandas' own would merge."""
    batch = pa.RecordBatch.from_pydict({"n": KEPT["double"], "i": KEPT["long"], "x": KEPT["x"]})
    plan = predict_plan(doubler, batch.schema, pa.float64())
    frame = batch.to_pandas(types_mapper=pd.ArrowDtype)

    (result,) = append_to_frames([frame], plan, ["n", "i", "p"], batch.schema)

    back = pa.RecordBatch.from_pandas(result, preserve_index=False)
    for name, kept in (("n", KEPT["double"]), ("i", KEPT["long"])):
        assert repr(back[name].to_pylist()) == repr(kept.to_pylist())
