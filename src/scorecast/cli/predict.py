"""``scorecast predict``: a file on this machine, without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from scorecast.cli.command import Command
from scorecast.cli.model_uris import ModelUriType
from scorecast.cli.options import (
    MODEL_ENVIRONMENT,
    mode_option,
    prediction_options,
    trust_options,
)

if TYPE_CHECKING:
    from scorecast.local.formats import Format
    from scorecast.models.trust import TrustMode

_OUTPUT = (
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        help="File to write: .csv, .json or .parquet. Default: stdout.",
    ),
    click.option(
        "--format",
        type=click.Choice(["csv", "json", "parquet"]),
        help="Format to write. Default: that of the output's name; csv on stdout.",
    ),
    mode_option("error", "overwrite"),
    *prediction_options,
)


@click.command(
    "predict",
    cls=Command,
    groups=(("Model", trust_options), ("Output", _OUTPUT)),
    examples=(
        "scorecast predict build/demo/model build/demo/flights.parquet -o build/delays.csv",
        "scorecast predict build/demo/model build/demo/flights.parquet --keep none > build/few.csv",
        "scorecast predict build/demo/model build/demo/flights.parquet --format json | head -3",
    ),
    environment=MODEL_ENVIRONMENT,
)
@click.argument("model_uri", type=ModelUriType())
@click.argument("input", type=click.Path(path_type=Path))
def command(  # noqa: PLR0913 - one argument per option
    model_uri: str,
    input: Path,  # noqa: A002 - the name of the argument
    output: Path | None,
    format: str | None,  # noqa: A002 - the name of the option
    result_type: str | None,
    output_column: str,
    keep: str | tuple[str, ...],
    mode: str,
    trust: TrustMode,
    model_digest: str | None,
    model_signature_key: str | None,
) -> None:
    """Predict on a file with a model: .csv, .json (records) or .parquet."""
    from scorecast.local.files import predict_file
    from scorecast.models.trust import Trust

    report = predict_file(
        model_uri,
        input,
        output,
        format=cast("Format | None", format),
        result_type=result_type,
        output_column=output_column,
        keep=keep,
        overwrite=mode == "overwrite",
        trust=Trust(trust, model_digest, model_signature_key),
    )
    if report.output is not None:
        click.echo(f"{report.rows:,} rows predicted: {report.output}", err=True)
