"""Structured Streaming: a model on rows that arrive file by file, each exactly once."""

from pathlib import Path

import pandas as pd
import pytest
from pyspark.errors import StreamingQueryException

import scorecast
from scorecast.errors import OutputMismatchError
from scorecast.spark.failures import error_in_worker

FILES = 5


def add_files(folder: Path, rows: pd.DataFrame, files: int = FILES) -> None:
    """Write rows as several parquet files; each appears at once, as those of a real source do."""
    folder.mkdir(exist_ok=True)
    for number in range(files):
        part = rows.iloc[number::files]
        draft = folder / f".{part['id'].min()}.draft"
        part.to_parquet(draft, index=False)
        draft.rename(folder / f"{part['id'].min():06}.parquet")


@pytest.fixture
def arriving(spark, people, people_df, tmp_path):
    """Give the people as a stream of one file a batch."""
    add_files(tmp_path / "in", people)
    options = spark.readStream.schema(people_df.schema).option("maxFilesPerTrigger", 1)
    return options.parquet(str(tmp_path / "in"))


@pytest.fixture
def run(tmp_path):
    """Run a stream over all files that are there, into parquet; give its rows, sorted by id."""

    def drain(df) -> tuple[pd.DataFrame, list[int]]:
        query = (
            df.writeStream.format("parquet")
            .option("path", str(tmp_path / "out"))
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        try:
            assert query.awaitTermination(120), query.lastProgress
        finally:
            query.stop()
        batches = [progress["numInputRows"] for progress in query.recentProgress]
        rows = df.sparkSession.read.parquet(str(tmp_path / "out")).orderBy("id").toPandas()
        return rows, [rows for rows in batches if rows]

    return drain


def test_column_on_a_stream(arriving, people, churn_model, run):
    """A column with predictions is that of load_model, for every row exactly once."""
    udf = scorecast.spark_udf(arriving.sparkSession, churn_model)
    rows, batches = run(arriving.withColumn("p", udf(*arriving.columns)))
    assert len(batches) == FILES
    assert rows["id"].tolist() == people["id"].tolist()
    assert rows["p"].tolist() == scorecast.load_model(churn_model).predict(people).tolist()


@pytest.mark.parametrize("interface", ["arrow", "pandas"])
def test_frame_on_a_stream(arriving, people, proba_model, run, interface):
    """A streaming frame keeps its columns and gets the predictions of load_model."""
    rows, batches = run(scorecast.predict_frame(arriving, proba_model, interface=interface))
    assert len(batches) == FILES
    expected = scorecast.load_model(proba_model).predict(people)
    assert [list(values) for values in rows["prediction"]] == expected.tolist()
    pd.testing.assert_frame_equal(rows[list(people.columns)], people, check_dtype=False)


def test_stream_goes_on_where_it_ended(arriving, people, churn_model, run, tmp_path):
    """A second run over the same checkpoint predicts on the new rows only, and all are there."""
    frame = scorecast.predict_frame(arriving, churn_model, keep=["id"])
    run(frame)
    more = people.assign(id=people["id"] + len(people))
    add_files(tmp_path / "in", more, files=2)
    rows, batches = run(scorecast.predict_frame(arriving, churn_model, keep=["id"]))
    assert batches == [len(more) // 2] * 2
    expected = scorecast.load_model(churn_model).predict(people).tolist()
    assert rows["id"].tolist() == [*people["id"], *more["id"]]
    assert rows["prediction"].tolist() == expected * 2


def test_model_that_fails_ends_the_stream(arriving, tmp_path, run):
    """A model that loses rows ends the query with scorecast's error, and no row is published."""

    def model(data):
        return list(data["id"])[:-1]

    path = scorecast.save_model(model, tmp_path / "m")
    with pytest.raises(StreamingQueryException) as failed:
        run(scorecast.predict_frame(arriving, path, result_type="long"))
    assert isinstance(error_in_worker(failed.value), OutputMismatchError)
    assert not list((tmp_path / "out").glob("*.parquet"))
