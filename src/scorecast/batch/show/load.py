"""An output -> what is known about it."""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa

from scorecast.batch.documents import read_document
from scorecast.batch.layout import PROFILE
from scorecast.batch.output import manifest_of, open_output
from scorecast.batch.show.known import Known, Quarantine, read_profile
from scorecast.batch.show.quarantined import read_quarantine
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
        manifest = manifest_of(place, "Nothing is known of how it was made.")
    except OSError as error:
        message = f'The output "{output}" cannot be read: {error.strerror or error}.'
        raise OutputError(message) from error
    profile = None
    with suppress(OSError):
        profile = read_document(place, manifest, PROFILE)
    quarantine = Quarantine(sum(file.rows for file in manifest.quarantine), 0)
    with suppress(OSError, pa.ArrowException):  # `verify` says what is wrong with files
        quarantine = read_quarantine(
            manifest.quarantine,
            lambda path: store.uri(f"{layout.output}/{path}"),
            show_values=show_values,
        )
    return Known(manifest, None if profile is None else read_profile(profile), quarantine)
