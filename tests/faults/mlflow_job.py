"""The job that people write with MLflow: python mlflow_job.py MODEL INPUT OUTPUT."""

import sys

from pyspark.sql import SparkSession


def main(model: str, source: str, output: str) -> None:
    """Predict with a column function, and let Spark write over the output."""
    import mlflow.pyfunc

    builder = SparkSession.builder.master("local[2,4]")
    builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "250")
    spark = builder.config("spark.ui.enabled", "false").getOrCreate()
    predict = mlflow.pyfunc.spark_udf(spark, model, result_type="double")
    df = spark.read.parquet(source)
    df.withColumn("prediction", predict(*df.columns)).write.mode("overwrite").parquet(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
