"""Versions of an output: which one readers see, and what replaced what. Driver only.

A version is known by the run that published it. A directory that no job has published is known by
the names and sizes of its files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from scorecast.batch.layout import MANIFEST, Layout
from scorecast.batch.manifest import Manifest, read_manifest
from scorecast.batch.stores.base import Store
from scorecast.errors import OutputError


@dataclass(frozen=True, slots=True)
class Published:
    """A version of an output that readers see.

    Attributes:
        version: Id of the run that published it; of an output that no job published, a digest of
            the names and sizes of its files.
        manifest: Its manifest, or None when no job published it.
        number: Number of the manifest on a flat store, else 0.
    """

    version: str
    manifest: Manifest | None
    number: int = 0


def published(store: Store, layout: Layout) -> Published | None:
    """Give what readers of the output see now, or None where there is nothing.

    Raises:
        OutputError: There is a manifest that cannot be read.
    """
    if layout.flat:
        return _newest(store, layout)
    return version_at(store, layout.output)


def is_published(store: Store, layout: Layout, run_id: str) -> bool:
    """Tell whether the output that readers see now is known to be the one of a run."""
    try:
        found = published(store, layout)
    except (OSError, OutputError):
        return False
    return found is not None and found.version == run_id


def replaces(store: Store, new: str, old: str) -> bool:
    """Tell whether the version at one place was made to replace the one at another."""
    found = version_at(store, new)
    base = None if found is None or found.manifest is None else found.manifest.run.base_version
    return base is not None and is_at(store, old, base)


def is_at(store: Store, path: str, version: str) -> bool:
    """Tell whether a directory holds a version."""
    found = version_at(store, path)
    return found is not None and found.version == version


def _newest(store: Store, layout: Layout) -> Published | None:
    names = [name.removesuffix(".json") for name in store.children(layout.versions)]
    numbers = [int(name) for name in names if name.isdecimal()]
    if not numbers:
        return _unpublished(store, layout)
    path = layout.version(max(numbers))
    manifest = read_manifest(store.read(path) or b"", store.uri(path))
    return Published(manifest.run_id, manifest, max(numbers))


def _unpublished(store: Store, layout: Layout) -> Published | None:
    """Tell whether something that no job has published is at a place of a flat store."""
    others = [
        (entry.path, entry.size)
        for entry in store.entries(layout.output)
        if not entry.path.startswith(f"{layout.control}/")
    ]
    return Published(_listing(others), None) if others else None


def version_at(store: Store, path: str) -> Published | None:
    """Give the version that a directory holds, or None where nothing is.

    Raises:
        OutputError: It has a manifest that cannot be read.
    """
    data = store.read(f"{path}/{MANIFEST}")
    if data is not None:
        manifest = read_manifest(data, store.uri(f"{path}/{MANIFEST}"))
        return Published(manifest.run_id, manifest)
    if not store.exists(path):
        return None
    found = [(entry.path.removeprefix(path), entry.size) for entry in store.entries(path)]
    if store.exists(f"{path}/{MANIFEST}"):  # it was put here between the two looks
        return version_at(store, path)
    return Published(_listing(found), None)


def _listing(files: list[tuple[str, int]]) -> str:
    return f"listing:{hashlib.sha256(repr(sorted(files)).encode()).hexdigest()}"
