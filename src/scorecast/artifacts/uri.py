"""Model URIs: how they are read and how they are printed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scorecast.errors import ModelUriError

# RFC 3986, section 3.1; one letter alone is a drive of Windows, not a scheme.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(.*)", re.DOTALL)
_USER_INFO = re.compile(r"//[^/@]*@")


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
        rest = _USER_INFO.sub("//***@", self.rest).partition("?")[0] if self.scheme else self.rest
        return f"{self.scheme}:{rest}" if self.scheme else rest


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """A model that is on this machine.

    Attributes:
        directory: Where its files are.
        resolved_uri: What the URI stood for, with aliases and relative parts resolved.
    """

    directory: Path
    resolved_uri: str


def parse_model_uri(uri: str | Path) -> ModelUri:
    """Split a model URI into its parts.

    Raises:
        ModelUriError: It is empty.
    """
    text = str(uri).strip()
    if not text:
        message = "The model URI is empty. Give the path of a model directory."
        raise ModelUriError(message)
    found = None if isinstance(uri, Path) else _SCHEME.fullmatch(text)
    return ModelUri(found[1].lower(), found[2]) if found else ModelUri("", text)
