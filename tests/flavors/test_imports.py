"""Which libraries loading a model imports, and what is said when one of them is missing."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from load_blocked import LIBRARIES
from mlflow_cases import CASES, Written

import scorecast

# Skops last: it imports scikit-learn, which has to be missing before.
PARTLY_MISSING = [
    ("xgboost-classifier", "sklearn"),
    ("lightgbm-classifier-skops", "sklearn"),
    ("sklearn-skops", "skops"),
]
WITHOUT_MLFLOW = [case for case in CASES if case.library != "mlflow"]
Write = Callable[[Written], Path]


def in_new_process(jobs: list[dict[str, Any]], tmp_path: Path) -> list[dict[str, Any]]:
    """Run the jobs, see `load_blocked`."""
    listing = tmp_path / "jobs.json"
    listing.write_text(json.dumps(jobs))
    source = str(Path(scorecast.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("load_blocked.py")), str(listing)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return results


@pytest.fixture(scope="module")
def loaded_without_mlflow(
    written_by_mlflow: Write, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Every model that needs no MLflow, loaded where there is none; one process for all."""
    place = tmp_path_factory.mktemp("loaded")
    jobs = []
    for case in WITHOUT_MLFLOW:
        data = place / f"{case.name}.in"
        data.write_bytes(pickle.dumps((case.data(), case.params)))
        jobs.append(
            {
                "model": str(written_by_mlflow(case)),
                # Where ipywidgets is, CatBoost imports other libraries for its plots.
                "blocked": ["mlflow", "ipywidgets"],
                "data": str(data),
                "out": str(place / f"{case.name}.out"),
            }
        )
    results = in_new_process(jobs, place)
    return {
        case.name: {**result, "out": job["out"]}
        for case, job, result in zip(WITHOUT_MLFLOW, jobs, results, strict=True)
    }


@pytest.mark.parametrize("case", WITHOUT_MLFLOW, ids=lambda case: case.name)
def test_a_model_of_mlflow_loads_and_predicts_where_mlflow_is_not_installed(
    case: Written,
    loaded_without_mlflow: dict[str, dict[str, Any]],
    written_by_mlflow: Write,
    assert_same: Callable[[Any, Any], None],
) -> None:
    """Predictions without MLflow in the process equal those that MLflow gives."""
    from mlflow import pyfunc

    result = loaded_without_mlflow[case.name]
    assert "error" not in result, result.get("text")
    actual = pickle.loads(Path(result["out"]).read_bytes())

    model = pyfunc.load_model(str(written_by_mlflow(case)))
    assert_same(actual, model.predict(case.data(), params=case.params))


@pytest.mark.parametrize("library", sorted(LIBRARIES - {"mlflow", "skops"}))
def test_a_library_is_imported_only_when_a_model_of_it_is_loaded(
    library: str, loaded_without_mlflow: dict[str, dict[str, Any]]
) -> None:
    """Importing scorecast, inspecting models and loading those of others imports no library."""
    first = next(case.name for case in WITHOUT_MLFLOW if case.library == library)

    assert library not in loaded_without_mlflow[first]["before"]
    assert library in loaded_without_mlflow[first]["after"]


@pytest.fixture(scope="module")
def loaded_without_libraries(
    written_by_mlflow: Write, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """One model of each library, loaded where no library is installed; one process for all."""
    place = tmp_path_factory.mktemp("missing")
    cases = {case.library: case for case in CASES if case.library}
    jobs = [
        {"model": str(written_by_mlflow(case)), "blocked": sorted(LIBRARIES), "data": None}
        for case in cases.values()
    ]
    named = {case.name: case for case in CASES}
    for name, missing in PARTLY_MISSING:
        path = str(written_by_mlflow(named[name]))
        jobs.append({"model": path, "blocked": [missing], "data": None})
    results = in_new_process(jobs, place)
    return dict(zip([*cases, *(name for name, _ in PARTLY_MISSING)], results, strict=True))


@pytest.mark.parametrize("library", sorted(LIBRARIES - {"skops"}))
def test_a_missing_library_is_one_error_with_the_pip_line(
    library: str, loaded_without_libraries: dict[str, dict[str, Any]]
) -> None:
    """The error names the package and the extra of scorecast that brings it."""
    result = loaded_without_libraries[library]

    assert result["error"] == "MissingExtraError"
    assert _pip_line({"onnxruntime": "onnx"}.get(library, library)) in result["text"]
    assert library in result["text"].lower()


@pytest.mark.parametrize(("name", "missing"), PARTLY_MISSING)
def test_a_second_library_that_is_missing_is_named_as_well(
    name: str, missing: str, loaded_without_libraries: dict[str, dict[str, Any]]
) -> None:
    """What a format or class needs beside its flavor's library is an error of the same form."""
    result = loaded_without_libraries[name]

    assert result["error"] == "MissingExtraError"
    assert _pip_line("sklearn") in result["text"]
    assert f"needs the Python package {missing}" in result["text"]


def _pip_line(extra: str) -> str:
    return f'Install it on the driver and on every executor: pip install "scorecast[{extra}]"'
