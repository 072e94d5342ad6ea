"""Options that several commands share, in one decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what is written: type and name of predictions, kept columns."""
    for option in reversed(_OUTPUT_OPTIONS):
        command = option(command)
    return command


def trust_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a model must meet before any of its code runs."""
    for option in reversed(_TRUST_OPTIONS):
        command = option(command)
    return command


def mode_option(*modes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give the option that says what to do when the output exists; the first is the default."""
    return click.option(
        "--mode",
        type=click.Choice(modes),
        default=modes[0],
        show_default=True,
        help="What to do when the output exists.",
    )


_TRUST_OPTIONS = (
    click.option(
        "--trust",
        # The modes of models.trust, which is imported when a command runs.
        type=click.Choice(["any", "no-pickle", "pinned"]),
        default="any",
        show_default=True,
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

_OUTPUT_OPTIONS = (
    click.option(
        "--result-type",
        metavar="TYPE",
        help='Type of a prediction, such as "double". Default: from the signature of the model.',
    ),
    click.option(
        "--output-column",
        default="prediction",
        show_default=True,
        metavar="NAME",
        help="Name of the column with the predictions.",
    ),
    click.option(
        "--keep",
        default="all",
        show_default=True,
        metavar="all|none|A,B,...",
        help="Input columns to keep in the output.",
    ),
)
