"""A view -> one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from scorecast.batch.show import svg
from scorecast.batch.show.view import (
    Bar,
    Bars,
    Command,
    Facts,
    Histogram,
    Shares,
    Table,
    View,
)
from scorecast.batch.show.words import ends, readable, value
from scorecast.errors import OutputError
from scorecast.extras import require

_TEMPLATE = "report.html.jinja"
_WORDS = {"ok": "holds", "info": "note", "look": "look at this", "bad": "wrong"}
_SIGNS = {"ok": "✓", "info": "·", "look": "!", "bad": "✗"}


def page_of(view: View) -> str:
    """Give the page of a report. Equal views give equal pages.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", extra="report", needed_for="the report as a page")
    return readable(_template(jinja2).render(view=view))


@cache
def _template(jinja2: Any) -> Any:
    """Compile the template, once in a process: it takes longer than a page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scorecast.batch.show", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"value": value, "ends": ends, "kind": _kind}
    environment.globals |= {"words": _WORDS, "signs": _SIGNS}
    pictures = {
        "histogram": svg.histogram,
        "small_histogram": svg.small_histogram,
        "bars": svg.bars,
        "shares": svg.shares,
        "bar": svg.bar,
    }
    from markupsafe import Markup

    # They escape what they are given themselves.
    environment.filters |= {
        f"{name}_svg": lambda given, draw=draw: Markup(draw(given))  # noqa: S704
        for name, draw in pictures.items()
    }
    return environment.get_template(_TEMPLATE)


def write_page(view: View, path: Path) -> None:
    """Write the page of a report.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        OutputError: The file cannot be written.
    """
    data = page_of(view).encode()
    try:
        path.write_bytes(data)
    except OSError as error:
        message = f'Cannot write the report "{path}": {error.strerror or error}.'
        raise OutputError(message) from error


_KINDS: dict[type, str] = {
    Facts: "facts",
    Table: "table",
    Histogram: "histogram",
    Bars: "bars",
    Shares: "shares",
    Command: "command",
    Bar: "bar",
    str: "text",
}


def _kind(block: Any) -> str:
    return _KINDS[type(block)]
