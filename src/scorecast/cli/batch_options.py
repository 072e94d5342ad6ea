"""Options of ``scorecast batch-predict``: one table, in the order of the help.

Their names are those of the keys of a job's file, and in capitals, after ``SCORECAST_``, those of
the environment. They become the fields of `BatchPredictConfig`, but for those in `NOT_OF_THE_JOB`.
"""

from __future__ import annotations

import click

from scorecast.cli.command import TERMINAL, Groups, Shown
from scorecast.cli.job_options import config_option, show_config_option
from scorecast.cli.model_uris import ModelUriType
from scorecast.cli.names import NAMED_TEXT, NAMED_VALUE, NAMES, WORDS, no_name_twice
from scorecast.cli.options import mode_option, prediction_options, trust_options

NOT_OF_THE_JOB = ("dry_run", "log_format", "master", "quiet", "show_config", "summary_json")
"""Options that say how to run, and are no fields of `BatchPredictConfig`."""

OTHER_NAMES = {"input_option": "input_options", "param": "params"}
"""Options that are given several times -> the fields that hold all of them."""


def _set_log_format(ctx: click.Context, _option: click.Parameter, value: str) -> str:
    """Let errors of other options be written as is asked for, too."""
    ctx.ensure_object(Shown).as_json = value == "json"
    return value


_MODEL = (
    click.option(
        "--model-uri",
        type=ModelUriType(),
        required=True,
        metavar="URI",
        help="Path or URI of the model.",
    ),
    *trust_options,
    click.option(
        "--param",
        type=NAMED_VALUE,
        multiple=True,
        callback=no_name_twice,
        metavar="NAME=VALUE",
        help="Inference param of the model, as YAML. May be given several times.",
    ),
    click.option(
        "--model-config",
        type=NAMED_VALUE,
        multiple=True,
        callback=no_name_twice,
        metavar="NAME=VALUE",
        help="Overrides a key of the configuration stored with the model. As YAML, several times.",
    ),
    click.option(
        "--extra-env",
        type=NAMED_TEXT,
        multiple=True,
        callback=no_name_twice,
        metavar="NAME=VALUE",
        help="Variable that the model sees while it loads and predicts. Several times.",
    ),
    click.option(
        "--model-output", metavar="NAME", help="Which column of the model's output to take."
    ),
    click.option(
        "--nullable-integers",
        is_flag=True,
        help="Give all integers and booleans to the model as nullable types of pandas.",
    ),
)

_INPUT = (
    click.option(
        "--input",
        type=WORDS,
        required=True,
        multiple=True,
        metavar="PATH",
        help="Data to predict on: a file, a directory or a glob. May be given several times.",
    ),
    click.option(
        "--input-format",
        default="parquet",
        metavar="FORMAT",
        help="parquet, csv, json, orc, table (then --input is its name), or any source of Spark.",
    ),
    click.option(
        "--input-option",
        type=NAMED_TEXT,
        multiple=True,
        callback=no_name_twice,
        metavar="NAME=VALUE",
        help="Option of the source. May be given several times.",
    ),
    click.option(
        "--where",
        metavar="SQL",
        allow_from_autoenv=False,
        help="Condition that rows must meet, never from untrusted input: Spark runs it with the "
        "rights of the job. Not taken from the environment.",
    ),
    click.option(
        "--columns",
        type=NAMES,
        metavar="A,B,...",
        help="Columns to predict on when their names differ from the model's inputs: by position.",
    ),
    click.option(
        "--on-corrupt",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        help="What to do with input files that cannot be read. skip ends with exit code 8.",
    ),
)

_OUTPUT = (
    click.option("--output", required=True, metavar="PATH", help="Parquet directory to publish."),
    mode_option("error", "overwrite", "append", "overwrite-partitions"),
    *prediction_options,
    click.option(
        "--partition-by",
        type=NAMES,
        metavar="A,B,...",
        help="Kept columns by which the output is partitioned.",
    ),
    click.option(
        "--provenance",
        is_flag=True,
        help="Add the columns model_name, model_version, model_digest, run_id and predicted_at.",
    ),
    click.option("--nan-as-null", is_flag=True, help="Make NaN in predictions NULL."),
    click.option(
        "--keep-replaced",
        type=float,
        default=24.0,
        metavar="HOURS",
        help="How long a replaced output is kept for those who still read it.",
    ),
)

_ERRORS = (
    click.option(
        "--on-error",
        type=click.Choice(["fail", "null", "quarantine"]),
        default="fail",
        help="What to do with rows that the model fails on.",
    ),
    click.option(
        "--max-errors",
        type=int,
        metavar="N",
        help="Rows that may fail. Default: none, without a rate.",
    ),
    click.option("--max-error-rate", type=float, metavar="R", help="Share of rows that may fail."),
    click.option(
        "--isolate",
        type=click.Choice(["row", "batch"]),
        default="row",
        help="Whether failing rows are found one by one, or a batch with one fails as a whole.",
    ),
    click.option("--fail-on-nan", is_flag=True, help="End the job when the model predicts NaN."),
    click.option(
        "--batch-timeout",
        type=float,
        metavar="SECONDS",
        help="How long one call of the model may take. Default: as long as it likes.",
    ),
    click.option(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="How long the job may take until it publishes. Run again, it goes on with what is "
        "done.",
    ),
)

_SPEED = (
    click.option("--batch-size", type=int, metavar="ROWS", help="Rows of one call of the model."),
    click.option(
        "--engine",
        type=click.Choice(["auto", "spark", "arrow"]),
        default="auto",
        help="How rows are read. arrow reads parquet past the JVM; auto takes it where it can.",
    ),
)

_DRIFT = (
    click.option(
        "--profile",
        type=click.Choice(["auto", "off", "full"]),
        default="auto",
        help="Statistics of inputs and predictions: of a sample, none, or of every row.",
    ),
    click.option(
        "--baseline",
        metavar="PATH",
        help="Output, profile or parquet data to compare with. Default: the output that is "
        "replaced.",
    ),
    click.option(
        "--max-drift",
        type=float,
        metavar="PSI",
        help="Publish only if no column drifted more than this; 0.25 is usual. Default: any drift.",
    ),
)

_RUN_AGAIN = (
    click.option(
        "--units",
        type=int,
        metavar="N",
        help="Parts of the input that are committed and resumed one by one. Default: by size.",
    ),
    click.option(
        "--incremental",
        is_flag=True,
        help="Predict on those input files only that the output does not hold yet.",
    ),
    click.option(
        "--force",
        is_flag=True,
        help="Run although the same job is published already; to replace its output takes --mode "
        "overwrite, too.",
    ),
)

_SPARK = (
    click.option(
        "--master",
        metavar="MASTER",
        help="Where to run without spark-submit, such as local[4] or sc://host. Default: all "
        "cores.",
    ),
)

_TERMINAL = (
    config_option,
    show_config_option,
    click.option(
        "--dry-run",
        is_flag=True,
        help="Check everything, predict on a sample on a worker and on the driver, write nothing.",
    ),
    click.option(
        "--quiet",
        is_flag=True,
        help="Show no progress. Else there is a bar on a terminal, and a line every 5 s in a log.",
    ),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        is_eager=True,
        callback=_set_log_format,
        help="What stderr gets: lines for people, or one JSON object a line, errors as well.",
    ),
    click.option(
        "--summary-json",
        metavar="PATH",
        help="Write what became of the run as JSON, also when it fails; - prints it instead of "
        "text.",
    ),
)

GROUPS: Groups = (
    ("Model", _MODEL),
    ("Input", _INPUT),
    ("Output", _OUTPUT),
    ("Errors", _ERRORS),
    ("Speed", _SPEED),
    ("Profile and drift", _DRIFT),
    ("Run again", _RUN_AGAIN),
    ("Spark", _SPARK),
    (TERMINAL, _TERMINAL),
)
