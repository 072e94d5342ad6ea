"""Files that tell about a run, published beside its manifest. Driver only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from scorecast.batch.manifest import Document, Manifest
from scorecast.batch.output import Output


def stage_document(output: Output, run_id: str, name: str, data: bytes) -> tuple[Document, str]:
    """Write a document to where it is published from.

    Args:
        output: The output.
        run_id: The run; what an earlier try of it has staged is replaced, but on flat stores.
        name: Name in the output, with ``_`` before it, so that readers of predictions pass it over.
        data: Its content.

    Returns:
        What the manifest says of it, and where it is now.

    Raises:
        OSError: The store refuses.
    """
    store, layout = output.store, output.layout
    if layout.flat:
        # Files stay where they were written, and two drivers of one job may both be alive: what one
        # has published must stay as it is.
        place = layout.run(run_id, "data", uuid4().hex, name)
        path = place.removeprefix(f"{layout.output}/")
    else:
        place, path = layout.run(run_id, "data", name), name
        store.remove(place)
    store.create(place, data)
    return Document(path, len(data), hashlib.sha256(data).hexdigest()), place


def read_document(output: Output, manifest: Manifest, name: str) -> bytes | None:
    """Read a document of a published output; None where it has none, or the file is gone.

    Raises:
        OSError: The store refuses.
    """
    document = manifest.documents.get(name)
    return (
        None if document is None else output.store.read(f"{output.layout.output}/{document.path}")
    )


def with_document(
    manifest: Manifest, sources: Mapping[str, str], name: str, staged: tuple[Document, str]
) -> tuple[Manifest, Mapping[str, str]]:
    """Add a document to a manifest, and to the files that are published.

    Args:
        manifest: Manifest of the new version.
        sources: Path of each file in it -> where it is now.
        name: Name of the document.
        staged: What `stage_document` gave.
    """
    document, place = staged
    documents = {**manifest.documents, name: document}
    return replace(manifest, documents=documents), {**sources, document.path: place}
