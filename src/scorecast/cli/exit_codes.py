"""Errors -> exit codes. The one place that knows them."""

from __future__ import annotations

from scorecast.errors import (
    ArtifactError,
    ConfigError,
    InputDataError,
    InputMismatchError,
    MissingExtraError,
    ModelError,
    OutputError,
    PredictionError,
    RuntimeEnvironmentError,
    ScorecastError,
    ShippingError,
    UnknownNameError,
)

OK = 0
BUG = 1
USAGE = 2
INPUT = 3
MODEL = 4
PREDICTION = 5
OUTPUT = 6
ENVIRONMENT = 7
SKIPPED = 8

# The first class that fits decides.
_CODES: tuple[tuple[type[ScorecastError], int], ...] = (
    (ConfigError, USAGE),
    (UnknownNameError, USAGE),
    (InputDataError, INPUT),
    (InputMismatchError, INPUT),
    (ArtifactError, MODEL),
    (ModelError, MODEL),
    (PredictionError, PREDICTION),
    (OutputError, OUTPUT),
    (MissingExtraError, ENVIRONMENT),
    (ShippingError, ENVIRONMENT),
    (RuntimeEnvironmentError, ENVIRONMENT),
)


def exit_code(error: ScorecastError) -> int:
    """Give the exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), BUG)
