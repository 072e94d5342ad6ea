"""The environment of a process in which nobody has configured Spark."""

import os
from pathlib import Path

import scorecast

CONFIGURE = ("SPARK_", "PYSPARK_", "PYTHON", "MASTER")
# Options of JVMs alone, with which those of the tests start faster.
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
