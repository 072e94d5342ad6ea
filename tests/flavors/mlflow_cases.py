"""Models as MLflow itself writes them, in every format that it offers."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flavor_models as fm
import pandas as pd

# Given, so that MLflow does not start a process to find the requirements out.
PIN = ["numpy"]


@dataclass(frozen=True)
class Written:
    """A model that MLflow writes, and what to predict with it.

    Attributes:
        name: Unique name.
        library: What loading it imports; ``mlflow`` where MLflow's own loader is needed, None where
            the model brings all it needs.
        save: Writes it to a path.
        data: Makes the data to predict.
        params: Params of predict.
    """

    name: str
    library: str | None
    save: Callable[[Path], None]
    data: Callable[[], Any]
    params: Mapping[str, Any] | None = None


def signature_of(data: Any, params: Mapping[str, Any] | None = None) -> Any:
    """Give the signature that MLflow infers."""
    from mlflow.models import infer_signature

    return infer_signature(data, params=params)


def written_as(
    flavor: str, model: Callable[[], Any], signed_for: Callable[[], Any] | None, **options: Any
) -> Callable[[Path], None]:
    """Give a function that saves by ``mlflow.<flavor>``, with the signature of some data."""

    def save(path: Path) -> None:
        given = {"pip_requirements": PIN, **options}
        if signed_for is not None:
            given["signature"] = signature_of(signed_for())
        importlib.import_module(f"mlflow.{flavor}").save_model(model(), path, **given)

    return save


def _booster_with_params(path: Path) -> None:
    params = {"pred_leaf": True, "not_of_xgboost": 1}
    signature = signature_of(fm.diabetes_rows(), params)
    written_as("xgboost", fm.xgboost_booster, None, signature=signature)(path)


def _classifier_with_params(path: Path) -> None:
    params = {"output_margin": True, "not_of_xgboost": 1}
    signature = signature_of(fm.iris_rows(), params)
    written_as("xgboost", fm.xgboost_classifier, None, signature=signature)(path)


def _python_model(path: Path) -> None:
    from mlflow import pyfunc

    class Limited(pyfunc.PythonModel):
        def load_context(self, context: Any) -> None:
            self.offset = json.loads(Path(context.artifacts["offset"]).read_text())

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            total = model_input.sum(axis=1) * params["scale"] + self.offset
            return pd.DataFrame({"total": total, "over": total > context.model_config["limit"]})

    artifact = path.parent / "offset.json"
    artifact.write_text("0.25")
    pyfunc.save_model(
        path,
        python_model=Limited(),
        artifacts={"offset": str(artifact)},
        model_config={"limit": 30.0},
        signature=signature_of(fm.iris_rows(), {"scale": 2.0}),
        pip_requirements=PIN,
    )


def _function(path: Path) -> None:
    from mlflow import pyfunc

    def total(model_input: Any) -> Any:
        return model_input.sum(axis=1)

    signature = signature_of(fm.iris_rows())
    pyfunc.save_model(path, python_model=total, signature=signature, pip_requirements=PIN)


def _type_hinted(path: Path) -> None:
    from mlflow import pyfunc

    class Lengths(pyfunc.PythonModel):
        def predict(self, model_input: list[str], params: Any = None) -> list[int]:
            return [len(text) for text in model_input]

    pyfunc.save_model(path, python_model=Lengths(), pip_requirements=PIN)


def _from_code(path: Path) -> None:
    from mlflow import pyfunc

    script = path.parent / "from_code.py"
    script.write_text(
        "import mlflow\n"
        "class Total(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return model_input.sum(axis=1).to_numpy()\n"
        "mlflow.models.set_model(Total())\n"
    )
    signature = signature_of(fm.iris_rows())
    pyfunc.save_model(path, python_model=str(script), signature=signature, pip_requirements=PIN)


def _loader_module(path: Path) -> None:
    from mlflow import pyfunc

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
    pyfunc.save_model(
        path,
        loader_module="factor_loader",
        data_path=str(data),
        code_paths=[str(code)],
        signature=signature_of(fm.iris_rows(), {"scale": 2}),
        pip_requirements=PIN,
    )


# A library that others import comes before them: skops imports torch and sklearn, xgboost sklearn.
CASES = [
    Written("loader-module", None, _loader_module, fm.iris_rows, {"scale": 3}),
    Written(
        "onnx", "onnxruntime", written_as("onnx", fm.onnx_classifier, fm.iris_rows), fm.iris_rows
    ),
    Written(
        "onnx-tensor",
        "onnxruntime",
        written_as("onnx", fm.onnx_classifier, fm.iris_array),
        fm.iris_array,
    ),
    Written(
        "onnx-columns", "onnxruntime", written_as("onnx", fm.onnx_pair, fm.pair_rows), fm.pair_rows
    ),
    Written(
        "onnx-tensors",
        "onnxruntime",
        written_as("onnx", fm.onnx_pair, fm.pair_tensors),
        fm.pair_tensors,
    ),
    Written(
        "onnx-external-data",
        "onnxruntime",
        written_as(
            "onnx",
            # MLflow takes the tensors out of the object that it saves.
            lambda: copy.deepcopy(fm.onnx_matrix()),
            fm.iris_array,
            onnx_execution_providers=["CUDAExecutionProvider", ("CPUExecutionProvider", {})],
            onnx_session_options={
                "execution_mode": "sequential",
                "extra_session_config": {"session.disable_prepacking": "1"},
                "graph_optimization_level": 99,
                "inter_op_num_threads": 1,
                "intra_op_num_threads": 1,
            },
        ),
        fm.iris_array,
    ),
    Written(
        "catboost-classifier",
        "catboost",
        written_as("catboost", fm.catboost_classifier, fm.iris_rows),
        fm.iris_rows,
    ),
    Written(
        "catboost-json",
        "catboost",
        written_as("catboost", fm.catboost_regressor, fm.diabetes_rows, format="json"),
        fm.diabetes_rows,
    ),
    Written(
        "statsmodels",
        "statsmodels",
        written_as("statsmodels", fm.least_squares, fm.diabetes_rows),
        fm.diabetes_rows,
    ),
    Written(
        "statsmodels-time-series",
        "statsmodels",
        written_as("statsmodels", fm.time_series, None),
        lambda: pd.DataFrame({"start": [55], "end": [65]}),
    ),
    Written(
        "pytorch-pt2",
        "torch",
        written_as(
            "pytorch",
            lambda: fm.network(training=False),
            fm.iris_array,
            input_example=fm.iris_array(),
        ),
        fm.iris_array,
    ),
    Written(
        "pytorch-pickle",
        "torch",
        written_as("pytorch", fm.network, fm.iris_rows, serialization_format="pickle"),
        fm.iris_rows,
    ),
    Written(
        "pytorch-script",
        "torch",
        written_as("pytorch", fm.scripted_network, fm.iris_rows, serialization_format="pickle"),
        fm.iris_rows,
    ),
    Written(
        "sklearn-skops", "sklearn", written_as("sklearn", fm.pipeline, fm.iris_rows), fm.iris_rows
    ),
    Written(
        "sklearn-skops-forest",
        "sklearn",
        written_as(
            "sklearn",
            fm.forest,
            fm.diabetes_rows,
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        ),
        fm.diabetes_rows,
    ),
    Written(
        "sklearn-cloudpickle",
        "sklearn",
        written_as("sklearn", fm.pipeline, fm.iris_rows, serialization_format="cloudpickle"),
        fm.iris_rows,
    ),
    Written(
        "sklearn-pickle",
        "sklearn",
        written_as("sklearn", fm.forest, fm.diabetes_rows, serialization_format="pickle"),
        fm.diabetes_rows,
    ),
    Written(
        "sklearn-predict-proba",
        "sklearn",
        written_as("sklearn", fm.pipeline, fm.iris_rows, pyfunc_predict_fn="predict_proba"),
        fm.iris_rows,
    ),
    *(
        Written(
            f"xgboost-{form}",
            "xgboost",
            written_as("xgboost", fm.xgboost_booster, fm.diabetes_rows, model_format=form),
            fm.diabetes_rows,
        )
        for form in ("ubj", "json", "xgb")
    ),
    Written("xgboost-params", "xgboost", _booster_with_params, fm.diabetes_rows),
    Written(
        "xgboost-classifier",
        "xgboost",
        written_as("xgboost", fm.xgboost_classifier, fm.iris_rows),
        fm.iris_rows,
    ),
    Written(
        "xgboost-classifier-params",
        "xgboost",
        _classifier_with_params,
        fm.iris_rows,
        {"output_margin": True},
    ),
    Written(
        "xgboost-regressor",
        "xgboost",
        written_as("xgboost", fm.xgboost_regressor, fm.diabetes_rows),
        fm.diabetes_rows,
    ),
    Written(
        "lightgbm",
        "lightgbm",
        written_as("lightgbm", fm.lightgbm_booster, fm.diabetes_rows),
        fm.diabetes_rows,
    ),
    *(
        Written(
            f"lightgbm-classifier-{form}",
            "lightgbm",
            written_as("lightgbm", fm.lightgbm_classifier, fm.iris_rows, serialization_format=form),
            fm.iris_rows,
        )
        for form in ("skops", "cloudpickle", "pickle")
    ),
    Written("python-model", "mlflow", _python_model, fm.iris_rows, {"scale": 4.0}),
    Written("python-function", "mlflow", _function, fm.iris_rows),
    Written("python-type-hints", "mlflow", _type_hinted, lambda: ["a", "bcd"]),
    Written("python-from-code", "mlflow", _from_code, fm.iris_rows),
]
