"""Numbers, times and names as people read them."""

from __future__ import annotations

import re

from scorecast.batch.show.view import Histogram

# What no reader should meet in a name: control characters, halves of characters, and marks that
# turn the direction of what follows.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)")


def readable(text: str) -> str:
    """Replace characters that cannot be shown, or would change how others are."""
    return _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def count(number: float) -> str:
    """Give a whole number with its thousands apart."""
    return f"{round(number):,}"


def value(number: float | str | None) -> str:
    """Give a number with four digits that count, a time to the minute, and nothing for None."""
    if number is None:
        return ""
    if isinstance(number, str):
        found = _TIME.match(number)
        return f"{found[1]} {found[2]}" if found else number
    size = abs(number)
    if size >= 1e15 or 0 < size < 1e-4:  # noqa: PLR2004 - where zeros are hard to count
        return f"{number:.3g}"
    if size >= 1000 or number == int(number):  # noqa: PLR2004
        return f"{round(number):,}"
    text = f"{number:.4g}"
    return text if "e" not in text else f"{number:.7f}".rstrip("0")


def ends(picture: Histogram) -> tuple[str, str]:
    """Give the limits of a histogram, and say where an outer bin holds all beyond it."""
    low, high = value(picture.edges[0]), value(picture.edges[-1])
    return f"{low} or less" if picture.lower else low, (
        f"{high} or more" if picture.higher else high
    )


def rate(part: float, whole: float) -> str:
    """Give a share in percent; a small one is never shown as none, nor a large one as all."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    if percent < 0.01:  # noqa: PLR2004
        return "< 0.01 %"
    if part < whole and percent > 99.99:  # noqa: PLR2004
        return "> 99.99 %"
    return "100 %" if part == whole else f"{percent:.2f} %"


def seconds(number: float) -> str:
    """Give a span of time."""
    if number < 60:  # noqa: PLR2004 - a minute
        return f"{number:.1f} s" if number >= 1 else f"{number:.2f} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def several(number: int, what: str) -> str:
    """Give a number of things: "1 file", "3 files"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def short_digest(digest: str) -> str:
    """Give as much of a digest as tells it from others."""
    kind, _, digits = digest.rpartition(":")
    return f"{kind}:{digits[:12]}" if kind else digits[:12]


def when(time: str) -> str:
    """Give a time of a manifest to the second, in UTC."""
    return f"{time[:19].replace('T', ' ')} UTC"
