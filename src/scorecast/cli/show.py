"""``scorecast show``: the report on an output, without Spark."""

from __future__ import annotations

from pathlib import Path

import click

from scorecast.cli.command import Command

_EPILOG = """
\b
Exit codes:
  0 shown   6 no output of a job, or the file cannot be written   7 Jinja2 is missing
"""


@click.command(
    "show",
    cls=Command,
    groups=(
        (
            "Report",
            (
                click.option(
                    "--html",
                    "page",
                    metavar="FILE",
                    type=click.Path(dir_okay=False, path_type=Path),
                    help="Write the report as a page that needs nothing else, instead of printing.",
                ),
                click.option(
                    "--show-values",
                    is_flag=True,
                    help="Show rows of the quarantine with their values and the model's messages.",
                ),
            ),
        ),
    ),
    examples=(
        "scorecast show build/demo/predictions.parquet",
        "scorecast show build/demo/predictions.parquet --html build/report.html",
        "scorecast show build/demo/predictions.parquet --show-values",
    ),
    epilog=_EPILOG,
)
@click.argument("output")
def command(output: str, *, page: Path | None, show_values: bool) -> None:
    """Show how an output of the batch job was made, and whether it can be trusted."""
    from scorecast.batch.show.load import known_of
    from scorecast.batch.show.report import view_of

    view = view_of(known_of(output, show_values=show_values))
    if page is None:
        from scorecast.batch.show.text import text_of

        click.echo(text_of(view))
        return
    from scorecast.batch.show.page import write_page

    write_page(view, page)
    click.echo(page)
