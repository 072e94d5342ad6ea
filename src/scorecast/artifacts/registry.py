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
from pathlib import Path
from typing import Protocol

from scorecast.artifacts import local, stores
from scorecast.artifacts.credentials import no_server
from scorecast.artifacts.policy import refuse_unsafe
from scorecast.artifacts.references import RegisteredRef, parse_reference
from scorecast.artifacts.uri import FetchedModel, ModelUri, Scratch, parse_model_uri
from scorecast.errors import ArtifactError, ArtifactNotFoundError, ConfigError, did_you_mean

CLIENT_VARIABLE = "SCORECAST_MLFLOW_CLIENT"
_CLIENTS = ("mlflow", "rest")
_LATEST = "latest"
_STAGES = ("Production", "Staging", "Archived", "None")


class Client(Protocol):
    """What is asked of a registry and a tracking server. Driver only.

    Every method raises ArtifactError where the server cannot be reached or refuses.
    """

    def model_names(self) -> list[str]:
        """Give the names of registered models, for suggestions."""
        ...

    def aliases(self, name: str) -> dict[str, str] | None:
        """Give the aliases of a registered model with their versions; None if there is none."""
        ...

    def latest(self, name: str, stage: str | None) -> int | None:
        """Give the newest version, of a stage or of all; None if there is none."""
        ...

    def fetch(self, uri: str, into: Path) -> Path:
        """Give a directory with the files of a URI without alias, stage or latest."""
        ...


def fetch(uri: ModelUri) -> FetchedModel:
    """Find out which version a URI stands for now, and download that version.

    Raises:
        ModelUriError: The URI has no form that is known.
        ArtifactNotFoundError: The server has no such model, version, alias, run or file.
        ArtifactError: The server cannot be reached, refuses, or breaks off.
        ConfigError: No server is named, or only MLflow itself can talk to it.
    """
    text = f"{uri.scheme}:{uri.rest}"
    reference = parse_reference(uri)
    client = client_for(os.environ)
    if isinstance(reference, RegisteredRef):
        text = f"models:/{reference.name}/{_version(client, reference)}"
        text += f"/{reference.path}" if reference.path else ""
    scratch = Scratch()
    try:
        directory = client.fetch(text, scratch.path / "model")
    except ArtifactNotFoundError as error:
        if isinstance(reference, RegisteredRef):
            raise _missing(client, reference, error) from None
        raise
    return FetchedModel(directory, text, scratch)


def client_for(environ: Mapping[str, str]) -> Client:
    """Give the client that talks to the servers which the environment names.

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

        return MlflowClient()
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


def _elsewhere(uri: str, into: Path) -> Path:
    """Fetch artifacts from where the server says they are stored."""
    parsed = parse_model_uri(uri)
    refuse_unsafe(parsed)
    if parsed.scheme in ("", "file"):
        return local.fetch(parsed).directory
    return stores.download(parsed, into)


def _version(client: Client, reference: RegisteredRef) -> str:
    """Give the number of the version that is meant, as of now."""
    if reference.version is not None:
        return reference.version
    if reference.alias is not None:
        if reference.alias.lower() == _LATEST:
            return _newest(client, reference, None)
        aliases = client.aliases(reference.name)
        if aliases is None or reference.alias not in aliases:
            raise _missing(client, reference, None)
        return aliases[reference.alias]
    stage = reference.stage or ""
    latest = stage.lower() == _LATEST
    if not latest and stage.lower() not in map(str.lower, _STAGES):
        raise _missing(client, reference, None)
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
        raise _missing(client, reference, None)
    return str(found)


def _missing(
    client: Client, reference: RegisteredRef, cause: ArtifactNotFoundError | None
) -> ArtifactNotFoundError:
    """Say which part of a reference is not there, and what is, as far as the user may know it."""
    try:
        return _explained(client, reference, cause)
    except ArtifactError:
        message = (
            f'The registry knows nothing of what is asked for of the model "{reference.name}".'
        )
        return cause or ArtifactNotFoundError(f"{message} Check the model URI.")


def _explained(
    client: Client, reference: RegisteredRef, cause: ArtifactNotFoundError | None
) -> ArtifactNotFoundError:
    name = reference.name
    aliases = client.aliases(name)
    if aliases is None:
        names = client.model_names()
        some = f" Registered are {', '.join(names[:9])}." if names else " None is registered."
        return ArtifactNotFoundError(
            f'The registry has no model "{name}".{did_you_mean(name, names) or some} Check the '
            "name, and MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI."
        )
    if reference.alias is not None and reference.alias not in aliases:
        known = ", ".join(sorted(aliases)) or "none"
        return ArtifactNotFoundError(
            f'The model "{name}" has no alias "{reference.alias}"; its aliases: {known}.'
            f"{did_you_mean(reference.alias, aliases)}"
        )
    newest = client.latest(name, None)
    if newest is None:
        return ArtifactNotFoundError(f'The model "{name}" has no versions. Register one.')
    if reference.version is not None and int(reference.version) > newest:
        return ArtifactNotFoundError(
            f'The model "{name}" has no version {reference.version}; its newest is {newest}.'
        )
    if reference.stage is not None:
        return ArtifactNotFoundError(
            f'The model "{name}" has no version in "{reference.stage}"; its newest version is '
            f"{newest}, its aliases: {', '.join(sorted(aliases)) or 'none'}. Write "
            f"models:/{name}/{newest}, models:/{name}/latest or an alias."
        )
    return cause or ArtifactNotFoundError(f'The model "{name}" cannot be found as asked.')
