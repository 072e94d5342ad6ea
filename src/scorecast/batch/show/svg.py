"""Pictures as plain SVG. Colours come from the style of the page; sizes from where they stand.

Pictures are stretched to the width of the page, so they hold no text: limits and names stand around
them as text of the page.
"""

from __future__ import annotations

import math
from html import escape

from scorecast.batch.show.view import Bar, Bars, Histogram, Shares
from scorecast.batch.show.words import count, ends, rate, value

_HEIGHT = 100
_SMALL = 24


def histogram(picture: Histogram) -> str:
    """Give a large histogram, each bin of which says what it is."""
    most, total = max(picture.counts), sum(picture.counts)
    bars = [
        _column(at, _height(number, most), f"{_bin(picture, at)}: {count(number)} ({share})")
        for at, number in enumerate(picture.counts)
        if number and (share := rate(number, total))
    ]
    told = f"{len(picture.counts)} bins from {' to '.join(ends(picture))}"
    return _picture("chart", 10 * len(picture.counts), _HEIGHT, picture.title, told, "".join(bars))


def small_histogram(picture: Histogram) -> str:
    """Give a histogram for a cell of a table: its outline, since there may be thousands."""
    most = max(picture.counts)
    heights = [math.ceil(_height(number, most) * _SMALL / _HEIGHT) for number in picture.counts]
    outline = "".join(f"V{_SMALL - height}h5" for height in heights)
    return (
        f'<svg class="small" viewBox="0 0 {5 * len(heights)} {_SMALL}" preserveAspectRatio="none" '
        f'role="img"><title>Histogram</title><path d="M0 {_SMALL}{outline}V{_SMALL}z"/></svg>'
    )


def bars(picture: Bars) -> str:
    """Give bars side by side and a line at the usual value."""
    most = max([bar.value for bar in picture.bars], default=0.0) or 1.0
    shapes = [
        _column(at, _height(bar.value, most), f"{bar.label}: {bar.text}", marked=bar.marked)
        for at, bar in enumerate(picture.bars)
    ]
    level = _round(_HEIGHT - _HEIGHT * min(picture.usual / most, 1.0))
    width = 10 * len(picture.bars)
    line = f'<line x1="0" x2="{width}" y1="{level}" y2="{level}"/>'
    return _picture(
        "chart", width, _HEIGHT, picture.title, picture.usual_text, "".join(shapes) + line
    )


def shares(picture: Shares) -> str:
    """Give one bar that is divided into parts."""
    total = sum(part.value for part in picture.parts) or 1.0
    at, shapes = 0.0, []
    for number, part in enumerate(picture.parts):
        width = 1000 * part.value / total
        shapes.append(
            f'<rect class="part{number % 5}" x="{_round(at)}" width="{_round(width)}" height="10">'
            f"<title>{escape(part.label)}: {escape(part.text)}</title></rect>"
        )
        at += width
    told = ", ".join(f"{part.label} {part.text}" for part in picture.parts)
    return _picture("shares", 1000, 10, picture.title, told, "".join(shapes))


def bar(given: Bar) -> str:
    """Give a bar for a cell of a table; its value is a share of 1."""
    width = _round(100 * min(max(given.value, 0.0), 1.0))
    return (
        '<svg class="small" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width}" height="10"/></svg>'
    )


def _picture(kind: str, width: int, height: int, title: str, told: str, shapes: str) -> str:  # noqa: PLR0913
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>{shapes}</svg>"
    )


def _column(at: int, height: float, told: str, *, marked: bool = False) -> str:
    kind = ' class="marked"' if marked else ""
    return (
        f'<rect{kind} x="{10 * at}" y="{_round(_HEIGHT - height)}" width="9" '
        f'height="{_round(height)}"><title>{escape(told)}</title></rect>'
    )


def _bin(picture: Histogram, at: int) -> str:
    low, high = value(picture.edges[at]), value(picture.edges[at + 1])
    if at == 0 and picture.lower:
        return f"{high} or less"
    if at == len(picture.counts) - 1 and picture.higher:
        return f"{low} or more"
    return f"{low} to {high}"


def _height(number: float, most: float) -> float:
    """Give the height of a bar; what is there at all can be seen."""
    return max(_HEIGHT * number / most, 1.0) if number > 0 and most > 0 else 0.0


def _round(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
