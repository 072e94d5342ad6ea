"""Texts for people: what others wrote, numbers of bytes and plain tables. Driver and workers."""

from __future__ import annotations

from collections.abc import Container, Sequence

_STEP = 1000


def printable(text: str) -> str:
    r"""Give a text in one line, without what would steer a terminal or turn the direction of text.

    Such characters are shown as Python writes them, as in ``\x1b``.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def shortened(text: str, longest: int) -> str:
    """Give a text of at most so many characters; one that was cut ends with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def size(number: float) -> str:
    """Give a number of bytes with three digits, in steps of 1000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < _STEP - 0.5:
            return f"{number:.3g} {unit}"
        number /= _STEP
    return f"{number:,.3g} TB"


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Give rows as lines, in columns that are as wide as they must be.

    Args:
        rows: Cells, as many in every row.
        right: Positions of the columns that end at the same place, such as those of numbers.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        (
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return ["  ".join(cells).rstrip() for cells in lines]
