"""An MLflow server: its address, and JSON from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from scorecast.artifacts.credentials import authorization, tls_context
from scorecast.artifacts.retries import NotFoundError, patience, with_retries
from scorecast.artifacts.transport import Advice, Server, opened
from scorecast.errors import ArtifactError, ConfigError

_ADVICE = Advice(
    refused=(
        "Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, of a "
        "user who may read the model."
    ),
    moved=(
        "Set MLFLOW_TRACKING_URI to the address where it is now, with https if it asks for that."
    ),
    unreachable=(
        "Check that MLFLOW_TRACKING_URI names it, that it runs, and that it can be reached from "
        "here; MLFLOW_TRACKING_SERVER_CERT_PATH names certificates to trust."
    ),
)


def server_from(uri: str, environ: Mapping[str, str]) -> Server:
    """Give the server of a tracking or registry URI, with what the ``MLFLOW_*`` variables say.

    Args:
        uri: ``http:`` or ``https:``; a user and password in it are used for nothing else.
        environ: The environment.

    Raises:
        ConfigError: A variable holds no number, names no file, or asks for what needs MLflow.
    """
    parts = _address_parts(uri)
    host = parts.netloc.rpartition("@")[2]
    return Server(
        f"{parts.scheme}://{host}{parts.path.rstrip('/')}",
        _ADVICE,
        authorization(parts.username, parts.password, environ),
        tls_context(environ),
        *patience(environ),
    )


def _address_parts(uri: str) -> SplitResult:
    """Split an address; it is not shown when that fails, since it may be a password that breaks it.

    Raises:
        ConfigError: It is none.
    """
    try:
        parts = urlsplit(uri)
        if parts.hostname and parts.port != 0 and "@" not in parts.path + parts.fragment:
            return parts
    except ValueError:
        pass
    message = (
        "The address of the MLflow server in MLFLOW_TRACKING_URI or MLFLOW_REGISTRY_URI cannot be "
        "read. Expected http://HOST:PORT; in a password write / as %2F, # as %23, @ as %40."
    )
    raise ConfigError(message)


def get_json(
    server: Server, path: str, query: Mapping[str, str | int], *, bare: bool = False
) -> Any:
    """Ask for JSON.

    Args:
        server: The server.
        path: Path on it.
        query: Names and values behind the path.
        bare: Whether the path is one that some MLflow servers do not have, or say nothing about.

    Raises:
        NotFoundError: The server has nothing there.
        ArtifactError: It cannot be reached, refuses, or is no MLflow server.
    """
    return _json(server, f"{path}?{urlencode(query)}", None, bare=bare)


def post_json(server: Server, path: str, body: Mapping[str, Any], *, bare: bool = False) -> Any:
    """Ask for JSON with a body of JSON, by a call that changes nothing; else as `get_json`."""
    return _json(server, path, json.dumps(body).encode(), bare=bare)


def _json(server: Server, path: str, body: bytes | None, *, bare: bool) -> Any:
    def attempt() -> bytes:
        with opened(server, path, body) as answer:
            return answer.read()

    shown = path.partition("?")[0]
    try:
        content = with_retries(server, f'ask for "{shown}"', attempt)
    except NotFoundError as error:
        if error.of_mlflow or bare:
            raise
        raise _no_mlflow_server(server, shown) from None
    try:
        return json.loads(content)
    except ValueError:
        raise _no_mlflow_server(server, shown) from None


def _no_mlflow_server(server: Server, path: str) -> ArtifactError:
    return ArtifactError(
        f'The server "{server.url}" answers "{path}" as no MLflow server does. Check '
        "MLFLOW_TRACKING_URI, which may need a path behind the host."
    )
