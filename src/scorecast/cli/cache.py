"""``scorecast cache``: the models that are kept on this machine."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from scorecast.cli.command import Command
from scorecast.texts import size

if TYPE_CHECKING:
    from scorecast.cache.contents import Entry

_ENVIRONMENT = (
    ("SCORECAST_CACHE_DIR", "Where the cache is, else in TMPDIR or /var/tmp."),
    ("SCORECAST_CACHE_LIMIT", "Bytes that stay there (20G)."),
)

_DAY = 86400.0
# As many digits of a digest as tell models apart, and "clean" takes.
_SHORT = len("sha256:") + 12


@click.group("cache")
def command() -> None:
    """Show and remove the models that this machine keeps.

    They lie in $SCORECAST_CACHE_DIR, else $TMPDIR, else /var/tmp. Beyond SCORECAST_CACHE_LIMIT
    (20G) those that are not in use make room. Other machines of a cluster have their own.
    """


@command.command(
    "list",
    cls=Command,
    examples=(
        "scorecast cache list",
        "scorecast cache list --json",
        "SCORECAST_CACHE_DIR=build/cache scorecast cache list",
    ),
    environment=_ENVIRONMENT,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with full digests.")
def list_command(*, as_json: bool) -> None:
    """Show the models in the cache and downloads that are not complete, last used first."""
    from scorecast.cache.contents import list_entries
    from scorecast.cache.machine import cache_directory, cache_limit

    root, limit = cache_directory(os.environ), cache_limit(os.environ)
    found = list_entries(root)
    if as_json:
        told = {"directory": str(root), "limit": limit, "entries": [e.as_dict() for e in found]}
        click.echo(json.dumps(told, indent=2))
        return
    for entry in found:
        click.echo(_line(entry))
    total = sum(entry.size for entry in found)
    click.echo(f"{size(total)} of {size(limit)} in {root}")


@command.command(
    "clean",
    cls=Command,
    examples=(
        "scorecast cache clean --older-than 30",
        "scorecast cache clean --all --dry-run",
        "SCORECAST_CACHE_DIR=build/cache scorecast cache clean --all",
    ),
    environment=_ENVIRONMENT,
)
@click.argument("digests", nargs=-1)
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Remove what was not used for so many days.",
)
@click.option("--all", "everything", is_flag=True, help="Remove all that is not in use.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def clean_command(
    *, digests: tuple[str, ...], older_than: float | None, everything: bool, dry_run: bool
) -> None:
    """Remove models and downloads by DIGESTS, of which the first digits do, by age, or all.

    What a process of this machine uses is kept, and named.
    """
    from scorecast.cache.contents import find_entries, list_entries, remove_entries
    from scorecast.cache.eviction import sweep
    from scorecast.cache.machine import cache_directory

    if sum((bool(digests), older_than is not None, everything)) != 1:
        message = "Say what to remove: DIGESTS, --older-than DAYS or --all, one of them."
        raise click.UsageError(message)
    root = cache_directory(os.environ)
    if not dry_run:
        sweep(root)  # what killed processes have left
    chosen = list_entries(root)
    if digests:
        chosen = find_entries(chosen, digests)
    elif older_than is not None:
        since = time.time() - older_than * _DAY
        chosen = [entry for entry in chosen if entry.last_used <= since]
    removed, kept = remove_entries(chosen, dry_run=dry_run)
    for entry in removed:
        click.echo(f"{'would remove' if dry_run else 'removed'}  {_line(entry)}")
    for entry in kept:
        click.echo(f"in use, kept  {_line(entry)}")
    freed = size(sum(entry.size for entry in removed))
    click.echo(f"{freed} {'would be freed' if dry_run else 'freed'}")


def _line(entry: Entry) -> str:
    used = datetime.fromtimestamp(entry.last_used, UTC).strftime("%Y-%m-%d %H:%M")
    state = "in use" if entry.in_use else "      "
    name = entry.name[:_SHORT]
    where = ", ".join(entry.uris) or ("not complete" if entry.kind == "download" else "")
    return f"{name}  {size(entry.size):>10}  {used}  {state}  {where}".rstrip()
