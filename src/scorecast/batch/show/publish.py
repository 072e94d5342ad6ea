"""The report of a run that is about to be published. Driver only, once per job."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from scorecast.batch.documents import stage_document, with_document
from scorecast.batch.layout import PROFILE, REPORT
from scorecast.batch.manifest import Manifest, read_manifest
from scorecast.batch.output import Output
from scorecast.batch.show.known import Known, read_profile
from scorecast.batch.show.page import page_of
from scorecast.batch.show.quarantined import read_quarantine
from scorecast.batch.show.report import view_of
from scorecast.errors import MissingExtraError, one_line

NO_JINJA = 'none, for want of Jinja2: pip install "scorecast[report]"'


def add_report(
    output: Output, manifest: Manifest, sources: Mapping[str, str]
) -> tuple[Manifest, Mapping[str, str], str]:
    """Add the report to what is about to be published, and never be a reason not to publish.

    Args:
        output: Where the output is.
        manifest: Manifest of the new version, with its profile among the documents.
        sources: Path of each file in the new version -> where it is now.

    Returns:
        Manifest and sources, and why there is no report; empty where there is one.
    """
    try:
        data = page_of(view_of(_known(output, manifest, sources))).encode()
        staged = stage_document(output, manifest.run_id, REPORT, data)
        return *with_document(manifest, sources, REPORT, staged), ""
    except MissingExtraError:
        return manifest, sources, NO_JINJA
    except Exception as error:  # noqa: BLE001 - whatever it is, the predictions are good
        problem = f"none, it could not be made ({type(error).__name__}: {one_line(error)})"
        warnings.warn(
            f'The report of "{output.path}": {problem}. The predictions are published without it.',
            UserWarning,
            stacklevel=2,
        )
        return manifest, sources, problem


def _known(output: Output, manifest: Manifest, sources: Mapping[str, str]) -> Known:
    profile = None
    if (document := manifest.documents.get(PROFILE)) is not None:
        profile = read_profile(output.store.read(sources[document.path]) or b"")
    quarantine = read_quarantine(manifest.quarantine, lambda path: output.store.uri(sources[path]))
    # As a reader gets it, so that the page is the same when it is made again.
    return Known(read_manifest(manifest.to_json(), output.path), profile, quarantine)
