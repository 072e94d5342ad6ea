"""What the inner loop costs beside the model: rows per second, without Spark.

    python benchmarks/inner_loop.py [ROWS] [ROUNDS] [CASE ...]

Three ways over the same Arrow batches in memory, in turn in one process, each round in another
order: `predict_batches`; the model alone, called on inputs that are ready; and the floor, which is
the least that a loop written by hand for this one case can do. Printed are millions of rows per
second of one core (CPU time, so that other work on the machine counts little) and the medians of
the ratios of each round. ``ours/model`` is what is left for the package to save. Cases whose name
holds a word given on the command line are run; by default all.
"""

import os

# Before numpy reads them: CPU time of many threads says nothing about one core.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import scorecast
from scorecast.local.model import resolve_model
from scorecast.models.signature import Array, Scalar, Signature, Spec, Tensor
from scorecast.worker.input_plan import plan_by_name, plan_by_position
from scorecast.worker.inputs import to_model_input
from scorecast.worker.predict import PredictPlan, predict_batches

DEMO = Path("build/demo")
DOUBLE = pa.float64()
Floor = Callable[[pa.RecordBatch, Any], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of input and model.

    Attributes:
        model: Something with ``predict``, or the path of a saved model.
        signature: What it declares; None for a model that is saved already.
        table: The rows.
        batch: Rows of one batch.
        floor: The loop by hand: a batch and the model's ``predict`` to predictions.
        result: Arrow type of a prediction.
    """

    model: Any
    signature: Signature | None
    table: pa.Table
    batch: int
    floor: Floor
    result: pa.DataType = DOUBLE


def block(batch: pa.RecordBatch, dtype: str = "float64") -> np.ndarray:
    """Put all columns into one column-major block."""
    out = np.empty((batch.num_rows, batch.num_columns), dtype, order="F")
    for i, column in enumerate(batch.columns):
        out[:, i] = column.to_numpy(zero_copy_only=False)
    return out


def dot(batch: pa.RecordBatch, model: Any) -> np.ndarray:
    """Predict with a linear model without its library."""
    return block(batch) @ model.coef_.T + model.intercept_


def on_block(batch: pa.RecordBatch, model: Any) -> Any:
    """Call the model on a block."""
    return model.predict(block(batch))


def on_pandas(batch: pa.RecordBatch, model: Any) -> Any:
    """Call the model on what pandas makes of the batch."""
    return model.predict(batch.to_pandas())


def on_lists(batch: pa.RecordBatch, model: Any) -> np.ndarray:
    """Predict on the values behind a list column, with a linear model without its library."""
    values = batch.column(0).flatten().to_numpy()
    return values.reshape(batch.num_rows, -1) @ model.coef_.T + model.intercept_


def columns(rows: int, kinds: list[str]) -> pa.Table:
    """Give columns of random numbers of the given numpy types."""
    rng = np.random.default_rng(0)
    made = {}
    for i, kind in enumerate(kinds):
        values = rng.normal(size=rows) if kind.startswith("float") else rng.integers(0, 99, rows)
        made[f"x{i}"] = values.astype(kind)
    return pa.table(made)


def of_columns(kinds: list[str], estimator: Any, rows: int, batch: int, floor: Floor = dot) -> Case:
    """Give a case of plain columns."""
    sample = columns(2000, kinds).to_pandas()
    target = sample.to_numpy(dtype="float64") @ np.linspace(0, 1, len(kinds))
    names = {"float64": "double", "float32": "float", "int64": "long", "int32": "integer"}
    inputs = tuple(Spec(Scalar(names[kind]), f"x{i}") for i, kind in enumerate(kinds))
    model = estimator.fit(sample, target)
    return Case(model, Signature(inputs), columns(rows, kinds), batch, floor)


def of_lists(
    width: int, rows: int, batch: int, *, fixed: bool = False, frame: bool = False
) -> Case:
    """Give a case of one column of lists, for a tensor or for a column of arrays."""
    from sklearn.linear_model import LinearRegression

    rows = max(batch // 8, rows * 20 // width)
    rng = np.random.default_rng(0)
    model = LinearRegression().fit(rng.normal(size=(1000, width)), rng.normal(size=1000))
    values = pa.array(rng.normal(size=rows * width))
    lists = (
        pa.FixedSizeListArray.from_arrays(values, width)
        if fixed
        else pa.ListArray.from_arrays(np.arange(0, rows * width + 1, width, dtype="int32"), values)
    )
    if frame:
        stacked = Stacked(model)
        inputs = (Spec(Array(Scalar("double")), "x"),)
        return Case(stacked, Signature(inputs), pa.table({"x": lists}), batch // 8, stacked_floor)
    inputs = (Spec(Tensor("float64", (-1, width))),)
    return Case(model, Signature(inputs), pa.table({"x": lists}), batch // 8, on_lists)


def stacked_floor(batch: pa.RecordBatch, model: Any) -> np.ndarray:
    """Predict on the values behind a list column."""
    return on_lists(batch, model.model)


def of_flights(rows: int, batch: int) -> Case:
    """Give the flights of `make demo`, repeated."""
    import pyarrow.parquet as pq

    flights = pq.read_table(DEMO / "flights.parquet")
    flights = flights.slice(0, min(rows // 10, flights.num_rows))
    return Case(DEMO / "model", None, flights, batch, flights_floor)


def flights_floor(batch: pa.RecordBatch, model: Any) -> Any:
    """Call the model on what pandas makes of the columns that it takes."""
    names = list(model.feature_names_in_)
    frame = batch.select(names).to_pandas()
    frame["time_hour"] = frame["time_hour"].dt.tz_localize(None)
    return model.predict(frame)


class Stacked:
    """A model of a column of arrays."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, data: Any) -> Any:
        """Predict on the arrays one above the other."""
        return self.model.predict(np.stack(data["x"].to_numpy()))


def of_struct(rows: int, batch: int) -> Case:
    """Give a model of two predictions per row, for a struct."""
    from sklearn.linear_model import LinearRegression

    sample = columns(2000, ["float64"] * 20).to_pandas()
    model = LinearRegression().fit(sample, sample[["x0", "x1"]])
    inputs = tuple(Spec(Scalar("double"), f"x{i}") for i in range(20))
    result = pa.struct([("low", pa.float64()), ("high", pa.float64())])
    table = columns(rows, ["float64"] * 20)
    return Case(model, Signature(inputs), table, batch, struct_floor, result)


def struct_floor(batch: pa.RecordBatch, model: Any) -> pa.Array:
    """Predict with a linear model without its library, and make records."""
    made = dot(batch, model)
    return pa.StructArray.from_arrays([pa.array(made[:, 0]), pa.array(made[:, 1])], ["low", "high"])


def cases(rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Give all cases by name; each is made when its turn comes."""
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    linear = LinearRegression
    large, small = 65_536, 10_000
    double = "float64"
    for width in (4, 20, 200):
        for size in (large, small):
            kinds = [double] * width
            made = partial(of_columns, kinds, linear(), max(large, rows * 20 // width), size)
            yield f"{width} doubles, {size:,}", made
    mixed = ["int64", double] * 10
    for name, kinds in (
        ("20 floats", ["float32"] * 20),
        ("20 longs", ["int64"] * 20),
        ("20 longs and doubles", mixed),
        ("20 integers and doubles", ["int32", double] * 10),
    ):
        yield f"{name}, {small:,}", partial(of_columns, kinds, linear(), rows, small)
    boosting = HistGradientBoostingRegressor(max_iter=20)
    for size in (large, small):
        made = partial(of_columns, [double] * 20, boosting, rows // 4, size, on_block)
        yield f"boosting, 20 doubles, {size:,}", made
    forest = RandomForestRegressor(10, max_depth=8)
    made = partial(of_columns, [double] * 20, forest, rows // 4, small, on_block)
    yield f"forest, 20 doubles, {small:,}", made
    for width in (32, 768):
        yield f"list[{width}] as tensor", partial(of_lists, width, rows, small)
        yield f"fixed list[{width}] as tensor", partial(of_lists, width, rows, small, fixed=True)
        yield f"list[{width}] in a frame", partial(of_lists, width, rows, small, frame=True)
    yield f"struct of two, {small:,}", partial(of_struct, rows, small)
    if DEMO.exists():
        yield f"flights, {large:,}", partial(of_flights, rows, large)
        yield f"flights, {small:,}", partial(of_flights, rows, small)


def prepared(case: Case, folder: Path) -> PredictPlan:
    """Save the model where it is not, and plan."""
    path = case.model
    if case.signature is not None:
        path = scorecast.save_model(case.model, folder / "model", signature=case.signature)
    resolved = resolve_model(path)
    signature = resolved.info.enforced_signature
    plan = plan_by_name if signature.input_names else plan_by_position
    schema = case.table.schema
    if not signature.input_names:
        schema = pa.schema([member.with_name("") for member in schema])
    return PredictPlan(resolved.local_handle(), plan(signature, schema), case.result)


def run(case: Case, folder: Path, rounds: int) -> str:
    """Time the three ways in turn; give a line of the table."""
    plan = prepared(case, folder)
    predictor = plan.handle.open()
    model = case.model if case.signature else getattr(predictor, "call", None).__self__
    batches = case.table.combine_chunks().to_batches(case.batch)
    inputs = [to_model_input(batch, plan.inputs) for batch in batches]
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: [made for _, made in predict_batches(batches, plan)],
        "model": lambda: [predictor.predict(data, None) for data in inputs],
        "floor": lambda: [case.floor(batch, model) for batch in batches],
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        order = list(ways) if number % 2 else list(reversed(ways))
        for name in order:
            started = time.process_time()
            ways[name]()
            if number:
                seconds[name].append(time.process_time() - started)
    rows = case.table.num_rows / 1e6
    speeds = "".join(f"{rows / statistics.median(taken):>9.2f}" for taken in seconds.values())
    shares = ""
    for name in ("model", "floor"):
        pairs = sorted(a / b for a, b in zip(seconds["ours"], seconds[name], strict=True))
        shares += f"{statistics.median(pairs):>8.2f} ({pairs[0]:.2f}-{pairs[-1]:.2f})"
    return speeds + shares


def main(rows: int, rounds: int, words: list[str]) -> None:
    """Print the table."""
    print(
        f"{rows:,} rows of 20 columns or as many values; {rounds} rounds; pandas {pd.__version__}"
    )
    print(f"{'case, rows of a batch':<34}{'ours':>9}{'model':>9}{'floor':>9}", end="")
    print(f"{'ours/model':>12}{'ours/floor':>19}   (Mrows/s; seconds of ours to theirs)")
    for name, make in cases(rows):
        if words and not any(word in name for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name:<34}{run(make(), Path(folder), rounds)}", flush=True)


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word.isdecimal()]
    others = [word for word in sys.argv[1:] if not word.isdecimal()]
    main(*(int(word) for word in (given + ["400000", "7"][len(given) :])), others)
