"""One HTTP request with the standard library.

Credentials go to the server that they are meant for and nowhere else: not to another one that it
redirects to, not into messages. No request goes to an address that `addresses` refuses.
"""

from __future__ import annotations

import functools
import http.client
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from scorecast.artifacts.addresses import Route, address_of, addresses_of
from scorecast.errors import ModelUriError

_DOWN = ("https", "http")


@dataclass(frozen=True, slots=True)
class Advice:
    """What the user of a server is told to do, a sentence for each kind of failure.

    Attributes:
        refused: It wants other credentials.
        moved: It redirects to where requests do not follow.
        unreachable: No connection comes about, or none that is trusted.
    """

    refused: str
    moved: str
    unreachable: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and how to talk to it.

    Attributes:
        url: Its address, without credentials and without a slash at its end.
        advice: What to do when it does not answer as it should.
        authorization: Value of the header, or None.
        tls: How certificates are checked; None for the usual way.
        retries: How often a request is made again that may go well the next time.
        backoff: Seconds before the first of them; each next pause is twice as long.
        timeout: Seconds to wait for an answer to begin or go on.
        secrets: Texts that are sent to it, and which no message shows.
    """

    url: str
    advice: Advice = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)
    retries: int = 5
    backoff: float = 1.0
    timeout: float = 120.0
    secrets: tuple[str, ...] = field(default=(), repr=False)


def opened(
    server: Server, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    """Make one request, and follow it where it is redirected; gives the answer to be read.

    Args:
        server: The server.
        path: Path and query on it, quoted.
        body: JSON to send, or None to ask without.
        headers: More to send with it; they go where it is redirected, too.

    Raises:
        urllib.error.HTTPError, OSError, http.client.HTTPException: As `retries` expects them.
        ModelUriError: It leads to an address that is refused.
    """
    request = urllib.request.Request(  # noqa: S310 - http(s) only
        f"{server.url}{path}", data=body, headers=dict(headers or {})
    )
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if server.authorization:
        # Not among the headers that are sent again where the server redirects.
        request.add_unredirected_header("Authorization", server.authorization)
    route = Route()
    opener = urllib.request.build_opener(_Http(route), _Https(route, server.tls), _Redirects)
    answer: http.client.HTTPResponse = opener.open(request, timeout=server.timeout)
    return answer


class _Connection(http.client.HTTPConnection):
    """Connects to addresses that a route may lead to, and to no other."""

    def __init__(self, host: str, *, route: Route | None, **options: Any) -> None:
        super().__init__(host, **options)
        self._route = route

    def connect(self) -> None:
        if self._route is None:
            super().connect()
            return
        for address in addresses_of(self.host, self.port):
            self._route.check(address)
        super().connect()
        # The name may have been looked up to something else meanwhile.
        reached = address_of(str(self.sock.getpeername()[0]))
        if reached is not None:
            self._route.arrived(reached)


class _TlsConnection(_Connection, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def __init__(self, route: Route) -> None:
        super().__init__()
        self._route = route

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        connect = functools.partial(_Connection, route=_checked(req, self._route))
        return self.do_open(connect, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, route: Route, tls: ssl.SSLContext | None) -> None:
        super().__init__()
        self._route, self._tls = route, tls

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        connect = functools.partial(_TlsConnection, route=_checked(req, self._route))
        return self.do_open(connect, req, context=self._tls)


def _checked(request: urllib.request.Request, route: Route) -> Route | None:
    """Check the host of a request; gives what to ask on connecting, None for a proxy of the user.

    A proxy looks names up itself, and what it finds is not known here; addresses are.
    """
    parts = urlsplit(request.full_url)
    if unquote(parts.netloc) == request.host:
        return route
    if (address := address_of(parts.hostname or "")) is not None:
        route.arrived(address)
    return None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to the same host with the credentials, and to others without."""

    def http_error_302(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any
    ) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ModelUriError:
            fp.close()
            raise
        except ValueError:  # not shown, since addresses hold secrets
            fp.close()
            raise http.client.InvalidURL("it redirects to what is no address") from None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(  # noqa: PLR0913 - what urllib passes
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if "@" in new.netloc:
            message = (
                f'The server "{old.hostname}" redirects to an address with a user in it, which is '
                "refused. Give the address where the model is."
            )
            raise ModelUriError(message)
        if new.scheme not in {"http", "https"} or (old.scheme, new.scheme) == _DOWN:
            return None
        if req.data is not None:
            return None
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        # None where another server has redirected before, which may well redirect to itself.
        authorization = req.get_header("Authorization")
        if request is not None and authorization and _same_server(old, new):
            request.add_unredirected_header("Authorization", authorization)
        return request


def _same_server(old: SplitResult, new: SplitResult) -> bool:
    """Tell whether two addresses are of one server, which may ask for https."""
    ports = tuple(each.port or (443 if each.scheme == "https" else 80) for each in (old, new))
    return old.hostname == new.hostname and (ports[0] == ports[1] or ports == (80, 443))
