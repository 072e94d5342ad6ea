"""How often workers load a model: once per process, whatever asks for it."""

import shutil

import pytest
from pyspark.sql import functions as F

import scorecast
from scorecast.models.signature import Param, Scalar, Signature, Spec

ID = Spec(Scalar("long"), "id")


def loads_per_worker(spark) -> dict[int, int]:
    """Ask the workers for the counter of their model cache, by process."""

    def probe(batches):
        import os

        import pyarrow as pa

        from scorecast.worker.cache import MODELS

        for _ in batches:
            stats = MODELS.stats()
            yield pa.RecordBatch.from_pydict({"pid": [os.getpid()], "loads": [stats.loads]})

    # More tasks than there can be workers, which take turns.
    rows = spark.range(32, numPartitions=32).mapInArrow(probe, "pid long, loads long").collect()
    return {row.pid: row.loads for row in rows}


@pytest.fixture
def gained(spark):
    """Give how many loads each worker made since the test began."""
    before = loads_per_worker(spark)

    def count() -> list[int]:
        return [loads - before.get(pid, 0) for pid, loads in loads_per_worker(spark).items()]

    return count


# A plain count() of a frame with a function does not run it: Spark leaves out columns of no use.


def test_one_load_per_worker(spark, people_df, gained, adder):
    """Many tasks, two functions, a frame and eleven actions are one load in each worker."""
    path = adder(40_001)
    for udf in (scorecast.spark_udf(spark, path, "long"), scorecast.spark_udf(spark, path, "int")):
        for _ in range(5):
            scored = people_df.repartition(8).select(udf("id").alias("p"))
            assert scored.agg(F.min("p"), F.max("p")).first() == (40_001, 40_500)
    frame = scorecast.predict_frame(people_df, path, result_type="long")
    assert frame.agg({"prediction": "max"}).first()[0] == 40_500
    assert max(gained()) == 1


def test_no_load_without_rows(spark, gained, adder):
    """Tasks without rows do not load the model."""
    none = spark.range(10).where("id > 99")
    df = scorecast.predict_frame(none, adder(40_002), result_type="long")
    assert df.count() == 0
    assert max(gained()) == 0


def test_the_same_files_are_the_same_model(spark, gained, adder, tmp_path):
    """A copy of a model under another path is not loaded again."""
    path = adder(40_003)
    shutil.copytree(path, tmp_path / "copy")
    rows = spark.range(400, numPartitions=8)
    assert scorecast.predict_frame(rows, path, result_type="long").count() == 400
    copied = scorecast.predict_frame(rows, tmp_path / "copy", result_type="long")
    assert copied.count() == 400
    assert max(gained()) == 1


def test_files_that_changed_are_shipped_again(spark, tmp_path):
    """A model saved in the place of another is used by the next call, and by none before it."""

    def save(number: int):
        return scorecast.save_model(
            lambda data: data["id"] + number, tmp_path / "m", signature=Signature(inputs=(ID,))
        )

    old = scorecast.spark_udf(spark, save(40_011), "long")
    same = scorecast.spark_udf(spark, tmp_path / "m", "long")
    shutil.rmtree(tmp_path / "m")
    new = scorecast.spark_udf(spark, save(40_012), "long")
    columns = [udf("id") for udf in (old, same, new)]
    assert spark.range(1).select(*columns).first()[:] == (40_011, 40_011, 40_012)


def test_ten_different_actions_are_one_load(spark, people_df, people, gained, adder, tmp_path):
    """Whatever a query does beside the prediction, a worker loads the model once."""
    udf = scorecast.spark_udf(spark, adder(40_004), "long")
    df = people_df.withColumn("p", udf("id"))
    ordered = df.orderBy("id")
    expected = (people["id"] + 40_004).tolist()
    assert [row.p for row in ordered.collect()] == expected
    assert ordered.toPandas()["p"].tolist() == expected
    assert [row.p for row in ordered.toLocalIterator()] == expected
    assert ordered.first().p == expected[0]
    assert [row.p for row in ordered.tail(2)] == expected[-2:]
    assert [row.p for row in df.where("id = 7").take(1)] == [40_011]
    assert df.where("p > 40253").count() == 250
    assert df.agg({"p": "sum"}).first()[0] == sum(expected)
    assert sum(row["count"] for row in df.groupBy(df["p"] % 5).count().collect()) == 500
    df.select("p").write.parquet(str(tmp_path / "out"))
    assert sorted(row.p for row in spark.read.parquet(str(tmp_path / "out")).collect()) == expected
    assert max(gained()) == 1


def test_all_fronts_in_one_query_are_one_load(spark, people_df, people, gained, adder):
    """A query with two functions and frames by both interfaces is one load in each worker."""
    path = adder(40_005)
    one, two = (scorecast.spark_udf(spark, path, "long") for _ in range(2))
    df = people_df.select("id", one("id").alias("one")).withColumn("two", two("id"))
    for interface in ("arrow", "pandas"):
        df = scorecast.predict_frame(
            df, path, output_column=interface, interface=interface, result_type="long"
        )
    expected = (people["id"] + 40_005).tolist()
    for _ in range(2):
        rows = df.orderBy("id").toPandas()
        for name in ("one", "two", "arrow", "pandas"):
            assert rows[name].tolist() == expected
    assert max(gained()) == 1


def test_sessions_of_one_context_share_the_load(spark, people_df, people, gained, adder):
    """A model that another session of the same Spark has used is not loaded again."""
    path = adder(40_006)
    expected = (people["id"] + 40_006).tolist()
    for session in (spark, spark.newSession(), spark.newSession()):
        df = session.createDataFrame(people_df.select("id").collect(), "id long")
        rows = scorecast.predict_frame(df, path, result_type="long").orderBy("id").collect()
        assert [row.prediction for row in rows] == expected
    assert max(gained()) == 1


def test_params_share_the_load(spark, people_df, people, gained, tmp_path):
    """Params are of a call, not of a model: other ones do not load it again."""

    def model(data, params=None):
        return data["id"] * params["factor"] + 40_007

    signature = Signature(inputs=(ID,), params=(Param("factor", Scalar("long"), 1),))
    path = scorecast.save_model(model, tmp_path / "m", signature=signature)
    for factor in (1, 2, 3):
        udf = scorecast.spark_udf(spark, path, "long", params={"factor": factor})
        rows = people_df.orderBy("id").select(udf().alias("p")).collect()
        assert [row.p for row in rows] == (people["id"] * factor + 40_007).tolist()
    assert max(gained()) == 1


def test_batches_of_a_stream_share_the_load(spark, people, people_df, gained, adder, tmp_path):
    """A stream that predicts file by file loads the model once in each worker."""
    source = tmp_path / "in"
    source.mkdir()
    for number in range(4):
        people.iloc[number::4].to_parquet(source / f"{number}.parquet", index=False)
    stream = spark.readStream.schema(people_df.schema).option("maxFilesPerTrigger", 1)
    frame = scorecast.predict_frame(stream.parquet(str(source)), adder(40_008), result_type="long")
    sink = frame.writeStream.format("memory").queryName("loads").trigger(availableNow=True)
    query = sink.start()
    try:
        assert query.awaitTermination(120), query.lastProgress
    finally:
        query.stop()
    rows = spark.table("loads").orderBy("id").collect()
    assert [row.prediction for row in rows] == (people["id"] + 40_008).tolist()
    assert max(gained()) == 1
