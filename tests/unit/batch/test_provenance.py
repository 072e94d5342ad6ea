"""Who predicted a row: name and version of models of a registry."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from scorecast.batch.provenance import provenance_values


@pytest.mark.parametrize(
    ("uri", "name", "version"),
    [
        ("models:/churn/3", "churn", "3"),
        ("models:/main.ml.churn/12", "main.ml.churn", "12"),
        ("models:/m-0123456789abcdef0123456789abcdef", None, None),
        ("runs:/0123456789abcdef/model", None, None),
        ("s3://bucket/churn/3", None, None),
        ("/models/churn/3", None, None),
    ],
)
def test_only_versions_of_a_registry_have_a_name(uri, name, version):
    """A path that looks like one is none."""
    values = provenance_values(
        uri, "sha256:0", run_id="r", started_at="2026-01-02T03:04:05.678+00:00", zone="Asia/Tokyo"
    )
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    assert [value.as_py() for value in values] == [name, version, "sha256:0", "r", at]
    assert [value.type for value in values] == [pa.string()] * 4 + [
        pa.timestamp("us", "Asia/Tokyo")
    ]
