"""What a session has been given already is not shipped again."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyspark")

from scorecast.models.info import ModelInfo
from scorecast.spark.shipped import ShippedModels
from scorecast.worker.handle import DirectorySource, ModelHandle

INFO = ModelInfo(flavors={})


def ship() -> ModelHandle:
    """Ship a model; every time it is another handle."""
    return ModelHandle("sha256:1", INFO, DirectorySource(Path("somewhere")))


def test_the_same_files_are_shipped_once() -> None:
    """A second call gets what the first one shipped."""
    models = ShippedModels(2)

    first = models.get("app", "sha256:1", ship)

    assert models.get("app", "sha256:1", ship) is first


def test_other_files_and_other_sessions_are_shipped() -> None:
    """Neither another digest nor another application gets what was shipped before."""
    models = ShippedModels(9)
    keys = [("app", "sha256:1"), ("app", "sha256:2"), ("next app", "sha256:1")]

    shipped = [models.get(*key, ship) for key in keys]

    assert len({id(handle) for handle in shipped}) == len(keys)


def test_the_one_asked_for_longest_ago_is_forgotten() -> None:
    """What is in use stays; no more than the capacity is held."""
    models = ShippedModels(2)
    used = models.get("app", "1", ship)
    old = models.get("app", "2", ship)
    models.get("app", "1", ship)
    models.get("app", "3", ship)

    assert models.get("app", "1", ship) is used
    assert models.get("app", "2", ship) is not old


def test_what_cannot_be_shipped_is_tried_again() -> None:
    """A failure is not remembered."""
    models = ShippedModels(2)

    def fails() -> ModelHandle:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        models.get("app", "1", fails)
    assert models.get("app", "1", ship).digest == "sha256:1"
