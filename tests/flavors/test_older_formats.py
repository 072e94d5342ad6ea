"""Model directories with the fields that earlier releases of MLflow wrote."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow_cases import CASES, Written

import scorecast

CASE = {case.name: case for case in CASES}

# Case to take the files from, flavor, keys that were missing or other then (None: missing).
OLDER = [
    (
        "sklearn-pickle",
        "sklearn",
        {"serialization_format": None},
        {"model_path": None, "data": "model.pkl"},
    ),
    ("sklearn-cloudpickle", "sklearn", {"skops_trusted_types": None}, {"predict_fn": None}),
    ("xgboost-xgb", "xgboost", {"model_class": None, "model_format": None}, {}),
    ("lightgbm", "lightgbm", {"model_class": None, "serialization_format": None}, {}),
    ("lightgbm-classifier-cloudpickle", "lightgbm", {"serialization_format": None}, {}),
    ("onnx", "onnx", {"providers": None, "onnx_session_options": None}, {}),
    ("onnx", "onnx", {"providers": "CPUExecutionProvider"}, {}),
    ("pytorch-pickle", "pytorch", {}, {"config": None, "pickle_module_name": None}),
    ("statsmodels", "statsmodels", {"data": None}, {}),
]


@pytest.mark.parametrize(("name", "flavor", "conf", "pyfunc"), OLDER)
def test_directories_of_earlier_releases_predict_the_same(
    name: str,
    flavor: str,
    conf: Mapping[str, Any],
    pyfunc: Mapping[str, Any],
    tmp_path: Path,
    written_by_mlflow: Callable[[Written], Path],
    assert_same: Callable[[Any, Any], None],
) -> None:
    """Keys that were added later may be absent, and nothing changes."""
    case = CASE[name]
    current = written_by_mlflow(case)
    older = Path(shutil.copytree(current, tmp_path / "older"))
    described = yaml.safe_load((older / "MLmodel").read_text())
    for keys, changes in (
        (described["flavors"][flavor], conf),
        (described["flavors"]["python_function"], {**pyfunc, "env": "conda.yaml"}),
    ):
        keys.update(changes)
        for key in [key for key, value in changes.items() if value is None]:
            del keys[key]
    for key in ("model_id", "model_size_bytes", "is_signature_from_type_hint"):
        described.pop(key, None)
    (older / "MLmodel").write_text(yaml.safe_dump(described))

    assert_same(
        scorecast.load_model(older).predict(case.data(), case.params),
        scorecast.load_model(current).predict(case.data(), case.params),
    )
