"""Returns of a wrong shape: refused on every front of Spark, and nothing is published."""

import runpy
from pathlib import Path

import pytest
from pyspark.errors import PythonException

import scorecast
from scorecast import BatchPredictConfig, batch_predict
from scorecast.errors import OutputMismatchError
from scorecast.models.signature import Signature
from scorecast.spark.failures import error_in_worker

TABLE = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "worker" / "test_wrong_returns.py"))
WRONG = TABLE["WRONG"]
ON_EVERY_FRONT = ["too few", "permuted index", "three columns for two fields"]


@pytest.fixture
def model(request, tmp_path):
    """Save the model of a case; it returns something wrong for the batch that holds a zero."""
    outputs = TABLE["OUTPUTS"][WRONG[request.param][0]]
    signature = Signature(tuple(TABLE["INPUTS"]), tuple(outputs))
    return scorecast.save_model(
        TABLE["wrong_at_zero"](request.param), tmp_path / "model", signature=signature
    )


@pytest.fixture(scope="module")
def df(spark):
    """Give two partitions of three rows; the second holds the zero."""
    return spark.range(-3, 3, numPartitions=2).selectExpr(
        "IF(id < 9, CAST(id AS double), NULL) AS x"
    )


def refused(df) -> bool:
    """Run a job that must fail, and tell whether it is the return of the model that is refused."""
    with pytest.raises(PythonException) as failed:
        df.collect()
    return isinstance(error_in_worker(failed.value), OutputMismatchError)


def framed(df, model, interface: str):
    """Give the predictions by one interface."""
    return scorecast.predict_frame(df, model, interface=interface, preflight=False)


@pytest.mark.parametrize("model", WRONG, indirect=True)
def test_columns_and_frames_refuse_it(spark, df, model):
    """Each of the wrong returns ends the job with our error, by `spark_udf` and `predict_frame`."""
    udf = scorecast.spark_udf(spark, model, preflight=False)

    assert refused(df.select(udf("x")))
    assert refused(framed(df, model, "arrow"))


@pytest.mark.parametrize("model", ON_EVERY_FRONT, indirect=True)
def test_every_interface_refuses_it(df, model):
    """How rows reach the workers does not matter."""
    assert refused(framed(df, model, "pandas"))
    assert refused(framed(df, model, "column"))


@pytest.mark.parametrize("model", ON_EVERY_FRONT, indirect=True)
def test_the_batch_job_publishes_nothing(spark, df, model, tmp_path):
    """One batch that is wrong is enough: no output, nothing beside it, and our error."""
    df.write.parquet(str(tmp_path / "in.parquet"))
    config = BatchPredictConfig(
        model_uri=str(model),
        input=str(tmp_path / "in.parquet"),
        output=str(tmp_path / "out.parquet"),
    )

    with pytest.raises(OutputMismatchError):
        batch_predict(spark, config, preflight=False)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "model"]


@pytest.mark.parametrize("interface", ["arrow", "pandas", "column"])
@pytest.mark.parametrize("model", ["too few"], indirect=True)
def test_what_is_right_is_taken(df, model, interface):
    """The model is refused for the one batch alone."""
    assert framed(df.where("x > 0"), model, interface).collect() == [(1.0, 1.0), (2.0, 2.0)]
