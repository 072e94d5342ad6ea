"""``scorecast predict``: a file on this machine, without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from scorecast.cli.model_uris import ModelUriType
from scorecast.cli.options import mode_option, output_options, trust_options

if TYPE_CHECKING:
    from scorecast.local.formats import Format
    from scorecast.models.trust import TrustMode

_EPILOG = """
\b
Examples, after `make demo`:
  scorecast predict build/demo/model build/demo/flights.parquet -o build/delays.csv
  scorecast predict build/demo/model build/demo/flights.parquet --keep flight_id > build/few.csv
  scorecast predict build/demo/model build/demo/flights.parquet --keep none --format json | head -3
"""


@click.command(epilog=_EPILOG)
@click.argument("model_uri", type=ModelUriType())
@click.argument("input", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write: .csv, .json or .parquet. Default: stdout.",
)
@click.option(
    "--format",
    type=click.Choice(["csv", "json", "parquet"]),
    help="Format to write. Default: that of the output's name; csv on stdout.",
)
@trust_options
@output_options
@mode_option("error", "overwrite")
def command(  # noqa: PLR0913 - one argument per option
    model_uri: str,
    input: Path,  # noqa: A002 - the name of the argument
    output: Path | None,
    format: str | None,  # noqa: A002 - the name of the option
    result_type: str | None,
    output_column: str,
    keep: str,
    mode: str,
    trust: TrustMode,
    model_digest: str | None,
    model_signature_key: str | None,
) -> None:
    """Predict on a file with a model: .csv, .json (records) or .parquet."""
    from scorecast.cli.names import kept_columns
    from scorecast.local.files import predict_file
    from scorecast.models.trust import Trust

    report = predict_file(
        model_uri,
        input,
        output,
        format=cast("Format | None", format),
        result_type=result_type,
        output_column=output_column,
        keep=kept_columns(keep),
        overwrite=mode == "overwrite",
        trust=Trust(trust, model_digest, model_signature_key),
    )
    if report.output is not None:
        click.echo(f"{report.rows:,} rows predicted: {report.output}", err=True)
