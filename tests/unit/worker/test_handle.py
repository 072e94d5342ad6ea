"""Opening a model from the cache of the machine: what holds its files, what other processes get."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from scorecast.cache.copies import ModelCopy, open_copy
from scorecast.cache.machine import LIMIT_VARIABLE
from scorecast.errors import ShippingError
from scorecast.packing import PackedModel, pack
from scorecast.worker.handle import ModelHandle

Shipped = Callable[..., ModelHandle]


@dataclass(frozen=True)
class ShippedSource:
    """A model that came as an archive, as Spark brings it."""

    root: Path
    packed: PackedModel
    task_cpus: int | None = None

    def open(self, digest: str) -> ModelCopy:
        """Unpack it once."""
        return open_copy(self.root, digest, lambda: self.packed.data)

    def cpus(self) -> int | None:
        """Give what the test says."""
        return self.task_cpus


@pytest.fixture
def shipped(handle: Callable[..., ModelHandle], tmp_path: Path) -> Shipped:
    """Save a model and give the handle that a worker has of it."""
    root = tmp_path / "cache"
    root.mkdir(mode=0o700)

    def ship(model: object, cpus: int | None = None) -> ModelHandle:
        local = handle(model)
        packed = pack(local.source.open(local.digest).directory)
        return replace(local, source=ShippedSource(root, packed, cpus))

    return ship


def is_kept(handle: ModelHandle) -> bool:
    """Whether the files of a model are in the cache."""
    return (handle.source.root / handle.digest.replace(":", "-")).exists()


def test_files_of_a_loaded_model_stay_as_long_as_it_is_loaded(
    shipped: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model may read its files while it predicts; when it is dropped they may go."""
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    first, second, third = (shipped(lambda data, add=add: data + add) for add in (1, 2, 3))

    loaded = first._load(first.key())
    second._load(second.key())
    assert is_kept(first)
    del loaded
    third._load(third.key())

    assert not is_kept(first)


def test_a_large_model_of_a_loader_module_is_mapped(shipped: Shipped) -> None:
    """Weights that the model's own code unpickles are shared, and predict the same."""
    weights = np.random.default_rng(0).normal(size=(4, 3 << 20 >> 1))
    data = np.random.default_rng(1).normal(size=(2, 4))
    handle = shipped(lambda data: data @ weights)
    expected = (data @ weights).tobytes()

    for _ in range(2):  # the one that makes the shared form, and one that finds it
        opened = handle._load(handle.key())
        assert opened.predictor.predict(data, None).tobytes() == expected
        assert "buffers.bin" in Path("/proc/self/maps").read_text()
        del opened
    gc.collect()
    assert "buffers.bin" not in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("cpus", [None, 1])
def test_only_in_a_task_a_model_is_left_out_of_collections(
    shipped: Shipped, cpus: int | None
) -> None:
    """A worker of Spark collects after every task; the process of a user is the user's own."""
    handle = shipped(lambda data: data, cpus=cpus)
    gc.unfreeze()
    try:
        opened = handle._load(handle.key())
        assert (gc.get_freeze_count() > 0) == (cpus is not None)
        del opened
    finally:
        gc.unfreeze()


def test_another_process_opens_the_same_copy_without_spark(shipped: Shipped) -> None:
    """What a child process is given is small, and knows the cpus of the task."""
    handle = shipped(lambda data: data * 2, cpus=3)

    other, copy = handle.held()
    arrived = pickle.loads(pickle.dumps(other))

    assert len(pickle.dumps(other)) < 10_000
    assert arrived.source.open(handle.digest).directory == copy.directory
    assert arrived.source.cpus() == 3
    assert arrived.key() == handle.key()


@pytest.mark.filterwarnings("ignore:The files of a model")
def test_another_process_refuses_files_that_were_changed(shipped: Shipped) -> None:
    """A child that has no archive to unpack anew says so instead of loading."""
    other, copy = shipped(len).held()
    (copy.directory / "model.pkl").write_bytes(b"evil")

    with pytest.raises(ShippingError, match="changed or removed while it was in use"):
        other.source.open(other.digest)
