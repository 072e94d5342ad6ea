"""read_model_info: what a model directory declares, read without running anything of it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import scorecast.models.mlmodel
from scorecast.errors import ArtifactNotFoundError, MLmodelError, UnsupportedFlavorError
from scorecast.models.info import InputExample, ModelInfo, PyFunc
from scorecast.models.mlmodel import read_model_info
from scorecast.models.signature import Param, Scalar, Signature, Spec

mlflow_models = pytest.importorskip("mlflow.models")


def write(directory: Path, text: str, **files: str) -> Path:
    """A model directory with this MLmodel file and other files by name."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "MLmodel").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(content, encoding="utf-8")
    return directory


# --- written by MLflow ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model saved by mlflow.pyfunc with all options that need no server."""
    with warnings.catch_warnings():
        # The import itself warns, of type hints of MLflow's own.
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
    from mlflow.models.auth_policy import AuthPolicy, SystemAuthPolicy

    base = tmp_path_factory.mktemp("saved")
    (base / "my_loader.py").write_text("raise AssertionError('the code of the model ran')")
    (base / "weights.txt").write_text("1 2 3")
    frame = pd.DataFrame({"a": [1.5], "s": ["x"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            base / "model",
            loader_module="my_loader",
            data_path=str(base / "weights.txt"),
            code_paths=[str(base / "my_loader.py")],
            signature=mlflow_models.infer_signature(frame, np.ones(1), {"limit": 3}),
            input_example=(frame, {"limit": 4}),
            pip_requirements=["scikit-learn==1.5.0", "numpy"],
            metadata={"team": "flights", "nested": {"n": 1}},
            model_config={"threshold": 0.5},
        )
        model = mlflow_models.Model.load(base / "model")
        model.run_id = "a" * 32
        model.model_id = f"m-{'b' * 32}"
        model.artifact_path = "file:///store/artifacts"
        model.env_vars = ["API_KEY", "REGION"]
        model.prompts = ["prompts:/greet/1"]
        model.auth_policy = AuthPolicy(SystemAuthPolicy(resources=[]), None)
        model.save(base / "model" / "MLmodel")
    return base / "model"


def test_every_field_of_a_model_saved_by_mlflow_is_read(saved: Path) -> None:
    """All that MLflow writes into a model directory is in the ModelInfo."""
    written = yaml.safe_load((saved / "MLmodel").read_text())
    info = read_model_info(saved)

    assert info.signature == Signature(
        inputs=(Spec(Scalar("double"), "a"), Spec(Scalar("string"), "s")),
        outputs=info.signature.outputs if info.signature else None,
        params=(Param("limit", Scalar("long"), 3),),
    )
    assert info.input_example == InputExample(
        artifact_path="input_example.json",
        type="dataframe",
        has_params=True,
        serving_input_path="serving_input_example.json",
        raw=written["saved_input_example_info"],
    )
    assert info.requirements[-2:] == ("scikit-learn==1.5.0", "numpy")
    assert (info.run_id, info.model_id) == ("a" * 32, f"m-{'b' * 32}")
    assert info.artifact_path == "file:///store/artifacts"
    assert info.mlflow_version == "3.17.2"
    assert info.utc_time_created == written["utc_time_created"]
    assert info.model_uuid == written["model_uuid"]
    assert info.model_size_bytes == written["model_size_bytes"]
    assert info.metadata == {"team": "flights", "nested": {"n": 1}}
    assert info.env_vars == ("API_KEY", "REGION")
    assert info.prompts == ["prompts:/greet/1"]
    assert info.auth_policy == written["auth_policy"]
    assert info.signature_from_type_hint is False
    assert info.type_hint_from_example is False
    assert info.unknown == {}
    assert info.uri is None
    assert info.digest is None


def test_the_python_function_of_a_model_saved_by_mlflow_is_read(saved: Path) -> None:
    """How the model is loaded and called is read from its python_function flavor."""
    pyfunc = read_model_info(saved).pyfunc

    assert pyfunc == PyFunc(
        loader_module="my_loader",
        data="data/weights.txt",
        code="code",
        model_path=None,
        predict_fn="predict",
        python_version=".".join(map(str, sys.version_info[:3])),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        config={"threshold": 0.5},
        raw=yaml.safe_load((saved / "MLmodel").read_text())["flavors"]["python_function"],
    )


def test_resources_and_flags_of_mlflow_are_read(tmp_path: Path) -> None:
    """Resources and the two flags about type hints are read as MLflow writes them."""
    from mlflow.models.resources import DatabricksServingEndpoint

    frame = pd.DataFrame({"a": [1.5]})
    signature = mlflow_models.infer_signature(frame)
    signature._is_signature_from_type_hint = True
    signature._is_type_hint_from_example = True
    model = mlflow_models.Model(
        flavors={"python_function": {"loader_module": "x"}},
        signature=signature,
        resources=[DatabricksServingEndpoint(endpoint_name="llm")],
    )
    model.save(tmp_path / "MLmodel")
    info = read_model_info(tmp_path)

    assert info.resources == model.resources
    assert (info.signature_from_type_hint, info.type_hint_from_example) == (True, True)
    assert info.signature is not None
    assert info.enforced_signature == Signature()


def test_nothing_of_the_model_is_imported_to_read_it(saved: Path) -> None:
    """Reading needs neither MLflow nor scikit-learn, and runs none of the model's code."""
    program = """
import sys
from pathlib import Path
from scorecast.models.mlmodel import read_model_info

info = read_model_info(Path(sys.argv[1]))
assert info.pyfunc.loader_module == "my_loader"
loaded = {name.partition(".")[0] for name in sys.modules}
print(*sorted(loaded & {"mlflow", "sklearn", "my_loader", "pyspark", "pandas", "pyarrow"}))
"""
    source = Path(scorecast.models.mlmodel.__file__).parents[2]
    path = os.pathsep.join([str(source), str(saved / "code")])
    done = subprocess.run(
        [sys.executable, "-c", program, str(saved)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.strip(), done.stderr) == ("", "")


# --- older files ----------------------------------------------------------------------------------

OF_MLFLOW_2_4 = """
artifact_path: model
flavors:
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict_proba
    python_version: 3.9.16
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.2.2
mlflow_version: 2.4.1
model_uuid: 5ea3dd6b3a5f4a1d9e6ac4c1d0b0d5aa
run_id: 1a2b3c4d5e6f47a8b9c0d1e2f3a4b5c6
signature:
  inputs: '[{"name": "a", "type": "double"}, {"name": "b", "type": "long", "optional": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
utc_time_created: '2023-06-01 10:11:12.131415'
"""
OF_MLFLOW_1 = """
artifact_path: model
flavors:
  python_function:
    data: model.pkl
    env: conda.yaml
    loader_module: mlflow.sklearn
    python_version: 3.6.9
  sklearn:
    pickled_model: model.pkl
    sklearn_version: 0.22.1
run_id: 7bfe5b9a6c5e4d8f9d0a1b2c3d4e5f60
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  type: dataframe
utc_time_created: '2020-04-01 10:11:12.131415'
"""


def test_a_file_of_mlflow_2_4_is_read(tmp_path: Path) -> None:
    """A model of 2023 has fewer keys, and optional columns in the old spelling."""
    info = read_model_info(
        write(tmp_path, OF_MLFLOW_2_4, requirements__txt="mlflow==2.4.1\n\n# why\n scipy \n")
    )

    assert info.mlflow_version == "2.4.1"
    assert info.run_id == "1a2b3c4d5e6f47a8b9c0d1e2f3a4b5c6"
    assert info.requirements == ("mlflow==2.4.1", "scipy")
    assert info.signature is not None
    assert info.signature.inputs == (
        Spec(Scalar("double"), "a"),
        Spec(Scalar("long"), "b", required=False),
    )
    assert info.signature.params is None
    assert info.enforced_signature == info.signature
    assert info.pyfunc.predict_fn == "predict_proba"
    assert info.pyfunc.model_path == "model.pkl"
    assert info.flavors["sklearn"]["serialization_format"] == "cloudpickle"
    assert (info.model_id, info.input_example, info.model_size_bytes) == (None, None, None)
    assert (info.metadata, info.env_vars, info.unknown) == ({}, (), {})


def test_a_file_of_mlflow_1_is_read(tmp_path: Path) -> None:
    """A model of 2020 names one conda file, and has no version and no signature."""
    info = read_model_info(write(tmp_path, OF_MLFLOW_1))

    assert info.pyfunc.env == {"conda": "conda.yaml"}
    assert info.pyfunc.data == "model.pkl"
    assert info.pyfunc.config == {}
    assert info.signature is None
    assert info.enforced_signature == Signature()
    assert info.mlflow_version is None
    assert info.requirements == ()
    assert info.utc_time_created == "2020-04-01 10:11:12.131415"
    assert info.input_example is not None
    assert (info.input_example.type, info.input_example.has_params) == ("dataframe", False)
    assert info.input_example.serving_input_path is None


MINIMAL = "flavors:\n  python_function:\n    loader_module: some_loader\n"


def test_a_file_with_the_least_content_is_read(tmp_path: Path) -> None:
    """One flavor is all that a model needs."""
    info = read_model_info(write(tmp_path, MINIMAL))

    assert info == ModelInfo(flavors={"python_function": {"loader_module": "some_loader"}})
    assert info.pyfunc == PyFunc("some_loader", raw={"loader_module": "some_loader"})


def test_keys_that_are_not_known_are_kept(tmp_path: Path) -> None:
    """Keys of later versions of MLflow, or of others, are no error and can be read."""
    text = f"{MINIMAL}    colour: blue\nfuture_key: {{a: [1]}}\nmlflow_next: 4\n"
    info = read_model_info(write(tmp_path, text))

    assert info.unknown == {"future_key": {"a": [1]}, "mlflow_next": 4}
    assert info.pyfunc.raw["colour"] == "blue"


def test_ids_and_versions_that_yaml_takes_for_numbers_are_text(tmp_path: Path) -> None:
    """A version or id without quotes, as people write them, is the text that it looks like."""
    text = f"{MINIMAL}mlflow_version: 2.4\nrun_id: 123\nutc_time_created: 2023-06-01 10:11:12\n"
    meta = "model_name: 7\nmodel_version: 3\n"
    info = read_model_info(write(tmp_path, text, registered_model_meta=meta))

    assert (info.mlflow_version, info.run_id) == ("2.4", "123")
    assert info.utc_time_created == "2023-06-01 10:11:12"
    assert (info.registered_name, info.registered_version) == ("7", "3")


def test_the_place_in_the_registry_is_read_from_its_own_file(tmp_path: Path) -> None:
    """A model fetched from a registry knows its name and version there."""
    meta = "model_name: main.flights.delay\nmodel_version: '12'\n"
    info = read_model_info(write(tmp_path, MINIMAL, registered_model_meta=meta))

    assert (info.registered_name, info.registered_version) == ("main.flights.delay", "12")


def test_requirements_that_are_no_text_are_no_error(tmp_path: Path) -> None:
    """Nothing is installed from them; what can be read is shown."""
    path = write(tmp_path, MINIMAL)
    (path / "requirements.txt").write_bytes("scipy==1.2\nma\xdf\n".encode("latin-1"))

    assert read_model_info(path).requirements == ("scipy==1.2", "ma\N{REPLACEMENT CHARACTER}")


def test_requirements_without_end_are_cut_off(tmp_path: Path) -> None:
    """No file of a model fills the memory."""
    path = write(tmp_path, MINIMAL)
    with (path / "requirements.txt").open("wb") as file:
        file.write(b"scipy\n")
        file.truncate(1 << 34)  # of zeros that are on no disk

    assert read_model_info(path).requirements[0] == "scipy"


@pytest.mark.parametrize("value", ["5", "API_KEY", "{API_KEY: 1}"])
def test_variables_that_are_no_list_are_refused(tmp_path: Path, value: str) -> None:
    """The key is named, and nothing is made of it."""
    with pytest.raises(MLmodelError, match="env_vars"):
        read_model_info(write(tmp_path, f"{MINIMAL}env_vars: {value}\n"))


def test_an_example_may_lack_its_type(tmp_path: Path) -> None:
    """An input example without a type is JSON, and an empty mapping is no example."""
    text = f"{MINIMAL}saved_input_example_info: {{artifact_path: input_example.json}}\n"
    example = read_model_info(write(tmp_path, text)).input_example

    assert example is not None
    assert example.type == "json_object"
    empty = f"{MINIMAL}saved_input_example_info: {{}}\n"
    assert read_model_info(write(tmp_path, empty)).input_example is None


# --- errors ---------------------------------------------------------------------------------------


def test_a_missing_directory_is_not_found(tmp_path: Path) -> None:
    """A path that does not exist is an error of its own, with the path."""
    with pytest.raises(ArtifactNotFoundError, match=r'No model at ".*/nowhere": there is no such'):
        read_model_info(tmp_path / "nowhere")


def test_a_directory_without_an_mlmodel_file_is_no_model(tmp_path: Path) -> None:
    """A directory of something else is an error that says what a model directory holds."""
    (tmp_path / "model.pkl").write_bytes(b"")

    with pytest.raises(MLmodelError, match=r"no file named MLmodel\. Give the directory that"):
        read_model_info(tmp_path)


@pytest.mark.parametrize("name", ["MLmodel", "model.pkl"])
def test_a_file_is_no_model_directory(name: str, tmp_path: Path) -> None:
    """The path of a file, even of the MLmodel file, is an error that says what to give."""
    write(tmp_path, MINIMAL, model__pkl="")

    with pytest.raises(MLmodelError, match=r"is a file\. Give the directory that holds the file"):
        read_model_info(tmp_path / name)


def test_the_directory_above_a_model_gets_a_hint(tmp_path: Path) -> None:
    """The parent of a model, such as a run's artifacts, is an error that names the model in it."""
    write(tmp_path / "churn", MINIMAL)
    write(tmp_path / "delay", MINIMAL)

    with pytest.raises(MLmodelError, match=r"Did you mean its sub-directory churn, delay\?"):
        read_model_info(tmp_path)


BROKEN = {
    "not YAML": ("flavors: {\n", "it is not YAML at line 2"),
    "a tab": ("flavors:\n\tx: 1\n", "it is not YAML at line 2"),
    "a day that is none": ("flavors: {}\nutc_time_created: 2024-02-31\n", "it is not YAML"),
    "an object of Python": ("a: !!python/object/apply:os.getcwd []\n", "it is not YAML at line 1"),
    "empty": ("", "expected a YAML mapping, found empty"),
    "a list": ("- a\n", "expected a YAML mapping, found a list"),
    "a text": ("MLmodel", "expected a YAML mapping, found a str"),
    "no flavors": ("run_id: a\n", "lists no flavors"),
    "empty flavors": ("flavors: {}\n", "lists no flavors"),
    "a list of flavors": ("flavors: [sklearn]\n", "lists no flavors"),
    "a flavor that is text": ("flavors: {sklearn: yes}\n", 'Flavor "sklearn" in .* not a mapping'),
    "a signature that is text": (f"{MINIMAL}signature: a\n", "signature in .* is not a mapping"),
    "a broken signature": (f"{MINIMAL}signature: {{inputs: '['}}\n", "Cannot read the inputs"),
    "an example that is text": (
        f"{MINIMAL}saved_input_example_info: a\n",
        "does not name the file",
    ),
    "an example without file": (
        f"{MINIMAL}saved_input_example_info: {{type: dataframe}}\n",
        "does not name the file of the input example",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_an_error_in_words(name: str, tmp_path: Path) -> None:
    """A file that is no MLmodel file is an error that says what is wrong with it."""
    text, reason = BROKEN[name]

    with pytest.raises(MLmodelError, match=reason):
        read_model_info(write(tmp_path, text))


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are an error with the path of the file."""
    (tmp_path / "MLmodel").write_bytes(b"\xff\xfe\x00flavors")

    with pytest.raises(MLmodelError, match=r'Cannot read ".*MLmodel": it is not YAML\.'):
        read_model_info(tmp_path)


@pytest.mark.parametrize("keys", [{"sklearn": {"pickled_model": "x"}}, {"python_function": {}}])
def test_a_model_that_says_no_way_to_predict_is_refused_when_asked(
    keys: dict[str, Any], tmp_path: Path
) -> None:
    """A model without a usable python_function can be read, but not loaded."""
    info = read_model_info(write(tmp_path, yaml.safe_dump({"flavors": keys})))

    with pytest.raises(UnsupportedFlavorError, match=f"its flavors are: {next(iter(keys))}"):
        _ = info.pyfunc
