"""What MLflow writes loads here, and what scorecast writes loads in MLflow: equal predictions."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scorecast

mlflow = pytest.importorskip("mlflow")

PIN = ["numpy"]  # given, so that MLflow does not start a process to find out
ROWS = 12
Predictions = Callable[[Any, Any], None]


# --- data and models ------------------------------------------------------------------------------


@cache
def iris() -> tuple[pd.DataFrame, np.ndarray]:
    from sklearn.datasets import load_iris

    data = load_iris(as_frame=True)
    order = np.random.default_rng(0).permutation(len(data.data))
    return data.data.iloc[order].reset_index(drop=True), data.target.to_numpy()[order]


@cache
def diabetes() -> tuple[pd.DataFrame, np.ndarray]:
    from sklearn.datasets import load_diabetes

    data = load_diabetes(as_frame=True)
    return data.data, data.target.to_numpy()


def iris_rows() -> pd.DataFrame:
    return iris()[0].head(ROWS)


def iris_floats() -> np.ndarray:
    return iris_rows().to_numpy(dtype=np.float32)


def diabetes_rows() -> pd.DataFrame:
    return diabetes()[0].head(ROWS)


@cache
def pipeline() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*iris())


@cache
def forest() -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=3, random_state=0).fit(*diabetes())


@cache
def xgboost_booster() -> Any:
    import xgboost

    features, target = diabetes()
    return xgboost.train({"max_depth": 2}, xgboost.DMatrix(features, target), num_boost_round=3)


@cache
def xgboost_estimator(name: str) -> Any:
    import xgboost

    data = iris() if name == "XGBClassifier" else diabetes()
    return getattr(xgboost, name)(n_estimators=3, max_depth=2).fit(*data)


@cache
def lightgbm_booster() -> Any:
    import lightgbm

    features, target = diabetes()
    options = {"objective": "regression", "verbose": -1, "num_leaves": 4}
    return lightgbm.train(options, lightgbm.Dataset(features, target), num_boost_round=3)


@cache
def lightgbm_classifier() -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1).fit(*iris())


@cache
def catboost_model(name: str) -> Any:
    import catboost

    data = iris() if name == "CatBoostClassifier" else diabetes()
    kind = getattr(catboost, name)
    return kind(iterations=3, depth=2, silent=True, allow_writing_files=False).fit(*data)


@cache
def onnx_classifier() -> Any:
    """One 2-D input; labels, and probabilities as a map per row, as skl2onnx makes them."""
    from skl2onnx import to_onnx

    return to_onnx(pipeline(), iris()[0].to_numpy(dtype=np.float32)[:1])


@cache
def onnx_two_inputs() -> Any:
    """Two 1-D inputs of different types and two 1-D outputs."""
    from onnx import TensorProto, checker, helper

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
    graph = helper.make_graph(nodes, "two", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model


@cache
def onnx_columns() -> Any:
    """One input of one column per feature, as skl2onnx makes them of a ColumnTransformer."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = numbered(iris()[0])
    columns = make_column_transformer((StandardScaler(), list(features.columns)))
    model = make_pipeline(columns, LogisticRegression()).fit(features, iris()[1])
    types = [(name, FloatTensorType([None, 1])) for name in features.columns]
    return to_onnx(model, initial_types=types, options={"zipmap": False})


@cache
def onnx_large() -> Any:
    """A matrix that MLflow writes into a file beside the graph; one column of output."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(4, 1000)).astype(np.float32)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])]
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["wide"]),
        helper.make_node("ReduceSum", ["wide", "axes"], ["y"], keepdims=1),
    ]
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([1]), "axes"),
    ]
    graph = helper.make_graph(nodes, "large", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def numbered(features: pd.DataFrame) -> pd.DataFrame:
    return features.set_axis([f"f{i}" for i in range(features.shape[1])], axis=1)


def run_onnx(model: Any, feed: Mapping[str, np.ndarray]) -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feed)), strict=True))


@cache
def least_squares() -> Any:
    import statsmodels.api as sm

    features, target = diabetes()
    return sm.OLS(target, features).fit()


@cache
def time_series() -> Any:
    from statsmodels.tsa.ar_model import AutoReg

    values = np.sin(np.arange(60) / 3) + np.random.default_rng(0).normal(size=60) / 10
    return AutoReg(values, lags=3).fit()


@cache
def network() -> Any:
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)]
    return torch.nn.Sequential(*layers).eval()


@cache
def scripted() -> Any:
    import torch

    return torch.jit.script(network())


def run_network(values: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        result: np.ndarray = network()(torch.from_numpy(values.copy())).numpy()
    return result


class Doubler:
    """An object with a predict function, of no library."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def predict(self, data: pd.DataFrame) -> pd.Series:
        return data.iloc[:, 0] * self.factor


class WithParams:
    """A callable object that takes params."""

    def __call__(self, data: pd.DataFrame, params: Mapping[str, Any] | None = None) -> np.ndarray:
        return data.to_numpy().sum(axis=1) * (params or {})["scale"]


# --- what MLflow writes ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A model as MLflow writes it, and the data to predict.

    `library` is what loading it here imports; None when that is MLflow itself.
    """

    name: str
    library: str | None
    save: Callable[[Path], None]
    data: Callable[[], Any]
    params: Mapping[str, Any] | None = None
    signed: bool = True
    extra: str = ""


def signature_of(data: Any, prediction: Any = None, params: Any = None) -> Any:
    return mlflow.models.infer_signature(data, prediction, params)


def sklearn_writer(model: Callable[[], Any], data: Callable[[], Any], **options: Any) -> Any:
    def save(path: Path) -> None:
        import mlflow.sklearn

        mlflow.sklearn.save_model(
            model(), path, signature=signature_of(data()), pip_requirements=PIN, **options
        )

    return save


def writer(flavor: str, model: Callable[[], Any], data: Any, **options: Any) -> Any:
    def save(path: Path) -> None:
        module = getattr(mlflow, flavor)
        given = {"pip_requirements": PIN, **options}
        if data is not None:
            given.setdefault("signature", signature_of(data()))
        module.save_model(model(), path, **given)

    return save


def booster_with_params(path: Path) -> None:
    params = {"output_margin": False, "pred_leaf": False, "not_of_xgboost": 1}
    mlflow.xgboost.save_model(
        xgboost_booster(),
        path,
        signature=signature_of(diabetes_rows(), params=params),
        pip_requirements=PIN,
    )


def python_model(path: Path) -> None:
    class Thresholds(mlflow.pyfunc.PythonModel):
        def load_context(self, context: Any) -> None:
            self.offset = json.loads(Path(context.artifacts["offset"]).read_text())

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            total = model_input.sum(axis=1) * params["scale"] + self.offset
            return pd.DataFrame({"total": total, "over": total > context.model_config["limit"]})

    artifact = path.parent / "offset.json"
    artifact.write_text("0.25")
    mlflow.pyfunc.save_model(
        path,
        python_model=Thresholds(),
        artifacts={"offset": str(artifact)},
        model_config={"limit": 30.0},
        signature=signature_of(iris_rows(), params={"scale": 2.0}),
        pip_requirements=PIN,
    )


def function_model(path: Path) -> None:
    def total(model_input: Any) -> Any:
        return model_input.sum(axis=1)

    mlflow.pyfunc.save_model(
        path, python_model=total, signature=signature_of(iris_rows()), pip_requirements=PIN
    )


def type_hinted_model(path: Path) -> None:
    class Lengths(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[str], params: Any = None) -> list[int]:
            return [len(text) for text in model_input]

    mlflow.pyfunc.save_model(path, python_model=Lengths(), pip_requirements=PIN)


def model_from_code(path: Path) -> None:
    script = path.parent / "from_code.py"
    script.write_text(
        "import mlflow\n"
        "class Total(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return model_input.sum(axis=1).to_numpy()\n"
        "mlflow.models.set_model(Total())\n"
    )
    mlflow.pyfunc.save_model(
        path, python_model=str(script), signature=signature_of(iris_rows()), pip_requirements=PIN
    )


def loader_module(path: Path) -> None:
    code = path.parent / "factor_loader.py"
    code.write_text(
        "from pathlib import Path\n"
        "class Model:\n"
        "    def __init__(self, factor):\n"
        "        self.factor = factor\n"
        "    def predict(self, data, params=None):\n"
        "        return data.sum(axis=1) * self.factor * (params or {'scale': 1})['scale']\n"
        "def _load_pyfunc(path):\n"
        "    return Model(float((Path(path) / 'factor.txt').read_text()))\n"
    )
    data = path.parent / "factor"
    data.mkdir()
    (data / "factor.txt").write_text("1.5")
    mlflow.pyfunc.save_model(
        path,
        loader_module="factor_loader",
        data_path=str(data),
        code_paths=[str(code)],
        signature=signature_of(iris_rows(), params={"scale": 2}),
        pip_requirements=PIN,
    )


def two_columns() -> pd.DataFrame:
    return pd.DataFrame({"x": [0.5, 1.5, 2.5], "y": [1, 2, 3]})


def tree_types() -> dict[str, Any]:
    return {"skops_trusted_types": ["sklearn.tree._tree.Tree"]}


WRITTEN = [
    Written("onnx", "onnxruntime", writer("onnx", onnx_classifier, iris_rows), iris_rows),
    Written("onnx-tensor", "onnxruntime", writer("onnx", onnx_classifier, iris_floats), iris_floats),
    Written("onnx-two-inputs", "onnxruntime", writer("onnx", onnx_two_inputs, None), two_columns),
    Written(
        "onnx-two-tensors",
        "onnxruntime",
        writer("onnx", onnx_two_inputs, lambda: {k: v.to_numpy() for k, v in two_tensors().items()}),
        lambda: {k: v.to_numpy() for k, v in two_tensors().items()},
    ),
    Written(
        "onnx-external-data",
        "onnxruntime",
        writer(
            "onnx",
            onnx_large,
            iris_rows,
            onnx_session_options={
                "intra_op_num_threads": 1,
                "inter_op_num_threads": 1,
                "execution_mode": "sequential",
                "graph_optimization_level": 99,
                "extra_session_config": {"session.disable_prepacking": "1"},
            },
            onnx_execution_providers=["CUDAExecutionProvider", ("CPUExecutionProvider", {})],
        ),
        iris_rows,
    ),
    Written(
        "catboost-classifier",
        "catboost",
        writer("catboost", lambda: catboost_model("CatBoostClassifier"), iris_rows),
        iris_rows,
    ),
    Written(
        "catboost-regressor-json",
        "catboost",
        writer(
            "catboost", lambda: catboost_model("CatBoostRegressor"), diabetes_rows, format="json"
        ),
        diabetes_rows,
    ),
    Written(
        "statsmodels", "statsmodels", writer("statsmodels", least_squares, diabetes_rows), diabetes_rows
    ),
    Written(
        "statsmodels-time-series",
        "statsmodels",
        writer("statsmodels", time_series, None),
        lambda: pd.DataFrame({"start": [55], "end": [65]}),
    ),
    Written("sklearn-skops", "sklearn", writer("sklearn", pipeline, iris_rows), iris_rows),
    Written(
        "sklearn-skops-forest",
        "sklearn",
        writer(
            "sklearn",
            forest,
            diabetes_rows,
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        ),
        diabetes_rows,
    ),
    Written(
        "sklearn-cloudpickle",
        "sklearn",
        writer("sklearn", pipeline, iris_rows, serialization_format="cloudpickle"),
        iris_rows,
    ),
    Written(
        "sklearn-pickle",
        "sklearn",
        writer("sklearn", forest, diabetes_rows, serialization_format="pickle"),
        diabetes_rows,
    ),
    Written(
        "sklearn-predict-proba",
        "sklearn",
        writer("sklearn", pipeline, iris_rows, pyfunc_predict_fn="predict_proba"),
        iris_rows,
    ),
]
