"""What all tests share: versions in the header, a quiet environment, and small real models."""

import atexit
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.jvm import submit_options

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ.setdefault("SPARK_SUBMIT_OPTS", submit_options())
# Workers keep models in a directory of this run, not in that of the user.
_CACHE = tempfile.TemporaryDirectory(prefix="scorecast-tests-")
os.environ["SCORECAST_CACHE_DIR"] = _CACHE.name
atexit.register(_CACHE.cleanup)

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_report_header() -> str:
    """Show the versions that a result depends on."""
    names = ("pyspark", "pandas", "pyarrow", "numpy", "scikit-learn", "mlflow")
    return f"python {platform.python_version()}, " + ", ".join(map(_installed, names))


def _installed(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


@pytest.fixture(scope="session")
def repository() -> Path:
    """Give the root of the project."""
    return REPOSITORY


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    """Give a small frame of mixed types with nulls and NaN: ids, numbers, text and times."""
    rng = np.random.default_rng(7)
    rows = 500
    income = rng.lognormal(10, 1, rows)
    income[::7] = np.nan
    plan = rng.choice(["basic", "plus", "über"], rows).astype(object)
    plan[::11] = None
    return pd.DataFrame(
        {
            "id": np.arange(rows, dtype="int64"),
            "age": rng.integers(18, 90, rows).astype("int32"),
            "income": income,
            "plan": pd.Series(plan, dtype="str"),
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 10**6, rows), unit="min"),
        }
    )


FEATURES = ["age", "income", "plan", "since"]


def _days(times: pd.DataFrame) -> np.ndarray:
    return (times.iloc[:, 0] - pd.Timestamp("2020-01-01")).dt.days.to_numpy().reshape(-1, 1)


@pytest.fixture(scope="session")
def churn_model(people: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a classifier over mixed types with a signature: one long per row."""
    return _save_churn(people, tmp_path_factory.mktemp("churn") / "model", "predict")


@pytest.fixture(scope="session")
def proba_model(people: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the same classifier with predict_proba: an array of two doubles per row."""
    return _save_churn(people, tmp_path_factory.mktemp("proba") / "model", "predict_proba")


def _save_churn(people: pd.DataFrame, path: Path, predict_fn: str) -> Path:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    import scorecast
    from scorecast.models.signature import Scalar, Signature, Spec

    model = make_pipeline(
        ColumnTransformer(
            [
                ("plan", OrdinalEncoder(), ["plan"]),
                ("numbers", "passthrough", ["age", "income"]),
                ("since", FunctionTransformer(_by_value(_days)), ["since"]),
            ]
        ),
        HistGradientBoostingClassifier(max_iter=10, random_state=0),
    )
    model.fit(people[FEATURES], people["income"].fillna(0) > 20000)
    kinds = {"age": "integer", "income": "double", "plan": "string", "since": "datetime"}
    signature = Signature(
        inputs=tuple(Spec(Scalar(kind), name) for name, kind in kinds.items()),
        outputs=scorecast.infer_signature(
            outputs=getattr(model, predict_fn)(people[FEATURES])
        ).outputs,
    )
    return scorecast.save_model(model, path, signature=signature, predict_fn=predict_fn)


def _by_value(function):
    """Make a function that is pickled with its code, as one of a notebook is."""
    import types

    return types.FunctionType(function.__code__, {"pd": pd, "np": np}, function.__name__)


@pytest.fixture(scope="session")
def run_python():
    """Run Python code in a fresh process of this environment; give what it printed and returned."""

    def run(code: str, *arguments: str, timeout: int = 240, **environment: str):
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **environment},
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def s3():
    """Run an S3 server on loopback; give the environment that leads to it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield {
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.stop()
