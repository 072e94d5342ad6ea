"""Isolation and comparison for the tests of models of every library."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

# The builders beside this file are imported by name, whatever pytest's import mode is.
sys.path.insert(0, str(Path(__file__).parent))

# MLflow reads these when it is imported, which the tests do.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_TRACKING_URI", "sqlite://")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the warnings of a dozen libraries alone; ours are errors."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.filterwarnings(r"error:::scorecast(\..*)?"))


@pytest.fixture(autouse=True)
def _forget_code_of_models() -> Iterator[None]:
    """Forget the modules that models brought, so that no test sees those of another."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    added = [entry for entry in sys.path if entry not in path]
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if any(Path(file).is_relative_to(entry) for entry in added):
            del sys.modules[name]


@pytest.fixture(scope="session")
def written_by_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """Give the directory that MLflow writes for a case; written once per session."""
    places: dict[str, Path] = {}

    def write(case: Any) -> Path:
        if case.name not in places:
            path = tmp_path_factory.mktemp(case.name) / "model"
            case.save(path)
            places[case.name] = path
        return places[case.name]

    return write


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Any, Any], None]:
    """Give the comparison of predictions: same type, same dtypes, same values, no tolerance."""

    def compare(actual: Any, expected: Any) -> None:
        assert type(actual) is type(expected)
        if isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(actual, expected, check_exact=True)
        elif isinstance(expected, pd.Series):
            pd.testing.assert_series_equal(actual, expected, check_exact=True)
        elif isinstance(expected, np.ndarray):
            assert actual.dtype == expected.dtype
            np.testing.assert_array_equal(actual, expected)
        elif isinstance(expected, dict):
            assert list(actual) == list(expected)
            for name, values in expected.items():
                compare(actual[name], values)
        else:
            assert actual == expected

    return compare
