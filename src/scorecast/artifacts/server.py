"""HTTP to an MLflow server with the standard library: JSON, files, credentials, TLS, retries.

Credentials go to the server that they are meant for and nowhere else: not to another one that it
redirects to, not into messages.
"""

from __future__ import annotations

import http.client
import json
import logging
import math
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from scorecast.artifacts.credentials import authorization, tls_context
from scorecast.artifacts.uri import writing
from scorecast.errors import ArtifactError, ConfigError
from scorecast.redaction import redacted

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 20
_REFUSED = (401, 403)
_NOT_FOUND = 404
_REDIRECTED = (301, 302, 303, 307, 308)
_DOWN = ("https", "http")
# What a server says when trying again may help (RFC 9110 and 6585).
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_LONGEST_PAUSE = 60.0

T = TypeVar("T")


class NotFoundError(Exception):
    """Says that the server knows nothing under a path; the caller knows what that means.

    Attributes:
        of_mlflow: Whether it is MLflow that says so, and not any server that was asked.
    """

    def __init__(self, message: str, *, of_mlflow: bool) -> None:
        super().__init__(message)
        self.of_mlflow = of_mlflow


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
    parts = _address_parts(uri)
    host = parts.netloc.rpartition("@")[2]
    timeout = _number(environ, "MLFLOW_HTTP_REQUEST_TIMEOUT", 120)
    return Server(
        f"{parts.scheme}://{host}{parts.path.rstrip('/')}",
        authorization(parts.username, parts.password, environ),
        tls_context(environ),
        int(_number(environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", 5)),
        _number(environ, "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", 1),
        timeout or 120.0,
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


def download(server: Server, path: str, target: Path, size: int | None) -> None:
    """Write a file of a server to a file, which is of no use after an error.

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

    def attempt() -> None:
        with _opened(server, quote(path), None) as answer:
            announced = answer.headers.get("Content-Length")
            found = 0
            with writing(target), target.open("wb") as file:
                for chunk in _chunks(answer):
                    file.write(chunk)
                    found += len(chunk)
        for wanted in (size, None if announced is None else int(announced)):
            if wanted is not None and wanted != found:
                message = f"{found} bytes came of {wanted}"
                raise _BrokenAnswerError(message)

    _with_retries(server, f'download "{path}"', attempt)


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise _BrokenAnswerError(str(error) or type(error).__name__) from error


class _BrokenAnswerError(Exception):
    """An answer that ended early; worth another try."""


def _json(server: Server, path: str, body: bytes | None, *, bare: bool) -> Any:
    def attempt() -> bytes:
        with _opened(server, path, body) as answer:
            return answer.read()

    shown = path.partition("?")[0]
    try:
        content = _with_retries(server, f'ask for "{shown}"', attempt)
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


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to the same host with the credentials, and to others without."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    def redirect_request(  # noqa: PLR0913 - what urllib passes
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in {"http", "https"} or (old.scheme, new.scheme) == _DOWN:
            return None
        if req.data is not None:
            return None
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and self._authorization and _same_server(old, new):
            request.add_unredirected_header("Authorization", self._authorization)
        return request


def _same_server(old: SplitResult, new: SplitResult) -> bool:
    """Tell whether two addresses are of one server, which may ask for https."""
    ports = tuple(each.port or (443 if each.scheme == "https" else 80) for each in (old, new))
    return old.hostname == new.hostname and (ports[0] == ports[1] or ports == (80, 443))


def _opened(server: Server, path: str, body: bytes | None) -> http.client.HTTPResponse:
    request = urllib.request.Request(f"{server.url}{path}", data=body)  # noqa: S310 - http(s) only
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if server.authorization:
        # Not among the headers that are sent again where the server redirects.
        request.add_unredirected_header("Authorization", server.authorization)
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=server.tls), _Redirects(server.authorization)
    )
    answer: http.client.HTTPResponse = opener.open(request, timeout=server.timeout)
    return answer


def _with_retries(server: Server, what: str, attempt: Callable[[], T]) -> T:
    """Make a request, and make it again while that may help."""
    for number in range(server.retries + 1):
        try:
            return attempt()
        except urllib.error.HTTPError as error:
            with error:
                reason, of_mlflow = _refusal(error)
            if error.code == _NOT_FOUND:
                raise NotFoundError(reason, of_mlflow=of_mlflow) from None
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
            "Cannot %s of %s: %s. Trying again in %.0f s.",
            what,
            server.url,
            redacted(reason),
            pause,
        )
        time.sleep(pause)
    raise AssertionError


def _pause(server: Server, number: int, headers: Message | None) -> float:
    asked = "" if headers is None else headers.get("Retry-After", "")
    pause = float(asked) if asked.isdecimal() else server.backoff * 2**number
    return min(pause, _LONGEST_PAUSE)


def _refusal(error: urllib.error.HTTPError) -> tuple[str, bool]:
    """Give what a server says about an error in one line, and whether MLflow says it."""
    try:
        told = json.loads(error.read(_CHUNK))
        text, of_mlflow = " ".join(str(told["message"]).split())[:300], "error_code" in told
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        text, of_mlflow = "", False
    if not text:
        text = f"{error.code} {http.client.responses.get(error.code, '')}".strip()
    return text, of_mlflow


def _failed(server: Server, what: str, code: int, reason: str, tries: int) -> ArtifactError:
    if code in _REFUSED:
        return ArtifactError(
            f'The server "{server.url}" refuses to let you {what}: {code}, {reason}. Set '
            "MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, of "
            "a user who may read the model."
        )
    if code in _REDIRECTED:
        return ArtifactError(
            f'The server "{server.url}" has moved and redirects requests ({code}). Set '
            "MLFLOW_TRACKING_URI to the address where it is now, with https if it asks for that."
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
    if not 0 <= number < math.inf:
        message = f'{name} is "{text}", expected a number of at least 0.'
        raise ConfigError(message)
    return number
