"""Columns that say who predicted a row: the same values in all rows of a run. Driver only."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from pyspark.sql import types as st

from scorecast.spark.types import to_arrow

COLUMNS: tuple[tuple[str, st.DataType], ...] = (
    ("model_name", st.StringType()),
    ("model_version", st.StringType()),
    ("model_digest", st.StringType()),
    ("run_id", st.StringType()),
    ("predicted_at", st.TimestampType()),
)
"""Names and types of the columns, which stand behind the prediction."""


def provenance_values(  # noqa: PLR0913 - what the columns tell
    name: str | None, version: str | None, digest: str, *, run_id: str, started_at: str, zone: str
) -> tuple[pa.Scalar, ...]:
    """Give the value of each of `COLUMNS` for a run.

    Args:
        name: Name of the model in its registry, or None for one that is of none.
        version: Its version there.
        digest: Digest of the model's files.
        run_id: Id of the run, as the manifest has it.
        started_at: When its first try began; ISO 8601.
        zone: Time zone of the session, which the type of times is in.
    """
    values = (name, version, digest, run_id, datetime.fromisoformat(started_at))
    return tuple(
        pa.scalar(value, to_arrow(kind, zone))
        for (_, kind), value in zip(COLUMNS, values, strict=True)
    )
