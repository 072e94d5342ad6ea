"""Options that several commands share."""

from __future__ import annotations

import click

from scorecast.cli.command import Option
from scorecast.cli.names import KEPT


def mode_option(*modes: str) -> Option:
    """Give the option that says what to do when the output exists; the first is the default."""
    return click.option(
        "--mode",
        type=click.Choice(modes),
        default=modes[0],
        help="What to do when the output exists.",
    )


trust_options = (
    click.option(
        "--trust",
        # The modes of models.trust, which is imported when a command runs.
        type=click.Choice(["any", "no-pickle", "pinned"]),
        default="any",
        help="Which models to take. no-pickle: those that run no code of their own when they are "
        "loaded. pinned: those of --model-digest or --model-signature-key.",
    ),
    click.option(
        "--model-digest",
        metavar="DIGEST",
        help="Digest that the model must have (sha256:...), as manifests hold it.",
    ),
    click.option(
        "--model-signature-key",
        metavar="PEM",
        help="File of the public key that the model must be signed with (model.sig).",
    ),
)

prediction_options = (
    click.option(
        "--result-type",
        metavar="TYPE",
        help='Type of a prediction, such as "double". Default: from the signature of the model.',
    ),
    click.option(
        "--output-column",
        default="prediction",
        metavar="NAME",
        help="Name of the column with the predictions.",
    ),
    click.option(
        "--keep",
        type=KEPT,
        default="all",
        metavar="all|none|A,B,...",
        help="Input columns to keep in the output.",
    ),
)

MODEL_ENVIRONMENT = (
    ("MLFLOW_TRACKING_URI", "Server that models:/ and runs:/ URIs are asked from."),
    ("SCORECAST_MLFLOW_CLIENT", "rest asks it without MLflow, also where MLflow is installed."),
)
"""Variables that commands read which take the URI of a model."""
