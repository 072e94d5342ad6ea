"""Check a ``model_config`` against the configuration that is stored with a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from scorecast.models.info import ModelInfo


def accepted_config(info: ModelInfo, model_config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the keys of `model_config` that the model has. Runs on the driver, once per call.

    Keys that the stored configuration does not have are dropped with a warning, as MLflow does: the
    model would never read them, and a loader without a config argument would fail on them.
    """
    if not model_config:
        return {}
    known = info.pyfunc.config
    unknown = sorted(str(key) for key in model_config if key not in known)
    if unknown:
        listed = ", ".join(known) or "none"
        warnings.warn(
            f"Ignored model_config keys {', '.join(unknown)}; the model has: {listed}.",
            UserWarning,
            stacklevel=3,
        )
    return {key: value for key, value in model_config.items() if key in known}
