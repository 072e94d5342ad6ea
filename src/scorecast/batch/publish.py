"""Publish an output in one step, and put right what a run that died has left. Driver only.

A store whose directories can be renamed gets the whole new output as a directory of its own, which
then changes places with the old one: in one step where the store can swap two directories, else by
two renames with a journal, which the next run completes or undoes. A flat object store gets one new
object, the next numbered manifest, which can be made by one writer alone.

A version of an output is known by the run that published it. Publishing compares: it ends without a
change when the output is not the version any more that the run started from. No lock is needed for
that. Of two jobs that swap directories at the same instant, the later one sees that what it got out
is not what it started from, and swaps back; a reader may meet its version meanwhile, as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress

from scorecast.batch.layout import MANIFEST, SUCCESS, Layout
from scorecast.batch.manifest import Manifest
from scorecast.batch.stores.base import DirectoryStore, Store
from scorecast.batch.versions import (
    Published,
    is_at,
    is_published,
    published,
    replaces,
    version_at,
)
from scorecast.errors import OutputChangedError

Step = Callable[[str], None]
"""Told the name of each step of a job right before it is done."""

PUBLISH_STEPS = (
    "publish:clear",
    "publish:place",
    "publish:keep-version",
    "publish:write-manifest",
    "publish:compare",
    "publish:move",
    "publish:exchange",
    "publish:undo",
    "publish:set-aside",
    "publish:journal",
    "publish:journal-old",
    "publish:journal-new",
    "publish:journal-end",
    "publish:point",
    "publish:done",
)
"""The steps of publishing, for those who follow or interrupt it."""


def publish_directory(  # noqa: PLR0913 - what one publish is made of
    store: DirectoryStore,
    layout: Layout,
    manifest: Manifest,
    sources: Mapping[str, str],
    base: str | None,
    step: Step,
    *,
    keep_version: bool = True,
) -> None:
    """Let the new output take the place of the old one.

    Args:
        store: Where the output is.
        layout: Its name.
        manifest: Manifest of the new output.
        sources: Path of each file in the new output -> where it is now.
        base: Version that the run started from, or None for no output.
        step: Told each step.
        keep_version: Whether links to the files are made where a later replacement leaves them
            alone, which take no space as long as the output is there.

    Raises:
        OutputChangedError: The output is not `base` any more; it is left as it is.
        OSError: The store refuses; the output is the old or the new one.
    """
    run_id = manifest.run_id
    ready = layout.run(run_id, "ready")
    _stage(store, layout, manifest, sources, step)
    if keep_version:
        _keep(store, layout, manifest, sources, step)
    step("publish:compare")
    _compare(published(store, layout), base, layout)
    try:
        if base is None:
            step("publish:move")
            store.move(ready, layout.output)
        else:
            _replace(store, layout, run_id, base, step)
    except OSError as error:
        # What a store does after the change, such as bringing it to the disk, may fail alone.
        if not is_published(store, layout, run_id):
            if isinstance(error, FileExistsError | FileNotFoundError):
                raise _changed(layout) from error
            raise
    step("publish:done")


def publish_pointer(
    store: Store, layout: Layout, manifest: Manifest, base: Published | None, step: Step
) -> None:
    """Make the manifest of the new output the newest one.

    Raises:
        OutputChangedError: Another run has published since this one started.
        OSError: The store refuses.
    """
    number = base.number if base is not None else 0
    step("publish:compare")
    _compare(published(store, layout), None if base is None else base.version, layout)
    step("publish:point")
    path, data = layout.version(number + 1), manifest.to_json()
    try:
        made = store.create(path, data)
    except OSError:
        # The answer may have been lost, and not the manifest.
        if store.read(path) != data:
            raise
    else:
        # A store that tried twice finds what its first try has made.
        if not made and store.read(path) != data:
            raise _changed(layout)
    step("publish:done")


def recover(store: DirectoryStore, layout: Layout) -> None:
    """Complete or undo what a run that died while it published has left half done.

    Call it with the lock held. On a store without locks it may meet a job that is alive: it does
    then what that job was about to do.

    Raises:
        OutputError: There is a manifest that cannot be read.
        OSError: The store refuses.
    """
    if not store.exists(layout.output):
        for run_id in store.children(layout.runs):
            ready, old = layout.run(run_id, "ready"), layout.run(run_id, "replaced")
            # Both are there only between the two renames.
            if store.exists(ready) and store.exists(old):
                with suppress(FileExistsError, FileNotFoundError):  # a job that is alive did it
                    store.move(ready if replaces(store, ready, old) else old, layout.output)
                break
    store.remove(layout.journal)
    found = version_at(store, layout.output)
    if found is None or found.manifest is None:
        return
    ready, old = layout.run(found.version, "ready"), layout.run(found.version, "replaced")
    if not store.exists(ready):
        return
    if not replaces(store, layout.output, ready):
        store.exchange(ready, layout.output)
    elif not store.exists(old):
        store.move(ready, old)


def _stage(
    store: DirectoryStore,
    layout: Layout,
    manifest: Manifest,
    sources: Mapping[str, str],
    step: Step,
) -> None:
    """Put the whole new output together."""
    ready = layout.run(manifest.run_id, "ready")
    step("publish:clear")
    store.remove(ready)
    store.remove(layout.run(manifest.run_id, "version"))
    step("publish:place")
    for target, source in sources.items():
        _place(store, layout, source, f"{ready}/{target}")
    _complete(store, ready, manifest, step)


def _keep(
    store: DirectoryStore,
    layout: Layout,
    manifest: Manifest,
    sources: Mapping[str, str],
    step: Step,
) -> None:
    """Make links to the files of the new output, for those who read it when it is replaced."""
    ready = layout.run(manifest.run_id, "ready")
    version = layout.run(manifest.run_id, "version")
    step("publish:keep-version")
    if store.links and all(store.link(f"{ready}/{path}", f"{version}/{path}") for path in sources):
        _complete(store, version, manifest, step)
    else:
        store.remove(version)


def _place(store: DirectoryStore, layout: Layout, source: str, target: str) -> None:
    if store.link(source, target):
        return
    if source.startswith(f"{layout.output}/"):
        store.copy(source, target)  # readers of the old output need it where it is
    else:
        store.move_file(source, target)


def _complete(store: DirectoryStore, tree: str, manifest: Manifest, step: Step) -> None:
    store.create(f"{tree}/{SUCCESS}", b"")
    step("publish:write-manifest")
    store.create(f"{tree}/{MANIFEST}", manifest.to_json())
    store.sync(tree)


def _replace(store: DirectoryStore, layout: Layout, run_id: str, base: str, step: Step) -> None:
    ready = layout.run(run_id, "ready")
    step("publish:exchange")
    if not store.exchange(ready, layout.output):
        _swap(store, layout, run_id, base, step)
        return
    if not is_at(store, ready, base):
        step("publish:undo")
        with suppress(OSError):  # `recover` does it then
            store.exchange(ready, layout.output)
        raise _changed(layout)
    step("publish:set-aside")
    with suppress(OSError):  # `recover` does it then
        store.move(ready, layout.run(run_id, "replaced"))


def _swap(store: DirectoryStore, layout: Layout, run_id: str, base: str, step: Step) -> None:
    """Put the new output in the place of the old one in two steps, told to a journal before."""
    old = layout.run(run_id, "replaced")
    step("publish:journal")
    if not store.create(layout.journal, json.dumps({"run_id": run_id}).encode()):
        raise _changed(layout)
    try:
        # Again, since nobody else swaps from here on.
        _compare(published(store, layout), base, layout)
        step("publish:journal-old")
        store.move(layout.output, old)
        _compare(version_at(store, old), base, layout)
        step("publish:journal-new")
        store.move(layout.run(run_id, "ready"), layout.output)
    except BaseException:
        with suppress(OSError):  # `recover` does it then
            if store.exists(old) and not store.exists(layout.output):
                store.move(old, layout.output)
            store.remove(layout.journal)
        raise
    step("publish:journal-end")
    with suppress(OSError):  # `recover` does it then
        store.remove(layout.journal)


def _compare(found: Published | None, base: str | None, layout: Layout) -> None:
    if (None if found is None else found.version) != base:
        raise _changed(layout)


def _changed(layout: Layout) -> OutputChangedError:
    return OutputChangedError(
        f'The output "{layout.output}" has changed while the job ran: another job published, or '
        "somebody wrote to it. It is left as it is, and nothing was published. Run again to work "
        "on the output as it is now."
    )


__all__ = [
    "PUBLISH_STEPS",
    "Published",
    "Step",
    "is_published",
    "publish_directory",
    "publish_pointer",
    "published",
    "recover",
]
