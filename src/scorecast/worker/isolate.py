"""Which rows of a batch a model fails on, found by halving, so that the others keep their batch.

For `k` failing rows of `n` about ``k * log2(n)`` calls are added; a half whose twin predicts well
is known to fail and is not tried as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import pyarrow as pa

from scorecast.errors import (
    ModelPredictError,
    OutputShapeError,
    PredictionError,
    TooManyErrorsError,
)

Predict = Callable[[pa.RecordBatch], pa.Array]

# So many rows must fail, and none do well, before a batch is taken for one that fails everywhere.
_SUSPICIOUS = 8
# So many rows must fail before their share says something.
_TO_LEARN_FROM = 3
# Smaller calls cost more than they spare.
_SMALLEST_CALL = 256


@dataclass(frozen=True, slots=True)
class Isolated:
    """Predictions of one batch.

    Attributes:
        predictions: One value per row; NULL for rows that failed.
        errors: What went wrong, for the rows that failed, by position.
    """

    predictions: pa.Array
    errors: dict[int, PredictionError]


def isolate_rows(  # noqa: PLR0913 - what a search is told
    batch: pa.RecordBatch,
    predict: Predict,
    result: pa.DataType,
    *,
    did_well: bool = False,
    at_most: int | None = None,
    failed: int = 0,
) -> Isolated:
    """Predict a batch, and find the rows that fail. Runs wherever a model predicts.

    Once the calls are half as many as the rows, what is left is tried row by row, so there are
    never more than one and a half calls per row.

    Args:
        batch: At least one row.
        predict: Predicts a batch; raises PredictionError when it cannot.
        result: Type of a prediction.
        did_well: Whether the model did well on other rows before, so that a batch of a few rows
            that all fail, as the last one of a task may be, does not show that it is broken.
        at_most: Rows that may fail, and be all of them; None for all but one.
        failed: Rows that count against `at_most` already.

    Raises:
        ModelPredictError: Every row fails, and nobody said how many may.
        TooManyErrorsError: More rows fail than may.
        OutputShapeError: The predictions are not one per row.
    """
    search = _Search(batch, predict, result, few_may_fail=did_well, at_most=at_most, failed=failed)
    return Isolated(pa.concat_arrays(search.run()), search.errors)


@dataclass(slots=True)
class Experience:
    """Rows of a task so far, from which the size of the next calls follows.

    Attributes:
        rows: Rows that were predicted on.
        failed: Those of them that the model failed on.
    """

    rows: int = 0
    failed: int = 0

    def call_rows(self) -> int | None:
        """Give the rows of a call of which about one in five fails; None for as many as come.

        A call that fails is made again on its halves: with 100,000 rows and 10 failing ones, calls
        of 50,000 rows predict on each row four times, calls of 2,000 rows 1.2 times.
        """
        if self.failed < _TO_LEARN_FROM:
            return None
        return max(_SMALLEST_CALL, self.rows // (5 * self.failed))


def isolate_in_calls(
    batch: pa.RecordBatch,
    predict: Predict,
    result: pa.DataType,
    experience: Experience,
    *,
    at_most: int,
) -> Isolated:
    """Do what `isolate_rows` does, with calls of a size that suits how many rows have failed.

    Args:
        batch: At least one row.
        predict: Predicts a batch; raises PredictionError when it cannot.
        result: Type of a prediction.
        experience: What is known of the task; learns from the batch.
        at_most: Rows of the batch that may fail, and be all of them.

    Raises:
        TooManyErrorsError: More rows fail than may.
        OutputShapeError: The predictions are not one per row.
    """
    size = experience.call_rows() or batch.num_rows
    predictions: list[pa.Array] = []
    errors: dict[int, PredictionError] = {}
    for start in range(0, batch.num_rows, size):
        found = isolate_rows(
            batch.slice(start, size), predict, result, at_most=at_most, failed=len(errors)
        )
        predictions.append(found.predictions)
        errors |= {start + row: error for row, error in found.errors.items()}
    experience.rows += batch.num_rows
    experience.failed += len(errors)
    return Isolated(pa.concat_arrays(predictions), errors)


def isolate_batch(batch: pa.RecordBatch, predict: Predict, result: pa.DataType) -> Isolated:
    """Predict a batch; when that fails, all of its rows do. For models that look across rows."""
    try:
        return Isolated(predict(batch), {})
    except OutputShapeError:
        raise
    except PredictionError as error:
        return Isolated(
            pa.nulls(batch.num_rows, result), dict.fromkeys(range(batch.num_rows), error)
        )


def too_many_errors(found: int, allowed: int, last: str) -> TooManyErrorsError:
    """Say that more rows failed than a job allows; `last` is what went wrong with one of them."""
    return TooManyErrorsError(
        f"The model failed on {found} rows or more, and {allowed} are allowed. Allow more with "
        f"max_errors or max_error_rate, or mend the rows. One of the errors: {last}"
    )


@dataclass(slots=True)
class _Search:
    batch: pa.RecordBatch
    predict: Predict
    result: pa.DataType
    few_may_fail: bool
    at_most: int | None
    failed: int
    errors: dict[int, PredictionError] = field(default_factory=dict)
    calls: int = 0
    some_did_well: bool = False

    def run(self) -> list[pa.Array]:
        whole = self._tried(0, self.batch.num_rows)
        if isinstance(whole, pa.Array):
            return [whole]
        rows = self.batch.num_rows
        if rows == 1:
            self._failed(0, whole)
            parts = [pa.nulls(1, self.result)]
        else:
            parts = list(self._halves(0, rows))
        few = self.few_may_fail and rows < _SUSPICIOUS
        if len(self.errors) == rows and not few and self.at_most is None:
            raise self._all_fail(whole) from whole
        return parts

    def _halves(self, start: int, stop: int) -> Generator[pa.Array, None, None]:
        """Give the predictions of rows that are known to fail together."""
        middle = (start + stop) // 2
        left_did_well = yield from self._part(start, middle, known_to_fail=False)
        yield from self._part(middle, stop, known_to_fail=left_did_well)

    def _part(
        self, start: int, stop: int, *, known_to_fail: bool
    ) -> Generator[pa.Array, None, bool]:
        """Give the predictions of some rows; returns whether all of them did well."""
        one_by_one = self.calls > self.batch.num_rows // 2
        if stop - start == 1 or not (known_to_fail or one_by_one):
            found = self._tried(start, stop)
            if isinstance(found, pa.Array):
                self.some_did_well = True
                yield found
                return True
            if stop - start == 1:
                self._failed(start, found)
                self._refuse_hopeless(found)
                yield pa.nulls(1, self.result)
                return False
        yield from self._halves(start, stop)
        return False

    def _tried(self, start: int, stop: int) -> pa.Array | PredictionError:
        self.calls += 1
        try:
            return self.predict(self.batch.slice(start, stop - start))
        except OutputShapeError:
            raise
        except PredictionError as error:
            return error

    def _failed(self, row: int, error: PredictionError) -> None:
        self.errors[row] = error
        found = self.failed + len(self.errors)
        if self.at_most is not None and found > self.at_most:
            raise too_many_errors(found, self.at_most, str(error)) from error

    def _refuse_hopeless(self, error: PredictionError) -> None:
        """Stop early when rows taken from all over the batch fail as well."""
        rows = self.batch.num_rows
        if self.at_most is not None or self.some_did_well:
            return
        if len(self.errors) != _SUSPICIOUS or rows < _SUSPICIOUS**2:
            return
        for row in range(rows - 1, _SUSPICIOUS, -(rows // (2 * _SUSPICIOUS))):
            if isinstance(self._tried(row, row + 1), pa.Array):
                self.some_did_well = True
                return
        raise self._all_fail(error) from error

    def _all_fail(self, error: PredictionError) -> ModelPredictError:
        return ModelPredictError(
            f"Every row that was tried alone of a batch of {self.batch.num_rows} fails, so it is "
            f"the model or the data as a whole and not single rows: {error}"
        )
