"""Returns of a wrong shape: refused for the batch that they come in, and nothing of it is kept.

The table is also that of `tests/spark/test_wrong_returns.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorecast.errors import OutputMismatchError
from scorecast.local.files import predict_file
from scorecast.models.signature import Array, Scalar, Spec
from scorecast.worker.input_plan import plan_by_name
from scorecast.worker.predict import PredictPlan, predict_batches
from scorecast.worker.result_types import result_type_of

INPUTS = [Spec(Scalar("double"), "x")]
DOUBLE = Scalar("double")
OUTPUTS = {
    "double": [Spec(DOUBLE)],
    "text": [Spec(Scalar("string"))],
    "array": [Spec(Array(DOUBLE))],
    "matrix": [Spec(Array(Array(DOUBLE)))],
    "record": [Spec(DOUBLE, "a"), Spec(DOUBLE, "b")],
}
# What a model may well return, of each type.
RIGHT: dict[str, Callable[[pd.Series], Any]] = {
    "double": lambda x: x,
    "text": lambda x: x.map(str),
    "array": lambda x: [[value] for value in x],
    "matrix": lambda x: [[[value]] for value in x],
    "record": lambda x: {"a": x, "b": -x},
}
# Wrong for every number of rows but one.
WRONG: dict[str, tuple[str, Callable[[pd.Series], Any]]] = {
    "too few": ("double", lambda x: x.to_numpy()[:-1]),
    "too many": ("double", lambda x: [*x, 0.5]),
    "none of them": ("double", lambda _: []),
    "permuted index": ("double", lambda x: x.iloc[::-1]),
    "permuted frame": ("record", lambda x: pd.DataFrame({"a": x, "b": x}).iloc[::-1]),
    "scalar": ("double", lambda x: float(x.sum())),
    "None": ("double", lambda _: None),
    "generator": ("double", lambda x: (value for value in x)),
    "iterator": ("double", iter),
    "set": ("double", set),
    "0-d array": ("double", lambda x: np.array(x.sum())),
    "transposed": ("array", lambda x: np.zeros((len(x) + 1, len(x)))),
    "columns of different lengths": ("double", lambda x: {"p": list(x), "q": list(x)[1:]}),
    "fields of different lengths": ("record", lambda x: {"a": list(x), "b": list(x)[1:]}),
    "text of as many letters": ("text", lambda x: "x" * len(x)),
    "bytes of as many bytes": ("double", lambda x: b"x" * len(x)),
    "text for numbers": ("double", lambda x: [str(value) for value in x]),
    "two columns for one number": ("double", lambda x: pd.DataFrame({"p": x, "q": x})),
    "two columns in an array": ("double", lambda x: np.zeros((len(x), 2))),
    "wrong columns": ("record", lambda x: pd.DataFrame({"a": x, "c": x})),
    "a column too few": ("record", lambda x: {"a": x}),
    "three columns for two fields": ("record", lambda x: np.zeros((len(x), 3))),
    "one column for two fields": ("record", lambda x: np.zeros((len(x), 1))),
    "one value for two fields": ("record", list),
    "misspelt member": ("record", lambda x: [{"a": value, "B": value} for value in x]),
    "tuples too long": ("record", lambda x: [(value, value, value) for value in x]),
    "lists for numbers": ("double", lambda x: [[value, value] for value in x]),
    "numbers for lists": ("array", list),
    "text for lists": ("array", lambda x: ["ab" for _ in x]),
    "lists too deep": ("array", lambda x: [[[value]] for value in x]),
    "block too deep": ("array", lambda x: np.zeros((len(x), 2, 2))),
    "lists too flat": ("matrix", lambda x: [[value] for value in x]),
    "block too flat": ("matrix", lambda x: np.zeros((len(x), 2))),
    "lists of uneven depth": ("matrix", lambda x: [[[value], value] for value in x]),
}


def wrong_at_zero(case: str) -> Callable[[pd.DataFrame], Any]:
    """Make a model that returns what is wrong for the batch that holds a zero, and only for it."""
    kind, wrong = WRONG[case]
    right = RIGHT[kind]

    def model(data: pd.DataFrame) -> Any:
        x = data["x"]
        return wrong(x) if (x == 0).any() else right(x)

    return model


@pytest.mark.parametrize("case", WRONG)
def test_no_row_of_the_batch_leaves_the_worker(handle: Callable[..., Any], case: str) -> None:
    """The rows before are predicted, and then there is an error in place of the next batch."""
    model = handle(wrong_at_zero(case), INPUTS, OUTPUTS[WRONG[case][0]])
    signature = model.info.enforced_signature
    rows = [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0], [6.0, 7.0, 8.0]]
    batches = [pa.RecordBatch.from_pydict({"x": values}) for values in rows]
    plan = PredictPlan(model, plan_by_name(signature, batches[0].schema), result_type_of(signature))

    results = predict_batches(batches, plan)

    batch, predictions = next(results)
    assert (batch, len(predictions), predictions.null_count) == (batches[0], 3, 0)
    with pytest.raises(OutputMismatchError):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("before", [None, b"of yesterday"], ids=["new", "exists"])
@pytest.mark.parametrize("case", WRONG)
def test_no_file_is_left_behind(
    save: Callable[..., Path], tmp_path: Path, case: str, before: bytes | None
) -> None:
    """The output is not there, or as it was before, and nothing lies beside it."""
    model = save(wrong_at_zero(case), INPUTS, OUTPUTS[WRONG[case][0]])
    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"x": [1.0, 0.0, 2.0]}), source)
    if before is not None:
        output.write_bytes(before)
    there = sorted(tmp_path.iterdir())

    with pytest.raises(OutputMismatchError):
        predict_file(model, source, output, overwrite=True)

    assert sorted(tmp_path.iterdir()) == there
    assert (output.read_bytes() if output.exists() else None) == before


@pytest.mark.parametrize("kind", RIGHT)
def test_what_is_right_is_taken(save: Callable[..., Path], tmp_path: Path, kind: str) -> None:
    """The models of this file are refused for what is wrong with them, and for nothing else."""
    case = next(name for name, (of_kind, _) in WRONG.items() if of_kind == kind)
    model = save(wrong_at_zero(case), INPUTS, OUTPUTS[kind])
    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"x": [1.0, 2.0]}), source)

    assert predict_file(model, source, output).rows == 2
    assert pq.read_table(output)["prediction"].null_count == 0
