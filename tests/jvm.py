"""Options with which the JVMs of the tests start in half the time.

Most of a short JVM's time goes into compiling and loading classes: one compiler that is quick does,
and the classes come from an archive, which `class_archive.py` beside this file writes.
"""

import os
import sys
from pathlib import Path

QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
ARCHIVE = Path(sys.prefix) / "classes.jsa"


def submit_options(more: str = "") -> str:
    """Give SPARK_SUBMIT_OPTS for drivers and servers, which hand the same on to executors.

    Args:
        more: Further options of each JVM.
    """
    options = f"{QUICK} {more}"
    if ARCHIVE.exists():
        options += f" -XX:SharedArchiveFile={ARCHIVE} -Xlog:cds=off -Xlog:cds+dynamic=off"
    return f"{options} '-Dspark.executor.extraJavaOptions={options}'"


def submit_options_with(conf: Path) -> str:
    """Give them for processes whose SPARK_CONF_DIR is this one.

    A JVM takes classes from the archive only where its class path begins as it did when the archive
    was written, and Spark puts the directory before its own jars. Of two class paths the last
    counts, and nothing in the jars has the names of settings.
    """
    import pyspark

    jars = Path(pyspark.__file__).parent / "jars"
    # Spark's own order; the JVM expands the star.
    first = sorted(jars.glob("slf4j-api-*.jar"))
    return submit_options(f"-cp {os.pathsep.join(map(str, [*first, jars / '*', conf]))}{os.sep}")
