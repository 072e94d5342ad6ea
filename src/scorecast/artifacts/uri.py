"""Model URIs: how they are read and printed, and what fetching one gives."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scorecast.errors import ArtifactDiskError, ModelUriError
from scorecast.redaction import redacted

# RFC 3986, section 3.1; one letter alone is a drive of Windows, not a scheme.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(.*)", re.DOTALL)
# Up to the last "@" before the path; further on, if what looks like a port is none and so must be
# the beginning of a password with a slash in it.
_USER_INFO = re.compile(r"//(?:[^/]*@|[^/:]*:(?!\d*(?:/|$)).*@)")

# What stands before the "@" there is the name of a container.
_CONTAINERS = ("abfs", "abfss")


@dataclass(frozen=True, slots=True)
class ModelUri:
    """A model URI in two parts. Printing it hides credentials.

    Attributes:
        scheme: Lower-case scheme; empty for a plain path.
        rest: What stands after the colon; for a plain path all of it.
    """

    scheme: str
    rest: str

    def __str__(self) -> str:
        if not self.scheme:
            return redacted(self.rest)
        # Queries and fragments hold tokens.
        rest = re.split("[?#]", self.rest, maxsplit=1)[0]
        if self.scheme not in _CONTAINERS or self.has_password:
            rest = _USER_INFO.sub("//***@", rest)
        return redacted(f"{self.scheme}:{rest}")

    @property
    def has_password(self) -> bool:
        """Whether a user and a password stand before the host or bucket."""
        found = _USER_INFO.match(self.rest)
        return found is not None and ":" in found[0]


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn errors of the disk that a download is written to into ours.

    Raises:
        ArtifactDiskError: The system refuses.
    """
    try:
        yield
    except OSError as error:
        message = (
            f'Cannot write the download "{target}": {error.strerror or error}. Free space there, '
            "or name another directory with TMPDIR."
        )
        raise ArtifactDiskError(message) from error


class Scratch:
    """A directory of this user alone, which goes with the last who refers to it.

    Attributes:
        path: Where it is.
    """

    def __init__(self) -> None:
        with writing(Path(tempfile.gettempdir())):
            self.path = Path(tempfile.mkdtemp(prefix="scorecast-model-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """A model that is on this machine.

    Attributes:
        directory: Where its files are.
        resolved_uri: What the URI stood for, with aliases and relative parts resolved.
        scratch: What keeps the files there: a `Scratch`, or the use of an entry of the cache.
    """

    directory: Path
    resolved_uri: str
    scratch: object = field(default=None, repr=False, compare=False)


def parse_model_uri(uri: str | Path) -> ModelUri:
    """Split a model URI into its parts.

    Raises:
        ModelUriError: It is empty.
    """
    text = str(uri) if isinstance(uri, Path) else uri.strip()
    if not text:
        message = "The model URI is empty. Give the path of a model directory."
        raise ModelUriError(message)
    found = None if isinstance(uri, Path) else _SCHEME.fullmatch(text)
    return ModelUri(found[1].lower(), found[2]) if found else ModelUri("", text)
