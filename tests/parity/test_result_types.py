"""The type of the column, by MLflow and by scorecast, for the same model: no job runs."""

from __future__ import annotations

import inspect

import pytest
from parity_cases import INFERRED, READ, result_type_by_mlflow, result_type_by_ours

import scorecast


@pytest.mark.parametrize("case", INFERRED, ids=lambda case: case.id)
def test_inferred(spark, saved, case):
    """Declared outputs give the type, the same or, where the table says so, another."""
    path = saved(case.model)
    assert case.mlflow in result_type_by_mlflow(spark, path, None)
    assert case.ours in result_type_by_ours(spark, path, None)


@pytest.mark.parametrize("text", READ)
def test_read(spark, saved, text):
    """The types that MLflow takes are taken, and are the same types."""
    path = saved(INFERRED[0].model)
    ours = result_type_by_ours(spark, path, text)
    assert ours == result_type_by_mlflow(spark, path, text)
    assert not ours.startswith("error")


def test_parameters():
    """5.1: MLflow's parameters are all there but the one that only Databricks has a use for."""
    from mlflow.pyfunc import spark_udf

    theirs = list(inspect.signature(spark_udf).parameters)
    ours = list(inspect.signature(scorecast.spark_udf).parameters)
    assert set(theirs) - set(ours) == {"prebuilt_env_uri"}
    assert ours[:3] == theirs[:3]


def test_metadata(spark, saved):
    """The function says of its model what MLflow says, under the same names."""
    from mlflow.pyfunc import spark_udf

    path = saved(INFERRED[0].model)
    mlflow = spark_udf(spark, str(path)).metadata
    ours = scorecast.spark_udf(spark, path).metadata
    names = ("model_uuid", "run_id", "mlflow_version", "utc_time_created", "model_id")
    assert {n: getattr(ours, n) for n in names} == {n: getattr(mlflow, n) for n in names}
    assert list(ours.flavors) == list(mlflow.flavors)
    assert list(ours.signature.input_names) == mlflow.signature.inputs.input_names()


def test_missing_model(spark, tmp_path):
    """A model that is not there is an error of the call."""
    absent = tmp_path / "absent"
    assert result_type_by_mlflow(spark, absent, "double").startswith("error")
    assert result_type_by_ours(spark, absent, "double").startswith("error")


def test_file_uri(spark, saved):
    """A file: URI names a directory, as a path does."""
    uri = saved(INFERRED[0].model).as_uri()
    assert result_type_by_ours(spark, uri, None) == result_type_by_mlflow(spark, uri, None)
