"""Write an archive of the classes that Spark loads, with which a JVM starts faster.

    python tests/class_archive.py FILE

The tests start Spark many times, for a job or a session of their own. `jvm.py` beside this file
gives the archive to each JVM; the JVM leaves out an archive of other classes than its own.
"""

import os
import sys
import tempfile
from pathlib import Path

from jvm import QUICK

FORMATS = ("parquet", "orc", "json", "csv")


def main(file: Path) -> None:
    """Do once what most tests do with Spark; the JVM writes the archive when it ends."""
    os.environ["SPARK_SUBMIT_OPTS"] = (
        f"{QUICK} -Xlog:cds=error -Xlog:cds+dynamic=error -XX:ArchiveClassesAtExit={file}"
    )
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from scorecast.spark.session import start_session

    spark = start_session(master="local[2]").spark
    rows = spark.range(1000).selectExpr("id", "id / 7 AS x", "string(id % 9) AS name")
    with tempfile.TemporaryDirectory() as folder:
        for kind in FORMATS:
            rows.write.format(kind).save(f"{folder}/{kind}")
            read = spark.read.format(kind).schema(rows.schema).load(f"{folder}/{kind}")
            read.mapInArrow(lambda batches: batches, rows.schema).groupBy("name").count().collect()
    spark.sparkContext.parallelize(range(4), 2).map(str).collect()
    gateway = spark.sparkContext._gateway
    spark.stop()
    # It writes the archive after it was told to end, and nobody else waits for that.
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
