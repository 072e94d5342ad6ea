"""What the environment says of a server: credentials, certificates, or nothing."""

from __future__ import annotations

import base64
import configparser
import netrc
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from scorecast.errors import ConfigError

_OF_MLFLOW = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_WORKSPACE")


def no_server(variable: str) -> ConfigError:
    """Build the error for a variable that has to name a server and is not set."""
    return ConfigError(
        f"{variable} is not set, so no server is known that could tell which model is meant. Set "
        "it to the address of your MLflow server, such as http://mlflow.example.com:5000."
    )


def authorization(user: str | None, password: str | None, environ: Mapping[str, str]) -> str | None:
    """Give the value of the header ``Authorization``, or None without credentials.

    As with MLflow, the user in the URI comes first, then that of the variables or of MLflow's
    login, then a token.

    Args:
        user: User in the URI of the server, quoted, or None.
        password: The password there.
        environ: The environment.

    Raises:
        ConfigError: The environment asks for a way to log in that only MLflow has, or the token is
            none.
    """
    for name in _OF_MLFLOW:
        if environ.get(name, "").lower() not in {"", "false", "0"}:
            message = (
                f"{name} is set, which MLflow itself has to carry out. Install it: "
                'pip install "scorecast[mlflow]"'
            )
            raise ConfigError(message)
    named = (environ.get("MLFLOW_TRACKING_USERNAME"), environ.get("MLFLOW_TRACKING_PASSWORD"))
    in_uri = (unquote(user or ""), unquote(password or ""))
    for one, secret in (in_uri, named, _stored_credentials(environ)):
        if one and secret is not None:
            return _basic(one, secret)
    token = environ.get("MLFLOW_TRACKING_TOKEN", "").strip()
    if not (token.isascii() and token.isprintable()):
        message = "MLFLOW_TRACKING_TOKEN holds characters that no token has. Set it again."
        raise ConfigError(message)
    return f"Bearer {token}" if token else None


def netrc_authorization(host: str, environ: Mapping[str, str]) -> str | None:
    """Give the header for a host of which ``~/.netrc`` knows user and password, or None.

    Args:
        host: Name of the host, without a port.
        environ: The environment, in which ``NETRC`` names another file.

    Raises:
        ConfigError: The file cannot be read.
    """
    file = environ.get("NETRC")
    try:
        found = netrc.netrc(file or None).authenticators(host)
    except FileNotFoundError:
        if not file:
            return None
        message = f'NETRC names the file "{file}", which is not there. Correct or unset it.'
        raise ConfigError(message) from None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as error:
        # Its text may be a part of a password.
        line = getattr(error, "lineno", None)
        message = (
            f'Cannot read the credentials in "{file or "~/.netrc"}"'
            f"{'' if line is None else f' (line {line})'}. Check its form, and that the file is "
            "yours and nobody else may read it (chmod 600)."
        )
        raise ConfigError(message) from None
    return None if found is None else _basic(found[0], found[2] or "")


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _stored_credentials(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Read ``~/.mlflow/credentials``, which MLflow's own login writes."""
    file = Path(environ.get("HOME") or "~").expanduser() / ".mlflow" / "credentials"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return None, None
    names = ("mlflow_tracking_username", "mlflow_tracking_password")
    user, password = (parser.get("mlflow", name, fallback=None) for name in names)
    return user, password


def tls_context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Give how certificates are checked and shown; None for the usual way.

    Raises:
        ConfigError: A file of certificates cannot be read, or options contradict each other.
    """
    trusted = environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    client = environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    insecure = environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"true", "1"}
    if not (trusted or client or insecure):
        return None
    if trusted and insecure:
        message = (
            "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH contradict each "
            "other: certificates are checked or not. Unset one of them."
        )
        raise ConfigError(message)
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
