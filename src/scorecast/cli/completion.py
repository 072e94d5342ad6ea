"""``scorecast completion``: the script that makes a shell complete commands and models."""

from __future__ import annotations

import click

from scorecast.cli.command import Command

_EPILOG = """
\b
Put this into the file that your shell reads when it starts:
  ~/.bashrc                   eval "$(scorecast completion bash)"
  ~/.zshrc                    eval "$(scorecast completion zsh)"     (after compinit)
  ~/.config/fish/config.fish  scorecast completion fish | source
"""


@click.command(
    "completion",
    cls=Command,
    examples=(
        'eval "$(scorecast completion bash)"',
        "scorecast completion zsh",
        "scorecast completion fish",
    ),
    environment=(("MLFLOW_TRACKING_URI", "Server that names of models are asked of."),),
    epilog=_EPILOG,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and models in a shell.

    Names, versions and aliases in models: URIs are asked of the MLflow server that
    MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI names, where it answers within 1.5 seconds.
    """
    from scorecast.cli.shells import completion_script

    click.echo(completion_script(context.find_root().command, shell), nl=False)
