"""``scorecast explain``: what an error means and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

import click

from scorecast.cli.command import Command
from scorecast.cli.exit_codes import CODES
from scorecast.errors import UnknownNameError, did_you_mean

# One file for each exit code, in the order of the codes.
_FILES = ("bug", "usage", "input", "model", "prediction", "output", "environment")


def explanations() -> dict[str, str]:
    """Give code -> what is to be said of it, as Markdown without its heading."""
    found = {}
    for name in _FILES:
        file = files("scorecast.cli").joinpath(f"explanations/{name}.md")
        sections = re.split(r"^(?=## )", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for section in sections[1:]:
            heading, _, text = section.partition("\n")
            found[heading.split()[1]] = text.strip()
    return found


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    names = [name for kind, code in CODES.items() for name in (code, kind.__name__)]
    return sorted(name for name in names if name.casefold().startswith(incomplete.casefold()))


@click.command(
    "explain",
    cls=Command,
    examples=(
        "scorecast explain",
        "scorecast explain SC602",
        "scorecast explain OutputExistsError",
    ),
)
@click.argument("name", metavar="[CODE|CLASS]", required=False, shell_complete=_complete)
def command(name: str | None) -> None:
    """Explain an error by its code or class; without one, list all of them."""
    if name is None:
        for kind, code in CODES.items():
            said = (kind.__doc__ or "").splitlines()[0].removeprefix("Raised when ")
            click.echo(f"{code}  {kind.__name__:<23}  {said[:1].upper()}{said[1:]}")
        return
    code = _code(name, {kind.__name__: code for kind, code in CODES.items()})
    kind = next(kind for kind, own in CODES.items() if own == code)
    click.echo(f"{code} {kind.__name__}, exit code {code[2]}\n\n{explanations()[code]}")


def _code(name: str, codes: Mapping[str, str]) -> str:
    folded = {known.casefold(): code for known, code in codes.items()}
    folded |= {code.casefold(): code for code in codes.values()}
    if name.casefold() not in folded:
        near = did_you_mean(name, [*codes, *codes.values()])
        message = f'There is no error "{name}".{near} "scorecast explain" lists all of them.'
        raise UnknownNameError(message)
    return folded[name.casefold()]
