"""What no model URI may hold, whatever its scheme: see `refuse_unsafe`."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

from scorecast.artifacts.addresses import Address, address_of, addresses_of, refuse_metadata
from scorecast.artifacts.uri import ModelUri
from scorecast.errors import ModelUriError

_WEB = ("http", "https")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Of "%" that stands for "%25" that stands for "%2525"; nobody decodes more often.
_DECODINGS = 3


def refuse_unsafe(uri: ModelUri) -> None:
    """Refuse a URI that leads where no model is, or that logs would keep a password of.

    Names of servers that the libraries of stores connect to are looked up; those of ``http`` are
    where they are connected to. Plain paths are what they are and are not looked at; whether a
    ``file:`` URI names another host is seen where it is read.

    Raises:
        ModelUriError: It holds a password (for ``http`` any user), control characters, ``..`` in
            any spelling, or an address of the link or of a cloud's metadata.
    """
    if not uri.scheme:
        return
    try:
        parts = urlsplit(f"{uri.scheme}:{uri.rest}")
        hosts = [parts.hostname or ""]
        names = hosts[:] if uri.scheme == "hdfs" else []
        if uri.scheme not in _WEB:  # stores take the address of a server from there
            query = parse_qsl(parts.query)
            hosts += [_host(value) for _, value in query]
            names += [_host(value) for name, value in query if name == "endpoint_override"]
    except ValueError:  # not shown, since it may hold what breaks the URI
        message = f'Cannot read the model URI "{uri}": its host is none.'
        raise ModelUriError(message) from None
    if uri.has_password or (uri.scheme in _WEB and "@" in parts.netloc):
        message = (
            f'The model URI "{uri}" holds a user or password, which every log of URIs would keep. '
            "Give credentials by the environment, for S3 with AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or for http and https in ~/.netrc."
        )
        raise ModelUriError(message)
    path = re.split("[?#]", uri.rest, maxsplit=1)[0]
    if _CONTROL.search(uri.rest) or _CONTROL.search(unquote(path)):
        message = f"The model URI {str(uri)!r} holds control characters. Write it without them."
        raise ModelUriError(message)
    if _leads_up(path):
        message = f'The model URI "{uri}" holds "..". Write the path without it.'
        raise ModelUriError(message)
    for address in (*map(address_of, hosts), *_looked_up(names)):
        if address is not None:
            refuse_metadata(address)


def _host(value: str) -> str:
    """Give the host of what may be an address of a server, or of anything else."""
    return urlsplit(value if "//" in value else f"//{value}").hostname or ""


def _looked_up(names: list[str]) -> list[Address]:
    """Give the addresses that names stand for now."""
    found: list[Address] = []
    for name in filter(None, names):
        # One that stands for nothing may be of Hadoop's own; else it is told where it is used.
        with suppress(OSError, UnicodeError):
            found += addresses_of(name, 0)
    return found


def _leads_up(path: str) -> bool:
    for _ in range(_DECODINGS):
        path = unquote(path)
    return ".." in re.split(r"[/\\]", path)
