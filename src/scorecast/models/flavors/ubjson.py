"""Tells whether a UBJSON document is complete, by walking over its markers.

XGBoost's own reader runs past the end of a file that was cut short: it may crash the process or
ask for all memory there is. No value is built here; arrays of one type are skipped whole.

Source of the format: https://ubjson.org, draft 12.
"""

from __future__ import annotations

_FIXED = {
    **dict.fromkeys(b"ZNTF", 0),
    **dict.fromkeys(b"iUC", 1),
    **dict.fromkeys(b"I", 2),
    **dict.fromkeys(b"ld", 4),
    **dict.fromkeys(b"LD", 8),
}
_INTEGERS = frozenset(b"iUIlL")
_ARRAY, _ARRAY_END, _OBJECT, _OBJECT_END, _TYPE, _COUNT = b"[]{}$#"
_TEXTS = frozenset(b"SH")


def is_ubjson(data: bytes) -> bool:
    """Tell a UBJSON object from JSON text by what follows the first brace."""
    return data[:1] == b"{" and data[1:2] != b"" and data[1] in (*_INTEGERS, *b"}$#")


def is_complete(data: bytes) -> bool:
    """Tell whether `data` is one whole UBJSON value: nothing cut off, no unknown marker.

    Args:
        data: The file's bytes.
    """
    try:
        _Walk(data).value()
    except (IndexError, KeyError):
        return False
    return True


class _Walk:
    """A position in the bytes; IndexError past their end, KeyError at an unknown marker."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self) -> None:
        """Go past the value at the position, and all that it contains."""
        self._value(self._marker())

    def _value(self, marker: int) -> None:
        if marker in _TEXTS:
            self._skip(self._length())
        elif marker == _ARRAY:
            self._container(end=_ARRAY_END, keys=False)
        elif marker == _OBJECT:
            self._container(end=_OBJECT_END, keys=True)
        else:
            self._skip(_FIXED[marker])

    def _container(self, *, end: int, keys: bool) -> None:
        kind = count = None
        if self._next() == _TYPE:
            self._skip(1)
            kind = self._marker()
        if self._next() == _COUNT:
            self._skip(1)
            count = self._length()
        if not keys and kind in _FIXED and count is not None:
            self._skip(_FIXED[kind] * count)
            return
        left = count
        while left != 0 and (count is not None or self._next() != end):
            if keys:
                self._skip(self._length())
            self._value(self._marker() if kind is None else kind)
            left = None if left is None else left - 1
        if count is None:
            self._skip(1)

    def _length(self) -> int:
        marker = self._marker()
        if marker not in _INTEGERS:
            raise KeyError(marker)
        size = _FIXED[marker]
        start = self._at
        self._skip(size)
        length = int.from_bytes(self._data[start : self._at], "big", signed=marker != ord("U"))
        if length < 0:
            raise IndexError(length)
        return length

    def _next(self) -> int:
        return self._data[self._at]

    def _marker(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _skip(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise IndexError(size)
