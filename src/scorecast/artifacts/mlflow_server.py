"""Models of an MLflow server by its REST interface, without MLflow.

The calls are those of MLflow's documentation (REST API 2.0); the artifacts come through the server
itself where it passes them on (``mlflow-artifacts:``), else from where they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from scorecast.artifacts.cached import download_files
from scorecast.artifacts.proxied import ProxiedDirectory
from scorecast.artifacts.references import (
    LoggedRef,
    RegisteredRef,
    RunRef,
    names_logged,
    parse_reference,
)
from scorecast.artifacts.registered import ModelVersion, RegisteredModel, moment
from scorecast.artifacts.retries import NotFoundError
from scorecast.artifacts.server import get_json, post_json
from scorecast.artifacts.transport import Server
from scorecast.artifacts.uri import parse_model_uri
from scorecast.cache.copies import ModelCopy
from scorecast.errors import ArtifactError, ArtifactNotFoundError, ScorecastError
from scorecast.progress import Progress

_API = "/api/2.0/mlflow"
_PROXIED = "mlflow-artifacts"
_PAGE = 1000
_LOGGED_PAGE = 100
_LITERAL = re.compile(r"[A-Za-z0-9 .@+-]+")
# A version may lead to a logged model, and that to where it is stored.
_LONGEST_WAY = 5

T = TypeVar("T")

Elsewhere = Callable[[str, Progress], ModelCopy]
"""Gives artifacts that are not on the server, by their URI."""


@dataclass(frozen=True, slots=True)
class RestClient:
    """A registry and a tracking server, which may be one.

    Attributes:
        tracking: Knows runs, logged models and artifacts.
        registry: Knows registered models.
        elsewhere: Fetches what is stored elsewhere.
    """

    tracking: Server
    registry: Server
    elsewhere: Elsewhere

    def models(self, prefix: str) -> Iterator[RegisteredModel]:
        """Give the registered models whose names begin with `prefix`, page by page."""
        # What LIKE takes as it is; other prefixes are looked for here alone.
        query = {"filter": f"name LIKE '{prefix}%'"} if _LITERAL.fullmatch(prefix) else {}
        pages = self._pages("registered-models/search", query, "registered_models", _model)
        return (model for model in pages if model.name.startswith(prefix))

    def model(self, name: str) -> RegisteredModel | None:
        """Give a registered model; None if there is none of that name."""
        with _understood(self.registry):
            try:
                found = get_json(self.registry, f"{_API}/registered-models/get", {"name": name})
            except NotFoundError:
                return None
            return _model(found["registered_model"])

    def versions(self, name: str) -> Iterator[ModelVersion]:
        """Give all versions of a registered model, page by page."""
        query = {"filter": _named(name)}
        return self._pages("model-versions/search", query, "model_versions", _version)

    def _pages(
        self, call: str, query: Mapping[str, str], key: str, read: Callable[[Mapping[str, Any]], T]
    ) -> Iterator[T]:
        """Give what a search of the registry finds, asking for a page when it is needed."""
        token = ""
        while True:
            more = {"page_token": token} if token else {}
            with _understood(self.registry):
                page = get_json(
                    self.registry, f"{_API}/{call}", {**query, "max_results": _PAGE, **more}
                )
                found = [read(each) for each in page.get(key, [])]
                token = page.get("next_page_token", "")
            yield from found
            if not token:
                return

    def latest(self, name: str, stage: str | None) -> int | None:
        """Give the newest version, of a stage or of all; None if there is none."""
        body = {"name": name} if stage is None else {"name": name, "stages": [stage]}
        path = f"{_API}/registered-models/get-latest-versions"
        with _understood(self.registry):
            try:
                found = post_json(self.registry, path, body)
            except NotFoundError:
                return None
            versions = (int(each["version"]) for each in found.get("model_versions", []))
            return max(versions, default=None)

    def impatient(self, seconds: float) -> RestClient:
        """Give a client that asks once and waits `seconds` for an answer to begin or go on."""
        hurried = replace(self.registry, retries=0, timeout=min(seconds, self.registry.timeout))
        return replace(self, registry=hurried)

    def fetch(self, uri: str, progress: Progress) -> ModelCopy:
        """Give the files that a URI names.

        Args:
            uri: ``models:`` with a version or an id, ``runs:``, or ``mlflow-artifacts:``.
            progress: Shows how far a download is.

        Raises:
            ArtifactNotFoundError: Nothing is there.
            ArtifactError: The server cannot be reached, refuses, or sends what cannot be right.
        """
        with _understood(self.tracking):
            return self._fetch(uri, _Errand(uri, progress))

    def _fetch(self, uri: str, errand: _Errand) -> ModelCopy:
        if not errand.way:
            message = f'The server sends from one place to the next for the model at "{uri}".'
            raise ArtifactError(message)
        parsed = parse_model_uri(uri)
        if parsed.scheme == _PROXIED:
            asked = str(parse_model_uri(errand.asked))
            place = ProxiedDirectory(self.tracking, self._path(uri), asked, errand.fixed)
            return download_files(place, errand.progress)
        if parsed.scheme not in {"models", "runs"}:
            return self.elsewhere(uri, errand.progress)
        reference = parse_reference(parsed)
        if isinstance(reference, RegisteredRef | LoggedRef):
            where = self._location(reference)
            fixed = isinstance(reference, LoggedRef) or (
                where.startswith(f"{_PROXIED}:") and self._is_of_logged(reference)
            )
            return self._fetch(_joined(where, reference.path), errand.next(fixed=fixed))
        return self._of_run(cast("RunRef", reference), errand)

    def _location(self, reference: RegisteredRef | LoggedRef) -> str:
        """Give the URI under which a model is stored."""
        try:
            if isinstance(reference, LoggedRef):
                found = get_json(self.tracking, f"{_API}/logged-models/{reference.model_id}", {})
                return str(found["model"]["info"]["artifact_uri"])
            query = {"name": reference.name, "version": str(reference.version)}
            found = get_json(self.registry, f"{_API}/model-versions/get-download-uri", query)
            return str(found["artifact_uri"])
        except NotFoundError as error:
            message = f"{_sentence(error)} Check the model URI."
            raise ArtifactNotFoundError(message) from None

    def _is_of_logged(self, reference: RegisteredRef) -> bool:
        """Tell whether a version was made of a logged model, and not of files of any kind."""
        query = {"name": reference.name, "version": str(reference.version)}
        found = get_json(self.registry, f"{_API}/model-versions/get", query)
        return names_logged(str(found["model_version"].get("source", "")))

    def _of_run(self, reference: RunRef, errand: _Errand) -> ModelCopy:
        """Fetch artifacts of a run, or the model that it logged under that name (MLflow 3)."""
        try:
            run = get_json(self.tracking, f"{_API}/runs/get", {"run_id": reference.run_id})["run"]
        except NotFoundError as error:
            message = f"{_sentence(error)} Check the id of the run."
            raise ArtifactNotFoundError(message) from None
        logged = self._logged_model(run["info"]["experiment_id"], reference)
        if logged is not None:
            try:
                return self._fetch(logged, errand.next())
            except ArtifactNotFoundError:  # it may be beside the model, under the same name
                pass
        where = _joined(run["info"]["artifact_uri"], reference.path)
        return self._fetch(where, errand.next())

    def _logged_model(self, experiment: str, reference: RunRef) -> str | None:
        """Give the URI of the model that a run has logged under a name, or None."""
        name, _, path = reference.path.partition("/")
        body: dict[str, Any] = {
            "experiment_ids": [experiment],
            "filter": _named(name),
            "max_results": _LOGGED_PAGE,
        }
        try:
            while True:
                found = post_json(self.tracking, f"{_API}/logged-models/search", body, bare=True)
                for model in found.get("models", []):
                    if model["info"].get("source_run_id") == reference.run_id:
                        return _joined(f"models:/{model['info']['model_id']}", path)
                if not found.get("next_page_token"):
                    return None
                body["page_token"] = found["next_page_token"]
        except NotFoundError:  # a server before MLflow 3
            return None

    def _path(self, uri: str) -> str:
        """Give the path of artifacts that are on this server."""
        rest = uri.partition(":")[2]
        if not rest.startswith("//"):
            return rest
        host, _, path = rest[2:].partition("/")
        if host.rpartition("@")[2].lower() != urlsplit(self.tracking.url).netloc.lower():
            message = (
                f'The artifacts "{parse_model_uri(uri)}" are on another server than the tracking '
                f'server "{self.tracking.url}", and credentials go to that one alone. Fetch the '
                "model with MLflow, and give its directory."
            )
            raise ArtifactError(message)
        return path


@dataclass(frozen=True, slots=True)
class _Errand:
    """What was asked for, and how far its files were traced.

    Attributes:
        asked: The model URI.
        progress: Shows how far the download is.
        fixed: Whether the files are those of a logged model, which nobody replaces.
        way: How many places more may send to another one.
    """

    asked: str
    progress: Progress
    fixed: bool = False
    way: int = _LONGEST_WAY

    def next(self, *, fixed: bool = False) -> _Errand:
        return replace(self, fixed=self.fixed or fixed, way=self.way - 1)


@contextmanager
def _understood(server: Server) -> Iterator[None]:
    """Turn what comes of an answer in an unknown form into our error."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ScorecastError):
            raise
        message = (
            f'The server "{server.url}" answers in a form that no MLflow server has '
            f"({type(error).__name__}). Check MLFLOW_TRACKING_URI."
        )
        raise ArtifactError(message) from None


def _named(name: str) -> str:
    """Give the condition of a search that a name is met by."""
    mark = '"' if "'" in name else "'"
    return f"name = {mark}{name}{mark}"


def _model(told: Mapping[str, Any]) -> RegisteredModel:
    versions = [int(each["version"]) for each in told.get("latest_versions", [])]
    return RegisteredModel(
        told["name"],
        max(versions, default=None),
        {each["alias"]: str(each["version"]) for each in told.get("aliases", [])},
        told.get("description", ""),
        _tags(told),
        moment(told.get("creation_timestamp")),
        moment(told.get("last_updated_timestamp")),
    )


def _version(told: Mapping[str, Any]) -> ModelVersion:
    stage = told.get("current_stage", "")
    return ModelVersion(
        str(told["version"]),
        "" if stage == "None" else stage,
        told.get("status", ""),
        told.get("run_id", ""),
        told.get("source", ""),
        told.get("description", ""),
        _tags(told),
        moment(told.get("creation_timestamp")),
        moment(told.get("last_updated_timestamp")),
    )


def _tags(told: Mapping[str, Any]) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in told.get("tags", [])}


def _sentence(error: NotFoundError) -> str:
    return f"The server says: {str(error).rstrip('.')}."


def _joined(uri: str, path: str) -> str:
    return f"{uri.rstrip('/')}/{path}" if path else uri
