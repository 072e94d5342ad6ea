"""``scorecast doctor``: check Java, Python, Spark and workers, and name the cure of each fault."""

from __future__ import annotations

import click

from scorecast.cli.command import Command
from scorecast.cli.exit_codes import ENVIRONMENT


@click.command(
    "doctor",
    cls=Command,
    groups=(
        (
            "Spark",
            (
                click.option(
                    "--master",
                    metavar="URL",
                    help="Spark master to test. Default: what Spark is configured with, else "
                    "local[*,4].",
                ),
            ),
        ),
    ),
    examples=(
        "scorecast doctor",
        "scorecast doctor --master 'local[2,4]'",
        "SPARK_CONF_DIR=conf scorecast doctor",
    ),
    environment=(
        ("JAVA_HOME", "Java that Spark is started with."),
        ("PYSPARK_PYTHON", "Python of the workers."),
    ),
)
@click.pass_context
def command(context: click.Context, master: str | None) -> None:
    """Check Java, Python, packages, Spark and its workers.

    Prints one line for each finding, and below it what to do. The exit code is 7 if a run would
    fail, else 0.
    """
    from scorecast.spark.doctor import diagnose

    failed = False
    for finding in diagnose(master):
        click.echo(f"{finding.status:<4}  {finding.check}: {finding.message}")
        if finding.cure:
            click.echo(f"      -> {finding.cure}")
        failed = failed or finding.status == "fail"
    if failed:
        context.exit(ENVIRONMENT)
