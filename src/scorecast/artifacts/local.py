"""Plain paths, ``file:`` and ``dbfs:`` URIs: the model is used where it stands, not copied.

An archive is unpacked.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scorecast.artifacts.archives import archive_limit, is_archive, unpack_model
from scorecast.artifacts.uri import FetchedModel, ModelUri, Scratch
from scorecast.errors import ArtifactError, ArtifactNotFoundError, ModelUriError
from scorecast.progress import Progress

# Volumes of Unity Catalog are mounted under their own names.
_VOLUMES = "/Volumes/"


def fetch(uri: ModelUri, progress: Progress) -> FetchedModel:
    """Give the directory that a path or ``file:`` URI names, or that is in an archive there.

    Raises:
        ModelUriError: A ``file:`` URI names another host, or has more than a path.
        ArtifactNotFoundError: There is no such directory.
        ArchiveError: It is an archive that cannot be used.
        ArtifactError: The path cannot be looked at.
    """
    del progress
    directory = Path(_path(uri))
    try:
        directory = directory.expanduser().absolute()
        exists = directory.exists()
    except (OSError, RuntimeError) as error:  # no rights, too long, or ~name without such a user
        reason = error.strerror if isinstance(error, OSError) else error
        message = f'Cannot look at "{directory}": {reason}. Check the path and its rights.'
        raise ArtifactError(message) from error
    if not exists:
        message = (
            f'No model at "{directory}": there is no such directory.{_nearest(directory)} '
            "Check the path; a model is the directory that holds a file named MLmodel."
        )
        raise ArtifactNotFoundError(message)
    resolved = directory.resolve()
    if is_archive(resolved.name) and resolved.is_file():
        scratch = Scratch()
        limit = archive_limit(os.environ)
        model = unpack_model(resolved, scratch.path / "model", str(resolved), limit)
        return FetchedModel(model, resolved.as_uri(), scratch)
    return FetchedModel(resolved, resolved.as_uri())


def _path(uri: ModelUri) -> str:
    if not uri.scheme:
        return uri.rest
    if uri.scheme == "dbfs":
        return _mounted(uri)
    try:
        parts = urlsplit(f"file:{uri.rest}")
    except ValueError as error:  # brackets that are no IPv6 address
        message = f'Cannot read the model URI "{uri}": {error}.'
        raise ModelUriError(message) from error
    if parts.netloc not in ("", "localhost"):
        message = (
            f'The model URI "{uri}" names the host "{parts.hostname}". A file URI has three '
            f'slashes: "file:///{parts.hostname}{parts.path}".'
        )
        raise ModelUriError(message)
    if parts.query or parts.fragment:
        message = (
            f'The model URI "{uri}" ends before a "?" or "#". Write %3F or %23 where one belongs '
            "to the path, or give the plain path."
        )
        raise ModelUriError(message)
    return unquote(parts.path)


def _mounted(uri: ModelUri) -> str:
    """Give the path under which Databricks mounts a place of its file system."""
    path = "/" + uri.rest.lstrip("/")
    return path if path.startswith(_VOLUMES) else f"/dbfs{path}"


def _nearest(directory: Path) -> str:
    existing = next((parent for parent in directory.parents if parent.exists()), None)
    return "" if existing is None else f' The nearest that exists is "{existing}".'
