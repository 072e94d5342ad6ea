"""File systems that Arrow knows, by URI as Spark and Hadoop write it. Driver and workers."""

from __future__ import annotations

import re
from urllib.parse import quote

from pyarrow import fs

# Names that Hadoop has for what Arrow calls otherwise.
_SCHEMES = {"s3a": "s3", "s3n": "s3"}

# All that may stand in a URI; Hadoop takes other characters, such as spaces, as they are.
_LEGAL = ":/?#[]@!$&'()*+,;=%~"


def filesystem_at(scheme: str, rest: str) -> tuple[fs.FileSystem, str]:
    """Find the file system of a URI, with the credentials that the environment holds.

    Args:
        scheme: ``s3``, ``s3a``, ``s3n``, ``gs``, ``abfs``, ``abfss``, ``hdfs`` or ``viewfs``.
        rest: What stands behind the scheme and its colon.

    Returns:
        The file system and the path in it.

    Raises:
        pyarrow.ArrowException, OSError, ValueError: It cannot be reached or is not known.
    """
    name = scheme.lower()
    filesystem, path = fs.FileSystem.from_uri(
        f"{_SCHEMES.get(name, name)}:{quote(rest, safe=_LEGAL)}"
    )
    return filesystem, path.rstrip("/")


def without_secrets(text: str) -> str:
    """Give a URI, or text with URIs in it, without passwords and keys."""
    return re.sub(r"\?\S*", "", re.sub(r"(?<=//)[^/@\s]*:[^/@\s]*@", "", text))
