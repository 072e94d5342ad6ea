"""Columns that say who predicted a row: the same values in all rows of a run. Driver only."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from pyspark.sql import types as st

from scorecast.artifacts.references import RegisteredRef, parse_reference
from scorecast.artifacts.uri import parse_model_uri
from scorecast.errors import ModelUriError
from scorecast.spark.types import to_arrow

COLUMNS: tuple[tuple[str, st.DataType], ...] = (
    ("model_name", st.StringType()),
    ("model_version", st.StringType()),
    ("model_digest", st.StringType()),
    ("run_id", st.StringType()),
    ("predicted_at", st.TimestampType()),
)
"""Names and types of the columns, which stand behind the prediction."""


def provenance_values(
    resolved_uri: str, digest: str, *, run_id: str, started_at: str, zone: str
) -> tuple[pa.Scalar, ...]:
    """Give the value of each of `COLUMNS` for a run.

    Args:
        resolved_uri: What the model URI stood for. Name and version are NULL for a model that is
            none of a registry.
        digest: Digest of the model's files.
        run_id: Id of the run, as the manifest has it.
        started_at: When its first try began; ISO 8601.
        zone: Time zone of the session, which the type of times is in.
    """
    name, version = _registered(resolved_uri)
    values = (name, version, digest, run_id, datetime.fromisoformat(started_at))
    return tuple(
        pa.scalar(value, to_arrow(kind, zone))
        for (_, kind), value in zip(COLUMNS, values, strict=True)
    )


def _registered(resolved_uri: str) -> tuple[str | None, str | None]:
    """Give name and version of a registered model."""
    uri = parse_model_uri(resolved_uri)
    if uri.scheme != "models":
        return None, None
    try:
        reference = parse_reference(uri)
    except ModelUriError:  # of a client of MLflow that knows more forms
        return None, None
    if isinstance(reference, RegisteredRef):
        return reference.name, reference.version
    return None, None
