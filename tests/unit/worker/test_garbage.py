"""Loaded models are left out of the collection of garbage, and freed when they are dropped."""

import gc
import weakref

import pytest

from scorecast.worker.cache import ModelCache
from scorecast.worker.garbage import frozen_afterwards


class Model:
    """A model that refers to itself, as networks and pipelines do."""

    def __init__(self) -> None:
        self.itself = self


def load() -> Model:
    """Load as a worker does."""
    with frozen_afterwards():
        return Model()


@pytest.fixture(autouse=True)
def _leave_nothing_frozen():
    yield
    gc.unfreeze()


def test_a_collection_does_not_look_at_a_loaded_model():
    """It is in the generation that is never looked at; what comes later is not."""
    model = load()
    seen = gc.get_objects()
    assert not any(found is model for found in seen)
    later = Model()
    assert any(found is later for found in gc.get_objects())


def test_a_model_that_the_cache_has_dropped_is_freed():
    """Although it refers to itself, so that only a collection can free it."""
    cache = ModelCache(1)
    first = weakref.ref(cache.get("first", load))
    assert first() is not None
    cache.get("second", load)
    assert first() is None


def test_a_model_that_fails_to_load_freezes_nothing():
    """What it left behind can be collected."""
    before = gc.get_freeze_count()
    with pytest.raises(RuntimeError), frozen_afterwards():
        raise RuntimeError
    assert gc.get_freeze_count() <= before
