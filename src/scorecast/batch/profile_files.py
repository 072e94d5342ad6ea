"""Statistics that tasks and units of a run have left as files. Driver only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from scorecast.batch.stores.base import Store
from scorecast.worker.profile import merged

# Of wide data they are large, so that only so many are held at a time.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class ProfileFiles:
    """The profiles of a run.

    Attributes:
        store: Where they are.
        folder: Directory in it; the paths of profiles are relative to it.
    """

    store: Store
    folder: str

    def read(self, paths: Sequence[str]) -> Iterator[dict[str, Any] | None]:
        """Give profiles in their order, None for those that are gone or cut."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for first in range(0, len(paths), _AT_ONCE):
                yield from pool.map(self._read, paths[first : first + _AT_ONCE])

    def merge(self, unit: str, paths: Sequence[str]) -> str | None:
        """Make one profile of those of the tasks of a unit.

        Args:
            unit: Name of the unit.
            paths: Profiles of its tasks.

        Returns:
            Its path; None where there is none.

        Raises:
            OSError: The store refuses.
        """
        if len(paths) < 2:  # noqa: PLR2004 - there is nothing to merge
            return paths[0] if paths else None
        path = f"{unit}/{uuid4().hex}.json"
        self.store.create(f"{self.folder}/{path}", json.dumps(merged(self.read(paths))).encode())
        return path

    def _read(self, path: str) -> dict[str, Any] | None:
        data = self.store.read(f"{self.folder}/{path}")
        try:
            found: dict[str, Any] | None = json.loads(data or b"null")
        except ValueError:  # cut by a loss of power, since nothing waits for the disk
            return None
        return found
