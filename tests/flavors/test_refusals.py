"""What flavors refuse to save, load or predict, and the words for it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flavor_models as fm
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow_cases import CASES, Written

import scorecast
from scorecast.errors import (
    InputMismatchError,
    MLmodelError,
    ModelLoadError,
    ModelPredictError,
    ModelSaveError,
)

CASE = {case.name: case for case in CASES}
Write = Callable[[Written], Path]


def _unfitted() -> Any:
    import statsmodels.api as sm

    return sm.OLS(np.ones(3), np.ones((3, 1)))


def _scripted() -> Any:
    return fm.scripted_network()


def _bound_to_two_rows() -> Any:
    import torch

    class Bound(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.reshape(2, 4)

    return Bound()


def _python_model() -> Any:
    from mlflow import pyfunc

    class Model(pyfunc.PythonModel):
        def predict(self, context: Any, model_input: Any) -> Any:
            return model_input

    return Model()


def _local_transformer() -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(lambda x: x), fm.pipeline())


def _with_lock() -> Any:
    lock = threading.Lock()
    return lambda data: data if lock else None


class NoModel:
    pass


@pytest.mark.parametrize(
    ("model", "options", "text"),
    [
        (fm.pipeline, {"serialization_format": "joblib"}, "Choose one of: cloudpickle, pickle, sk"),
        (fm.forest, {"predict_fn": "predict_proba"}, "Choose one of: predict, score"),
        (_local_transformer, {"serialization_format": "pickle"}, "cloudpickle"),
        (_local_transformer, {"serialization_format": "skops"}, "cloudpickle"),
        (fm.xgboost_booster, {"serialization_format": "xgb"}, "Choose one of: ubj, json"),
        (fm.xgboost_classifier, {"predict_fn": "predict_proba"}, 'only "predict" is possible'),
        (fm.lightgbm_booster, {"serialization_format": "skops"}, "has one format"),
        (fm.lightgbm_classifier, {"serialization_format": "json"}, "cloudpickle, pickle, skops"),
        (fm.catboost_regressor, {"serialization_format": "onnx"}, "Choose one of: cbm, json"),
        (fm.onnx_pair, {"serialization_format": "ort"}, "Choose one of: onnx"),
        (_unfitted, {}, "Save what its fit.. returns"),
        (fm.network, {"serialization_format": "pt2"}, "give input_example"),
        (_scripted, {"serialization_format": "pt2"}, "TorchScript cannot be exported"),
        (
            _bound_to_two_rows,
            {"serialization_format": "pt2", "input_example": np.ones((2, 4), np.float32)},
            "Cannot write the Bound as pt2",
        ),
        (_python_model, {}, "mlflow.pyfunc.save_model"),
        (_with_lock, {}, "Leave out open files, locks"),
        (NoModel, {}, "not callable and has no method"),
        (lambda: NoModel, {}, "cannot be saved"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_nothing_is_written(
    model: Callable[[], Any], options: dict[str, Any], text: str, tmp_path: Path
) -> None:
    """The error says what is possible instead, and the place stays empty."""
    with pytest.raises(ModelSaveError, match=text):
        scorecast.save_model(model(), tmp_path / "model", **options)

    assert list(tmp_path.iterdir()) == []


def _edited(source: Path, target: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    shutil.copytree(source, target)
    described = yaml.safe_load((target / "MLmodel").read_text())
    edit(described["flavors"])
    (target / "MLmodel").write_text(yaml.safe_dump(described))
    return target


def _set(flavor: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda flavors: flavors[flavor].update({key: value})


@pytest.mark.parametrize(
    ("name", "edit", "text"),
    [
        ("sklearn-skops-forest", _set("sklearn", "skops_trusted_types", None), "_tree.Tree"),
        (
            "lightgbm-classifier-skops",
            _set("lightgbm", "skops_trusted_types", []),
            "does not declare as trusted: .*lightgbm.basic.Booster",
        ),
        (
            "sklearn-pickle",
            _set("python_function", "predict_fn", "predict_proba"),
            'no method "predict_proba"',
        ),
        ("xgboost-ubj", _set("xgboost", "model_class", "xgboost.core.Gone"), "code_paths"),
        ("xgboost-ubj", _set("xgboost", "model_class", "gone.Model"), '"gone"'),
        ("catboost-json", _set("catboost", "model_type", "Pool"), "CatBoostClassifier"),
        ("xgboost-ubj", _set("xgboost", "data", "../elsewhere"), "outside the model directory"),
        ("onnx", _set("python_function", "data", "/etc/hostname"), "outside the model directory"),
        ("statsmodels", _set("statsmodels", "data", "gone"), "not in the model directory"),
        (
            "loader-module",
            _set("python_function", "loader_module", "loader_that_is_gone"),
            "Save the model with code_paths",
        ),
        (
            "loader-module",
            _set("python_function", "predict_fn", "foretell"),
            'without the method "foretell"',
        ),
        (
            "python-function",
            _set("python_function", "loader_module", "mlflow.flavor_of_tomorrow"),
            "The installed MLflow has no module",
        ),
    ],
)
def test_what_cannot_be_loaded_is_one_error_that_says_why(
    name: str,
    edit: Callable[[dict[str, Any]], None],
    text: str,
    tmp_path: Path,
    written_by_mlflow: Write,
) -> None:
    """A directory that names what is not there, or not allowed, is refused."""
    path = _edited(written_by_mlflow(CASE[name]), tmp_path / "model", edit)

    with pytest.raises((MLmodelError, ModelLoadError), match=text):
        scorecast.load_model(path)


@pytest.mark.parametrize(
    "name", ["sklearn-pickle", "pytorch-pickle", "onnx", "catboost-classifier"]
)
def test_a_damaged_file_is_one_error(name: str, tmp_path: Path, written_by_mlflow: Write) -> None:
    """A model file that was cut short is a ModelLoadError of its flavor."""
    path = Path(shutil.copytree(written_by_mlflow(CASE[name]), tmp_path / "model"))
    file = next(
        file
        for file in path.rglob("*")
        if file.name in ("model.pkl", "model.pth", "model.onnx", "model.cb")
    )
    file.write_bytes(file.read_bytes()[:100])

    with pytest.raises(ModelLoadError, match=f'flavor "{name.partition("-")[0]}"'):
        scorecast.load_model(path)


@pytest.mark.parametrize("name", ["xgboost-ubj", "xgboost-classifier", "lightgbm"])
def test_trees_that_were_cut_anywhere_are_refused_before_their_library_reads_them(
    name: str, tmp_path: Path, written_by_mlflow: Write
) -> None:
    """XGBoost and LightGBM may crash the process on such a file; here it is one error."""
    path = Path(shutil.copytree(written_by_mlflow(CASE[name]), tmp_path / "model"))
    file = next(file for file in path.iterdir() if file.suffix in (".ubj", ".xgb", ".lgb"))
    whole = file.read_bytes()

    for cut in [*range(2, 200), *range(200, len(whole) - 200, 997), len(whole) - 41]:
        file.write_bytes(whole[:cut])
        with pytest.raises(ModelLoadError, match=f'"{file.name}" is damaged or incomplete'):
            scorecast.load_model(path)


def test_a_device_is_chosen_when_a_network_is_loaded(written_by_mlflow: Write) -> None:
    """A device in model_config is used, and one that an exported network is not on is refused."""
    exported = written_by_mlflow(CASE["pytorch-pt2"])
    np.testing.assert_array_equal(
        scorecast.load_model(exported, model_config={"device": "cpu"}).predict(fm.iris_array()),
        scorecast.load_model(exported).predict(fm.iris_array()),
    )

    with pytest.raises(ModelLoadError, match='exported on the device "cpu"'):
        scorecast.load_model(exported, model_config={"device": "meta"})


def test_the_environment_names_the_device(
    written_by_mlflow: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable that MLflow reads decides where the config does not."""
    monkeypatch.setenv("MLFLOW_DEFAULT_PREDICTION_DEVICE", "meta")
    exported = written_by_mlflow(CASE["pytorch-pt2"])

    with pytest.raises(ModelLoadError, match='cannot be moved to "meta"'):
        scorecast.load_model(exported)
    assert scorecast.load_model(exported, model_config={"device": "cpu"})


def test_a_device_is_no_param_of_predict(tmp_path: Path) -> None:
    """A param called device is refused, as in MLflow."""
    signature = scorecast.infer_signature(fm.iris_rows(), params={"device": "cpu"})
    path = scorecast.save_model(fm.network(), tmp_path / "model", signature=signature)

    with pytest.raises(InputMismatchError, match="is no param"):
        scorecast.load_model(path).predict(fm.iris_rows())


def test_a_network_that_gives_no_tensor_is_refused(tmp_path: Path) -> None:
    """Several outputs cannot be predictions; the error says to wrap the module."""
    import torch

    class Pair(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x, x

    path = scorecast.save_model(Pair(), tmp_path / "model")

    with pytest.raises(ModelPredictError, match="returned a tuple"):
        scorecast.load_model(path).predict(fm.iris_rows())


def test_a_network_refuses_named_tensors(tmp_path: Path) -> None:
    """A dict of arrays says nothing about the order of a module's arguments."""
    path = scorecast.save_model(fm.network(), tmp_path / "model")

    with pytest.raises(InputMismatchError, match="got a dict"):
        scorecast.load_model(path).predict({"x": fm.iris_array()})


def test_a_time_series_predicts_one_value_per_row(tmp_path: Path) -> None:
    """Rows that each name one point in time are one prediction each, in any number."""
    path = scorecast.save_model(fm.time_series(), tmp_path / "model")
    points = pd.DataFrame({"start": [61, 55, 58], "end": [61, 55, 58]})

    predicted = scorecast.load_model(path).predict(points)

    expected = [fm.time_series().predict(start=at, end=at)[0] for at in (61, 55, 58)]
    np.testing.assert_array_equal(predicted, expected)


def test_a_time_series_needs_start_and_end(tmp_path: Path) -> None:
    """Other columns are refused with the names of the two that are needed."""
    path = scorecast.save_model(fm.time_series(), tmp_path / "model")

    with pytest.raises(InputMismatchError, match="columns start and end"):
        scorecast.load_model(path).predict(pd.DataFrame({"when": [1]}))
