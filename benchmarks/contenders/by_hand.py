"""What people write by hand around a model: load it once per process, feed it one block.

Used by all contenders that bring no way of their own to call a model.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.datasets import load_estimator
from benchmarks.work import Work

Array = npt.NDArray[Any]


@lru_cache(maxsize=2)
def estimator(model: str) -> Any:
    """Load the estimator of a model directory, once per process."""
    # Blocks without names are given to models that were fitted on names; that costs a warning.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    return load_estimator(Path(model))


def block_of(columns: Sequence[Array]) -> Array:
    """Put columns beside each other, each in one piece: the order that is cheapest to fill."""
    block = np.empty((len(columns[0]), len(columns)), dtype=np.float64, order="F")
    for i, column in enumerate(columns):
        block[:, i] = column
    return block


def predict_table(table: pa.Table, work: Work) -> Array:
    """Predict on Arrow data: a block of doubles where that can be, else pandas."""
    model = estimator(work.model)
    if work.kind == "columns":
        return np.asarray(model.predict(block_of([table[name].to_numpy() for name in work.inputs])))
    if work.kind == "list":
        lists = table[work.inputs[0]].combine_chunks()
        return np.asarray(model.predict(lists.flatten().to_numpy().reshape(len(lists), -1)))
    return np.asarray(model.predict(table.select(work.inputs).to_pandas()))


def to_arrow(predictions: Array) -> pa.Array:
    """Give predictions as Arrow, those of several outputs as a struct."""
    if predictions.ndim == 1:
        return pa.array(predictions)
    return pa.StructArray.from_arrays(
        [pa.array(np.ascontiguousarray(column)) for column in predictions.T], names=["a", "b"]
    )
