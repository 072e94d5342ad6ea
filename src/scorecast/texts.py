"""Texts for people: one line of what others wrote. Driver and workers."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Give a text in one line, without what would steer a terminal or turn the direction of text.

    Such characters are shown as Python writes them, as in ``\x1b``.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
