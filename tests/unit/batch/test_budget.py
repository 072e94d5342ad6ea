"""How many rows of a job may fail."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scorecast.batch.budget import allowed_errors, refuse_errors
from scorecast.batch.config import BatchPredictConfig
from scorecast.errors import TooManyErrorsError


def config(**options) -> BatchPredictConfig:
    """Give a job with limits."""
    given_options = {"on_error": "quarantine", **options}
    return BatchPredictConfig(model_uri="m", input="i", output="o", **given_options)


@pytest.mark.parametrize(
    ("options", "rows", "allowed"),
    [
        ({}, 100, 0),
        ({}, None, 0),
        ({"on_error": "fail"}, 100, 0),
        ({"max_errors": 7}, None, 7),
        ({"max_error_rate": 0.1}, 100, 10),
        ({"max_error_rate": 0.1}, None, None),
        ({"max_error_rate": 0.1, "max_errors": 7}, 100, 7),
        ({"max_error_rate": 0.1, "max_errors": 7}, 50, 5),
        ({"max_error_rate": 0.1, "max_errors": 7}, None, 7),
        ({"max_error_rate": 0}, 100, 0),
        ({"max_error_rate": 1}, 100, 100),
        ({"max_error_rate": 1e-06}, 10**6, 1),
        ({"max_error_rate": 1e-06}, 10**6 - 1, 0),
    ],
)
def test_the_smaller_limit_counts(options, rows, allowed):
    """Each limit that is given must hold, and none may fail without one."""
    assert allowed_errors(config(**options), rows) == allowed


@given(some.decimals(0, 1, places=4), some.integers(0, 10**9))
def test_a_rate_is_the_number_that_was_written(rate, rows):
    """0.29 of 100 rows are 29, although the float is a little less."""
    assert allowed_errors(config(max_error_rate=float(rate)), rows) == int(Decimal(rate) * rows)


def test_the_message_tells_numbers_and_options():
    """Who reads it knows how many failed, how many may, and what to change."""
    with pytest.raises(TooManyErrorsError, match=r"3 of 10 rows, and 2 are allowed.*max_errors"):
        refuse_errors(config(max_errors=2), failed=3, rows=10)
    refuse_errors(config(max_errors=2), failed=2, rows=10)
