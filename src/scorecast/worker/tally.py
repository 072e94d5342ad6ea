"""Counting what a task predicts: rows, NULL, NaN, infinity."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from scorecast.errors import NanPredictedError


@dataclass(slots=True)
class Tally:
    """Counters of one task.

    Attributes:
        rows_in: Rows that came.
        rows_failed: Rows that the model failed on.
        n_null: Predictions that are NULL.
        n_nan: Numbers in predictions that are NaN, also inside of arrays and structs.
        n_inf: Such numbers that are infinite.
    """

    rows_in: int = 0
    rows_failed: int = 0
    n_null: int = 0
    n_nan: int = 0
    n_inf: int = 0

    def add(self, rows: int, failed: int, predictions: pa.Array) -> None:
        """Count one batch and the predictions of it that are written."""
        self.rows_in += rows
        self.rows_failed += failed
        self.n_null += predictions.null_count
        nan, infinite = not_finite(predictions)
        self.n_nan += nan
        self.n_inf += infinite


def nan_predicted(count: int) -> NanPredictedError:
    """Say that predictions hold NaN where they may not."""
    return NanPredictedError(
        f"The model predicted NaN {count} times or more, and --fail-on-nan allows none. Mend the "
        "rows or the model, or take NaN as it is, or as NULL with --nan-as-null."
    )


def not_finite(values: pa.Array) -> tuple[int, int]:
    """Count NaN and infinity among the numbers in an array, nested ones included."""
    kind = values.type
    if pt.is_floating(kind):
        if not len(values):
            return 0, 0
        # One pass over ordinary numbers: a sum is finite unless one of them is not.
        total = pc.sum(values).as_py()
        if total is None or total - total == 0:
            return 0, 0
        return (pc.sum(pc.is_nan(values)).as_py() or 0, pc.sum(pc.is_inf(values)).as_py() or 0)
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return not_finite(values.flatten())
    if pt.is_map(kind):
        return not_finite(values.items)
    if pt.is_struct(kind):
        found = [not_finite(member) for member in values.flatten()]
        return sum(nan for nan, _ in found), sum(infinite for _, infinite in found)
    return 0, 0
