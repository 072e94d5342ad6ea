"""The models of a worker process: loaded once, dropped in order of use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import pytest

from scorecast.models.flavors.base import Predictor
from scorecast.worker.cache import CAPACITY_VARIABLE, CacheStats, ModelCache
from scorecast.worker.handle import ModelHandle


class Model:
    """A model that predicts what it is given."""

    def predict(self, data: object, params: object) -> object:
        """Give the data."""
        return data


@dataclass
class Loads:
    """Loads models, and keeps a list of what was asked for."""

    names: list[str] = field(default_factory=list)

    def of(self, name: str) -> Callable[[], Predictor]:
        """Give the loader of one model."""

        def load() -> Predictor:
            self.names.append(name)
            return Model()

        return load


def test_a_model_is_loaded_once_however_often_it_is_asked_for() -> None:
    """All tasks of a process get the same loaded model."""
    cache, loads = ModelCache(2), Loads()

    models = {id(cache.get("a", loads.of("a"))) for _ in range(10)}

    assert len(models) == 1
    assert loads.names == ["a"]
    assert cache.stats() == CacheStats(loads=1, hits=9, evictions=0, models=1)


def test_threads_that_ask_at_once_share_one_load() -> None:
    """Threads that race for a model get the same one."""
    cache, loads = ModelCache(2), Loads()
    start = Barrier(8)

    def get(_: int) -> int:
        start.wait()
        return id(cache.get("a", loads.of("a")))

    with ThreadPoolExecutor(8) as threads:
        models = set(threads.map(get, range(8)))

    assert len(models) == 1
    assert loads.names == ["a"]
    assert cache.stats() == CacheStats(loads=1, hits=7, evictions=0, models=1)


def test_the_model_that_was_not_used_for_longest_makes_room() -> None:
    """A full cache drops by last use, not by age, and counts it."""
    cache, loads = ModelCache(2), Loads()
    for name in ("a", "b", "a", "c", "a", "b"):
        cache.get(name, loads.of(name))

    assert loads.names == ["a", "b", "c", "b"]
    assert cache.stats() == CacheStats(loads=4, hits=2, evictions=2, models=2)


@pytest.mark.parametrize("capacity", [1, 0, -3])
def test_there_is_always_room_for_one_model(capacity: int) -> None:
    """A capacity of nothing still keeps the model in use."""
    cache, loads = ModelCache(capacity), Loads()
    for name in ("a", "a", "b", "b"):
        cache.get(name, loads.of(name))

    assert loads.names == ["a", "b"]
    assert cache.stats().models == 1


def test_memory_never_holds_one_model_too_many() -> None:
    """Room is made before a model is loaded, so two big ones are not there at once."""
    cache = ModelCache(1)
    cache.get("a", Model)
    held = []

    def load() -> Predictor:
        held.append(cache.stats().models)
        return Model()

    cache.get("b", load)

    assert held == [0]


def test_a_model_that_cannot_be_loaded_is_tried_again() -> None:
    """A failed load is not remembered, and the models beside it stay."""
    cache, loads = ModelCache(2), Loads()
    cache.get("a", loads.of("a"))

    def fail() -> Predictor:
        message = "no such file"
        raise OSError(message)

    for _ in range(2):
        with pytest.raises(OSError, match="no such file"):
            cache.get("b", fail)
    cache.get("b", loads.of("b"))
    cache.get("a", loads.of("a"))

    assert loads.names == ["a", "b"]
    assert cache.stats() == CacheStats(loads=2, hits=1, evictions=0, models=2)


@pytest.mark.parametrize(
    ("value", "kept"), [("1", 1), ("2", 2), ("", 4), ("many", 4), ("-1", 4), ("0", 1)]
)
def test_the_capacity_comes_from_the_environment(
    value: str, kept: int, src_on_path: dict[str, str]
) -> None:
    """A worker keeps as many models as its environment says, and four where it says no number."""
    code = (
        "from scorecast.worker.cache import MODELS\n"
        "for key in 'abcdef': MODELS.get(key, object)\n"
        "print(MODELS.stats().models)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**src_on_path, CAPACITY_VARIABLE: value},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == f"{kept}\n"


def test_handles_of_one_model_open_the_same_one(handle: Callable[..., ModelHandle]) -> None:
    """Two handles of one directory share the loaded model, with another config they do not."""
    one = handle(len)
    other = ModelHandle(one.digest, one.info, one.source)
    tuned = ModelHandle(one.digest, one.info, one.source, {"threshold": 0.5})
    same = ModelHandle(one.digest, one.info, one.source, {"threshold": 0.5})

    assert one.key() == other.key()
    assert len({one.key(), tuned.key()}) == 2
    assert tuned.key() == same.key()
    assert one.open() is other.open()
