"""Models of an MLflow server, of Databricks or of Unity Catalog through MLflow itself.

It knows every kind of server, login and plugin that the user has set up. It runs on the driver
only, and is imported here alone.
"""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from scorecast.artifacts.cached import ChangedError, download, until_unchanged
from scorecast.artifacts.credentials import no_server
from scorecast.artifacts.references import (
    LoggedRef,
    Reference,
    RegisteredRef,
    names_logged,
    parse_reference,
)
from scorecast.artifacts.registered import ModelVersion, RegisteredModel, moment
from scorecast.artifacts.uri import parse_model_uri
from scorecast.cache.copies import ModelCopy
from scorecast.cache.origins import Origin
from scorecast.errors import ArtifactError, ArtifactNotFoundError, one_line
from scorecast.progress import Progress
from scorecast.redaction import redacted

_PAGE = 1000
_FULL = (errno.ENOSPC, errno.EDQUOT)
# What MLflow would make in the working directory for the lack of a server.
_STORES = ("mlflow.db", "mlruns")

_Files: TypeAlias = list[tuple[str, int]]


class MlflowClient:
    """The registry and the tracking server that MLflow is set to.

    Args:
        registry: Registry to ask instead, or "".

    Raises:
        ConfigError: It is set to none, and there is no store in the working directory.
    """

    def __init__(self, registry: str = "") -> None:
        import mlflow

        is_set: Callable[[], bool] = mlflow.is_tracking_uri_set
        if not registry and not is_set() and not any(Path(name).exists() for name in _STORES):
            raise no_server("MLFLOW_TRACKING_URI")
        # Else MLflow would make one, as above.
        self._tracking = None if is_set() else registry.replace("-uc", "", 1) or None
        self._client: Any = mlflow.MlflowClient(self._tracking, registry or None)

    def models(self, prefix: str) -> Iterator[RegisteredModel]:
        """Give the registered models whose names begin with `prefix`, page by page."""
        # Unity Catalog takes no condition.
        pages = _pages(self._client.search_registered_models, "list the registered models")
        return (_model(found) for found in pages if found.name.startswith(prefix))

    def model(self, name: str) -> RegisteredModel | None:
        """Give a registered model; None if there is none of that name."""
        try:
            with _errors(f'look up the model "{name}"'):
                return _model(self._client.get_registered_model(name))
        except ArtifactNotFoundError:
            return None

    def versions(self, name: str) -> Iterator[ModelVersion]:
        """Give all versions of a registered model, page by page."""
        mark = '"' if "'" in name else "'"
        search = partial(self._client.search_model_versions, f"name={mark}{name}{mark}")
        return map(_version, _pages(search, f'list the versions of "{name}"'))

    def latest(self, name: str, stage: str | None) -> int | None:
        """Give the newest version, of a stage or of all; None if there is none."""
        stages = None if stage is None else [stage]
        try:
            with _errors(f'look up the newest version of "{name}"'), warnings.catch_warnings():
                # Of stages being given up, which is said once, with what to write instead.
                warnings.simplefilter("ignore", FutureWarning)
                found = self._client.get_latest_versions(name, stages)
        except ArtifactNotFoundError:
            return None
        return max((int(each.version) for each in found), default=None)

    def impatient(self, seconds: float) -> MlflowClient:
        """Give this client: how long MLflow waits is for its own variables to say."""
        del seconds
        return self

    def fetch(self, uri: str, progress: Progress) -> ModelCopy:
        """Give the files that a URI names.

        MLflow downloads all of them, or none, and says itself how far it is. They are taken from
        the cache where it lists what it would download, and that is a logged model or a version
        that was made of one. Other files may have changed without a change in size, so they are
        downloaded anew, and listed before and after: a change of names or sizes meanwhile is
        noticed, one that leaves them as they are is not.

        Raises:
            ArtifactNotFoundError: Nothing is there.
            ArtifactError: MLflow cannot get them, or they change each time.
        """
        del progress
        # MLflow knows no directories inside of a logged model.
        whole, path = uri, ""
        reference = parse_reference(parse_model_uri(uri))
        options: dict[str, str | None] = {}
        if isinstance(reference, LoggedRef):
            whole, path = f"models:/{reference.model_id}", reference.path
        elif isinstance(reference, RegisteredRef) and reference.registry:
            whole, path = f"models:/{reference.name}/{reference.version}", reference.path
            options = {"registry_uri": reference.registry, "tracking_uri": self._tracking}

        def attempt() -> ModelCopy:
            with _errors(f'download "{uri}"'):
                origin, files = self._origin(uri, whole, reference, options)
            size = None if files is None else sum(size for _, size in files)

            def fill(folder: Path) -> Path:
                found = _download(whole, options, folder)
                if not origin.pinned:
                    with _errors(f'list the files of "{uri}"'):
                        after = _listed(whole, reference, options)
                    if after != files:
                        raise ChangedError
                return found

            return download(origin, size, fill, resumes=False)

        copy = until_unchanged(str(parse_model_uri(uri)), attempt)
        directory = copy.directory / path
        if not directory.exists():
            message = f'The model "{whole}" has no directory "{path}". Check the model URI.'
            raise ArtifactNotFoundError(message)
        return replace(copy, directory=directory)

    def _origin(
        self, asked: str, uri: str, reference: Reference, options: Mapping[str, str | None]
    ) -> tuple[Origin, _Files | None]:
        """Give what is known of a URI before its download, and paths and sizes of its files."""
        import mlflow

        facts: list[Any] = [
            uri,
            redacted(mlflow.get_tracking_uri()),
            redacted(options.get("registry_uri") or mlflow.get_registry_uri()),
        ]
        fixed = isinstance(reference, LoggedRef)
        if isinstance(reference, RegisteredRef):
            version = (reference.name, reference.version)
            # A version that is deleted and made again has another place.
            facts.append(self._client.get_model_version_download_uri(*version))
            fixed = names_logged(self._client.get_model_version(*version).source or "")
        files = _listed(uri, reference, options)
        pinned = fixed and bool(files)
        # Those that are downloaded by each call have one directory for it.
        facts.append(files if pinned else None)
        return Origin(str(parse_model_uri(asked)), ("mlflow", *facts), pinned), files


def _listed(uri: str, reference: Reference, options: Mapping[str, str | None]) -> _Files | None:
    """List paths and sizes of what a URI names; None where the store has no sizes."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    below = reference.path if isinstance(reference, RegisteredRef) and not options else ""
    root = uri.removesuffix(f"/{below}") if below else uri  # MLflow lists whole versions alone
    repository: Any = get_artifact_repository(root, **options)
    files, waiting = [], [below]
    while waiting:
        for found in repository.list_artifacts(waiting.pop() or None):
            if found.is_dir:
                waiting.append(found.path)
            elif found.file_size is None:
                return None
            else:
                files.append((found.path, int(found.file_size)))
    return sorted(files)


def _download(uri: str, options: Mapping[str, str | None], folder: Path) -> Path:
    """Download all files into a directory; give the one in it that holds them."""
    import mlflow.artifacts

    into = folder / "model"
    into.mkdir(mode=0o700)
    try:
        with _errors(f'download "{uri}"'):
            found = Path(
                mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into), **options)
            )
    except ArtifactError as error:
        full = next((each for each in _FULL if os.strerror(each) in str(error)), None)
        if full is None:
            raise
        raise OSError(full, os.strerror(full)) from None
    if not found.is_dir():
        message = f'"{uri}" is a file; a model is the directory that holds a file named MLmodel.'
        raise ArtifactNotFoundError(message)
    return found


def _pages(search: Callable[..., Any], what: str) -> Iterator[Any]:
    """Give what a search of MLflow finds, asking for a page when it is needed."""
    token = None
    while True:
        with _errors(what):
            page = search(max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _model(found: Any) -> RegisteredModel:
    versions = [int(each.version) for each in found.latest_versions or ()]
    return RegisteredModel(
        found.name,
        max(versions, default=None),
        {alias: str(version) for alias, version in found.aliases.items()},
        found.description or "",
        dict(found.tags),
        moment(found.creation_timestamp),
        moment(found.last_updated_timestamp),
    )


def _version(found: Any) -> ModelVersion:
    stage = found.current_stage or ""
    return ModelVersion(
        str(found.version),
        "" if stage == "None" else stage,
        str(found.status or ""),
        found.run_id or "",
        found.source or "",
        found.description or "",
        dict(found.tags),
        moment(found.creation_timestamp),
        moment(found.last_updated_timestamp),
    )


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Turn errors of MLflow into ours."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        text = one_line(error)
        kind = ArtifactError
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}:
            kind = ArtifactNotFoundError
        message = (
            f"MLflow cannot {what}: {text.rstrip('.')}. Check the URI, MLFLOW_TRACKING_URI and "
            "the credentials (MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD)."
        )
        # Without the cause, whose text may hold the password of an address.
        raise kind(message) from None
    except Exception as error:  # noqa: BLE001 - what its stores and plugins raise
        text = f"{type(error).__name__}: {one_line(error)}"
        message = f"MLflow cannot {what}: {text}. Check the URI and MLFLOW_TRACKING_URI."
        raise ArtifactError(message) from None
