"""Model URI -> local directory, on the driver.

One file per family of schemes, each with one function ``fetch(uri, progress) -> FetchedModel``. The
table of schemes is `_FETCHERS`; a new family is one file and one line per scheme. May import
`cache` and what is below.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from scorecast.artifacts.policy import refuse_unsafe
from scorecast.artifacts.uri import FetchedModel, ModelUri, parse_model_uri
from scorecast.errors import ModelUriError, did_you_mean
from scorecast.progress import Progress, silent
from scorecast.redaction import secrets_hidden

# Scheme -> file in this folder; the empty scheme is a plain path.
_FETCHERS = {
    "": "local",
    "abfs": "stores",
    "abfss": "stores",
    "dbfs": "local",
    "file": "local",
    "gs": "stores",
    "hdfs": "stores",
    "http": "web",
    "https": "web",
    "mlflow-artifacts": "registry",
    "models": "registry",
    "runs": "registry",
    "s3": "stores",
    "s3a": "stores",
    "s3n": "stores",
    "viewfs": "stores",
}


@secrets_hidden()
def fetch_model(uri: str | Path, progress: Progress = silent) -> FetchedModel:
    """Bring the model that `uri` names to a local directory. Runs on the driver, once per call.

    What is downloaded stays in the cache of this machine, and is in use as long as the value lives.

    Args:
        uri: Path or URI of a model directory.
        progress: Shows how far a download is.

    Raises:
        ModelUriError: The URI cannot be read, its scheme is not known, or it is refused.
        ArtifactNotFoundError: Nothing is stored there.
        ArtifactError: The place cannot be reached.
        ConfigError: The environment does not say which server to ask.
        ShippingError: The cache directory cannot be used.
    """
    parsed = parse_model_uri(uri)
    if parsed.scheme not in _FETCHERS:
        known = sorted(scheme for scheme in _FETCHERS if scheme)
        message = (
            f'Unknown model URI scheme "{parsed.scheme}" in "{parsed}". Known schemes: '
            f"{', '.join(known)}, and plain paths.{did_you_mean(parsed.scheme, known)} Models in "
            "other places are fetched first, for example with "
            '"mlflow artifacts download -u URI -d DIRECTORY".'
        )
        raise ModelUriError(message)
    refuse_unsafe(parsed)
    module = importlib.import_module(f"{__name__}.{_FETCHERS[parsed.scheme]}")
    return cast("FetchedModel", module.fetch(parsed, progress))


__all__ = ["FetchedModel", "ModelUri", "fetch_model", "parse_model_uri"]
