"""Limits in bytes that the environment sets. Driver and workers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scorecast.errors import ConfigError

_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def size_from(environ: Mapping[str, str], variable: str, default: int) -> int:
    """Give how many bytes a variable of the environment says, as in ``20G``.

    Args:
        environ: The environment.
        variable: Name of the variable.
        default: Bytes where it is not set.

    Raises:
        ConfigError: It says something that is no size.
    """
    text = environ.get(variable, "")
    if not text:
        return default
    match = re.fullmatch(r"(\d+)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    if match is None:
        message = (
            f'{variable} is "{text}", which is no size. Expected bytes, or a number with K, M, G '
            'or T, as in "20G".'
        )
        raise ConfigError(message)
    return int(match[1]) << _UNITS[match[2]]
