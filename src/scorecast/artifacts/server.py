"""HTTP to an MLflow server with the standard library: JSON, files, credentials, TLS, retries.

Credentials go to the server that they are meant for and nowhere else: not to where it redirects,
not into messages.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from scorecast.artifacts.credentials import authorization, tls_context
from scorecast.errors import ArtifactError, ConfigError

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 20
_REFUSED = (401, 403)
_NOT_FOUND = 404
# What a server says when trying again may help (RFC 9110 and 6585).
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_LONGEST_PAUSE = 60.0

T = TypeVar("T")


class NotFoundError(Exception):
    """Says that the server knows nothing under a path; the caller knows what that means."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and how to talk to it.

    Attributes:
        url: Its address, without credentials and without a slash at its end.
        authorization: Value of the header, or None.
        tls: How certificates are checked; None for the usual way.
        retries: How often a request is made again that may go well the next time.
        backoff: Seconds before the first of them; each next pause is twice as long.
        timeout: Seconds to wait for an answer to begin or go on.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)
    retries: int = 5
    backoff: float = 1.0
    timeout: float = 120.0


def server_from(uri: str, environ: Mapping[str, str]) -> Server:
    """Give the server of a tracking or registry URI, with what the ``MLFLOW_*`` variables say.

    Args:
        uri: ``http:`` or ``https:``; a user and password in it are used for nothing else.
        environ: The environment.

    Raises:
        ConfigError: A variable holds no number, names no file, or asks for what needs MLflow.
    """
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return Server(
        f"{parts.scheme}://{host}{parts.path.rstrip('/')}",
        authorization(parts.username, parts.password, environ),
        tls_context(environ),
        int(_number(environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", 5)),
        _number(environ, "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", 1),
        _number(environ, "MLFLOW_HTTP_REQUEST_TIMEOUT", 120),
    )


def get_json(server: Server, path: str, query: Mapping[str, str | int]) -> Any:
    """Ask for JSON.

    Raises:
        NotFoundError: The server has nothing there.
        ArtifactError: It cannot be reached, refuses, or answers something else.
    """
    return _json(server, f"{path}?{urlencode(query)}", None)


def post_json(server: Server, path: str, body: Mapping[str, Any]) -> Any:
    """Ask for JSON with a body of JSON, by a call that changes nothing.

    Raises:
        NotFoundError: The server has nothing there.
        ArtifactError: It cannot be reached, refuses, or answers something else.
    """
    return _json(server, path, json.dumps(body).encode())


def download(server: Server, path: str, target: Path, size: int | None) -> None:
    """Write a file of a server to a new file, which is there when it is complete.

    Args:
        server: The server.
        path: Path on it, not quoted.
        target: The file.
        size: Bytes that it must have, if that is known.

    Raises:
        NotFoundError: The server has no such file.
        ArtifactError: It cannot be reached, refuses, or sends less than the file; or the file
            cannot be written.
    """
    part = target.with_name(f"{target.name}.part")

    def attempt() -> None:
        with _opened(server, quote(path), None) as answer:
            announced = answer.headers.get("Content-Length")
            with _writing(target), part.open("wb") as file:
                found = 0
                for chunk in _chunks(answer):
                    file.write(chunk)
                    found += len(chunk)
        for wanted in (size, None if announced is None else int(announced)):
            if wanted is not None and wanted != found:
                message = f"{found} bytes came of {wanted}"
                raise _BrokenAnswerError(message)
        with _writing(target):
            part.rename(target)

    _with_retries(server, f'download "{path}"', attempt)


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise _BrokenAnswerError(str(error) or type(error).__name__) from error


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Tell errors of the disk from those of the connection."""
    try:
        yield
    except OSError as error:
        message = (
            f'Cannot write the download "{target}": {error.strerror or error}. Free space there, '
            "or name another directory with TMPDIR."
        )
        raise ArtifactError(message) from error


class _BrokenAnswerError(Exception):
    """An answer that ended early; worth another try."""


def _json(server: Server, path: str, body: bytes | None) -> Any:
    def attempt() -> Any:
        with _opened(server, path, body) as answer:
            return json.loads(answer.read())

    try:
        return _with_retries(server, f'ask for "{path.partition("?")[0]}"', attempt)
    except ValueError as error:
        message = (
            f'The server "{server.url}" answers "{path.partition("?")[0]}" with something that is '
            "no JSON, so it is no MLflow server. Check MLFLOW_TRACKING_URI."
        )
        raise ArtifactError(message) from error


def _opened(server: Server, path: str, body: bytes | None) -> http.client.HTTPResponse:
    request = urllib.request.Request(f"{server.url}{path}", data=body)  # noqa: S310 - http(s) only
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if server.authorization:
        # Not among the headers that are sent again where the server redirects.
        request.add_unredirected_header("Authorization", server.authorization)
    handler = urllib.request.HTTPSHandler(context=server.tls)
    opener = urllib.request.build_opener(handler)
    answer: http.client.HTTPResponse = opener.open(request, timeout=server.timeout)
    return answer


def _with_retries(server: Server, what: str, attempt: Callable[[], T]) -> T:
    """Make a request, and make it again while that may help."""
    for number in range(server.retries + 1):
        try:
            return attempt()
        except urllib.error.HTTPError as error:
            with error:
                reason = _refusal(error)
            if error.code == _NOT_FOUND:
                raise NotFoundError(reason) from None
            if error.code not in _TRANSIENT or number == server.retries:
                raise _failed(server, what, error.code, reason, number + 1) from None
            pause = _pause(server, number, error.headers)
        except (OSError, http.client.HTTPException, _BrokenAnswerError) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            reason = str(cause) or type(cause).__name__
            if isinstance(cause, ssl.SSLCertVerificationError) or number == server.retries:
                raise _unreachable(server, what, reason, number + 1) from None
            pause = _pause(server, number, None)
        _LOG.warning(
            "Cannot %s of %s: %s. Trying again in %.0f s.", what, server.url, reason, pause
        )
        time.sleep(pause)
    raise AssertionError


def _pause(server: Server, number: int, headers: Message | None) -> float:
    asked = "" if headers is None else headers.get("Retry-After", "")
    pause = float(asked) if asked.isdecimal() else server.backoff * 2**number
    return min(pause, _LONGEST_PAUSE)


def _refusal(error: urllib.error.HTTPError) -> str:
    """Give what a server says about an error in one line."""
    try:
        content = error.read(_CHUNK)
        said = json.loads(content).get("message", "")
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        said = ""
    text = " ".join(str(said).split())[:300]
    return text or f"{error.code} {http.client.responses.get(error.code, '')}".strip()


def _failed(server: Server, what: str, code: int, reason: str, tries: int) -> ArtifactError:
    if code in _REFUSED:
        return ArtifactError(
            f'The server "{server.url}" refuses to let you {what}: {code}, {reason}. Set '
            "MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, of "
            "a user who may read the model."
        )
    again = f" It was asked {tries} times." if tries > 1 else ""
    return ArtifactError(
        f'Cannot {what} of the server "{server.url}": {code}, {reason}.{again} Look into its log, '
        "or run again later."
    )


def _unreachable(server: Server, what: str, reason: str, tries: int) -> ArtifactError:
    times = "once" if tries == 1 else f"{tries} times"
    return ArtifactError(
        f'Cannot {what} of the server "{server.url}": {reason} (tried {times}). Check that '
        "MLFLOW_TRACKING_URI names it, that it runs, and that it can be reached from here; "
        "MLFLOW_TRACKING_SERVER_CERT_PATH names certificates to trust."
    )


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = -1
    if number < 0:
        message = f'{name} is "{text}", expected a number of at least 0.'
        raise ConfigError(message)
    return number
