"""``scorecast java-home``: print a Java home that Spark can be started with."""

from __future__ import annotations

import os

import click

from scorecast.cli.command import Command


@click.command(
    "java-home",
    cls=Command,
    examples=(
        "scorecast java-home",
        'export JAVA_HOME="$(scorecast java-home)"',
        '"$(scorecast java-home)/bin/java" -version',
    ),
    environment=(("JAVA_HOME", "Taken, if Spark can be started with it."),),
)
def command() -> None:
    """Print a JAVA_HOME that Spark can be started with.

    Looks at JAVA_HOME, PATH and the Java of the extra [java]. Use it before a plain spark-submit.
    """
    from scorecast.spark.java import java_home_for_spark, require_java

    click.echo(java_home_for_spark(require_java(os.environ), os.environ))
