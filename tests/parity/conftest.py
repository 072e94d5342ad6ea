"""One session for both libraries, and models that MLflow saves once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# The modules beside this file are imported by name, whatever pytest's import mode is.
sys.path.insert(0, str(Path(__file__).parent))

# MLflow reads these when it is imported, here and in the workers.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_TRACKING_URI", "sqlite://")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the warnings of MLflow alone; those of ours are compared."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.filterwarnings(r"error:::scorecast(\..*)?"))


@pytest.fixture(scope="module")
def spark():
    """Give a session as that of tests/spark, whose workers have MLflow imported when they start.

    A worker that failed is not used again, and importing MLflow takes longer than a case does.
    """
    import cloudpickle
    import parity_cases

    import parity
    from scorecast.spark.session import start_session

    for module in (parity, parity_cases):
        cloudpickle.register_pickle_by_value(module)
    handle = start_session(
        master="local[2]",
        conf={
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "64",
            "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
        },
    )
    context = handle.spark.sparkContext
    context.setLogLevel("OFF")
    # Set here and not above, where they would hold for later sessions of this process, too.
    conf = context._jsc.sc().conf()
    conf.set("spark.python.daemon.module", "parity_daemon")
    context.environment["PYTHONPATH"] = str(Path(__file__).parent)
    yield handle.spark
    del context.environment["PYTHONPATH"]
    conf.remove("spark.python.daemon.module")
    handle.stop()


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """Give the directory of a model; MLflow saves it once."""
    places: dict[Any, Path] = {}

    def write(model: Any) -> Path:
        if model not in places:
            path = tmp_path_factory.mktemp("model") / "m"
            model.write(path)
            places[model] = path
        return places[model]

    return write
