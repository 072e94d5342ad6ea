"""A flat object store (S3, Google Cloud Storage, Azure Blob Storage), through obstore. Driver only.

Directories cannot be renamed there, so files stay where tasks wrote them, and the newest of the
numbered manifests says which of them are the output. A new manifest is made by a conditional PUT
(``If-None-Match: *`` or its like), which one writer wins.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scorecast.batch.stores.base import Entry, NoLocks
from scorecast.errors import OutputError, one_line
from scorecast.extras import require
from scorecast.filesystems import AZURE, azure_place

_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "wasb": "az", "wasbs": "az"}


@dataclass(frozen=True, slots=True)
class ObjectStore(NoLocks):
    """Objects below a prefix.

    Attributes:
        bucket: The bucket, opened by obstore.
        prefix: Prefix of all keys, without ``/`` at its end; empty for the whole bucket.
        parent: URI of the prefix.
    """

    bucket: Any
    prefix: str
    parent: str

    def uri(self, path: str) -> str:
        """Give the URI."""
        return f"{self.parent}/{path}"

    def read(self, path: str) -> bytes | None:
        """Give the content of an object, or None where there is none."""
        import obstore

        with _refusals(self.uri(path)), suppress(FileNotFoundError):
            return bytes(obstore.get(self.bucket, self._at(path)).bytes())
        return None

    def create(self, path: str, data: bytes) -> bool:
        """Put an object where none is."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with _refusals(self.uri(path)), suppress(AlreadyExistsError):
            obstore.put(self.bucket, self._at(path), data, mode="create")
            return True
        return False

    def make(self, path: str) -> None:
        """Do nothing: there are no directories."""

    def entries(self, path: str) -> Iterator[Entry]:
        """Give all objects below a prefix."""
        import obstore

        with _refusals(self.uri(path)):
            for found in obstore.list(self.bucket, self._at(path)):
                for item in found:
                    relative = item["path"].removeprefix(f"{self.prefix}/" if self.prefix else "")
                    yield Entry(relative, item["size"], item["last_modified"].timestamp())

    def children(self, path: str) -> list[str]:
        """Give the next step of all keys below a prefix."""
        import obstore

        with _refusals(self.uri(path)):
            found = obstore.list_with_delimiter(self.bucket, self._at(path))
        keys = [*found["common_prefixes"], *(item["path"] for item in found["objects"])]
        return sorted(key.rstrip("/").rpartition("/")[2] for key in keys)

    def exists(self, path: str) -> bool:
        """Tell whether there is an object, or one below it."""
        import obstore

        with _refusals(self.uri(path)), suppress(FileNotFoundError):
            obstore.head(self.bucket, self._at(path))
            return True
        return next(self.entries(path), None) is not None

    def remove(self, path: str) -> None:
        """Remove an object and all below it."""
        import obstore

        keys = [self._at(entry.path) for entry in self.entries(path)]
        with _refusals(self.uri(path)), suppress(FileNotFoundError):
            if keys:
                obstore.delete(self.bucket, keys)
            obstore.delete(self.bucket, self._at(path))

    def remove_if_empty(self, path: str) -> None:
        """Do nothing: there are no empty directories."""

    def _at(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path


@contextmanager
def _refusals(uri: str) -> Iterator[None]:
    """Turn the errors of obstore, which are none of the system's, into what a store raises."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "there is no such bucket or object", uri) from error
    except BaseError as error:
        denied = isinstance(error, PermissionDeniedError | UnauthenticatedError)
        number = errno.EACCES if denied else errno.EIO
        raise OSError(number, one_line(error), uri) from error


def open_parent(uri: str) -> ObjectStore:
    """Give the store of the prefix that holds `uri`, with credentials from the environment.

    Raises:
        MissingExtraError: obstore is not installed.
        OutputError: The store cannot be opened.
    """
    obstore_store = require("obstore.store", extra="objects", needed_for=f'the output "{uri}"')
    parts = urlsplit(uri.rpartition("/")[0])
    scheme = _SCHEMES.get(parts.scheme.lower(), parts.scheme.lower())
    prefix = parts.path.strip("/")
    # A server on plain HTTP is one of a test or of a private network, named on purpose.
    plain = scheme == "s3" and os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    options: dict[str, Any] = {}
    try:
        place = azure_place(f"//{parts.netloc}", os.environ) if scheme in AZURE else None
        if place is not None:
            plain = place.endpoint.startswith("http://")
            told = {"account_name": place.account, "account_key": place.key, "sas_key": place.sas}
            told["endpoint"] = place.endpoint
            options["config"] = {name: value for name, value in told.items() if value}
        if plain:
            options["client_options"] = {"allow_http": True}
        bucket = obstore_store.from_url(f"{scheme}://{parts.netloc}", **options)
    except Exception as error:  # obstore has a dozen kinds, one for each thing that is not set
        message = (
            f'Cannot open the store of the output "{uri}": {error}. Set the credentials in the '
            "environment as usual for the store."
        )
        raise OutputError(message) from error
    return ObjectStore(bucket, prefix, uri.rpartition("/")[0])
