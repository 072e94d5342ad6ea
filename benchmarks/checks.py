"""Whether what a contender wrote is right: every row once, every prediction the estimator's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.work import ID, PREDICTION

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-9
"""Of sums in another order; relative, and absolute for values near 0."""


class BrokenBenchmarkError(Exception):
    """Raised when a contender gave other rows or predictions than the estimator."""


def check_output(
    output: Path, expected: Floats, repeats: int, *, exact: bool, quarantine: bool = False
) -> None:
    """Hold the files of a job against the expected predictions.

    Args:
        output: Directory that the job wrote.
        expected: Predictions by id; NaN marks rows that must be missing.
        repeats: How often each id must be there.
        exact: Whether every bit counts.
        quarantine: Whether the missing rows must be in the quarantine of the output.

    Raises:
        BrokenBenchmarkError: Rows are missing, too many or of no known id, or predictions differ.
    """
    counts = np.zeros(len(expected), dtype=np.int64)
    for file in _parts(output):
        table = pq.ParquetFile(file).read(columns=[ID, PREDICTION])
        ids = table[ID].to_numpy()
        if len(ids) and (ids.min() < 0 or ids.max() >= len(expected)):
            message = f"{output} has ids that are not in the data"
            raise BrokenBenchmarkError(message)
        np.add.at(counts, ids, 1)
        _compare(output, _values(table[PREDICTION]), expected[ids], exact=exact)
    missing = np.isnan(expected) if expected.ndim == 1 else np.zeros(len(expected), dtype=bool)
    if (wrong := int((counts != np.where(missing, 0, repeats)).sum())) > 0:
        message = f"{output} has {wrong:,} of {len(expected):,} ids not {repeats} times"
        raise BrokenBenchmarkError(message)
    if quarantine:
        _check_quarantine(output, int(missing.sum()) * repeats)


def check_rows(facts: dict[str, Any], expected: Floats, rows: int) -> None:
    """Hold a few predictions against the expected ones, and take them out of the facts.

    Raises:
        BrokenBenchmarkError: There are more or fewer than `rows`, or they differ.
    """
    ids, found = facts.pop(ID), facts.pop(PREDICTION)
    if len(ids) != rows:
        message = f"{len(ids)} rows, expected {rows}"
        raise BrokenBenchmarkError(message)
    _compare("what was collected", np.asarray(found), expected[ids], exact=False)


def check_sum(facts: Mapping[str, float], expected: Floats, repeats: int) -> None:
    """Hold rows and sum of a column of predictions against the expected ones.

    Raises:
        BrokenBenchmarkError: They differ.
    """
    rows, total = len(expected) * repeats, float(expected.sum()) * repeats
    scale = float(np.abs(expected).sum()) * repeats
    if facts["rows"] != rows or abs(facts["sum"] - total) > TOLERANCE * scale:
        message = (
            f"{facts['rows']:,.0f} predictions with the sum {facts['sum']!r}, expected {rows:,} "
            f"with {total!r}"
        )
        raise BrokenBenchmarkError(message)


def _parts(output: Path) -> Iterator[Path]:
    for file in sorted(output.rglob("*.parquet")):
        if not any(part.startswith(("_", ".")) for part in file.relative_to(output).parts):
            yield file


def _values(column: pa.ChunkedArray) -> Floats:
    if pa.types.is_struct(column.type):
        array = column.combine_chunks()
        fields = [array.field(i) for i in range(array.type.num_fields)]
        return np.stack([field.to_numpy(zero_copy_only=False) for field in fields], axis=1)
    return np.asarray(column.to_numpy())


def _compare(output: Path | str, found: Floats, expected: Any, *, exact: bool) -> None:
    if exact:
        right = found == expected
    else:
        right = np.isclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    if found.shape != expected.shape or not right.all():
        message = f"{output} has predictions that are not the estimator's"
        raise BrokenBenchmarkError(message)


def _check_quarantine(output: Path, rows: int) -> None:
    found = sum(
        pq.read_metadata(file).num_rows for file in (output / "_quarantine").rglob("*.parquet")
    )
    if found != rows:
        message = f"{output} has {found:,} rows in its quarantine, expected {rows:,}"
        raise BrokenBenchmarkError(message)
