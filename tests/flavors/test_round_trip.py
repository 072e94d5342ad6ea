"""What MLflow writes predicts the same here, and what scorecast writes the same in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flavor_models as fm
import numpy as np
import pandas as pd
import pytest
from mlflow_cases import CASES, Written

import scorecast

Compare = Callable[[Any, Any], None]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_mlflow_writes_predicts_here_as_in_mlflow(
    case: Written, written_by_mlflow: Callable[[Written], Path], assert_same: Compare
) -> None:
    """A model that MLflow saved gives the same predictions through scorecast as through MLflow."""
    from mlflow import pyfunc

    path = written_by_mlflow(case)
    expected = pyfunc.load_model(str(path)).predict(case.data(), params=case.params)

    actual = scorecast.load_model(path).predict(case.data(), params=case.params)

    assert_same(actual, expected)


@dataclass(frozen=True)
class Saved:
    """A model for `scorecast.save_model`, and what its own library predicts."""

    name: str
    model: Callable[[], Any]
    data: Callable[[], Any]
    expected: Callable[[], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] | None = None


def _series(start: int, end: int) -> pd.DataFrame:
    return pd.DataFrame({"start": [start], "end": [end]})


def _iris_labels() -> Any:
    return fm.pipeline().predict(fm.iris_rows())


SAVED = [
    *(
        Saved(
            f"sklearn-{form}",
            fm.pipeline,
            fm.iris_rows,
            _iris_labels,
            {"serialization_format": form},
        )
        for form in ("cloudpickle", "pickle", "skops")
    ),
    Saved(
        "sklearn-skops-forest",
        fm.forest,
        fm.diabetes_rows,
        lambda: fm.forest().predict(fm.diabetes_rows()),
        {"serialization_format": "skops"},
    ),
    Saved(
        "sklearn-predict-proba",
        fm.pipeline,
        fm.iris_rows,
        lambda: fm.pipeline().predict_proba(fm.iris_rows()),
        {"predict_fn": "predict_proba"},
    ),
    *(
        Saved(
            f"xgboost-{form}",
            fm.xgboost_booster,
            fm.diabetes_rows,
            fm.run_xgboost_booster,
            {"serialization_format": form},
        )
        for form in ("ubj", "json")
    ),
    Saved(
        "xgboost-classifier",
        fm.xgboost_classifier,
        fm.iris_rows,
        lambda: fm.xgboost_classifier().predict(fm.iris_rows()),
    ),
    Saved(
        "xgboost-regressor",
        fm.xgboost_regressor,
        fm.diabetes_rows,
        lambda: fm.xgboost_regressor().predict(fm.diabetes_rows()),
    ),
    Saved(
        "lightgbm",
        fm.lightgbm_booster,
        fm.diabetes_rows,
        lambda: fm.lightgbm_booster().predict(fm.diabetes_rows()),
    ),
    *(
        Saved(
            f"lightgbm-classifier-{form}",
            fm.lightgbm_classifier,
            fm.iris_rows,
            lambda: fm.lightgbm_classifier().predict(fm.iris_rows()),
            {"serialization_format": form},
        )
        for form in ("cloudpickle", "pickle", "skops")
    ),
    Saved(
        "catboost-classifier",
        fm.catboost_classifier,
        fm.iris_rows,
        lambda: fm.catboost_classifier().predict(fm.iris_rows()),
    ),
    Saved(
        "catboost-regressor-json",
        fm.catboost_regressor,
        fm.diabetes_rows,
        lambda: fm.catboost_regressor().predict(fm.diabetes_rows()),
        {"serialization_format": "json"},
    ),
    Saved(
        "onnx",
        fm.onnx_classifier,
        fm.iris_array,
        lambda: fm.run_onnx(fm.onnx_classifier(), {"X": fm.iris_array()}),
    ),
    Saved(
        "onnx-columns",
        fm.onnx_pair,
        fm.pair_rows,
        lambda: pd.DataFrame(fm.run_onnx(fm.onnx_pair(), fm.pair_feed())),
    ),
    Saved(
        "onnx-external-data",
        fm.onnx_matrix,
        fm.iris_array,
        lambda: fm.run_onnx(fm.onnx_matrix(), {"x": fm.iris_array()}),
    ),
    Saved(
        "statsmodels",
        fm.least_squares,
        fm.diabetes_rows,
        lambda: fm.least_squares().predict(fm.diabetes_rows()),
    ),
    Saved(
        "statsmodels-time-series",
        fm.time_series,
        lambda: _series(55, 65),
        lambda: fm.time_series().predict(start=55, end=65),
    ),
    *(
        Saved(name, model, fm.iris_array, fm.run_network, options)
        for name, model, options in [
            ("pytorch-pickle", fm.network, {}),
            ("pytorch-script", fm.scripted_network, {}),
            (
                "pytorch-pt2",
                fm.network,
                {"serialization_format": "pt2", "input_example": fm.iris_array()[:1]},
            ),
        ]
    ),
    Saved(
        "pytorch-columns",
        fm.network,
        fm.iris_rows,
        lambda: pd.DataFrame(fm.run_network()),
    ),
    Saved(
        "object-with-predict",
        fm.doubler,
        fm.iris_rows,
        lambda: fm.doubler().predict(fm.iris_rows()),
    ),
    Saved(
        "lambda",
        lambda: lambda data: data.sum(axis=1),
        fm.iris_rows,
        lambda: fm.iris_rows().sum(axis=1),
    ),
    Saved(
        "callable-with-params",
        fm.scaler,
        fm.iris_rows,
        lambda: fm.iris_rows().to_numpy().sum(axis=1) * 3.0,
        {"signature": scorecast.infer_signature(fm.iris_rows(), params={"scale": 1.0})},
        {"scale": 3.0},
    ),
]


@pytest.mark.parametrize("case", SAVED, ids=lambda case: case.name)
def test_what_scorecast_writes_predicts_in_mlflow_and_here_as_its_library_does(
    case: Saved, tmp_path: Path, assert_same: Compare
) -> None:
    """A model that scorecast saved gives its library's own predictions in MLflow and here."""
    from mlflow import pyfunc

    path = scorecast.save_model(case.model(), tmp_path / "model", **case.options)

    in_mlflow = pyfunc.load_model(str(path)).predict(case.data(), params=case.params)
    here = scorecast.load_model(path).predict(case.data(), params=case.params)

    assert_same(in_mlflow, case.expected())
    assert_same(here, case.expected())


def test_saving_an_onnx_model_leaves_it_as_it_was(tmp_path: Path) -> None:
    """The object that was saved can be saved and run again."""
    model = fm.onnx_matrix()
    before = model.SerializeToString()

    scorecast.save_model(model, tmp_path / "model")

    assert model.SerializeToString() == before


def test_exporting_a_network_leaves_its_training_mode(tmp_path: Path) -> None:
    """A network that is being trained can be exported in between."""
    network = fm.network()

    scorecast.save_model(
        network,
        tmp_path / "model",
        serialization_format="pt2",
        input_example=fm.iris_array(),
    )

    assert all(module.training for module in network.modules())


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_an_exported_network_takes_any_number_of_rows(tmp_path: Path, rows: int) -> None:
    """The number of rows of the input example does not bind later batches."""
    example = pd.DataFrame(np.ones((1, 4)), columns=list("abcd"))
    path = scorecast.save_model(
        fm.network(), tmp_path / "model", serialization_format="pt2", input_example=example
    )

    predicted = scorecast.load_model(path).predict(fm.iris_array()[:rows])

    np.testing.assert_allclose(predicted, fm.run_network()[:rows], rtol=1e-5, atol=1e-6)
