"""Remove what runs have left beside an output and nobody needs any more. Driver only.

Called with the lock held, so that no run of this output is alive but the caller's. On stores
without locks a run counts as dead when nothing of it has changed for `SILENT_SECONDS`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from scorecast.batch.layout import MANIFEST, Layout
from scorecast.batch.manifest import Manifest, read_manifest
from scorecast.batch.stores.base import Store
from scorecast.batch.versions import published
from scorecast.errors import OutputError

SILENT_SECONDS = 24 * 3600.0
"""How long the staging of a dead run is kept, so that the same job may go on with it."""

_STAGING = ("plan.json", "data", "stops", "profiles", "commits", "ready")


def collect(  # noqa: PLR0913 - what decides on what goes
    store: Store,
    layout: Layout,
    *,
    keep_seconds: float,
    alive: str | None = None,
    locked: bool,
    now: float | None = None,
) -> list[str]:
    """Remove replaced versions after their time, and the staging of dead runs.

    Args:
        store: Where the output is.
        layout: Its names.
        keep_seconds: How long a replaced version is kept, from when it was replaced.
        alive: A run that goes on and must not be touched.
        locked: Whether the caller holds the lock, which no other run can do.
        now: The time, in seconds since 1970; None for that of the clock.

    Returns:
        What was removed.

    Raises:
        OutputError: The manifest of the output cannot be read.
        OSError: The store refuses.
    """
    now = time.time() if now is None else now
    found = published(store, layout)
    current = set() if found is None else {found.version}
    manifests = {
        manifest.run_id: manifest for manifest in _manifests(store, layout, now - keep_seconds)
    }
    replaced = _replaced_at(manifests.values())
    # Versions that somebody may read; on a flat store they hold files of earlier runs, too.
    over = {version for version, at in replaced.items() if at + keep_seconds <= now} - current
    kept = current | (replaced.keys() - over)
    if layout.flat:
        kept |= _writers(manifests[version] for version in kept if version in manifests)
    removed = []
    for run_id in store.children(layout.runs):
        if run_id == alive:
            continue
        if run_id in kept:
            parts = _done_with(layout, manifests.get(run_id), now - keep_seconds)
            places = [
                layout.run(run_id, part)
                for part in store.children(layout.run(run_id))
                if part in parts
            ]
        elif run_id in over or _is_dead(store, layout, run_id, now, locked=locked):
            places = [layout.run(run_id)]
        else:
            places = []
        for place in places:
            store.remove(place)
        removed += places
    return removed


def remove_staging(store: Store, layout: Layout, run_id: str) -> None:
    """Remove what a published run needed to get there."""
    for part in _staging(layout):
        store.remove(layout.run(run_id, part))
    if not store.children(layout.run(run_id)):
        store.remove(layout.run(run_id))


def abandon(store: Store, layout: Layout, run_id: str) -> None:
    """Remove what a run that failed has left, if nobody can need it.

    A store may report a failure of a publish that took effect, and one that fails twice may leave
    the only copy of the old output with the run. Both are left for the next run to put right.

    Raises:
        OutputError: The manifest of the output cannot be read; nothing is removed.
        OSError: The store refuses.
    """
    found = published(store, layout)
    manifest = None if found is None else found.manifest
    needed = set() if manifest is None else _writers([manifest]) | {manifest.run_id}
    if run_id not in needed and not store.exists(layout.run(run_id, "replaced")):
        store.remove(layout.run(run_id))
        store.remove_if_empty(layout.runs)


def _staging(layout: Layout) -> tuple[str, ...]:
    """Name what a published run needs no more: on flat stores its data are the output."""
    return tuple(part for part in _STAGING if not (layout.flat and part == "data"))


def _done_with(layout: Layout, manifest: Manifest | None, long_ago: float) -> tuple[str, ...]:
    """Name the parts of a published run that have done their work."""
    # What it replaced stays readable for a while.
    if manifest is not None and _time(manifest) > long_ago:
        return _staging(layout)
    return (*_staging(layout), "replaced")


def _is_dead(store: Store, layout: Layout, run_id: str, now: float, *, locked: bool) -> bool:
    """Tell whether a run that did not publish may be forgotten."""
    if locked and not store.children(layout.run(run_id, "commits")):
        return True  # there is nothing to go on with
    changed = [entry.modified for entry in store.entries(layout.run(run_id))]
    return max(changed, default=0.0) + SILENT_SECONDS <= now


def _manifests(store: Store, layout: Layout, long_ago: float) -> Iterator[Manifest]:
    """Give the manifests of runs that have published or were about to, where they can be read.

    On flat stores, where manifests are never removed, only those that somebody may still go by.
    """
    places = [layout.manifest]
    if layout.flat:
        names = sorted(store.children(layout.versions), reverse=True)
        places = [f"{layout.versions}/{name}" for name in names]
    for run_id in store.children(layout.runs) if not layout.flat else ():
        places += [layout.run(run_id, part, MANIFEST) for part in ("version", "replaced")]
    for place in places:
        data = store.read(place)
        if data is None:
            continue
        with suppress(OutputError):
            manifest = read_manifest(data, place)
            yield manifest
            # What was replaced before has gone, or goes with the staging of dead runs.
            if layout.flat and _time(manifest) <= long_ago:
                return


def _replaced_at(manifests: Iterable[Manifest]) -> Mapping[str, float]:
    """Tell when each version was replaced by the next."""
    times: dict[str, float] = {}
    for manifest in manifests:
        base = manifest.run.base_version
        if base is not None:
            times[base] = max(times.get(base, 0.0), _time(manifest))
    return times


def _time(manifest: Manifest) -> float:
    return datetime.fromisoformat(manifest.run.published_at).timestamp()


def _writers(manifests: Iterable[Manifest]) -> set[str]:
    """Give the runs that have written the files of some versions."""
    return {
        file.run_id for manifest in manifests for file in (*manifest.files, *manifest.quarantine)
    }
