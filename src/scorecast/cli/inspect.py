"""``scorecast inspect``: a model, without Spark and without running its code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from scorecast.cli.command import TERMINAL, Command
from scorecast.cli.model_uris import ModelUriType
from scorecast.cli.options import MODEL_ENVIRONMENT, trust_options

if TYPE_CHECKING:
    from scorecast.models.trust import TrustMode


@click.command(
    "inspect",
    cls=Command,
    groups=(
        ("Model", trust_options),
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
def command(
    model_uri: str,
    *,
    trust: TrustMode,
    model_digest: str | None,
    model_signature_key: str | None,
    as_json: bool,
) -> None:
    """Show what a model declares, its digest, and what code it would run, without running any.

    It also shows what each --trust would say; with --trust, a model that it does not take ends the
    command with exit code 4.
    """
    from scorecast.local.describe import describe_model
    from scorecast.models.trust import Trust

    found = describe_model(model_uri, Trust(trust, model_digest, model_signature_key))
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else found.summary())
