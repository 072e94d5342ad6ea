"""Estimators of the benchmarks that scikit-learn does not have; workers import them by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin  # noqa: TID253 - classes need their base
from sklearn.ensemble import RandomForestRegressor  # noqa: TID253 - classes need their base
from sklearn.linear_model import LinearRegression  # noqa: TID253 - classes need their base

from benchmarks.work import LOADS_VARIABLE

SPOILED = 1e6
"""Value of the first input in rows that `PickyRegression` fails on."""


def note_load() -> None:
    """Add the id of this process to the file that the variable names: one line a load.

    It is the model itself that counts, so that the count is the same whoever loads it.
    """
    if place := os.environ.get(LOADS_VARIABLE):
        with Path(place).open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")


class CountedForest(RandomForestRegressor):
    """A forest that notes when it is loaded."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled forest."""
        super().__setstate__(state)
        note_load()


class PickyRegression(LinearRegression):
    """A regression that fails on a batch with a spoiled row, as models of others do."""

    def predict(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Predict, or raise for the whole batch."""
        first = np.asarray(X)[:, 0] if not hasattr(X, "iloc") else X.iloc[:, 0].to_numpy()
        if (first >= SPOILED).any():
            message = "a row is out of range"
            raise ValueError(message)
        return np.asarray(super().predict(X))


class TwoTargets(LinearRegression):
    """A regression with two outputs that have names, as MLflow needs them for a struct."""

    def predict(self, X: Any) -> pd.DataFrame:  # noqa: N803 - scikit-learn's name
        """Predict both."""
        return pd.DataFrame(super().predict(X), columns=["a", "b"])


class WeightTable(RegressorMixin, BaseEstimator):
    """An array of weights and little else, such as a table of embeddings.

    A prediction reads two values of a row of weights that the input hits upon as if by chance:
    whoever predicts on many rows has touched nearly every page.
    """

    def __init__(self, weights: npt.NDArray[np.float64]) -> None:
        self.weights = weights

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled table."""
        super().__setstate__(state)
        note_load()

    def __sklearn_is_fitted__(self) -> bool:
        """Tell that there is nothing to fit."""
        return True

    def predict(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Look up the row that the first input stands for."""
        first = np.asarray(X)[:, 0] if not hasattr(X, "iloc") else X.iloc[:, 0].to_numpy()
        rows = (first * 1e9).astype(np.int64) % len(self.weights)
        return np.asarray(self.weights[rows, 0] + self.weights[rows, -1])
