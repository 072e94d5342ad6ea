"""Read the ``MLmodel`` file and its neighbours. Imports no MLflow and no model code.

The format is MLflow's, see https://mlflow.org/docs/latest/ml/model/#storage-format. Files of
MLflow 1.x to 3.x are read; unknown keys are kept, never refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorecast.errors import ArtifactNotFoundError, MLmodelError
from scorecast.models.info import InputExample, ModelInfo
from scorecast.models.paths import check_paths, safe_join
from scorecast.models.signature_json import parse_signature
from scorecast.models.yaml_file import LARGEST, NotYamlError, read_yaml

MLMODEL = "MLmodel"
REQUIREMENTS = "requirements.txt"
REGISTERED_META = "registered_model_meta"

# Keys whose value goes into the field of the same name: as text, since a file edited by hand may
# hold a version or an id that YAML reads as a number, or unchanged.
_TEXT_KEYS = (
    "model_id",
    "run_id",
    "model_uuid",
    "artifact_path",
    "mlflow_version",
    "databricks_runtime",
    "utc_time_created",
)
_PLAIN_KEYS = ("model_size_bytes", "resources", "auth_policy", "prompts")
_OTHER_KEYS = (
    "flavors",
    "signature",
    "saved_input_example_info",
    "metadata",
    "env_vars",
    "is_signature_from_type_hint",
    "type_hint_from_example",
)
_KNOWN_KEYS = frozenset((*_TEXT_KEYS, *_PLAIN_KEYS, *_OTHER_KEYS))


def read_model_info(directory: Path) -> ModelInfo:
    """Read what the model in `directory` declares.

    Runs on the driver, once per model. Only text files are read: ``MLmodel``,
    ``requirements.txt`` and ``registered_model_meta``.

    Raises:
        ArtifactNotFoundError: The directory does not exist.
        MLmodelError: It has no ``MLmodel`` file, or that file is broken or names a path outside of
            the directory.
    """
    raw = _read_mapping(mlmodel_file(directory))
    flavors = raw.get("flavors")
    if not isinstance(flavors, Mapping) or not flavors:
        message = (
            f'"{directory / MLMODEL}" lists no flavors. Expected a mapping under the key '
            '"flavors", as mlflow.*.save_model and scorecast.save_model write it.'
        )
        raise MLmodelError(message)
    for name, keys in flavors.items():
        if not isinstance(keys, Mapping):
            message = f'Flavor "{name}" in "{directory / MLMODEL}" is not a mapping.'
            raise MLmodelError(message)
    check_paths(directory, flavors)
    signature = raw.get("signature")
    if signature is not None and not isinstance(signature, Mapping):
        message = f'The signature in "{directory / MLMODEL}" is not a mapping.'
        raise MLmodelError(message)
    registered = _read_mapping_if_there(directory / REGISTERED_META)
    texts: dict[str, Any] = {key: _text(raw.get(key)) for key in _TEXT_KEYS}
    return ModelInfo(
        flavors=flavors,
        signature=None if signature is None else parse_signature(signature),
        requirements=_read_requirements(directory / REQUIREMENTS),
        input_example=_input_example(raw.get("saved_input_example_info"), directory / MLMODEL),
        metadata=raw.get("metadata") or {},
        env_vars=_env_vars(raw.get("env_vars"), directory / MLMODEL),
        signature_from_type_hint=bool(raw.get("is_signature_from_type_hint")),
        type_hint_from_example=bool(raw.get("type_hint_from_example")),
        registered_name=_text(registered.get("model_name")),
        registered_version=_text(registered.get("model_version")),
        unknown={k: v for k, v in raw.items() if k not in _KNOWN_KEYS},
        **{key: raw.get(key) for key in _PLAIN_KEYS},
        **texts,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def mlmodel_file(directory: Path) -> Path:
    """Give the ``MLmodel`` file of a directory, which makes it a model.

    Raises:
        ArtifactNotFoundError: The directory does not exist.
        MLmodelError: It has no such file.
    """
    if not directory.exists():
        message = (
            f'No model at "{directory}": there is no such directory. Check the path; a model is '
            f"the directory that holds a file named {MLMODEL}."
        )
        raise ArtifactNotFoundError(message)
    file = directory / MLMODEL
    if file.is_file():
        return file
    if directory.is_file():
        message = (
            f'"{directory}" is a file. Give the directory that holds the file {MLMODEL} instead.'
        )
        raise MLmodelError(message)
    nested = sorted(found.parent.name for found in directory.glob(f"*/{MLMODEL}"))
    hint = (
        f" Did you mean its sub-directory {', '.join(nested)}?"
        if nested
        else " Give the directory that mlflow.*.save_model or scorecast.save_model wrote."
    )
    message = f'"{directory}" is not a model: it has no file named {MLMODEL}.{hint}'
    raise MLmodelError(message)


def _read_mapping(file: Path) -> dict[str, Any]:
    try:
        raw = read_yaml(file)
    except NotYamlError as error:
        message = f'Cannot read "{file}": {error}. Fetch the model again, or save it again.'
        raise MLmodelError(message) from error
    if not isinstance(raw, dict):
        kind = "empty" if raw is None else f"a {type(raw).__name__}"
        message = f'Cannot read "{file}": expected a YAML mapping, found {kind}.'
        raise MLmodelError(message)
    return raw


def _read_mapping_if_there(file: Path) -> dict[str, Any]:
    return _read_mapping(file) if file.is_file() else {}


def _read_requirements(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return ()
    with file.open("rb") as stream:
        # Lines that cannot be read are shown as they are, and compared with nothing.
        text = stream.read(LARGEST).decode(errors="replace")
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _env_vars(raw: Any, file: Path) -> tuple[str, ...]:
    if raw is not None and not isinstance(raw, list):
        message = (
            f'The key env_vars in "{file}" is a {type(raw).__name__}, expected a list of names. '
            "Save the model again, or remove the key."
        )
        raise MLmodelError(message)
    return tuple(str(name) for name in raw or ())


def _input_example(raw: Any, file: Path) -> InputExample | None:
    if not raw:
        return None
    if not isinstance(raw, Mapping) or not isinstance(raw.get("artifact_path"), str):
        message = (
            f'The key saved_input_example_info in "{file}" does not name the file of the input '
            "example: expected a mapping with artifact_path and type. Save the model again, or "
            "remove the key."
        )
        raise MLmodelError(message)
    for key in ("artifact_path", "serving_input_path"):
        if isinstance(raw.get(key), str):
            safe_join(file.parent, raw[key])
    return InputExample(
        artifact_path=raw["artifact_path"],
        type=raw.get("type", "json_object"),
        # MLflow writes the text 'true' here, not a boolean.
        has_params=str(raw.get("params", "")).lower() == "true",
        serving_input_path=raw.get("serving_input_path"),
        raw=raw,
    )
