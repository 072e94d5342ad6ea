"""What to say of a model, version, alias or stage that a registry does not have."""

from __future__ import annotations

from itertools import islice

from scorecast.artifacts.references import RegisteredRef
from scorecast.artifacts.registered import Client
from scorecast.errors import ArtifactError, ArtifactNotFoundError, did_you_mean

# What is asked for the message alone must not keep the user waiting for it.
_PATIENCE = 5.0
_MOST_NAMES = 1000


def missing(
    client: Client, reference: RegisteredRef, cause: ArtifactNotFoundError | None
) -> ArtifactNotFoundError:
    """Say which part of a reference is not there, and what is, as far as the user may know it."""
    try:
        return _explained(client.impatient(_PATIENCE), reference, cause)
    except ArtifactError:
        message = (
            f'The registry knows nothing of what is asked for of the model "{reference.name}".'
        )
        return cause or ArtifactNotFoundError(f"{message} Check the model URI.")


def _explained(
    client: Client, reference: RegisteredRef, cause: ArtifactNotFoundError | None
) -> ArtifactNotFoundError:
    name = reference.name
    model = client.model(name)
    if model is None:
        return ArtifactNotFoundError(
            f'The registry has no model "{name}".{_other_names(client, name)} Check the '
            "name, and MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI."
        )
    known = ", ".join(sorted(model.aliases)) or "none"
    if reference.alias is not None and reference.alias not in model.aliases:
        return ArtifactNotFoundError(
            f'The model "{name}" has no alias "{reference.alias}"; its aliases: {known}.'
            f"{did_you_mean(reference.alias, model.aliases)}"
        )
    newest = client.latest(name, None)
    if newest is None:
        return ArtifactNotFoundError(f'The model "{name}" has no versions. Register one.')
    if reference.version is not None:
        return (
            ArtifactNotFoundError(
                f'The model "{name}" has no version {reference.version}; its newest is {newest}.'
            )
            if cause is None or int(reference.version) > newest
            else cause
        )
    if reference.stage is not None:
        return ArtifactNotFoundError(
            f'The model "{name}" has no version in "{reference.stage}"; its newest version is '
            f"{newest}, its aliases: {known}.{did_you_mean(reference.stage, model.aliases)} Write "
            f"models:/{name}/{newest}, models:/{name}/latest or an alias."
        )
    return cause or ArtifactNotFoundError(f'The model "{name}" cannot be found as asked.')


def _other_names(client: Client, name: str) -> str:
    """Give names that may be meant; nothing where they cannot be had."""
    try:
        names = [model.name for model in islice(client.models(""), _MOST_NAMES)]
    except ArtifactError:
        return ""
    some = f" Registered are {', '.join(names[:9])}." if names else " None is registered."
    return did_you_mean(name, names) or some
