"""``models:``, ``runs:`` and ``mlflow-artifacts:`` URIs: the version that is meant, and its files.

MLflow does the talking where it is installed, since it knows Databricks, Unity Catalog and the
plugins of the user; else a small client of its REST interface does, which starts faster
(``SCORECAST_MLFLOW_CLIENT=rest`` chooses it in any case).
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Mapping

from scorecast.artifacts.credentials import no_server
from scorecast.artifacts.missing import missing
from scorecast.artifacts.policy import refuse_unsafe
from scorecast.artifacts.references import RegisteredRef, parse_reference
from scorecast.artifacts.registered import Client, RegisteredModel, Registration
from scorecast.artifacts.uri import FetchedModel, ModelUri, parse_model_uri
from scorecast.cache.copies import ModelCopy
from scorecast.errors import ArtifactNotFoundError, ConfigError, ModelUriError
from scorecast.progress import Progress

CLIENT_VARIABLE = "SCORECAST_MLFLOW_CLIENT"
_CLIENTS = ("mlflow", "rest")
_LATEST = "latest"
_STAGES = ("Production", "Staging", "Archived", "None")


def fetch(uri: ModelUri, progress: Progress) -> FetchedModel:
    """Find out which version a URI stands for now, and download that version if need be.

    Raises:
        ModelUriError: The URI has no form that is known.
        ArtifactNotFoundError: The server has no such model, version, alias, run or file.
        ArtifactError: The server cannot be reached, refuses, or breaks off.
        ConfigError: No server is named, or only MLflow itself can talk to it.
        ShippingError: The cache directory cannot be used.
    """
    text = f"{uri.scheme}:{uri.rest}"
    reference = parse_reference(uri)
    registry = reference.registry if isinstance(reference, RegisteredRef) else ""
    client = client_for(os.environ, registry)
    if isinstance(reference, RegisteredRef):
        place = "/".join(text.split("/")[:3]) if registry else "models:"
        text = f"{place}/{reference.name}/{_version(client, reference)}"
        text += f"/{reference.path}" if reference.path else ""
    try:
        copy = client.fetch(text, progress)
    except ArtifactNotFoundError as error:
        if isinstance(reference, RegisteredRef):
            raise missing(client, reference, error) from None
        raise
    return FetchedModel(copy.directory, text, copy)


def registered_models(prefix: str) -> list[RegisteredModel]:
    """Give the models of the registry whose names begin with `prefix`, by name. Driver only.

    Raises:
        ArtifactError: The server cannot be reached or refuses.
        ConfigError: No server is named, or only MLflow itself can talk to it.
    """
    found = client_for(os.environ).models(prefix)
    return sorted(found, key=lambda model: model.name)


def registration(text: str) -> Registration:
    """Give what the registry says of a model and its versions. Driver only, a few requests.

    Args:
        text: Its name, for all versions; ``NAME/VERSION``, ``NAME@ALIAS``, ``NAME/STAGE`` or
            ``NAME/latest`` for one; ``models:/`` may stand before it.

    Raises:
        ModelUriError: It has none of these forms.
        ArtifactNotFoundError: The registry has no such model, version or alias.
        ArtifactError: The server cannot be reached or refuses.
        ConfigError: No server is named, or only MLflow itself can talk to it.
    """
    asked = text.removeprefix("models:/")
    whole = not set(asked) & {"/", "@"}
    reference = (
        RegisteredRef(asked) if whole else parse_reference(parse_model_uri(f"models:/{asked}"))
    )
    if not isinstance(reference, RegisteredRef) or reference.path or not reference.name:
        message = (
            f'"{text}" names no registered model. Expected "NAME", "NAME/VERSION" or "NAME@ALIAS".'
        )
        raise ModelUriError(message)
    client = client_for(os.environ, reference.registry)
    model = client.model(reference.name)
    if model is None:
        raise missing(client, reference, None)
    wanted = None if whole else _version(client, reference)
    versions = [each for each in client.versions(model.name) if wanted in (None, each.version)]
    if wanted is not None and not versions:
        raise missing(client, reference, None)
    newest_first = sorted(versions, key=lambda each: int(each.version), reverse=True)
    return Registration(model, tuple(newest_first), one=not whole)


def client_for(environ: Mapping[str, str], registry: str = "") -> Client:
    """Give the client that talks to the servers which the environment names.

    Args:
        environ: The environment.
        registry: Registry that is meant instead, which only MLflow can ask, or "".

    Raises:
        ConfigError: No server is named, or only MLflow itself can talk to it.
    """
    chosen = environ.get(CLIENT_VARIABLE, "")
    if chosen not in {"", *_CLIENTS}:
        message = f'{CLIENT_VARIABLE} is "{chosen}", expected "mlflow" or "rest".'
        raise ConfigError(message)
    found = importlib.util.find_spec("mlflow")
    installed = found is not None and found.origin is not None  # no folder of that name
    if chosen == "mlflow" or (installed and chosen != "rest"):
        if not installed:
            message = (
                f"{CLIENT_VARIABLE} asks for MLflow, which is not installed here: "
                'pip install "scorecast[mlflow]"'
            )
            raise ConfigError(message)
        from scorecast.artifacts.mlflow_client import MlflowClient

        return MlflowClient(registry)
    if registry:
        message = (
            f'Only MLflow itself can ask the registry "{registry}" that the model URI names. '
            'Install it: pip install "scorecast[mlflow]"'
        )
        raise ConfigError(message)
    return rest_client(environ)


def rest_client(environ: Mapping[str, str]) -> Client:
    """Give the client that needs no MLflow, whether it is installed or not.

    Raises:
        ConfigError: No server is named, or only MLflow itself can talk to it.
    """
    from scorecast.artifacts.mlflow_server import RestClient
    from scorecast.artifacts.server import server_from

    tracking = _address("MLFLOW_TRACKING_URI", environ)
    registry = _address("MLFLOW_REGISTRY_URI", environ, tracking)
    return RestClient(
        server_from(tracking, environ), server_from(registry, environ), elsewhere=_elsewhere
    )


def _address(name: str, environ: Mapping[str, str], default: str = "") -> str:
    address = environ.get(name) or default
    if not address:
        raise no_server(name)
    if not address.lower().startswith(("http://", "https://")):
        scheme = address.partition(":")[0]
        message = (
            f'{name} begins with "{scheme}", and without MLflow only servers with http or https '
            'are known. Install MLflow for it: pip install "scorecast[mlflow]"'
        )
        raise ConfigError(message)
    return address


def _elsewhere(uri: str, progress: Progress) -> ModelCopy:
    """Fetch artifacts from where the server says they are stored.

    Raises:
        ModelUriError: It names another server, which would be asked with credentials of this user.
    """
    from scorecast.artifacts import local, stores
    from scorecast.filesystems import names_server

    parsed = parse_model_uri(uri)
    refuse_unsafe(parsed)
    if names_server(parsed.rest):
        message = (
            f'The registry says that the model is at "{parsed}" on a server of its own choice '
            "(endpoint_override), which is refused. If that server is meant, name it in the "
            "environment (for S3 AWS_ENDPOINT_URL) and give the URI of the model there."
        )
        raise ModelUriError(message)
    if parsed.scheme in ("", "file"):
        fetched = local.fetch(parsed, progress)
        return ModelCopy(fetched.directory, lease=fetched.scratch)
    return stores.download(parsed, progress)


def _version(client: Client, reference: RegisteredRef) -> str:
    """Give the number of the version that is meant, as of now."""
    if reference.version is not None:
        return reference.version
    if reference.alias is not None:
        if reference.alias.lower() == _LATEST:
            return _newest(client, reference, None)
        model = client.model(reference.name)
        if model is None or reference.alias not in model.aliases:
            raise missing(client, reference, None)
        return model.aliases[reference.alias]
    stage = reference.stage or ""
    latest = stage.lower() == _LATEST
    if not latest and stage.lower() not in map(str.lower, _STAGES):
        raise missing(client, reference, None)
    if not latest:
        warnings.warn(
            f'The model URI "models:/{reference.name}/{stage}" names a stage, which MLflow gives '
            f"up. Set an alias and write models:/{reference.name}@ALIAS.",
            FutureWarning,
            stacklevel=2,
        )
    return _newest(client, reference, None if latest else stage)


def _newest(client: Client, reference: RegisteredRef, stage: str | None) -> str:
    found = client.latest(reference.name, stage)
    if found is None:
        raise missing(client, reference, None)
    return str(found)
