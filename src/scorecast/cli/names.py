"""Lists of column names on the command line."""

from __future__ import annotations


def split_names(text: str) -> tuple[str, ...]:
    """Split ``a,b,c``; a name with a comma in it cannot be given."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def kept_columns(text: str) -> str | tuple[str, ...]:
    """Read the value of ``--keep``."""
    return text if text in ("all", "none") else split_names(text)
