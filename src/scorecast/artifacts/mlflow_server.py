"""Models of an MLflow server by its REST interface, without MLflow.

The calls are those of MLflow's documentation (REST API 2.0); the artifacts come through the server
itself where it passes them on (``mlflow-artifacts:``), else from where they are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from scorecast.artifacts.references import LoggedRef, RegisteredRef, RunRef, parse_reference
from scorecast.artifacts.server import NotFoundError, Server, download, get_json, post_json
from scorecast.artifacts.uri import parse_model_uri
from scorecast.errors import ArtifactError, ArtifactNotFoundError

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_PROXIED = "mlflow-artifacts"
_PAGE = 1000
_AT_ONCE = 4
# A version may lead to a logged model, and that to where it is stored.
_LONGEST_WAY = 5
_HERE = PurePosixPath()

Elsewhere = Callable[[str, Path], Path]
"""Gives a directory with artifacts that are not on the server, by their URI; may write into one."""


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

    def model_names(self) -> list[str]:
        """Give the names of registered models, the first thousand of them."""
        found = get_json(self.registry, f"{_API}/registered-models/search", {"max_results": _PAGE})
        return [model["name"] for model in found.get("registered_models", [])]

    def aliases(self, name: str) -> dict[str, str] | None:
        """Give the aliases of a registered model with their versions; None if there is none."""
        try:
            found = get_json(self.registry, f"{_API}/registered-models/get", {"name": name})
        except NotFoundError:
            return None
        aliases = found["registered_model"].get("aliases", [])
        return {each["alias"]: str(each["version"]) for each in aliases}

    def latest(self, name: str, stage: str | None) -> int | None:
        """Give the newest version, of a stage or of all; None if there is none."""
        body = {"name": name} if stage is None else {"name": name, "stages": [stage]}
        try:
            found = post_json(self.registry, f"{_API}/registered-models/get-latest-versions", body)
        except NotFoundError:
            return None
        return max((int(each["version"]) for each in found.get("model_versions", [])), default=None)

    def fetch(self, uri: str, into: Path) -> Path:
        """Give a directory with the files that a URI names, downloading them into `into`.

        Args:
            uri: ``models:`` with a version or an id, ``runs:``, or ``mlflow-artifacts:``.
            into: A directory that does not exist.

        Raises:
            ArtifactNotFoundError: Nothing is there.
            ArtifactError: The server cannot be reached, refuses, or sends what cannot be right.
        """
        return self._fetch(uri, into, _LONGEST_WAY)

    def _fetch(self, uri: str, into: Path, way: int) -> Path:
        if not way:
            message = f'The server sends from one place to the next for the model at "{uri}".'
            raise ArtifactError(message)
        parsed = parse_model_uri(uri)
        if parsed.scheme == _PROXIED:
            return self._download(uri, into)
        if parsed.scheme not in {"models", "runs"}:
            return self.elsewhere(uri, into)
        reference = parse_reference(parsed)
        if isinstance(reference, RunRef):
            return self._of_run(reference, into, way)
        return self._fetch(_joined(self._location(reference), reference.path), into, way - 1)

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

    def _of_run(self, reference: RunRef, into: Path, way: int) -> Path:
        """Fetch artifacts of a run, or the model that it logged under that name (MLflow 3)."""
        try:
            run = get_json(self.tracking, f"{_API}/runs/get", {"run_id": reference.run_id})["run"]
        except NotFoundError as error:
            message = f"{_sentence(error)} Check the id of the run."
            raise ArtifactNotFoundError(message) from None
        logged = self._logged_model(run["info"]["experiment_id"], reference)
        if logged is not None:
            return self._fetch(logged, into, way - 1)
        return self._fetch(_joined(run["info"]["artifact_uri"], reference.path), into, way - 1)

    def _logged_model(self, experiment: str, reference: RunRef) -> str | None:
        """Give the URI of the model that a run has logged under a name, or None."""
        name, _, path = reference.path.partition("/")
        quoted = name.replace("'", "''")
        body: dict[str, Any] = {"experiment_ids": [experiment], "filter": f"name = '{quoted}'"}
        try:
            while True:
                found = post_json(self.tracking, f"{_API}/logged-models/search", body)
                for model in found.get("models", []):
                    if model["info"].get("source_run_id") == reference.run_id:
                        return _joined(f"models:/{model['info']['model_id']}", path)
                if not found.get("next_page_token"):
                    return None
                body["page_token"] = found["next_page_token"]
        except NotFoundError:  # a server before MLflow 3
            return None

    def _download(self, uri: str, into: Path) -> Path:
        parts = urlsplit(uri)
        if parts.netloc and parts.netloc != urlsplit(self.tracking.url).netloc:
            message = (
                f'The artifacts "{uri}" are on another server than the tracking server '
                f'"{self.tracking.url}". Set MLFLOW_TRACKING_URI to that server.'
            )
            raise ArtifactError(message)
        root = PurePosixPath(parts.path.strip("/"))
        try:
            files = list(self._files(root))
        except NotFoundError:
            files = []
        if not files:
            message = f'The server "{self.tracking.url}" has no files at "{uri}".'
            raise ArtifactNotFoundError(message)
        into.mkdir(mode=0o700, parents=True)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            jobs = [pool.submit(self._file, root, path, size, into) for path, size in files]
            for job in jobs:
                job.result()
        return into

    def _file(self, root: PurePosixPath, path: PurePosixPath, size: int | None, into: Path) -> None:
        target = into / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            download(self.tracking, f"{_ARTIFACTS}/{root / path}", target, size)
        except NotFoundError as error:
            message = f'The file "{path}" of the model is gone from the server: {error}. Run again.'
            raise ArtifactNotFoundError(message) from None

    def _files(
        self, root: PurePosixPath, below: PurePosixPath = _HERE
    ) -> list[tuple[PurePosixPath, int | None]]:
        """Give path below `root` and size of every file."""
        found = get_json(self.tracking, _ARTIFACTS, {"path": str(root / below)})
        files: list[tuple[PurePosixPath, int | None]] = []
        for each in found.get("files", []):
            path = below / _name(each)
            if each.get("is_dir"):
                files += self._files(root, path)
            else:
                size = each.get("file_size")
                files.append((path, None if size is None else int(size)))
        return files


def _name(entry: Mapping[str, Any]) -> str:
    """Give the name of a file or directory that a server lists: one that leads nowhere else."""
    name = PurePosixPath(str(entry["path"])).name
    if name in {"", ".", ".."} or "\0" in name or "\\" in name:
        message = f"The server lists a file that leads out of the model: {name!r}."
        raise ArtifactError(message)
    return name


def _sentence(error: NotFoundError) -> str:
    return f"The server says: {str(error).rstrip('.')}."


def _joined(uri: str, path: str) -> str:
    return f"{uri.rstrip('/')}/{path}" if path else uri
