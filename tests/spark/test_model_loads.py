"""How often workers load a model: once per process, whatever asks for it."""

import scorecast


def loads_per_worker(spark) -> dict[int, int]:
    """Ask the workers for the counter of their model cache, by process."""

    def probe(batches):
        import os

        import pyarrow as pa

        from scorecast.worker.cache import MODELS

        for _ in batches:
            stats = MODELS.stats()
            yield pa.RecordBatch.from_pydict({"pid": [os.getpid()], "loads": [stats.loads]})

    rows = spark.range(8, numPartitions=8).mapInArrow(probe, "pid long, loads long").collect()
    return {row.pid: row.loads for row in rows}


def test_one_load_per_worker(spark, people_df, tmp_path):
    """Many tasks, two functions, a frame and ten actions are one load in each worker."""

    def model(data):
        return data["id"] + 40_001  # a digest that no other test has

    path = scorecast.save_model(model, tmp_path / "m")
    before = loads_per_worker(spark)
    for udf in (scorecast.spark_udf(spark, path, "long"), scorecast.spark_udf(spark, path, "int")):
        for _ in range(5):
            assert people_df.repartition(8).select(udf("id")).count() == 500
    frame = scorecast.predict_frame(people_df, path, result_type="long")
    assert frame.agg({"prediction": "max"}).first()[0] == 40_500
    after = loads_per_worker(spark)
    gained = {pid: loads - before.get(pid, 0) for pid, loads in after.items()}
    assert max(gained.values()) == 1
    assert set(gained.values()) <= {0, 1}


def test_no_load_without_rows(spark, tmp_path):
    """Tasks without rows do not load the model."""

    def model(data):
        return data["id"] + 40_002

    path = scorecast.save_model(model, tmp_path / "m")
    before = loads_per_worker(spark)
    df = scorecast.predict_frame(spark.range(10).where("id > 99"), path, result_type="long")
    assert df.count() == 0
    after = loads_per_worker(spark)
    assert all(loads == before.get(pid, 0) for pid, loads in after.items())


def test_the_same_files_are_the_same_model(spark, tmp_path):
    """A copy of a model under another path is not loaded again."""
    import shutil

    def model(data):
        return data["id"] + 40_003

    path = scorecast.save_model(model, tmp_path / "m")
    shutil.copytree(path, tmp_path / "copy")
    rows = spark.range(400, numPartitions=8)
    assert scorecast.predict_frame(rows, path, result_type="long").count() == 400
    before = loads_per_worker(spark)
    copied = scorecast.predict_frame(rows, tmp_path / "copy", result_type="long")
    assert copied.count() == 400
    after = loads_per_worker(spark)
    # A worker that had no task before may load once; two would be one per worker.
    assert sum(after.values()) - sum(before.get(pid, 0) for pid in after) <= 1
