"""Requests that are made again while that may help, and what is said when it does not."""

from __future__ import annotations

import email.utils
import http.client
import json
import logging
import math
import ssl
import urllib.error
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import Message
from threading import Event
from typing import TypeVar

from scorecast.artifacts.parallel import pause
from scorecast.artifacts.transport import Server
from scorecast.errors import ArtifactError, ConfigError
from scorecast.redaction import redacted

_LOG = logging.getLogger(__name__)
_REFUSED = (401, 403)
_NOT_FOUND = 404
_REDIRECTED = (301, 302, 303, 307, 308)
# What a server says when trying again may help (RFC 9110 and 6585).
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_LONGEST_PAUSE = 60.0
_LONGEST_REFUSAL = 1 << 20

T = TypeVar("T")


class NotFoundError(Exception):
    """Says that the server knows nothing under a path; the caller knows what that means.

    Attributes:
        of_mlflow: Whether it is MLflow that says so, and not any server that was asked.
    """

    def __init__(self, message: str, *, of_mlflow: bool) -> None:
        super().__init__(message)
        self.of_mlflow = of_mlflow


class BrokenAnswerError(Exception):
    """An answer that ended early; worth another try."""


def patience(environ: Mapping[str, str]) -> tuple[int, float, float]:
    """Give retries, back-off and timeout of a `Server`, as MLflow reads them from its variables.

    Raises:
        ConfigError: A variable holds no number.
    """
    return (
        int(_number(environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", 5)),
        _number(environ, "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", 1),
        _number(environ, "MLFLOW_HTTP_REQUEST_TIMEOUT", 120) or 120.0,
    )


def with_retries(
    server: Server, what: str, attempt: Callable[[], T], stop: Event | None = None
) -> T:
    """Make a request, and make it again while that may help.

    Args:
        server: The server.
        what: What is done, behind "Cannot".
        attempt: Makes the request by `opened`, and may raise BrokenAnswerError.
        stop: Set when what is asked for is of no use any more.

    Raises:
        StoppedError: It is of no use any more.
        NotFoundError: The server has nothing there.
        ArtifactError: It cannot be reached, or refuses.
    """
    for number in range(server.retries + 1):
        try:
            return attempt()
        except urllib.error.HTTPError as error:
            with error:
                reason, of_mlflow = _refusal(server, error)
            if error.code == _NOT_FOUND:
                raise NotFoundError(reason, of_mlflow=of_mlflow) from None
            if error.code not in _TRANSIENT or number == server.retries:
                raise _failed(server, what, error.code, reason, number + 1) from None
            seconds = _pause(server, number, error.headers)
        except (OSError, http.client.HTTPException, BrokenAnswerError) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            reason = _shown(server, str(cause)) or type(cause).__name__
            if isinstance(cause, ssl.SSLCertVerificationError) or number == server.retries:
                raise _unreachable(server, what, reason, number + 1) from None
            seconds = _pause(server, number, None)
        _LOG.warning(
            "Cannot %s of %s: %s. Trying again in %.0f s.", what, server.url, reason, seconds
        )
        pause(seconds, stop)
    raise AssertionError


def _pause(server: Server, number: int, headers: Message | None) -> float:
    asked = _asked_pause("" if headers is None else headers.get("Retry-After", ""))
    pause = server.backoff * 2**number if asked is None else asked
    return min(pause, _LONGEST_PAUSE)


def _asked_pause(text: str) -> float | None:
    """Read seconds or a date; None for what is neither."""
    if text.isdecimal():
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _refusal(server: Server, error: urllib.error.HTTPError) -> tuple[str, bool]:
    """Give what a server says about an error in one line, and whether MLflow says it."""
    try:
        told = json.loads(error.read(_LONGEST_REFUSAL))
        text = " ".join(_shown(server, str(told["message"])).split())[:300]
        of_mlflow = "error_code" in told
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        text, of_mlflow = "", False
    if not text:
        text = f"{error.code} {http.client.responses.get(error.code, '')}".strip()
    return text, of_mlflow


def _shown(server: Server, text: str) -> str:
    """Give a text that came from elsewhere without what is secret."""
    for secret in server.secrets:
        text = text.replace(secret, "***")
    return redacted(text)


def _failed(server: Server, what: str, code: int, reason: str, tries: int) -> ArtifactError:
    if code in _REFUSED:
        return ArtifactError(
            f'The server "{server.url}" refuses to let you {what}: {code}, {reason}. '
            f"{server.advice.refused}"
        )
    if code in _REDIRECTED:
        return ArtifactError(
            f'The server "{server.url}" has moved and redirects requests ({code}). '
            f"{server.advice.moved}"
        )
    again = f" It was asked {tries} times." if tries > 1 else ""
    return ArtifactError(
        f'Cannot {what} of the server "{server.url}": {code}, {reason}.{again} Look into its log, '
        "or run again later."
    )


def _unreachable(server: Server, what: str, reason: str, tries: int) -> ArtifactError:
    times = "once" if tries == 1 else f"{tries} times"
    return ArtifactError(
        f'Cannot {what} of the server "{server.url}": {reason} (tried {times}). '
        f"{server.advice.unreachable}"
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
