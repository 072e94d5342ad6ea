"""Files that tell about a run, published beside its manifest. Driver only."""

from __future__ import annotations

import hashlib

from scorecast.batch.manifest import Document
from scorecast.batch.output import Output


def stage_document(output: Output, run_id: str, name: str, data: bytes) -> tuple[Document, str]:
    """Write a document to where it is published from.

    Args:
        output: The output.
        run_id: The run; what an earlier try of it has staged is replaced.
        name: Name in the output, with ``_`` before it, so that readers of predictions pass it over.
        data: Its content.

    Returns:
        What the manifest says of it, and where it is now.

    Raises:
        OSError: The store refuses.
    """
    store, layout = output.store, output.layout
    place = layout.run(run_id, "data", name)
    store.remove(place)
    store.create(place, data)
    # On flat stores files stay where they were written.
    path = place.removeprefix(f"{layout.output}/") if layout.flat else name
    return Document(path, len(data), hashlib.sha256(data).hexdigest()), place
