"""How a model comes to the workers of local mode: through the cache of the machine."""

import os
import pickle
import shutil
from pathlib import Path

import pytest

import scorecast
from scorecast.errors import ShippingError
from scorecast.local.model import resolve_model
from scorecast.models.signature import Scalar, Signature, Spec
from scorecast.spark.shipping import ship_model

ID = Spec(Scalar("long"), "id")


@pytest.fixture
def adder(tmp_path):
    """Save a model that adds a number to the ids; each test takes a number that no other has."""

    def save(number: int):
        return scorecast.save_model(
            lambda data: data["id"] + number, tmp_path / "m", signature=Signature(inputs=(ID,))
        )

    return save


def cached(path: Path) -> Path:
    """Where the cache of this machine has the files of a model."""
    root = Path(os.environ["SCORECAST_CACHE_DIR"]) / f"scorecast-{os.geteuid()}"
    return root / scorecast.inspect_model(path).digest.replace(":", "-")


def test_a_model_may_be_removed_once_its_function_is_made(spark, adder):
    """What a query runs is the model as it was when the function was made."""
    path = adder(50_001)
    udf = scorecast.spark_udf(spark, path, "long")
    shutil.rmtree(path)
    assert spark.range(1).select(udf("id")).first()[0] == 50_001


def test_a_model_that_left_the_cache_is_read_again(spark, adder):
    """Somebody empties the cache between the call and the query: no row is lost for it."""
    path = adder(50_002)
    udf = scorecast.spark_udf(spark, path, "long")
    shutil.rmtree(cached(path))
    assert spark.range(1).select(udf("id")).first()[0] == 50_002


def test_a_model_that_is_gone_is_told(spark, adder):
    """With the cache and the directory gone, the error says which files are missing."""
    path = adder(50_003)
    udf = scorecast.spark_udf(spark, path, "long")
    entry = cached(path)
    shutil.rmtree(entry)
    shutil.rmtree(path)
    with pytest.raises(Exception, match="The files of the model are gone") as caught:
        spark.range(1).select(udf("id")).first()
    assert str(path) in str(caught.value)


def test_workers_with_another_cache_have_a_copy_of_their_own(spark, adder, tmp_path, monkeypatch):
    """Settings of executors may name another directory than the driver's."""
    path = adder(50_004)
    handle = ship_model(spark, resolve_model(path))
    there = pickle.loads(pickle.dumps(handle))
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "other"))
    copy = there.source.open(handle.digest)
    assert copy.directory.is_relative_to(tmp_path / "other")
    assert scorecast.inspect_model(copy.directory).digest == handle.digest


def test_a_cache_that_cannot_be_used_is_told_before_any_task(spark, adder, tmp_path, monkeypatch):
    """The driver fails, with the directory and what to set."""
    path = adder(50_005)
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ShippingError, match="SCORECAST_CACHE_DIR"):
        scorecast.spark_udf(spark, path, "long")
