"""What the variables that MLflow reads say of a server: credentials, certificates, or nothing."""

from __future__ import annotations

import base64
import configparser
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from scorecast.errors import ConfigError


def no_server(variable: str) -> ConfigError:
    """Build the error for a variable that has to name a server and is not set."""
    return ConfigError(
        f"{variable} is not set, so no server is known that could tell which model is meant. Set "
        "it to the address of your MLflow server, such as http://mlflow.example.com:5000."
    )


def authorization(user: str | None, password: str | None, environ: Mapping[str, str]) -> str | None:
    """Give the value of the header ``Authorization``, or None without credentials.

    A token comes first, then the user of the variables, of MLflow's login, and of the URI.

    Args:
        user: User in the URI of the server, quoted, or None.
        password: The password there.
        environ: The environment.

    Raises:
        ConfigError: The environment asks for a way to log in that only MLflow has.
    """
    for name in ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4"):
        if environ.get(name, "").lower() not in {"", "false", "0"}:
            message = (
                f"{name} is set, which MLflow itself has to carry out. Install it: "
                'pip install "scorecast[mlflow]"'
            )
            raise ConfigError(message)
    if token := environ.get("MLFLOW_TRACKING_TOKEN"):
        return f"Bearer {token}"
    stored = _stored_credentials(environ)
    user = environ.get("MLFLOW_TRACKING_USERNAME") or stored[0] or (user and unquote(user))
    password = (
        environ.get("MLFLOW_TRACKING_PASSWORD") or stored[1] or (password and unquote(password))
    )
    if not user or password is None:
        return None
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _stored_credentials(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Read ``~/.mlflow/credentials``, which MLflow's own login writes."""
    file = Path(environ.get("HOME") or "~").expanduser() / ".mlflow" / "credentials"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (OSError, configparser.Error):
        return None, None
    names = ("mlflow_tracking_username", "mlflow_tracking_password")
    user, password = (parser.get("mlflow", name, fallback=None) for name in names)
    return user, password


def tls_context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Give how certificates are checked and shown; None for the usual way.

    Raises:
        ConfigError: A file of certificates cannot be read.
    """
    trusted = environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    client = environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    insecure = environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"true", "1"}
    if not (trusted or client or insecure):
        return None
    try:
        if insecure:
            context = ssl._create_unverified_context()  # noqa: S323, SLF001 - asked for
        elif trusted and os.path.isdir(trusted):  # noqa: PTH112 - a text for ssl
            context = ssl.create_default_context(capath=trusted)
        else:
            context = ssl.create_default_context(cafile=trusted)
        if client:
            context.load_cert_chain(client)
    except OSError as error:
        message = (
            f"Cannot read the certificates {', '.join(filter(None, (trusted, client)))}: {error}. "
            "Correct MLFLOW_TRACKING_SERVER_CERT_PATH or MLFLOW_TRACKING_CLIENT_CERT_PATH."
        )
        raise ConfigError(message) from error
    return context
