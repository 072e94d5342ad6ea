"""How many jobs Spark has run, known at once.

Spark's status tracker hears of jobs in the background, and forgets the oldest: a number that is
read after a call may lack the jobs of that call. The scheduler numbers a job before it runs.
"""

from pyspark.sql import SparkSession


def started(spark: SparkSession) -> int:
    """Count the jobs that have begun in the Spark of a session, by whatever thread."""
    return spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs()


def wait_until_told(spark: SparkSession) -> None:
    """Wait until those who listen to Spark, such as its UI, have heard of all that happened."""
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
