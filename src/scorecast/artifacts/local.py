"""Plain paths and ``file:`` URIs: the model is used where it stands, nothing is copied."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from scorecast.artifacts.uri import FetchedModel, ModelUri
from scorecast.errors import ArtifactNotFoundError, ModelUriError


def fetch(uri: ModelUri) -> FetchedModel:
    """Give the directory that a path or ``file:`` URI names.

    Raises:
        ModelUriError: A ``file:`` URI names another host.
        ArtifactNotFoundError: There is no such directory.
    """
    directory = _path(uri).expanduser().absolute()
    if not directory.exists():
        message = (
            f'No model at "{directory}": there is no such directory.{_nearest(directory)} '
            "Check the path; a model is the directory that holds a file named MLmodel."
        )
        raise ArtifactNotFoundError(message)
    resolved = directory.resolve()
    return FetchedModel(resolved, resolved.as_uri())


def _path(uri: ModelUri) -> Path:
    if not uri.scheme:
        return Path(uri.rest)
    parts = urlsplit(f"file:{uri.rest}")
    if parts.netloc not in ("", "localhost"):
        message = (
            f'The model URI "{uri}" names the host "{parts.netloc}". A file URI has three '
            f'slashes: "file:///{parts.netloc}{parts.path}".'
        )
        raise ModelUriError(message)
    return Path(unquote(parts.path))


def _nearest(directory: Path) -> str:
    existing = next((parent for parent in directory.parents if parent.exists()), None)
    return "" if existing is None else f' The nearest that exists is "{existing}".'
