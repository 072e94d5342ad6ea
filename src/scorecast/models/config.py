"""Check a ``model_config`` against the configuration that is stored with a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scorecast.errors import ConfigError
from scorecast.models.info import ModelInfo


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
        raw = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(file, error.strerror or type(error).__name__) from error
    except (yaml.YAMLError, ValueError) as error:  # the latter for a date such as 2024-02-31, too
        place = getattr(error, "problem_mark", None)
        where = "" if place is None else f" at line {place.line + 1}"
        raise _unusable(file, f"it is not YAML{where}") from error
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
