"""Models that a session has been given already: the next call ships nothing. Driver only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, cast

from scorecast.spark.versions import is_connect
from scorecast.worker.handle import ModelHandle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.session import SparkSession as ConnectSession

_CAPACITY = 8


class ShippedModels:
    """The last handles of models that were shipped, by whom they were given to and digest.

    Only a few are held, since a broadcast stays on the disks of the cluster as long as something
    refers to it; one that is forgotten here is shipped again, and workers that have loaded it do
    not load it again. A context or session that was stopped never comes back under its name.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._handles: OrderedDict[tuple[str, str], ModelHandle] = OrderedDict()
        self._lock = RLock()

    def get(self, owner: str, digest: str, ship: Callable[[], ModelHandle]) -> ModelHandle:
        """Give the handle of a model, calling `ship` only if it is not here.

        The lock is held while a model is shipped: two threads that ask for one model ship it once.
        """
        key = (owner, digest)
        with self._lock:
            if key not in self._handles:
                self._handles[key] = ship()
            self._handles.move_to_end(key)
            while len(self._handles) > self._capacity:
                self._handles.popitem(last=False)
            return self._handles[key]


SHIPPED = ShippedModels(_CAPACITY)
"""What this process has shipped. It only saves work: losing it ships a model once more."""


def owner_of(spark: SparkSession) -> str:
    """Name what a shipped model belongs to: all sessions of one context, or one of Connect."""
    if is_connect(spark):
        return str(cast("ConnectSession", spark).session_id)
    return str(spark.sparkContext.applicationId)
