"""The environment of a process that nothing has configured Spark for."""

import os
from pathlib import Path

import scorecast

CONFIGURE = ("SPARK_", "PYSPARK_", "PYTHON", "MASTER")
# What makes each JVM of the tests start faster, and configures nothing.
KEPT = ("SPARK_SUBMIT_OPTS",)
SOURCE = str(Path(scorecast.__file__).parents[1])


def plain_environment(**added: str) -> dict[str, str]:
    """Give the environment of this process without what configures Spark or Python, and more."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not name.startswith(CONFIGURE)
    }
    return kept | added
