"""Models of an MLflow server, of Databricks or of Unity Catalog through MLflow itself.

It knows every kind of server, login and plugin that the user has set up. It runs on the driver
only, and is imported here alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from scorecast.artifacts.credentials import no_server
from scorecast.artifacts.references import LoggedRef, RegisteredRef, parse_reference
from scorecast.artifacts.registered import ModelVersion, RegisteredModel, moment
from scorecast.artifacts.uri import parse_model_uri, writing
from scorecast.errors import ArtifactError, ArtifactNotFoundError, one_line

_PAGE = 1000
# What MLflow would make in the working directory for the lack of a server.
_STORES = ("mlflow.db", "mlruns")


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

    def fetch(self, uri: str, into: Path) -> Path:
        """Download the files that a URI names into `into`, which does not exist.

        Raises:
            ArtifactNotFoundError: Nothing is there.
            ArtifactError: MLflow cannot get them.
        """
        import mlflow.artifacts

        # MLflow knows no directories inside of a logged model.
        whole, path = uri, ""
        reference = parse_reference(parse_model_uri(uri))
        options: dict[str, str | None] = {}
        if isinstance(reference, LoggedRef):
            whole, path = f"models:/{reference.model_id}", reference.path
        elif isinstance(reference, RegisteredRef) and reference.registry:
            whole, path = f"models:/{reference.name}/{reference.version}", reference.path
            options = {"registry_uri": reference.registry, "tracking_uri": self._tracking}
        with writing(into):
            into.mkdir(mode=0o700, parents=True)
        with _errors(f'download "{uri}"'):
            found = mlflow.artifacts.download_artifacts(
                artifact_uri=whole, dst_path=str(into), **options
            )
        directory = Path(found) / path
        if not directory.exists():
            message = f'The model "{whole}" has no directory "{path}". Check the model URI.'
            raise ArtifactNotFoundError(message)
        return directory


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
            "the credentials."
        )
        # Without the cause, whose text may hold the password of an address.
        raise kind(message) from None
    except Exception as error:  # noqa: BLE001 - what its stores and plugins raise
        text = f"{type(error).__name__}: {one_line(error)}"
        message = f"MLflow cannot {what}: {text}. Check the URI and MLFLOW_TRACKING_URI."
        raise ArtifactError(message) from None
