"""``scorecast models``: what the registry holds, without loading any of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click

from scorecast.cli.command import Command
from scorecast.cli.model_uris import RegisteredName
from scorecast.texts import aligned, printable

_COLUMNS = ("version", "aliases", "stage", "status", "created", "run_id")

_ENVIRONMENT = (
    ("MLFLOW_REGISTRY_URI", "The registry, else that of:"),
    ("MLFLOW_TRACKING_URI", "The server that is asked."),
)


@click.group("models")
def command() -> None:
    """Show the models of the registry, their versions and aliases."""


@command.command(
    "list",
    cls=Command,
    examples=(
        "scorecast models list",
        "scorecast models list --filter churn",
        "scorecast models list --filter churn --json",
    ),
    environment=_ENVIRONMENT,
)
@click.option("--filter", "prefix", default="", metavar="PREFIX", help="How names must begin.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_models(prefix: str, *, as_json: bool) -> None:
    """List registered models with newest version and aliases."""
    from scorecast.artifacts.registered import as_json as shown
    from scorecast.artifacts.registry import registered_models

    found = registered_models(prefix)
    if as_json:
        click.echo(json.dumps([shown(model) for model in found], indent=2))
        return
    rows = [
        (model.name, "-" if model.latest is None else str(model.latest), _aliases(model.aliases))
        for model in found
    ]
    if rows:
        click.echo(_table(("name", "latest", "aliases"), rows))
    else:
        which = f' whose name begins with "{prefix}"' if prefix else ""
        click.echo(f"No model{which} is registered.", err=True)


@command.command(
    "show",
    cls=Command,
    examples=(
        "scorecast models show churn",
        "scorecast models show churn@champion",
        "scorecast models show churn/3 --json",
    ),
    environment=_ENVIRONMENT,
)
@click.argument("name", type=RegisteredName(), metavar="NAME[/VERSION|@ALIAS]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show_model(name: str, *, as_json: bool) -> None:
    """Show a registered model and its versions, newest first, or one of them."""
    from scorecast.artifacts.registry import registration

    found = registration(name)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    if found.versions and found.one:
        click.echo(_facts({"name": found.model.name, **found.as_dict()["versions"][0]}))
        return
    facts = found.as_dict()
    versions = facts.pop("versions")
    click.echo(_facts({**facts, "aliases": _aliases(found.model.aliases)}))
    rows = [
        [", ".join(each[key]) if key == "aliases" else each[key] or "" for key in _COLUMNS]
        for each in versions
    ]
    if rows:
        click.echo()
        click.echo(_table([name.replace("_", " ") for name in _COLUMNS], rows))


def _aliases(aliases: Mapping[str, str]) -> str:
    return ", ".join(f"{alias} -> {version}" for alias, version in sorted(aliases.items()))


def _facts(facts: Mapping[str, object]) -> str:
    """Give names and values in two columns, without those that hold nothing."""
    rows = []
    for name, value in facts.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{key}={each}" for key, each in sorted(value.items()))
        else:
            shown = ", ".join(value) if isinstance(value, list) else str(value or "")
        if shown:
            rows.append((name.replace("_", " "), shown))
    return _table((), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give rows in columns that are as wide as they must be."""
    lines = ([head] if head else []) + [*rows]
    return "\n".join(
        aligned([[printable(" ".join(cell.split())) for cell in line] for line in lines])
    )
