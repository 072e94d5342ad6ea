"""Models of an MLflow server, of Databricks or of Unity Catalog through MLflow itself.

It knows every kind of server, login and plugin that the user has set up. It runs on the driver
only, and is imported here alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scorecast.artifacts.credentials import no_server
from scorecast.errors import ArtifactError, ArtifactNotFoundError

_PAGE = 1000


# What MLflow would make in the working directory for the lack of a server.
_STORES = ("mlflow.db", "mlruns")


class MlflowClient:
    """The registry and the tracking server that MLflow is set to.

    Raises:
        ConfigError: It is set to none, and there is no store in the working directory.
    """

    def __init__(self) -> None:
        import mlflow

        is_set: Callable[[], bool] = mlflow.is_tracking_uri_set
        if not is_set() and not any(Path(name).exists() for name in _STORES):
            raise no_server("MLFLOW_TRACKING_URI")
        self._client: Any = mlflow.MlflowClient()

    def model_names(self) -> list[str]:
        """Give the names of registered models, the first thousand of them."""
        with _errors("list the registered models"):
            return [
                found.name for found in self._client.search_registered_models(max_results=_PAGE)
            ]

    def aliases(self, name: str) -> dict[str, str] | None:
        """Give the aliases of a registered model with their versions; None if there is none."""
        try:
            with _errors(f'look up the model "{name}"'):
                model = self._client.get_registered_model(name)
        except ArtifactNotFoundError:
            return None
        return {alias: str(version) for alias, version in model.aliases.items()}

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

    def fetch(self, uri: str, into: Path) -> Path:
        """Download the files that a URI names into `into`, which does not exist.

        Raises:
            ArtifactNotFoundError: Nothing is there.
            ArtifactError: MLflow cannot get them.
        """
        import mlflow.artifacts

        into.mkdir(mode=0o700, parents=True)
        with _errors(f'download "{uri}"'):
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into)))


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Turn errors of MLflow into ours."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        text = " ".join(str(error).split())[:500]
        kind = ArtifactError
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}:
            kind = ArtifactNotFoundError
        message = (
            f"MLflow cannot {what}: {text.rstrip('.')}. Check the URI, MLFLOW_TRACKING_URI and "
            "the credentials."
        )
        raise kind(message) from error
    except Exception as error:  # what its stores and plugins raise
        text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        message = f"MLflow cannot {what}: {text}. Check the URI and MLFLOW_TRACKING_URI."
        raise ArtifactError(message) from error
