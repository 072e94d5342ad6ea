"""One small fitted model per library, and the rows to predict. Each is made once per process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

ROWS = 12


@cache
def iris() -> tuple[pd.DataFrame, np.ndarray]:
    """Features and classes of iris, shuffled so that the first rows hold all classes."""
    from sklearn.datasets import load_iris

    data = load_iris(as_frame=True)
    order = np.random.default_rng(0).permutation(len(data.data))
    return data.data.iloc[order].reset_index(drop=True), data.target.to_numpy()[order]


@cache
def diabetes() -> tuple[pd.DataFrame, np.ndarray]:
    """Features and target of the diabetes data."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(as_frame=True)
    return data.data, data.target.to_numpy()


def iris_rows() -> pd.DataFrame:
    """Rows to predict, as columns."""
    return iris()[0].head(ROWS)


def iris_array() -> np.ndarray:
    """The same rows as one array of the type that networks take."""
    return iris_rows().to_numpy(dtype=np.float32)


def diabetes_rows() -> pd.DataFrame:
    """Rows to predict of the diabetes data."""
    return diabetes()[0].head(ROWS)


@cache
def pipeline() -> Any:
    """A scaler and a classifier, which skops trusts."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*iris())


@cache
def forest() -> Any:
    """Trees, which skops trusts only when they are listed."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=3, random_state=0).fit(*diabetes())


@cache
def xgboost_booster() -> Any:
    """A regressor of the native interface."""
    import xgboost

    features, target = diabetes()
    return xgboost.train({"max_depth": 2}, xgboost.DMatrix(features, target), num_boost_round=3)


def run_xgboost_booster() -> np.ndarray:
    """What XGBoost itself predicts."""
    import xgboost

    result: np.ndarray = xgboost_booster().predict(xgboost.DMatrix(diabetes_rows()))
    return result


@cache
def xgboost_classifier() -> Any:
    """A classifier of the scikit-learn interface."""
    import xgboost

    return xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(*iris())


@cache
def xgboost_regressor() -> Any:
    """A regressor of the scikit-learn interface."""
    import xgboost

    return xgboost.XGBRegressor(n_estimators=3, max_depth=2).fit(*diabetes())


@cache
def lightgbm_booster() -> Any:
    """A regressor of the native interface."""
    import lightgbm

    features, target = diabetes()
    options = {"objective": "regression", "verbose": -1, "num_leaves": 4}
    return lightgbm.train(options, lightgbm.Dataset(features, target), num_boost_round=3)


@cache
def lightgbm_classifier() -> Any:
    """A classifier of the scikit-learn interface."""
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1).fit(*iris())


@cache
def catboost_classifier() -> Any:
    """A classifier of three classes, which predicts an array of one column."""
    import catboost

    options = {"iterations": 3, "depth": 2, "silent": True, "allow_writing_files": False}
    return catboost.CatBoostClassifier(**options).fit(*iris())


@cache
def catboost_regressor() -> Any:
    """A regressor."""
    import catboost

    options = {"iterations": 3, "depth": 2, "silent": True, "allow_writing_files": False}
    return catboost.CatBoostRegressor(**options).fit(*diabetes())


@cache
def onnx_classifier() -> Any:
    """One 2-D input; labels, and probabilities as a map per row, as skl2onnx makes them."""
    from skl2onnx import to_onnx

    return to_onnx(pipeline(), iris_array()[:1])


@cache
def onnx_columns() -> Any:
    """One 2-D input per column of `numbered_rows`; labels and a probability per class."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    types = [(name, FloatTensorType([None, 1])) for name in numbered_rows().columns]
    return to_onnx(columns_model(), initial_types=types, options={"zipmap": False})


@cache
def columns_model() -> Any:
    """A classifier of named columns."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = list(numbered_rows().columns)
    scale = make_column_transformer((StandardScaler(), names))
    features, target = iris()
    return make_pipeline(scale, LogisticRegression()).fit(features.set_axis(names, axis=1), target)


def numbered_rows() -> pd.DataFrame:
    """Rows whose column names can be names of inputs of a graph."""
    rows = iris_rows()
    return rows.set_axis([f"f{i}" for i in range(rows.shape[1])], axis=1).astype(np.float32)


@cache
def onnx_pair() -> Any:
    """Two 1-D inputs of different types, two 1-D outputs."""
    from onnx import TensorProto, helper

    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows"]),
        helper.make_tensor_value_info("y", TensorProto.INT64, ["rows"]),
    ]
    outputs = [
        helper.make_tensor_value_info("total", TensorProto.FLOAT, ["rows"]),
        helper.make_tensor_value_info("twice", TensorProto.INT64, ["rows"]),
    ]
    nodes = [
        helper.make_node("Cast", ["y"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "as_float"], ["total"]),
        helper.make_node("Add", ["y", "y"], ["twice"]),
    ]
    return _onnx(helper.make_graph(nodes, "pair", inputs, outputs))


def pair_rows() -> pd.DataFrame:
    """Rows for `onnx_pair`; x is wider than the graph takes."""
    return pd.DataFrame({"x": [0.5, 1.5, 2.5], "y": [1, 2, 3]})


def pair_feed() -> dict[str, np.ndarray]:
    """The same rows as the graph takes them."""
    rows = pair_rows()
    return {"x": rows["x"].to_numpy(np.float32), "y": rows["y"].to_numpy()}


def pair_tensors() -> dict[str, np.ndarray]:
    """Tensors for `onnx_pair`."""
    return {"x": np.array([0.5, 1.5], np.float32), "y": np.array([1, 2])}


@cache
def onnx_matrix(columns: int = 1000) -> Any:
    """A matrix, which MLflow writes into a file beside the graph when it is large."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(4, columns)).astype(np.float32)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])]
    outputs = [
        helper.make_tensor_value_info("wide", TensorProto.FLOAT, ["rows", columns]),
        helper.make_tensor_value_info("first", TensorProto.FLOAT, ["rows", 1]),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["wide"]),
        helper.make_node("Gather", ["wide", "zero"], ["first"], axis=1),
    ]
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([0]), "zero"),
    ]
    return _onnx(helper.make_graph(nodes, "matrix", inputs, outputs, constants))


def _onnx(graph: Any) -> Any:
    from onnx import checker, helper

    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model


def run_onnx(model: Any, feed: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What ONNX Runtime itself gives."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feed)), strict=True))


@cache
def least_squares() -> Any:
    """A fitted linear model."""
    import statsmodels.api as sm

    features, target = diabetes()
    return sm.OLS(target, features).fit()


@cache
def time_series() -> Any:
    """A fitted time series model of 60 points."""
    from statsmodels.tsa.ar_model import AutoReg

    values = np.sin(np.arange(60) / 3) + np.random.default_rng(0).normal(size=60) / 10
    return AutoReg(values, lags=3).fit()


@cache
def network(*, training: bool = True) -> Any:
    """A network with dropout; what is loaded has to predict without it, however it was saved."""
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)]
    return torch.nn.Sequential(*layers).train(training)


@cache
def scripted_network() -> Any:
    """The network as TorchScript."""
    import torch

    return torch.jit.script(network())


def run_network() -> np.ndarray:
    """What PyTorch itself predicts without dropout."""
    import torch

    with torch.no_grad():
        result: np.ndarray = network(training=False)(torch.tensor(iris_array())).numpy()
    return result


def doubler() -> Any:
    """An object of no library with a predict function."""

    class Doubler:
        factor = 2.0

        def predict(self, data: pd.DataFrame) -> pd.Series:
            return data.iloc[:, 0] * self.factor

    return Doubler()


def scaler() -> Any:
    """A callable object that takes params."""

    class Scaler:
        def __call__(self, data: pd.DataFrame, params: Mapping[str, Any] | None = None) -> Any:
            return data.to_numpy().sum(axis=1) * (params or {"scale": 1.0})["scale"]

    return Scaler()
