"""``scorecast batch-predict``, also run by jobs/batch_predict.py."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from scorecast.cli.batch_options import GROUPS, NOT_OF_THE_JOB, OTHER_NAMES
from scorecast.cli.command import Command, Shown
from scorecast.cli.exit_codes import OK, SKIPPED
from scorecast.cli.job_options import PREFIX, config_table, misspelt_variables
from scorecast.cli.logs import log_message, logging_to_stderr
from scorecast.cli.options import MODEL_ENVIRONMENT
from scorecast.cli.summary_file import STDOUT, summary_file
from scorecast.errors import ConfigError

if TYPE_CHECKING:
    from scorecast.batch.config import BatchPredictConfig
    from scorecast.progress import Progress
    from scorecast.spark.session import SessionHandle

_EXAMPLES = (
    """\
spark-submit jobs/batch_predict.py --model-uri build/demo/model \\
    --input build/demo/flights.parquet --output build/delays.parquet""",
    """\
scorecast batch-predict --master 'local[2,4]' --model-uri build/demo/model \\
    --input build/demo/flights.parquet --output build/newark.parquet \\
    --where "origin = 'EWR'" --keep flight_id,carrier --partition-by carrier""",
    """\
SCORECAST_UNITS=2 scorecast batch-predict --config conf/batch_predict.yaml \\
    --on-error quarantine --max-error-rate 0.01""",
)

# Between two lines of progress in a log.
_SECONDS = 5.0

_EPILOG = """
\b
Options are taken from the command line, else the environment, else the file of --config, else
their defaults. A variable of an option that may be given several times holds words, quoted as in
a shell; in the file it is a list, or a mapping of NAME: VALUE.

\b
Exit codes:
  0 published, now or before   1 bug   2 usage   3 input   4 model   5 prediction
  6 output   7 environment   8 published without files that could not be read
  130 interrupted   143 terminated
"""


class _BatchPredict(Command):
    """Tells of wrong options as of any other end: in the log's format, and in the summary."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and write what is wrong as is asked for beside it."""
        if ctx.resilient_parsing:  # a shell asks how the line may go on
            return super().parse_args(ctx, args)
        given, shown = list(args), ctx.ensure_object(Shown)
        shown.as_json = _asked(given, "log-format") == "json"
        try:
            return super().parse_args(ctx, args)
        except (click.UsageError, ConfigError):
            place = _asked(given, "summary-json") or (ctx.default_map or {}).get("summary_json")
            writes_nothing = not {"--dry-run", "--show-config"}.isdisjoint(given)
            with summary_file(None if writes_nothing else place):
                raise
        finally:
            for text in misspelt_variables(ctx, os.environ):
                if shown.as_json:
                    log_message(text, logging.WARNING)
                else:
                    click.echo(f"Warning: {text}", err=True)


def _asked(args: Sequence[str], name: str) -> str | None:
    """Give an option of the command line or the environment, whatever is wrong with others."""
    found = os.environ.get(f"{PREFIX}_{name.replace('-', '_').upper()}")
    for word, following in zip_longest(args, args[1:]):
        if word == f"--{name}":
            found = following
        elif word.startswith(f"--{name}="):
            found = word.partition("=")[2]
    return found


@click.command(
    "batch-predict",
    cls=_BatchPredict,
    groups=GROUPS,
    examples=_EXAMPLES,
    environment=(
        *MODEL_ENVIRONMENT,
        ("SCORECAST_PREFLIGHT", "0 skips the check of the workers' packages."),
        ("NO_COLOR, FORCE_COLOR", "Without colours, or with them where no terminal is."),
    ),
    epilog=_EPILOG,
    context_settings={"auto_envvar_prefix": PREFIX},
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    """Predict on data with a model and publish the predictions as parquet.

    The output appears complete, or not at all. Run again, a job that was published does nothing,
    and one that died goes on with what was done.
    """
    if options["show_config"]:
        from scorecast.batch.config import shown_values

        shown = shown_values({OTHER_NAMES.get(name, name): options[name] for name in options})
        click.echo(
            config_table(ctx, {name: shown[OTHER_NAMES.get(name, name)] for name in options})
        )
        job_config(options)  # what is wrong with the values is told below them
        return OK
    source = ctx.get_parameter_source("summary_json")
    if options["dry_run"] and source is click.core.ParameterSource.COMMANDLINE:
        message = "--dry-run writes nothing; leave --summary-json out."
        raise click.UsageError(message)
    with logging_to_stderr(options["log_format"], quiet=options["quiet"]):
        return _run(options)


def _run(options: Mapping[str, Any]) -> int:
    summary_json = None if options["dry_run"] else options["summary_json"]
    with summary_file(summary_json) as tell:
        config = job_config(options)
        from scorecast.batch.output import check_mode, open_output
        from scorecast.batch.run import batch_predict
        from scorecast.spark.session import start_session

        # What can be told without Spark is told before it starts.
        check_mode(open_output(config.output), config.mode, incremental=config.incremental)
        session = start_session(app_name="scorecast batch-predict", master=options["master"])
        progress = _progress(options)
        try:
            if options["dry_run"]:
                return _dry_run(session, config, progress)
            report = batch_predict(session.spark, config, progress=progress)
        finally:
            session.stop()
        tell(report)
    if summary_json != STDOUT:
        click.echo(report.summary())
    return SKIPPED if report.skipped else OK


def _progress(options: Mapping[str, Any]) -> Progress:
    """Give a bar to who sits at a terminal, and lines to a log."""
    from scorecast.progress import can_draw, logged, shown, silent

    if options["quiet"]:
        return silent
    return shown if can_draw() and options["log_format"] == "text" else logged(_SECONDS)


def job_config(options: Mapping[str, Any]) -> BatchPredictConfig:
    """Make the one value that describes the job out of the options.

    Args:
        options: Values by the names of the options.

    Raises:
        ConfigError: They are wrong or do not fit together; lists every problem.
    """
    from scorecast.batch.config import BatchPredictConfig

    fields = {
        OTHER_NAMES.get(name, name): value
        for name, value in options.items()
        if name not in NOT_OF_THE_JOB
    }
    fields["partition_by"] = fields["partition_by"] or ()
    for name in ("params", "model_config"):
        fields[name] = fields[name] or None
    return BatchPredictConfig(**fields)


def _dry_run(session: SessionHandle, config: BatchPredictConfig, progress: Progress) -> int:
    from scorecast.batch.dry_run import dry_run

    found = dry_run(session.spark, config, progress=progress)
    click.echo(found.summary())
    if found.problem is not None:
        raise found.problem
    return OK
