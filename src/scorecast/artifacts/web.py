"""Models in archives at ``http:`` and ``https:`` addresses.

Retries and timeouts are those that MLflow reads from ``MLFLOW_HTTP_REQUEST_*``, certificates those
of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` where they are set, proxies those of ``HTTPS_PROXY`` and
its like, credentials those of ``~/.netrc`` (or ``NETRC``), as curl, pip and requests have them.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from scorecast.artifacts import cached
from scorecast.artifacts.archives import (
    SUFFIXES,
    archive_limit,
    is_archive,
    unpack_model,
)
from scorecast.artifacts.credentials import netrc_authorization
from scorecast.artifacts.downloads import TooLargeError, download
from scorecast.artifacts.retries import NotFoundError, patience
from scorecast.artifacts.transport import Advice, Server
from scorecast.artifacts.unpacking import too_large
from scorecast.artifacts.uri import FetchedModel, ModelUri
from scorecast.cache.origins import Origin
from scorecast.errors import ArtifactNotFoundError, ModelUriError
from scorecast.progress import Progress, counted

_ADVICE = Advice(
    refused=(
        "Put user and password for this host into ~/.netrc, or get a new address if this one is "
        "signed for a time."
    ),
    moved="It cannot be followed there; give the address where the archive is, with https.",
    unreachable=(
        "Check the address, and that the server can be reached from here; SSL_CERT_FILE names "
        "certificates to trust."
    ),
)
# All that may stand in a path or query; other characters are sent quoted.
_LEGAL = "/:@!$&'()*+,;=~%?[]"
# Shorter parts of a query are hardly secret, and common in other words.
_SHORTEST_SECRET = 4


def fetch(uri: ModelUri, progress: Progress) -> FetchedModel:
    """Download the archive that a URI names, and unpack it.

    Raises:
        ModelUriError: The URI has no host or names no archive, or leads where none may be.
        ArtifactNotFoundError: The server has nothing there.
        ArchiveError: The archive is damaged or too large, or holds no model or what is not to be
            unpacked.
        ArtifactError: The server cannot be reached, refuses, or breaks off; or the files cannot be
            written here.
        ConfigError: The environment holds what cannot be read.
    """
    server, path = _place(uri)
    # A server need not tell versions of an archive apart, so it is downloaded each time.
    # The key of its lock is without the query, since signatures of it are new each time, too.
    origin = Origin(str(uri), ("web", uri.rest.partition("?")[0]), pinned=False)
    copy = cached.download(origin, None, partial(_fill, uri, server, path, progress))
    return FetchedModel(copy.directory, str(uri), copy)


def _fill(uri: ModelUri, server: Server, path: str, progress: Progress, folder: Path) -> Path:
    """Download an archive into a directory, and give the one in it with what was in the archive."""
    limit = archive_limit(os.environ)
    # By the path itself: the printed URI has stars for what may be a secret, up to its end.
    asked = urlsplit(uri.rest).path.lower()
    archive = folder / f"archive{next(filter(asked.endswith, SUFFIXES))}"
    try:
        with progress(str(uri), None) as advance:
            download(server, path, archive, limit=limit, reached=counted(advance))
    except NotFoundError as error:
        message = f'No model at "{uri}": the server says {error}. Check the address.'
        raise ArtifactNotFoundError(message) from None
    except TooLargeError:
        raise too_large(str(uri), limit) from None
    directory = unpack_model(archive, folder / "model", str(uri), limit)
    archive.unlink()
    return directory


def _place(uri: ModelUri) -> tuple[Server, str]:
    """Give the server, and path and query on it, which hold the key of addresses that are signed.

    Raises:
        ModelUriError: The URI has no host or names no archive.
        ConfigError: The environment holds what cannot be read.
    """
    parts = urlsplit(f"{uri.scheme}:{uri.rest}")
    if not _has_host(parts.netloc):
        message = f'Cannot read the model URI "{uri}". Expected "{uri.scheme}://HOST/PATH".'
        raise ModelUriError(message)
    if not is_archive(parts.path):
        message = (
            f'The model URI "{uri}" names no archive: a server has no directories, so a model '
            f"there is one file that ends in {', '.join(SUFFIXES)}."
        )
        raise ModelUriError(message)
    if parts.fragment:
        message = f'The model URI "{uri}" ends before a "#", which servers are not asked for.'
        raise ModelUriError(message)
    query = f"?{quote(parts.query, safe=_LEGAL)}" if parts.query else ""
    values = [value for _, value in parse_qsl(parts.query, keep_blank_values=True)]
    secrets = [parts.query, query, *values, *map(quote, values)]
    retries, backoff, timeout = patience(os.environ)
    server = Server(
        f"{parts.scheme}://{parts.netloc}",
        _ADVICE,
        netrc_authorization(parts.hostname or "", os.environ),
        None,
        retries,
        backoff,
        timeout,
        tuple(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET),
    )
    return server, quote(parts.path, safe=_LEGAL) + query


def _has_host(netloc: str) -> bool:
    try:
        parts = urlsplit(f"//{netloc}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
