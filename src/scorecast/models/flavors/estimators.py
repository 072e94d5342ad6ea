"""Files of scikit-learn estimators, for the flavors whose models are such: skops and pickles."""

from __future__ import annotations

import importlib
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scorecast.errors import ModelLoadError, ModelSaveError, ModelTrustError, ScorecastError
from scorecast.extras import require

FORMATS = ("cloudpickle", "pickle", "skops")


_SCHEMA = "schema.json"
# Of the releases before, two let a file name functions that nobody had to trust, and one unpickled
# what was no skops file.
_FIRST_SAFE = "0.13"


def load_estimator(file: Path, conf: Mapping[str, Any], *, no_pickle: bool = False) -> Any:
    """Load the estimator in `file` as the flavor's keys `conf` say.

    Args:
        file: The file.
        conf: Keys of the flavor.
        no_pickle: Whether it must be skops, of no other types than skops itself trusts.

    Raises:
        MissingExtraError: The file is skops and skops is not installed.
        ModelLoadError: The file holds types that the model does not list as trusted.
        ModelTrustError: Loading it would run code, and must not.
    """
    if no_pickle:
        if reason := estimator_runs_code(file):
            message = f"The model runs code when it is loaded: {reason}. Nothing was loaded."
            raise ModelTrustError(message)
        return _load_skops(file, ())
    if conf.get("serialization_format") == "skops" or file.suffix == ".skops":
        return _load_skops(file, conf.get("skops_trusted_types"))
    with file.open("rb") as stream:
        return pickle.load(stream)  # noqa: S301 - a pickle is what the format is; see README


def estimator_runs_code(file: Path) -> str | None:
    """Say why loading `file` runs code; None for skops of types that skops itself trusts.

    The types are read off; no object is made. What the model declares as trusted does not count.

    Raises:
        MissingExtraError: skops is not installed.
    """
    if not _is_skops(file):
        return f'"{file.name}" is not in the format of skops, so loading it unpickles it'
    skops_io = require("skops.io", extra="sklearn", needed_for="a model saved with skops")
    # Not needed to load a model otherwise; skops itself brings it.
    from importlib.metadata import version

    from packaging.version import Version

    installed = version("skops")
    if Version(installed) < Version(_FIRST_SAFE):
        return (
            f'"{file.name}" is skops, which is safe from skops {_FIRST_SAFE} on; installed is '
            f"{installed}, and pip install --upgrade skops cures that"
        )
    try:
        refused = skops_io.get_untrusted_types(file=file)
    except Exception as error:  # noqa: BLE001 - a damaged file raises anything
        return f'"{file.name}" cannot be read as skops ({type(error).__name__})'
    if refused:
        return f'"{file.name}" holds types that skops does not take for safe: {", ".join(refused)}'
    return None


def save_estimator(model: Any, directory: Path, chosen: str) -> tuple[Path, list[str] | None]:
    """Write `model` in one of the `FORMATS`.

    Returns:
        The file, and for skops the types that loading has to trust.

    Raises:
        MissingExtraError: The format is skops and skops is not installed.
        ModelSaveError: The format cannot hold the object.
    """
    file = directory / ("model.skops" if chosen == "skops" else "model.pkl")
    try:
        if chosen == "skops":
            return file, _save_skops(model, file)
        library: Any = importlib.import_module(chosen)
        with file.open("wb") as stream:
            library.dump(model, stream, protocol=pickle.DEFAULT_PROTOCOL)
    except ScorecastError:
        raise
    except Exception as error:
        message = (
            f"Cannot write the {type(model).__name__} with {chosen}: {error}. "
            f"{_other_format(chosen)}"
        )
        raise ModelSaveError(message) from error
    return file, None


def serializers(chosen: str) -> tuple[str, ...]:
    """Give the distributions that loading a format needs beside the model's own library."""
    return () if chosen == "pickle" else (chosen,)


def _is_skops(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return False


def _load_skops(file: Path, trusted: Sequence[str] | None) -> Any:
    skops_io = require("skops.io", extra="sklearn", needed_for="a model saved with skops")
    listed = list(trusted or ())
    refused = sorted(set(skops_io.get_untrusted_types(file=file)) - set(listed))
    if refused:
        message = (
            f"The skops file holds types that the model does not declare as trusted: "
            f"{', '.join(refused)}. If you trust its author, save it again with these in "
            "skops_trusted_types; scorecast.save_model lists the types of the model it is given."
        )
        raise ModelLoadError(message)
    return skops_io.load(file, trusted=listed)


def _save_skops(model: Any, file: Path) -> list[str]:
    skops_io = require("skops.io", extra="sklearn", needed_for="saving with skops")
    skops_io.dump(model, file)
    # The caller holds the live object, so its types are the ones to be trusted again.
    trusted: list[str] = sorted(skops_io.get_untrusted_types(file=file))
    # Some objects are written without complaint and cannot be built again, local classes first.
    skops_io.load(file, trusted=trusted)
    return trusted


def _other_format(chosen: str) -> str:
    if chosen == "cloudpickle":
        return "Leave out open files, locks and connections."
    return (
        'Use serialization_format="cloudpickle", which also takes functions and classes that are '
        "defined in a script or notebook."
    )
