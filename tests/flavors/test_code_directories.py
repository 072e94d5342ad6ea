"""Models that bring Python code: each uses its own, whatever else is loaded in the process."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import flavor_models as fm
import numpy as np
import pytest

import scorecast

STEPS = "steps_of_this_model"


def _bring_pickle(factor: int, place: Path) -> Path:
    """Save an object whose class is in a module that only the model has."""
    code = place / f"code{factor}"
    (code / STEPS).mkdir(parents=True)
    (code / STEPS / "__init__.py").write_text("from .inner import FACTOR\n")
    (code / STEPS / "inner.py").write_text(
        f"FACTOR = {factor}\n"
        "class Model:\n"
        "    def predict(self, data):\n"
        "        return data.iloc[:, 0].to_numpy() * FACTOR\n"
    )
    sys.path.insert(0, str(code))
    try:
        model = importlib.import_module(f"{STEPS}.inner").Model()
        return scorecast.save_model(model, place / f"m{factor}", code_paths=[code / STEPS])
    finally:
        sys.path.remove(str(code))
        for name in (STEPS, f"{STEPS}.inner"):
            sys.modules.pop(name, None)


def _bring_loader(factor: int, place: Path) -> Path:
    """Let MLflow save a model with a loader of its own."""
    from mlflow import pyfunc

    code = place / f"code{factor}"
    code.mkdir()
    (code / f"{STEPS}.py").write_text(f"FACTOR = {factor}\n")
    (code / "loader_of_this_model.py").write_text(
        f"from {STEPS} import FACTOR\n"
        "class Model:\n"
        "    def predict(self, data):\n"
        "        return data.iloc[:, 0].to_numpy() * FACTOR\n"
        "def _load_pyfunc(path):\n"
        "    return Model()\n"
    )
    path = place / f"m{factor}"
    pyfunc.save_model(
        path,
        loader_module="loader_of_this_model",
        code_paths=[str(code / f"{STEPS}.py"), str(code / "loader_of_this_model.py")],
        pip_requirements=["numpy"],
    )
    return path


def _bring_late_import(factor: int, place: Path) -> Path:
    """Save a function that imports the model's module only when it predicts."""
    code = place / f"code{factor}"
    code.mkdir()
    (code / f"{STEPS}.py").write_text(f"FACTOR = {factor}\n")

    def predict(data: Any) -> Any:
        return data.iloc[:, 0].to_numpy() * importlib.import_module(STEPS).FACTOR

    return scorecast.save_model(predict, place / f"m{factor}", code_paths=[code / f"{STEPS}.py"])


@pytest.mark.parametrize("bring", [_bring_pickle, _bring_loader, _bring_late_import])
def test_two_models_with_a_module_of_one_name_use_each_its_own(bring: Any, tmp_path: Path) -> None:
    """Loaded side by side and used in turns, each model predicts by its own code."""
    paths = [bring(factor, tmp_path) for factor in (2, 3)]
    first, second = (scorecast.load_model(path) for path in paths)
    again = scorecast.load_model(paths[0])
    column = fm.iris_rows().iloc[:, 0].to_numpy()

    np.testing.assert_array_equal(second.predict(fm.iris_rows()), column * 3)
    np.testing.assert_array_equal(first.predict(fm.iris_rows()), column * 2)
    np.testing.assert_array_equal(again.predict(fm.iris_rows()), column * 2)


def test_an_estimator_class_of_the_models_own_takes_params_of_its_own(tmp_path: Path) -> None:
    """A class derived from XGBoost's, in code that the model brings, gets all params of predict."""
    from mlflow import pyfunc

    code = tmp_path / "own_estimator.py"
    code.write_text(
        "import xgboost\n"
        "class Scaled(xgboost.XGBRegressor):\n"
        "    def predict(self, X, **options):\n"
        "        return super().predict(X) * options['factor']\n"
    )
    sys.path.insert(0, str(tmp_path))
    features, target = fm.diabetes()
    model = importlib.import_module("own_estimator").Scaled(n_estimators=2).fit(features, target)
    rows = fm.diabetes_rows()
    signature = scorecast.infer_signature(rows, params={"factor": 1.0})

    path = scorecast.save_model(model, tmp_path / "model", code_paths=[code], signature=signature)

    expected = model.predict(rows, factor=3.0)
    for loaded in (scorecast.load_model(path), pyfunc.load_model(str(path))):
        np.testing.assert_array_equal(loaded.predict(rows, params={"factor": 3.0}), expected)


def test_code_paths_load_in_mlflow(tmp_path: Path) -> None:
    """A pickled object with code_paths predicts in MLflow."""
    from mlflow import pyfunc

    path = _bring_pickle(5, tmp_path)

    predicted = pyfunc.load_model(str(path)).predict(fm.iris_rows())

    np.testing.assert_array_equal(predicted, fm.iris_rows().iloc[:, 0].to_numpy() * 5)
