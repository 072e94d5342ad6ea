"""``scorecast inspect``: a model, without Spark and without running its code."""

from __future__ import annotations

import json

import click

from scorecast.cli.command import TERMINAL, Command
from scorecast.cli.model_uris import ModelUriType
from scorecast.cli.options import MODEL_ENVIRONMENT, model_digest_option


@click.command(
    "inspect",
    cls=Command,
    groups=(
        ("Model", (model_digest_option,)),
        (
            TERMINAL,
            (click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),),
        ),
    ),
    examples=(
        "scorecast inspect build/demo/model",
        "scorecast inspect --json build/demo/model | python -m json.tool",
        'scorecast inspect "file://$PWD/build/demo/model"',
    ),
    environment=MODEL_ENVIRONMENT,
)
@click.argument("model_uri", type=ModelUriType())
def command(model_uri: str, *, model_digest: str | None, as_json: bool) -> None:
    """Show what a model declares, its digest, and what code it would run, without running any."""
    from scorecast.local.describe import describe_model

    found = describe_model(model_uri, model_digest=model_digest)
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else found.summary())
