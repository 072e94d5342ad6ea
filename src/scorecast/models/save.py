"""Write a model directory that scorecast and MLflow both load."""

from __future__ import annotations

import platform
import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from scorecast.errors import ModelSaveError
from scorecast.models.examples import write_input_example
from scorecast.models.flavors import flavor_for_model
from scorecast.models.flavors.base import SavedFlavor, SaveOptions
from scorecast.models.info import PYFUNC
from scorecast.models.mlmodel import MLMODEL, REQUIREMENTS
from scorecast.models.signature import Signature
from scorecast.models.signature_json import dump_signature

# The format written is the one of this MLflow release; its readers decide by this version.
_FORMAT_VERSION = "3.17.2"
_CODE = "code"


def save_model(  # noqa: PLR0913 - the options of a model directory
    model: Any,
    path: str | Path,
    *,
    signature: Signature | None = None,
    input_example: Any = None,
    pip_requirements: Sequence[str] | None = None,
    code_paths: Sequence[str | Path] | None = None,
    metadata: Mapping[str, Any] | None = None,
    serialization_format: str | None = None,
    predict_fn: str = "predict",
) -> Path:
    """Write `model` to the directory `path`, which appears complete or not at all.

    The flavor is found by the class of the model: xgboost, lightgbm, catboost, onnx, pytorch,
    statsmodels and scikit-learn are written in their own formats; any other object with a
    ``predict`` method and any callable is pickled with cloudpickle. Runs on the driver.

    Args:
        model: The fitted model.
        path: Directory to write; may exist if it is empty.
        signature: Declared inputs, outputs and params, see `scorecast.infer_signature`. Without
            one, data reaches the model unchecked.
        input_example: Example input stored beside the model: a DataFrame, a numpy array, a dict or
            a list.
        pip_requirements: Lines for ``requirements.txt``; by default the flavor's library, pinned to
            the installed version.
        code_paths: Python files and packages that the model imports; they are copied into the
            model and importable when it is loaded.
        metadata: Free mapping stored in the MLmodel file.
        serialization_format: ``"cloudpickle"``, ``"pickle"`` or ``"skops"`` for scikit-learn, see
            the flavors for others; None for the flavor's default.
        predict_fn: Method that predicts, such as ``"predict_proba"``, for the flavors that have a
            choice.

    Returns:
        The directory.

    Raises:
        ModelSaveError: The directory is not empty, the model cannot be written, or an option does
            not fit the flavor.
        MissingExtraError: The flavor's library is not installed.
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        message = (
            f'Cannot save the model to "{target}": it exists and is not an empty directory. '
            "Choose another path or remove it first."
        )
        raise ModelSaveError(message)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    staging.mkdir()
    try:
        saved = flavor_for_model(model).save(
            model, staging, SaveOptions(serialization_format, predict_fn, input_example)
        )
        code = _copy_code(code_paths or (), staging)
        requirements = tuple(pip_requirements) if pip_requirements else saved.requirements
        _write_environment(staging, requirements)
        described = _describe(saved, signature, metadata, code)
        if input_example is not None:
            described["saved_input_example_info"] = write_input_example(input_example, staging)
        described["model_size_bytes"] = sum(
            file.stat().st_size for file in staging.rglob("*") if file.is_file()
        )
        (staging / MLMODEL).write_text(
            yaml.safe_dump(described, sort_keys=True, allow_unicode=True), encoding="utf-8"
        )
        if target.exists():
            target.rmdir()
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return target


def _describe(
    saved: SavedFlavor,
    signature: Signature | None,
    metadata: Mapping[str, Any] | None,
    code: str | None,
) -> dict[str, Any]:
    code = code or saved.pyfunc.get("code")
    pyfunc = {
        **saved.pyfunc,
        "code": code,
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "python_version": platform.python_version(),
    }
    flavors = {PYFUNC: pyfunc}
    if saved.name is not None:
        flavors[saved.name] = {**saved.conf, "code": code}
    described: dict[str, Any] = {
        "flavors": flavors,
        "mlflow_version": _FORMAT_VERSION,
        "model_id": None,
        "model_uuid": uuid.uuid4().hex,
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }
    if signature is not None:
        described["signature"] = dump_signature(signature)
        described["is_signature_from_type_hint"] = False
        described["type_hint_from_example"] = False
    if metadata:
        described["metadata"] = dict(metadata)
    return described


def _copy_code(code_paths: Sequence[str | Path], directory: Path) -> str | None:
    if not code_paths:
        return None
    code = directory / _CODE
    code.mkdir(exist_ok=True)
    for given in map(Path, code_paths):
        if not given.exists():
            message = f'code_paths names "{given}", which does not exist.'
            raise ModelSaveError(message)
        destination = code / given.resolve().name
        if destination.exists():
            message = f'code_paths names two things called "{destination.name}"; rename one.'
            raise ModelSaveError(message)
        if given.is_dir():
            shutil.copytree(given, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(given, destination)
    return _CODE


def _write_environment(directory: Path, requirements: Sequence[str]) -> None:
    """Write the three files from which MLflow builds environments."""
    python = platform.python_version()
    (directory / REQUIREMENTS).write_text("".join(f"{line}\n" for line in requirements), "utf-8")
    python_env = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
    (directory / "python_env.yaml").write_text(yaml.safe_dump(python_env), "utf-8")
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": list(requirements)}],
    }
    (directory / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False), "utf-8")
