"""An output -> what is known about it."""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa

from scorecast.batch.layout import MANIFEST, PROFILE
from scorecast.batch.output import open_output
from scorecast.batch.show.known import Known, Quarantine, read_profile
from scorecast.batch.show.quarantined import read_quarantine
from scorecast.batch.versions import published
from scorecast.errors import OutputError


def known_of(output: str, *, show_values: bool = False) -> Known:
    """Look up what is known about a published output.

    Args:
        output: Path or URI of the output.
        show_values: Whether to give rows of the quarantine with their values.

    Raises:
        OutputError: There is no output, or it has no manifest that can be read.
    """
    place = open_output(output)
    store, layout = place.store, place.layout
    try:
        found = published(store, layout)
    except OSError as error:
        message = f'The output "{output}" cannot be read: {error.strerror or error}.'
        raise OutputError(message) from error
    if found is None:
        message = f'There is no output at "{output}".'
        raise OutputError(message)
    if found.manifest is None:
        message = (
            f'The output "{output}" has no {MANIFEST}: no job has published it, or the file was '
            "removed. Nothing is known of how it was made."
        )
        raise OutputError(message)
    manifest = found.manifest
    profile = None
    with suppress(OSError):
        if (document := manifest.documents.get(PROFILE)) is not None:
            profile = store.read(f"{layout.output}/{document.path}")
    quarantine = Quarantine(sum(file.rows for file in manifest.quarantine), 0)
    with suppress(OSError, pa.ArrowException):  # `verify` says what is wrong with files
        quarantine = read_quarantine(
            manifest.quarantine,
            lambda path: store.uri(f"{layout.output}/{path}"),
            show_values=show_values,
        )
    return Known(manifest, None if profile is None else read_profile(profile), quarantine)
