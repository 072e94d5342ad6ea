"""What a registry is asked, as far as that shows without one."""

from __future__ import annotations

import pytest

from scorecast.artifacts.registry import registration
from scorecast.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("models://team@databricks/churn/3", "databricks://team"),
        ("models://databricks-uc/main.risk.churn@champion", "databricks-uc"),
    ],
)
def test_the_registry_that_a_uri_names_is_the_one_that_is_asked(
    monkeypatch: pytest.MonkeyPatch, name: str, registry: str
) -> None:
    """Not that of the environment, which may have another model of the name."""
    monkeypatch.setenv("SCORECAST_MLFLOW_CLIENT", "rest")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ConfigError, match=f'the registry "{registry}"'):
        registration(name)
