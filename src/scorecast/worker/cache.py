"""Loaded models of this process: one load per key, however many tasks, frames and queries ask.

Works as long as Spark reuses its Python workers. It is useless with
``spark.python.worker.reuse=false``, and a worker that Spark ends (idle for more than a minute, or
beyond ``spark.python.factory.idleWorkerMaxPoolSize``) loads again in the next one. What workers of
a machine share of a model is said in `mapped`; what they do not share is there once per worker, so
memory outside the JVM grows with cores times that; on a cluster leave room for it with
``spark.executor.memoryOverhead``.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any, Generic, TypeVar

CAPACITY_VARIABLE = "SCORECAST_MODEL_CACHE_SIZE"
_DEFAULT_CAPACITY = 4


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counters of a cache since its process began; `models` is what it holds now."""

    loads: int
    hits: int
    evictions: int
    models: int


T = TypeVar("T")


class ModelCache(Generic[T]):
    """Least-recently-used cache of loaded models, safe for threads.

    One lock is held while a model loads: two threads that ask for one model get one load.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = max(1, capacity)
        self._models: OrderedDict[str, T] = OrderedDict()
        self._lock = RLock()
        self._loads = 0
        self._hits = 0
        self._evictions = 0

    def get(self, key: str, load: Callable[[], T]) -> T:
        """Give the model of `key`, calling `load` only if it is not here.

        Room is made first, so that memory never holds one model more than the capacity: a `load`
        that raises adds nothing, but the model that made room for it is gone.
        """
        with self._lock:
            if key in self._models:
                self._hits += 1
                self._models.move_to_end(key)
                return self._models[key]
            while len(self._models) >= self._capacity:
                self._models.popitem(last=False)
                self._evictions += 1
            model = load()
            self._loads += 1
            self._models[key] = model
            return model

    def stats(self) -> CacheStats:
        """Give the counters."""
        with self._lock:
            return CacheStats(self._loads, self._hits, self._evictions, len(self._models))


def _capacity(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else _DEFAULT_CAPACITY


MODELS: ModelCache[Any] = ModelCache(_capacity(os.environ.get(CAPACITY_VARIABLE)))
"""The models of this process: the only mutable state of the package."""
