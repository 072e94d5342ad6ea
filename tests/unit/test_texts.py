"""Texts for people."""

from __future__ import annotations

from scorecast.texts import aligned, printable, size


def test_columns_are_aligned() -> None:
    """Numbers at their end, and no blanks after the last."""
    rows = [("name", "rows", "note"), ("a", "5", "x"), ("longer", "12,345", "")]
    assert aligned(rows, {1}) == ["name      rows  note", "a            5  x", "longer  12,345"]


def test_sizes_have_three_digits() -> None:
    """Also those that rounding brings to the next unit."""
    assert [size(x) for x in (7, 999, 12_345, 999_499, 999_700, 5.6e13)] == [
        "7 bytes",
        "999 bytes",
        "12.3 kB",
        "999 kB",
        "1 MB",
        "56 TB",
    ]


def test_nothing_steers_the_terminal() -> None:
    """One line, with what cannot be shown as Python writes it."""
    assert printable("a\x1b[2J\nb\u202e\ud800 é") == r"a\x1b[2J\nb\u202e\ud800 é"
