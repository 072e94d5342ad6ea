"""Predict every night with Apache Airflow: one SparkSubmitOperator, nothing but options.

Copy it into the dags folder of an Airflow that has apache-airflow-providers-apache-spark and a
connection "spark_default". The machine that submits needs scorecast in the Python that
spark-submit runs, as every executor does.
"""

from datetime import datetime, timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

with DAG(
    dag_id="churn_predictions",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow takes it in the zone of the schedule
    catchup=False,
    # Of two runs to one output one publishes; the other has predicted in vain.
    max_active_runs=1,
):
    SparkSubmitOperator(
        task_id="predict",
        name="churn predictions {{ ds }}",
        application="/opt/scorecast/jobs/batch_predict.py",
        conn_id="spark_default",
        # The settings of conf/, where each line says why.
        properties_file="/opt/scorecast/conf/spark-defaults.conf",
        application_args=[
            "--model-uri=models:/churn@champion",
            "--input=s3://lake/customers/day={{ ds }}",
            "--output=s3://lake/predictions/day={{ ds }}",
            # A run of the same day that was published already does nothing.
            "--mode=overwrite",
            "--provenance",
            "--on-error=quarantine",
            "--max-error-rate=0.001",
            "--timeout=10800",
            # What became of the run, also where the exit code stays in the cluster.
            "--summary-json=s3://lake/runs/{{ ds }}.json",
        ],
        env_vars={"MLFLOW_TRACKING_URI": "https://mlflow.example.com"},
        # Units that were complete are not predicted again by the next try.
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
