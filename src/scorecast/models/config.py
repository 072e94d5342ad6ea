"""Check a ``model_config`` against the configuration that is stored with a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorecast.errors import ConfigError
from scorecast.models.info import ModelInfo
from scorecast.models.yaml_file import NotYamlError, read_yaml


def accepted_config(
    info: ModelInfo, model_config: Mapping[str, Any] | str | Path | None
) -> dict[str, Any]:
    """Give the keys of `model_config` that the model has. Runs on the driver, once per call.

    Keys that the stored configuration does not have are dropped with a warning, as MLflow does: the
    model would never read them, and a loader without a config argument would fail on them.

    Args:
        info: What the model declares.
        model_config: Keys and values, or the path of a YAML file with a mapping of them.

    Raises:
        ConfigError: The file is missing, is not YAML or holds no mapping.
    """
    given = _read(model_config) if isinstance(model_config, str | Path) else model_config
    if not given:
        return {}
    known = info.pyfunc.config
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        listed = ", ".join(known) or "none"
        warnings.warn(
            f"Ignored model_config keys {', '.join(unknown)}; the model has: {listed}.",
            UserWarning,
            stacklevel=3,
        )
    return {key: value for key, value in given.items() if key in known}


def _read(file: str | Path) -> dict[str, Any]:
    try:
        raw = read_yaml(Path(file))
    except OSError as error:
        raise _unusable(file, error.strerror or type(error).__name__) from error
    except NotYamlError as error:
        raise _unusable(file, str(error)) from error
    if not isinstance(raw, dict):
        kind = "nothing" if raw is None else f"a {type(raw).__name__}"
        raise _unusable(file, f"it holds {kind}")
    return raw


def _unusable(file: str | Path, reason: str) -> ConfigError:
    message = (
        f'Cannot read model_config from "{file}": {reason}. Expected a dict, or the path of a YAML '
        "file with a mapping of configuration keys to values."
    )
    return ConfigError(message)
