"""Whether the output is, holds or lies in something that the job reads. Driver only.

Local files are compared by what the system says they are (device and inode of each directory above
them), so that links, mounts, ``..`` and other spellings make no difference; URIs by store, place
and path, where ``s3``, ``s3a`` and ``s3n`` are one store.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from scorecast.errors import OutputError

_ONE_STORE = {
    "s3a": "s3",
    "s3n": "s3",
    "gcs": "gs",
    "abfs": "az",
    "abfss": "az",
    "wasb": "az",
    "wasbs": "az",
    "viewfs": "hdfs",
}
# As Hadoop reads a URI: what follows "?" or "#" is part of the path, and "hdfs:/x" has no host.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(?=/)(?://([^/]*))?(.*)", re.DOTALL)
_Identity = tuple[int, int]


def local_path(path: str) -> Path | None:
    """Give the absolute path of something local, or None when it is on another store."""
    found = _URI.fullmatch(path)
    if found is None:
        return Path(path).absolute()
    return Path(unquote(found[3])).absolute() if found[1].lower() == "file" else None


def place_of(path: str) -> tuple[str, ...]:
    """Give what is the same for all spellings of a file: links followed, ``s3a`` as ``s3``."""
    local = local_path(path)
    if local is not None:
        return ("file", str(_real(local)))
    store, below = _parts(path)
    return (*store, str(below))


def refuse_overlap(output: str, word: str, paths: Iterable[str]) -> None:
    """Refuse an output that is, holds or lies in something that the job reads.

    Args:
        output: Path of the output.
        word: What is read, such as ``"input"``.
        paths: Where it is: files, or directories above them.

    Raises:
        OutputError: They overlap.
    """
    target = local_path(output)
    found = (
        _remote_overlap(output, paths) if target is None else _local_overlap(target, list(paths))
    )
    if found is not None:
        message = (
            f'The output "{output}" is, holds or lies in the {word} "{found}". Writing it would '
            "change what is read. Choose another output."
        )
        raise OutputError(message)


def _local_overlap(target: Path, paths: list[str]) -> str | None:
    # What a job keeps beside the output goes with it.
    control = target.parent / f".{target.name}.scorecast"
    real_target, above = _real(target), set(_upwards(target))
    own = {found for path in (target, control) if (found := _identity(path)) is not None}
    real_of, files = cache(_real), dict[_Identity, str]()
    lies_in_own = cache(lambda folder: not own.isdisjoint(_upwards(folder)))
    for path in paths:
        place = local_path(path)
        if place is None:
            continue
        identity = _identity(place)
        linked = place.is_symlink() or place.name == ".."
        real = _real(place) if linked else real_of(place.parent) / place.name
        if (
            identity in above
            or identity in own
            or lies_in_own(real.parent)
            or real.is_relative_to(real_target)  # by their names where nothing is there yet
            or real_target.is_relative_to(real)
        ):
            return path
        if identity is not None and place.is_file():
            files[identity] = path
    return next((files[found] for found in _files_in(target) if found in files), None)


def _real(path: Path) -> Path:
    # Path.resolve raises for a link that leads to itself.
    return Path(os.path.realpath(path))


def _upwards(path: Path) -> Iterator[_Identity]:
    """Give what exists of a path and all directories above it, followed through links."""
    real = _real(path)
    for place in (real, *real.parents):
        if (identity := _identity(place)) is not None:
            yield identity


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _files_in(folder: Path) -> Iterator[_Identity]:
    """Give the identity of files in a directory that have several names: links to the input."""
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found = Path(place, name).stat()
            except OSError:
                continue
            if found.st_nlink > 1:
                yield found.st_dev, found.st_ino


def _remote_overlap(output: str, paths: Iterable[str]) -> str | None:
    place, target = _parts(output)
    control = target.parent / f".{target.name}.scorecast"
    for path in paths:
        other, source = _parts(path)
        if other == place and (
            source.is_relative_to(target)
            or target.is_relative_to(source)
            or source.is_relative_to(control)
        ):
            return path
    return None


def _parts(uri: str) -> tuple[tuple[str, str], PurePosixPath]:
    found = _URI.fullmatch(uri)
    scheme, place, path = found.groups("") if found is not None else ("", "", uri)
    steps: list[str] = []
    for step in unquote(path).split("/"):
        if step == "..":
            steps[-1:] = []
        elif step not in ("", "."):
            steps.append(step)
    scheme = _ONE_STORE.get(scheme.lower(), scheme.lower())
    return (scheme, _host(scheme, place.lower())), PurePosixPath("/", *steps)


def _host(scheme: str, place: str) -> str:
    """Give the part of a place that tells stores apart."""
    if scheme == "hdfs":
        return ""  # a cluster has several names, and none where it is the default one
    if scheme == "az":  # container@account.dfs.core.windows.net
        return place.partition(".")[0]
    return place.rpartition("@")[2].partition(":")[0]
