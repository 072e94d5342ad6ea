"""``scorecast batch-predict``, also run by jobs/batch_predict.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scorecast.cli.exit_codes import OK, SKIPPED
from scorecast.cli.model_uris import ModelUriType
from scorecast.cli.names import kept_columns, named_texts, named_values, split_names
from scorecast.cli.options import mode_option, output_options, trust_options
from scorecast.cli.summary_file import STDOUT, summary_file

if TYPE_CHECKING:
    from scorecast.batch.config import BatchPredictConfig
    from scorecast.spark.session import SessionHandle

_EPILOG = """
\b
Examples, after `make demo`:
  spark-submit jobs/batch_predict.py --model-uri build/demo/model \\
      --input build/demo/flights.parquet --output build/delays.parquet
\b
  scorecast batch-predict --master 'local[2,4]' --model-uri build/demo/model \\
      --input build/demo/flights.parquet --output build/newark.parquet \\
      --where "origin = 'EWR'" --keep flight_id,carrier --partition-by carrier
\b
  scorecast batch-predict --model-uri build/demo/model \\
      --input build/demo/flights.parquet --output build/delays.parquet \\
      --mode overwrite --on-error quarantine --max-error-rate 0.001

\b
Exit codes:
  0 published, now or before   1 bug   2 usage   3 input   4 model   5 prediction
  6 output   7 environment   8 published without files that could not be read
  130 interrupted   143 terminated
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--model-uri",
    type=ModelUriType(),
    required=True,
    metavar="URI",
    help="Path or URI of the model.",
)
@trust_options
@click.option(
    "--input",
    required=True,
    multiple=True,
    metavar="PATH",
    help="Data to predict on: a file, a directory or a glob. May be given several times.",
)
@click.option("--output", required=True, metavar="PATH", help="Parquet directory to publish.")
@click.option(
    "--input-format",
    default="parquet",
    show_default=True,
    metavar="FORMAT",
    help="parquet, csv, json, orc, table (then --input is its name), or any source of Spark.",
)
@click.option(
    "--input-option",
    "input_options",
    multiple=True,
    callback=named_texts,
    metavar="NAME=VALUE",
    help="Option of the source. May be given several times.",
)
@click.option(
    "--where",
    metavar="SQL",
    help="Condition that rows must meet, never of text that others can write: Spark runs it with "
    "the rights of the job.",
)
@click.option(
    "--on-corrupt",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="What to do with input files that cannot be read. skip ends with exit code 8.",
)
@click.option(
    "--columns",
    metavar="A,B,...",
    help="Columns to predict on when their names differ from the model's inputs: by position.",
)
@output_options
@mode_option("error", "overwrite", "append", "overwrite-partitions")
@click.option(
    "--partition-by",
    default="",
    metavar="A,B,...",
    help="Kept columns by which the output is partitioned.",
)
@click.option(
    "--incremental",
    is_flag=True,
    help="Predict on those input files only that the output does not hold yet.",
)
@click.option("--force", is_flag=True, help="Run although the same job is published already.")
@click.option(
    "--on-error",
    type=click.Choice(["fail", "null", "quarantine"]),
    default="fail",
    show_default=True,
    help="What to do with rows that the model fails on.",
)
@click.option(
    "--max-errors", type=int, metavar="N", help="Rows that may fail. Default: none, without a rate."
)
@click.option("--max-error-rate", type=float, metavar="R", help="Share of rows that may fail.")
@click.option(
    "--isolate",
    type=click.Choice(["row", "batch"]),
    default="row",
    show_default=True,
    help="Whether failing rows are found one by one, or a batch with one fails as a whole.",
)
@click.option("--batch-size", type=int, metavar="ROWS", help="Rows of one call of the model.")
@click.option(
    "--batch-timeout",
    type=float,
    metavar="SECONDS",
    help="How long one call of the model may take. Default: as long as it likes.",
)
@click.option(
    "--timeout",
    type=float,
    metavar="SECONDS",
    help="How long the job may take until it publishes. Run again, it goes on with what is done.",
)
@click.option(
    "--param",
    "params",
    multiple=True,
    callback=named_values,
    metavar="NAME=VALUE",
    help="Inference param of the model, as YAML. May be given several times.",
)
@click.option(
    "--model-config",
    multiple=True,
    callback=named_values,
    metavar="NAME=VALUE",
    help="Overrides a key of the configuration stored with the model. As YAML, several times.",
)
@click.option(
    "--extra-env",
    multiple=True,
    callback=named_texts,
    metavar="NAME=VALUE",
    help="Variable that the model sees while it loads and predicts. May be given several times.",
)
@click.option("--nan-as-null", is_flag=True, help="Make NaN in predictions NULL.")
@click.option("--fail-on-nan", is_flag=True, help="End the job when the model predicts NaN.")
@click.option("--model-output", metavar="NAME", help="Which column of the model's output to take.")
@click.option(
    "--nullable-integers",
    is_flag=True,
    help="Give all integers and booleans to the model as nullable types of pandas.",
)
@click.option(
    "--units",
    type=int,
    metavar="N",
    help="Parts of the input that are committed and resumed one by one. Default: by size.",
)
@click.option(
    "--keep-replaced",
    type=float,
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="How long a replaced output is kept for those who still read it.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "spark", "arrow"]),
    default="auto",
    show_default=True,
    help="How rows are read. arrow reads parquet past the JVM; auto takes it where it can.",
)
@click.option(
    "--provenance",
    is_flag=True,
    help="Add the columns model_name, model_version, model_digest, run_id and predicted_at.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check everything, predict on a sample on a worker and on the driver, write nothing.",
)
@click.option(
    "--summary-json",
    metavar="PATH",
    help="Write what became of the run as JSON, also when it fails; - prints it instead of text.",
)
@click.option(
    "--master",
    metavar="MASTER",
    help="Where to run without spark-submit, such as local[4] or sc://host. Default: all cores.",
)
def command(  # noqa: PLR0913 - one argument per option that is none of the job itself
    *,
    keep: str,
    columns: str | None,
    partition_by: str,
    master: str | None,
    dry_run: bool,
    summary_json: str | None,
    **options: Any,
) -> int:
    """Predict on data with a model and publish the predictions as parquet.

    The output appears complete, or not at all. Run again, a job that was published does nothing,
    and one that died goes on with what was done.
    """
    from scorecast.batch.config import BatchPredictConfig
    from scorecast.batch.output import check_mode, open_output
    from scorecast.batch.run import batch_predict
    from scorecast.spark.session import start_session

    if dry_run and summary_json is not None:
        message = "--dry-run writes nothing; leave --summary-json out."
        raise click.UsageError(message)
    with summary_file(summary_json) as tell:
        config = BatchPredictConfig(
            keep=kept_columns(keep),
            columns=None if columns is None else split_names(columns),
            partition_by=split_names(partition_by),
            **options,
        )
        # What can be told without Spark is told before it starts.
        check_mode(open_output(config.output), config.mode, incremental=config.incremental)
        session = start_session(app_name="scorecast batch-predict", master=master)
        try:
            if dry_run:
                return _dry_run(session, config)
            report = batch_predict(session.spark, config)
        finally:
            session.stop()
        tell(report)
    if summary_json != STDOUT:
        click.echo(report.summary())
    return SKIPPED if report.skipped else OK


def _dry_run(session: SessionHandle, config: BatchPredictConfig) -> int:
    from scorecast.batch.dry_run import dry_run

    found = dry_run(session.spark, config)
    click.echo(found.summary())
    if found.problem is not None:
        raise found.problem
    return OK
