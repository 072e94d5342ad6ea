"""How many rows of a job may fail, and whether predictions may be NaN. Driver only.

Each limit that is given must hold: `max_errors` from the first row on, `max_error_rate` as soon as
it is known how many rows there are, and both once more when all rows are counted.
"""

from __future__ import annotations

import math
from fractions import Fraction

from scorecast.batch.config import BatchPredictConfig
from scorecast.errors import TooManyErrorsError
from scorecast.worker.tally import nan_predicted


def allowed_errors(config: BatchPredictConfig, rows: int | None) -> int | None:
    """Give how many rows may fail; None where it takes the number of rows to tell.

    Args:
        config: The limits.
        rows: Rows of the input, where they are known.
    """
    if config.on_error == "fail" or (config.max_errors is None and config.max_error_rate is None):
        return 0
    limits = [] if config.max_errors is None else [config.max_errors]
    if config.max_error_rate is not None and rows is not None:
        limits.append(_share(config.max_error_rate, rows))
    return min(limits, default=None)


def refuse_errors(config: BatchPredictConfig, *, failed: int, rows: int) -> None:
    """Hold the rows that failed against the limits.

    Args:
        config: The limits.
        failed: Rows that the model failed on.
        rows: Rows that reached it.

    Raises:
        TooManyErrorsError: More failed than may.
    """
    allowed = allowed_errors(config, rows)
    if allowed is not None and failed > allowed:
        raise too_many_failed(failed, allowed, rows)


def refuse_errors_of(config: BatchPredictConfig, *, failed: int, rows: int) -> None:
    """Hold the rows that failed in an output that is published already against the limits.

    Raises:
        TooManyErrorsError: More failed then than may now.
    """
    allowed = allowed_errors(config, rows)
    if allowed is not None and failed > allowed:
        message = (
            f'The output "{config.output}" is of this very job, in which the model failed on '
            f"{failed} of {rows} rows, and {allowed} are allowed now. It was left as it is. Allow "
            "as many with max_errors or max_error_rate, or mend the rows."
        )
        raise TooManyErrorsError(message)


def refuse_nan(config: BatchPredictConfig, *, nan: int) -> None:
    """Refuse NaN in predictions where the job allows none.

    Raises:
        NanPredictedError: There is some.
    """
    if config.fail_on_nan and nan:
        raise nan_predicted(nan)


def too_many_failed(failed: int, allowed: int, rows: int | None = None) -> TooManyErrorsError:
    """Say that more rows failed than may; `rows` is of how many, once that is known."""
    counted = f"{failed} rows or more" if rows is None else f"{failed} of {rows} rows"
    return TooManyErrorsError(
        f"The model failed on {counted}, and {allowed} are allowed. Nothing was published. Allow "
        "more with max_errors or max_error_rate, or mend the rows."
    )


def _share(rate: float, rows: int) -> int:
    """Give how many rows a rate is at most, by its decimal digits: 0.29 of 100 rows are 29."""
    return math.floor(Fraction(str(rate)) * rows)
