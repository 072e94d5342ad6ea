"""Paths that a file of a model names: resolved inside of its directory, or refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scorecast.errors import MLmodelError
from scorecast.texts import printable

# A scheme of a URI, or a drive of Windows.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Keys of any flavor that MLflow or scorecast joins with the directory of the model.
# model_code_path is not among them: it is a path of the author's machine, taken by its last part.
_PATH_KEYS = (
    "code",
    "data",
    "model_binary",
    "model_data",
    "model_path",
    "pickled_model",
    "python_model",
)


def safe_join(root: Path, relative: object, *, named_by: str = "The MLmodel file") -> Path:
    """Resolve a path that a file of a model names.

    Args:
        root: Directory of the model.
        relative: The path as it stands in the file.
        named_by: The file, for the message.

    Returns:
        The resolved path; nothing need be there.

    Raises:
        MLmodelError: It is no text, is absolute, has ``..``, a scheme, a drive, a backslash or a
            control character, or a link leads it out of the directory.
    """
    problem = _problem(relative) if isinstance(relative, str) else "it is no text"
    if problem is None:
        resolved, inside = (root / str(relative)).resolve(), root.resolve()
        if resolved.is_relative_to(inside):
            return resolved
        problem = "a link leads it out of the directory"
    message = (
        f'{named_by} names "{printable(str(relative))}", which lies outside the model directory '
        f"or may do so: {problem}. Nothing was loaded. Expected a relative path inside of the "
        "directory; save the model again."
    )
    raise MLmodelError(message)


def check_paths(root: Path, flavors: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a model of which any flavor names a path that is not inside of its directory.

    Raises:
        MLmodelError: See `safe_join`.
    """
    for keys in flavors.values():
        for path in _paths_of(keys):
            safe_join(root, path)


def _paths_of(keys: Mapping[str, Any]) -> Iterator[Any]:
    env, artifacts = keys.get("env"), keys.get("artifacts")
    named = [keys.get(key) for key in _PATH_KEYS]
    named += list(env.values()) if isinstance(env, Mapping) else [env]
    if isinstance(artifacts, Mapping):
        # "uri" is where an artifact came from; it is not read again.
        named += [each.get("path") for each in artifacts.values() if isinstance(each, Mapping)]
    return (path for path in named if path)


def _problem(relative: str) -> str | None:
    if _CONTROL.search(relative):
        return "it holds a control character"
    if "\\" in relative:
        return "it holds a backslash"
    if relative.startswith("/"):
        return "it is absolute"
    if _SCHEME.match(relative):
        return "it begins with a scheme or a drive"
    if ".." in relative.split("/"):
        return 'it holds ".."'
    return None
