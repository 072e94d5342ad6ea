"""Model URIs as arguments, which shells can complete from the registry."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable
from itertools import islice
from typing import Any

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

_MODELS = "models:/"
# A shell waits for the answer; what comes later is of no use.
_PATIENCE = 1.5
_MOST = 200
# Other names would need quotes, or be commands of the shell.
_AS_TYPED = re.compile(r"[\w.+-]+")


class ModelUriType(StringParamType):
    """A path or URI of a model. Shells complete ``models:`` URIs, and all else as files."""

    name = "model_uri"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Give how an argument may go on."""
        del ctx, param
        if not incomplete.startswith(_MODELS[:-1]):
            return [CompletionItem(incomplete, type="file")]
        begun = incomplete.removeprefix(_MODELS[:-1]).removeprefix("/")
        return [CompletionItem(f"{_MODELS}{each}") for each in _answers(begun)]


class RegisteredName(StringParamType):
    """A registered model, or one of its versions. Shells complete it from the registry."""

    name = "registered_name"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Give how an argument may go on."""
        del ctx, param
        if incomplete.startswith(_MODELS):
            begun = incomplete.removeprefix(_MODELS)
            return [CompletionItem(f"{_MODELS}{each}") for each in _answers(begun)]
        return [CompletionItem(each) for each in _answers(incomplete)]


def _answers(begun: str) -> list[str]:
    """Ask the registry how a name may go on; nothing where it does not answer soon, or at all."""
    found: list[str] = []
    worker = threading.Thread(target=_quietly, args=(begun, found.extend), daemon=True)
    worker.start()
    worker.join(_PATIENCE)
    return found


def _quietly(begun: str, give: Callable[[list[str]], None]) -> None:
    # A message would end up in the line that is typed.
    with contextlib.suppress(Exception):
        give(_continued(begun))


def _continued(begun: str) -> list[str]:
    """Give names, or what may stand behind a name when no other one is meant."""
    from scorecast.artifacts.registry import rest_client

    client = rest_client(os.environ).impatient(_PATIENCE)
    name = re.split("[@/]", begun, maxsplit=1)[0]
    if name == begun:
        models = list(islice(client.models(begun), _MOST))
        if len(models) != 1:
            return [model.name for model in models if _AS_TYPED.fullmatch(model.name)]
        name = models[0].name
    model = client.model(name)
    if model is None or not _AS_TYPED.fullmatch(name):
        return []
    versions = sorted((int(each.version) for each in client.versions(name)), reverse=True)
    ways = [f"@{alias}" for alias in sorted(model.aliases) if _AS_TYPED.fullmatch(alias)]
    ways += [f"/{each}" for each in (*versions, "latest")]
    return [f"{name}{way}" for way in ways if f"{name}{way}".startswith(begun)]
