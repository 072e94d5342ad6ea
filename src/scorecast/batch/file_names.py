"""Names of input files: URIs as Spark lists them -> what people read. Driver only.

Spark percent-encodes the paths of files in URIs, and spells local ones in two ways: ``file:///a``
where it lists files, ``file:/a`` where it says from which file a row comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

_LOCAL = re.compile(r"file:(?://(?=/))?(?=/)", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=//)[^/@]*:[^/@]*@")


def local_file(uri: str) -> str | None:
    """Give the path of a local file, decoded, or None for a file on another store."""
    local = _LOCAL.match(uri)
    if local is not None:
        return unquote(uri[local.end() :])
    return uri if uri.startswith("/") else None


def shown(uri: str) -> str:
    """Give a file as people write it: local ones as plain paths, others as decoded URIs."""
    path = local_file(uri)
    return unquote(_PASSWORD.sub("", uri)) if path is None else path


def shown_raw(path: str) -> str:
    """Give a file that Spark names without percent-encoding as people write it."""
    return _PASSWORD.sub("", _LOCAL.sub("", path, count=1))


def spellings(uri: str) -> tuple[str, ...]:
    """Give every way in which Spark writes the URI of a file."""
    local = _LOCAL.match(uri)
    if local is None:
        return (uri,)
    path = uri[local.end() :]
    return (f"file://{path}", f"file:{path}")


def file_names(files: Iterable[str]) -> dict[str, str]:
    """Map every spelling of files to what people read.

    Args:
        files: URIs as Spark lists them.
    """
    return {spelling: shown(uri) for uri in files for spelling in spellings(uri)}


def at_most_five(texts: Sequence[str]) -> list[str]:
    """Shorten a list for a message: five texts, and how many there are more."""
    more = len(texts) - 5
    return [*texts[:5], f"and {more:,} more"] if more > 0 else list(texts)
