"""How a model comes to the workers of local mode: through the cache of the machine."""

import gc
import os
import pickle
import shutil
from pathlib import Path

import pytest

import scorecast
from scorecast.cache.locks import locked_if_free
from scorecast.errors import ShippingError
from scorecast.local.model import resolve_model
from scorecast.packing import pack
from scorecast.spark.prepare import check_model
from scorecast.spark.shipping import BroadcastSource, ship_model
from scorecast.spark.udf import ModelUdf
from scorecast.worker.handle import ModelHandle
from scorecast.worker.options import PredictOptions


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
    """Their environment may differ from the driver's, and the model may be another one by then."""
    path = adder(50_004)
    handle = ship_model(spark, resolve_model(path))
    shutil.rmtree(path)
    adder(50_014)
    there = pickle.loads(pickle.dumps(handle))
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "other"))
    copy = there.source.open(handle.digest)
    assert copy.directory.is_relative_to(tmp_path / "other")
    assert scorecast.inspect_model(copy.directory).digest == handle.digest


def test_settings_of_executors_say_where_the_cache_is(spark, adder, tmp_path, monkeypatch):
    """They are the environment of the workers of local mode, which look there."""
    monkeypatch.setitem(
        spark.sparkContext.environment, "SCORECAST_CACHE_DIR", str(tmp_path / "theirs")
    )
    handle = ship_model(spark, resolve_model(adder(50_006)))
    assert handle.source.copy.directory.is_relative_to(tmp_path / "theirs")


def test_the_cache_keeps_a_model_as_long_as_the_driver_may_use_it(spark, adder):
    """What makes room for others passes over a model that a function may still be called with."""
    path = adder(50_007)
    handle = ship_model(spark, resolve_model(path))
    use = cached(path).with_name(f"{cached(path).name}.use")
    with locked_if_free(use) as free:
        assert not free
    assert pickle.loads(pickle.dumps(handle)).source.copy is None
    del handle
    gc.collect()
    with locked_if_free(use) as free:
        assert free


def test_a_broadcast_gives_the_same_model(spark, adder):
    """On a cluster the files come by a broadcast, which is unpacked once per machine."""
    path = adder(50_008)
    model = check_model(
        spark, path, result_type="long", params=None, model_config=None, options=PredictOptions()
    )
    broadcast = BroadcastSource(spark.sparkContext.broadcast(pack(path).data))
    udf = ModelUdf(model, ModelHandle(model.resolved.digest, model.resolved.info, broadcast))
    rows = spark.range(100, numPartitions=4).select(udf("id").alias("p")).collect()
    assert sorted(row.p for row in rows) == list(range(50_008, 50_108))


def test_a_cache_that_cannot_be_used_is_told_before_any_task(spark, adder, tmp_path, monkeypatch):
    """The driver fails, with the directory and what to set."""
    path = adder(50_005)
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ShippingError, match="SCORECAST_CACHE_DIR"):
        scorecast.spark_udf(spark, path, "long")
