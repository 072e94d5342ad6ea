"""``scorecast verify``: an output against its manifest, without Spark."""

from __future__ import annotations

import click

from scorecast.cli.command import Command
from scorecast.cli.exit_codes import OUTPUT

_EPILOG = """
\b
Exit codes:
  0 as it was published   6 damaged, or no output of a job
"""


@click.command(
    "verify",
    cls=Command,
    groups=(
        (
            "Check",
            (
                click.option(
                    "--deep",
                    is_flag=True,
                    help="Read every file: finds any changed byte. Without it, names and sizes are "
                    "compared.",
                ),
            ),
        ),
    ),
    examples=(
        "scorecast verify build/demo/predictions.parquet",
        "scorecast verify --deep build/demo/predictions.parquet",
        "scorecast verify build/demo/predictions.parquet && echo complete",
    ),
    epilog=_EPILOG,
)
@click.argument("output")
def command(output: str, *, deep: bool) -> int:
    """Check an output of the batch job against its manifest."""
    from scorecast.batch.verify import verify

    found = verify(output, deep=deep)
    manifest = found.manifest
    files = len(manifest.files) + len(manifest.quarantine)
    for damage in found.damages:
        click.echo(f"damaged: {damage}", err=True)
    if found.damages:
        click.echo(f"{output}: {len(found.damages)} damages; publish it again", err=True)
        return OUTPUT
    how = "bytes and rows" if deep else "names and sizes"
    click.echo(
        f"{output}: {manifest.rows:,} rows in {files} files, {how} as published "
        f"{manifest.run.published_at} by run {manifest.run_id}"
    )
    return 0
