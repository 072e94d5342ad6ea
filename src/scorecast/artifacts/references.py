"""What ``models:``, ``runs:`` and ``mlflow-artifacts:`` URIs refer to, as MLflow writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from scorecast.artifacts.uri import ModelUri, parse_model_uri
from scorecast.errors import ModelUriError

_LOGGED = re.compile(r"m-[0-9a-f]{32}")
_DATABRICKS = ("databricks", "databricks-uc")
_FORMS = (
    '"models:/NAME@ALIAS", "models:/NAME/VERSION", "models:/NAME/STAGE", "models:/NAME/latest" or '
    '"models:/m-ID"'
)


@dataclass(frozen=True, slots=True)
class RegisteredRef:
    """A version of a registered model; exactly one of the three ways to name it is given.

    Attributes:
        name: Name of the registered model.
        version: Its number.
        alias: Alias that stands for a version.
        stage: Stage whose newest version is meant; "latest" is the newest of all.
        path: Directory inside of the model, or "".
        registry: Registry of Databricks that the URI names, as MLflow does
            (``databricks://PROFILE``), or "" for that of the environment.
    """

    name: str
    version: str | None = None
    alias: str | None = None
    stage: str | None = None
    path: str = ""
    registry: str = ""


@dataclass(frozen=True, slots=True)
class LoggedRef:
    """A model that was logged and has an id of its own (MLflow 3).

    Attributes:
        model_id: The id, ``m-`` and 32 hexadecimal digits.
        path: Directory inside of the model, or "".
    """

    model_id: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A path among the artifacts of a run.

    Attributes:
        run_id: The run.
        path: The path, which begins with the name that the model was logged under.
    """

    run_id: str
    path: str


@dataclass(frozen=True, slots=True)
class PathRef:
    """A path among the artifacts that a server passes on.

    Attributes:
        path: The path.
    """

    path: str


Reference = RegisteredRef | LoggedRef | RunRef | PathRef


def parse_reference(uri: ModelUri) -> Reference:
    """Read what a ``models:``, ``runs:`` or ``mlflow-artifacts:`` URI refers to.

    Raises:
        ModelUriError: It has another form, or names a server.
    """
    rest, registry = uri.rest, ""
    if rest.startswith("//"):
        authority, _, rest = rest[2:].partition("/")
        profile, _, host = authority.rpartition("@")
        if uri.scheme != "models" or host not in _DATABRICKS:
            message = (
                f'The model URI "{uri}" names a profile or server, expected a path after "'
                f'{uri.scheme}:/". Name the server with MLFLOW_TRACKING_URI or MLFLOW_REGISTRY_URI.'
            )
            raise ModelUriError(message)
        registry = f"{host}://{profile}" if profile else host
    parts = [part for part in rest.split("/") if part]
    if any(part in {".", ".."} for part in parts):
        message = f'The model URI "{uri}" holds "." or "..". Write the path without them.'
        raise ModelUriError(message)
    if re.search("[?#]", uri.rest):
        message = f'The model URI "{uri}" ends before a "?" or "#", which no such URI has.'
        raise ModelUriError(message)
    if uri.scheme == "mlflow-artifacts":
        return PathRef("/".join(parts))
    if uri.scheme == "runs":
        return _run(uri, parts)
    found = _model(uri, parts)
    return replace(found, registry=registry) if isinstance(found, RegisteredRef) else found


def registered_version(resolved_uri: str) -> tuple[str, str] | None:
    """Give name and version of the registered model that a resolved URI names; None for others."""
    uri = parse_model_uri(resolved_uri)
    reference = parse_reference(uri) if uri.scheme == "models" else None
    if isinstance(reference, RegisteredRef) and reference.version is not None:
        return reference.name, reference.version
    return None


def names_logged(source: str) -> bool:
    """Tell whether the source of a registered version is a logged model, which stays as it is."""
    return _LOGGED.fullmatch(source.removeprefix("models:").strip("/")) is not None


def _run(uri: ModelUri, parts: list[str]) -> RunRef:
    if len(parts) < 2:  # noqa: PLR2004 - the run and a name
        message = f'Cannot read the model URI "{uri}". Expected "runs:/RUN_ID/NAME".'
        raise ModelUriError(message)
    return RunRef(parts[0], "/".join(parts[1:]))


def _model(uri: ModelUri, parts: list[str]) -> RegisteredRef | LoggedRef:
    first, *more = parts or [""]
    if _LOGGED.fullmatch(first):
        return LoggedRef(first, "/".join(more))
    name, at, alias = first.rpartition("@")
    if at and name and alias:
        return RegisteredRef(name, alias=alias, path="/".join(more))
    if at or not first or not more:
        message = f'Cannot read the model URI "{uri}". Expected {_FORMS}.'
        raise ModelUriError(message)
    which, path = more[0], "/".join(more[1:])
    if which.isdecimal():
        return RegisteredRef(first, version=str(int(which)), path=path)
    return RegisteredRef(first, stage=which, path=path)
