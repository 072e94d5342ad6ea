"""The inner loop: batches in, as many predictions out, and what happens when a model misbehaves."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scorecast
from scorecast.errors import (
    InputMismatchError,
    ModelLoadError,
    ModelPredictError,
    OutputMismatchError,
)
from scorecast.local.model import resolve_model
from scorecast.models.signature import Param, Scalar, Signature, Spec
from scorecast.worker.cache import MODELS
from scorecast.worker.handle import ModelHandle
from scorecast.worker.input_plan import plan_by_name
from scorecast.worker.options import PredictOptions
from scorecast.worker.predict import PredictPlan, predict_batches

Handle = Callable[..., ModelHandle]
X = Spec(Scalar("double"), "x")
SCHEMA = pa.schema([("x", pa.float64())])


def plan_for(
    handle: ModelHandle,
    schema: pa.Schema = SCHEMA,
    result: pa.DataType | None = None,
    **params: Any,
) -> PredictPlan:
    """A plan as the driver makes it."""
    inputs = plan_by_name(handle.info.enforced_signature, schema)
    return PredictPlan(handle, inputs, result or pa.float64(), params or None)


def batch(*values: float) -> pa.RecordBatch:
    """A batch of the column x."""
    return pa.RecordBatch.from_arrays([pa.array(values, pa.float64())], schema=SCHEMA)


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ModelHandle]:
    """A row-wise model of scikit-learn and what a worker opens it by."""
    from sklearn.ensemble import RandomForestRegressor

    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
    target = table["a"] * table["b"] + random.normal(size=200)
    model = RandomForestRegressor(5, max_depth=5, random_state=0).fit(table, target)
    signature = Signature(tuple(Spec(Scalar("double"), name) for name in "abc"))
    path = scorecast.save_model(
        model, tmp_path_factory.mktemp("forest") / "model", signature=signature
    )
    return model, resolve_model(path).local_handle()


@given(
    rows=st.lists(st.tuples(*[st.floats(-3, 3)] * 3), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
@settings(max_examples=500)
def test_predictions_do_not_depend_on_how_rows_are_cut_into_batches(
    forest: tuple[Any, ModelHandle], rows: list[tuple[float, ...]], cuts: list[int]
) -> None:
    """Any split, with empty batches too, gives bit for bit what one call of the model gives."""
    model, handle = forest
    table = pd.DataFrame(rows, columns=["a", "b", "c"])
    whole = pa.RecordBatch.from_pandas(table)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    batches = [whole.slice(i, j - i) for i, j in pairwise(edges)]

    results = list(predict_batches(batches, plan_for(handle, whole.schema)))

    assert [given.num_rows for given, _ in results] == [len(part) for _, part in results]
    together = pa.chunked_array([part for _, part in results]).to_numpy()
    np.testing.assert_array_equal(together, model.predict(table), strict=True)


def test_batches_without_rows_do_not_open_the_model(handle: Handle, tmp_path: Path) -> None:
    """A task with nothing to predict loads nothing, and gives nothing of the right type."""
    broken = handle(len, [X])
    (broken.source.open(broken.digest).directory / "model.pkl").unlink()
    before = MODELS.stats()

    ((_, predictions),) = predict_batches([batch()], plan_for(broken, result=pa.int32()))

    assert predictions.equals(pa.array([], pa.int32()))
    assert MODELS.stats() == before
    with pytest.raises(ModelLoadError):
        list(predict_batches([batch(1.0)], plan_for(broken)))


def test_a_model_is_opened_once_for_all_batches_and_tasks(handle: Handle) -> None:
    """The second task of a process finds the model of the first, by a handle that was pickled."""
    doubler = handle(lambda data: data["x"] * 2, [X])
    before = MODELS.stats().loads

    for _ in range(3):
        plan = pickle.loads(pickle.dumps(plan_for(doubler)))
        results = list(predict_batches([batch(1.0), batch(2.0, 3.0)], plan))
        assert [p.to_pylist() for _, p in results] == [[2.0], [4.0, 6.0]]

    assert MODELS.stats().loads == before + 1


def test_predictions_are_given_as_they_are_made(handle: Handle) -> None:
    """A batch is predicted when it is asked for: nothing is read ahead or kept."""
    read = []

    def batches() -> Iterator[pa.RecordBatch]:
        for i in range(3):
            read.append(i)
            yield batch(float(i))

    results = predict_batches(batches(), plan_for(handle(lambda data: data["x"], [X])))

    assert read == []
    next(results)
    assert read == [0]


def test_a_bad_batch_stops_before_any_of_it_is_given(handle: Handle) -> None:
    """Rows before a batch with too few predictions are given, rows of it are not."""
    short = handle(lambda data: data["x"].iloc[: 2 if len(data) < 4 else 3], [X])
    results = predict_batches([batch(1.0, 2.0), batch(*range(4))], plan_for(short))

    assert len(next(results)[1]) == 2
    with pytest.raises(OutputMismatchError, match="3 predictions for a batch of 4 rows"):
        next(results)


def test_params_reach_the_model(handle: Handle) -> None:
    """A model that declares params gets those of the call in every batch."""

    def scaled(data: Any, params: Any) -> Any:
        return data["x"] * params["scale"]

    scaling = handle(scaled, [X], params=(Param("scale", Scalar("double"), 1.0),))

    results = predict_batches([batch(1.0), batch(2.0)], plan_for(scaling, scale=3.0))

    assert [p.to_pylist() for _, p in results] == [[3.0], [6.0]]


def _exits(data: Any) -> Any:
    sys.exit(0)


def _stops(data: Any) -> Any:
    return next(iter(()))


def _divides(data: Any) -> Any:
    return [1 / 0 for _ in data["x"]]


def _is_silent(data: Any) -> Any:
    raise ValueError


def _looks_for_a_column(data: Any) -> Any:
    return data["y"]


@pytest.mark.parametrize(
    ("model", "cause", "text"),
    [
        (_exits, SystemExit, "SystemExit"),
        (_stops, StopIteration, "StopIteration"),
        (_divides, ZeroDivisionError, "division by zero"),
        (_is_silent, ValueError, "no message"),
        (_looks_for_a_column, KeyError, "'y'"),
    ],
)
def test_whatever_a_model_raises_is_an_error_of_the_batch(
    handle: Handle, model: Any, cause: type[BaseException], text: str
) -> None:
    """Also sys.exit and StopIteration, which would end a worker quietly and lose its rows."""
    with pytest.raises(ModelPredictError) as caught:
        list(predict_batches([batch(1.0, 2.0)], plan_for(handle(model, [X]))))

    assert isinstance(caught.value.__cause__, cause)
    assert f"The model raised {cause.__name__} on a batch of 2 rows" in str(caught.value)
    assert text in str(caught.value)


def test_a_model_without_memory_is_told_its_limit(
    handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the setting of Spark, what it is here, and what to do."""

    def greedy(data: Any) -> Any:
        return bytearray(1 << 62)

    plan = plan_for(handle(greedy, [X]))
    with pytest.raises(ModelPredictError, match=r"more memory, or make batches smaller"):
        list(predict_batches([batch(1.0)], plan))
    monkeypatch.setenv("PYSPARK_EXECUTOR_MEMORY_MB", "512")
    with pytest.raises(ModelPredictError, match=r"spark.executor.pyspark.memory: 512 MiB"):
        list(predict_batches([batch(1.0)], plan))


def test_an_interrupt_is_passed_on(handle: Handle) -> None:
    """Ctrl-C while a model predicts stops the process, and is no fault of the model."""

    def interrupted(data: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(predict_batches([batch(1.0)], plan_for(handle(interrupted, [X]))))


def test_errors_of_ours_inside_a_model_stay_what_they_are(handle: Handle) -> None:
    """A model that itself uses scorecast passes its precise errors through."""

    def inner(data: Any) -> Any:
        message = "precise"
        raise InputMismatchError(message)

    with pytest.raises(InputMismatchError, match="precise"):
        list(predict_batches([batch(1.0)], plan_for(handle(inner, [X]))))


def test_generators_that_are_closed_early_do_not_complain(handle: Handle) -> None:
    """A limit in a query may stop reading after the first batch."""
    results = predict_batches([batch(1.0)] * 3, plan_for(handle(lambda data: data["x"], [X])))

    next(results)
    results.close()  # type: ignore[attr-defined]
    assert list(results) == []


def _halves(data: pd.DataFrame) -> Any:
    """Predict the half; fails on negative rows."""
    if (data["x"] < 0).any():
        message = "negative"
        raise ValueError(message)
    return (data["x"] / 2).to_numpy()


def test_rows_that_fail_become_null(handle: Handle) -> None:
    """With on_error="null" good rows keep their prediction and bad ones have none."""
    plan = replace(plan_for(handle(_halves, [X])), options=PredictOptions(on_error="null"))

    ((_, made),) = predict_batches([batch(2.0, -1.0, 4.0, 6.0)], plan)

    assert made.to_pylist() == [1.0, None, 2.0, 3.0]


def test_rows_that_fail_say_why(handle: Handle) -> None:
    """With on_error="struct" every row has a result and an error, one of them NULL."""
    plan = replace(plan_for(handle(_halves, [X])), options=PredictOptions(on_error="struct"))

    ((_, good),) = predict_batches([batch(2.0, 4.0)], plan)
    ((_, mixed),) = predict_batches([batch(2.0, -1.0)], plan)

    assert good.to_pylist() == [{"result": 1.0, "error": None}, {"result": 2.0, "error": None}]
    assert mixed.type == good.type == plan.output
    first, second = mixed.to_pylist()
    assert first == {"result": 1.0, "error": None}
    assert second["result"] is None
    assert "ValueError" in second["error"]


def test_a_batch_that_stays_together_is_null_together(handle: Handle) -> None:
    """With isolate="batch" a failing batch is not predicted again in parts."""
    options = PredictOptions(on_error="null", isolate="batch")
    plan = replace(plan_for(handle(_halves, [X])), options=options)

    made = [array.to_pylist() for _, array in predict_batches([batch(2.0, -1.0), batch(4.0)], plan)]

    assert made == [[None, None], [2.0]]


def test_nan_becomes_null_on_request(handle: Handle) -> None:
    """NaN is NULL then, also inside of arrays; infinity is not."""

    def model(data: pd.DataFrame) -> Any:
        return [[float("nan"), float("inf"), 1.0]] * len(data)

    kind = pa.list_(pa.float64())
    plan = plan_for(handle(model, [X]), result=kind)
    asked = replace(plan, options=PredictOptions(nan_as_null=True))

    ((_, made),) = predict_batches([batch(1.0)], asked)
    ((_, usual),) = predict_batches([batch(1.0)], plan)

    assert made.to_pylist() == [[None, float("inf"), 1.0]]
    assert np.isnan(usual.to_pylist()[0][0])


def test_one_column_of_the_output_is_chosen(handle: Handle) -> None:
    """By name in a frame, by number in an array; a wrong name is an error."""

    def frame(data: pd.DataFrame) -> Any:
        return pd.DataFrame({"low": data["x"], "high": data["x"] + 1})

    def block(data: pd.DataFrame) -> Any:
        return np.column_stack([data["x"], data["x"] + 1])

    for model, name in ((frame, "high"), (block, "1")):
        plan = plan_for(handle(model, [X]))
        asked = replace(plan, options=PredictOptions(model_output=name))
        ((_, made),) = predict_batches([batch(1.0, 2.0)], asked)
        assert made.to_pylist() == [2.0, 3.0]
        wrong = replace(plan, options=PredictOptions(model_output="hihg"))
        with pytest.raises(OutputMismatchError, match='no column "hihg"'):
            list(predict_batches([batch(1.0)], wrong))
    with pytest.raises(OutputMismatchError, match=r'model_output="low"'):
        list(predict_batches([batch(1.0)], plan_for(handle(frame, [X]))))


def test_integers_with_nulls_arrive_as_nullable_integers_on_request(handle: Handle) -> None:
    """The dtype is the same whether a batch has nulls or not."""

    def model(data: pd.DataFrame) -> Any:
        return [f"{data['n'].dtype} {value}" for value in data["n"]]

    schema = pa.schema([("n", pa.int64())])
    plan = plan_for(handle(model, [Spec(Scalar("long"), "n")]), schema, pa.string())
    asked = replace(plan, inputs=plan.inputs.all_nullable())
    batches = [
        pa.RecordBatch.from_pydict({"n": pa.array(values, pa.int64())})
        for values in ([2**60 + 1, None], [3])
    ]

    made = [array.to_pylist() for _, array in predict_batches(batches, asked)]

    assert made == [[f"Int64 {2**60 + 1}", "Int64 <NA>"], ["Int64 3"]]
    with pytest.raises(InputMismatchError, match="nullable_integers=True"):
        list(predict_batches(batches, plan))


def test_environment_variables_are_there_while_loading_and_predicting(
    handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are set for the model alone, and another value is another load."""
    monkeypatch.delenv("SCORECAST_TEST_VALUE", raising=False)

    def model(data: pd.DataFrame) -> Any:
        return [os.environ["SCORECAST_TEST_VALUE"]] * len(data)

    made = handle(model, [X])
    loads = MODELS.stats().loads
    for value in ("a", "b", "a"):
        options = PredictOptions(extra_env={"SCORECAST_TEST_VALUE": value})
        plan = replace(plan_for(made, result=pa.string()), options=options)
        ((_, predictions),) = predict_batches([batch(1.0)], plan)
        assert predictions.to_pylist() == [value]
        assert "SCORECAST_TEST_VALUE" not in os.environ
    assert MODELS.stats().loads == loads + 2
