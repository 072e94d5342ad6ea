"""A view -> text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scorecast.batch.show.view import (
    Bar,
    Bars,
    Block,
    Cell,
    Command,
    Facts,
    Histogram,
    Section,
    Shares,
    Table,
    View,
)
from scorecast.batch.show.words import ends, readable
from scorecast.texts import aligned, shortened

_SIGNS = {"ok": "ok", "info": "-", "look": "LOOK", "bad": "WRONG"}
_LEVELS = "▁▂▃▄▅▆▇█"
_WIDEST = 60
_BAR = 20


def text_of(view: View) -> str:
    """Give a report as text; it says what the page says, but for what the page folds."""
    lines = [view.verdict, f"{view.output}, {view.published}", ""]
    titles = max(len(check.title) for check in view.checks)
    lines += [
        f"{_SIGNS[check.status]:<6}{check.title:<{titles}}  {_line(check.text)}"
        for check in view.checks
    ]
    for section in view.sections:
        lines += ["", *_section(section)]
    return readable("\n".join(lines))


def _section(section: Section) -> Iterator[str]:
    yield section.title
    yield "─" * len(section.title)
    yield from section.notes
    # What is in shares stands in a table, too.
    shown = [block for block in section.blocks if not isinstance(block, Shares)]
    for at, block in enumerate(shown):
        if at:
            yield ""
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Facts):
        width = max((len(name) for name, _ in block.rows), default=0)
        yield from (f"{name:<{width}}  {_line(text)}" for name, text in block.rows)
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Histogram):
        first, last = ends(block)
        yield f"{block.title}: {first} {_levels(block.counts)} {last}"
    elif isinstance(block, Bars):
        yield f"{block.title}: {_levels([bar.value for bar in block.bars])}, {block.usual_text}"
    elif isinstance(block, Command):
        yield block.text


def _table(block: Table) -> Iterator[str]:
    heads = [head.name for head in block.heads]
    lines = [[_cell(cell) for cell in row] for row in block.rows]
    yield from aligned([heads, *lines], {at for at, head in enumerate(block.heads) if head.number})
    if block.folded:
        yield f"… {block.folded_text}"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Histogram):
        return _levels(cell.counts)
    if isinstance(cell, Bar):
        return "█" * round(cell.value * _BAR)
    return shortened(_line(cell), _WIDEST)


def _line(text: str) -> str:
    return " ".join(text.split())


def _levels(numbers: Sequence[float]) -> str:
    most = max(numbers, default=0.0)
    if not most:
        return ""
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[round(top * number / most)] if number else " " for number in numbers)
