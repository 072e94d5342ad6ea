"""``scorecast batch-predict``, also run by jobs/batch_predict.py."""

from __future__ import annotations

from typing import Any

import click

from scorecast.cli.options import output_options

_EPILOG = """
\b
Examples, after `make demo`:
  spark-submit jobs/batch_predict.py --model-uri build/demo/model \\
      --input build/demo/flights.parquet --output build/delays.parquet
\b
  scorecast batch-predict --master 'local[2,4]' --model-uri build/demo/model \\
      --input build/demo/flights.parquet --output build/newark.parquet \\
      --where "origin = 'EWR'" --keep flight_id,carrier
\b
  scorecast batch-predict --model-uri build/demo/model \\
      --input build/demo/flights.parquet --output build/delays.parquet \\
      --mode overwrite --keep none --output-column delay --result-type float

\b
Exit codes:
  0 published   1 bug   2 usage   3 input   4 model   5 prediction
  6 output   7 environment   130 interrupted   143 terminated
"""


@click.command(epilog=_EPILOG)
@click.option("--model-uri", required=True, metavar="URI", help="Path or URI of the model.")
@click.option("--input", required=True, metavar="PATH", help="Parquet data to predict on.")
@click.option("--output", required=True, metavar="PATH", help="Parquet directory to write.")
@click.option(
    "--columns",
    metavar="A,B,...",
    help="Columns to predict on when their names differ from the model's inputs: by position.",
)
@click.option(
    "--where",
    metavar="SQL",
    help="Condition that rows must meet. Spark runs it with the rights of the job.",
)
@click.option(
    "--master",
    metavar="MASTER",
    help="Where to run without spark-submit, such as local[4] or sc://host. Default: all cores.",
)
@output_options
def command(keep: str, columns: str | None, master: str | None, **options: Any) -> None:
    """Predict on parquet data with a model and write the predictions as parquet.

    The output appears complete, or not at all.
    """
    from scorecast.batch.config import BatchPredictConfig
    from scorecast.batch.run import batch_predict
    from scorecast.cli.names import kept_columns, split_names
    from scorecast.spark.session import start_session

    config = BatchPredictConfig(
        keep=kept_columns(keep),
        columns=None if columns is None else split_names(columns),
        **options,
    )
    session = start_session(app_name="scorecast batch-predict", master=master)
    try:
        report = batch_predict(session.spark, config)
    finally:
        session.stop()
    click.echo(report.summary())
