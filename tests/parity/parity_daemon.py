"""Spark's daemon of Python workers, with MLflow imported once for all of them."""

import mlflow.pyfunc  # noqa: F401, TID253 - this is what the module is for
from pyspark import daemon

import scorecast  # noqa: F401 - as above

if __name__ == "__main__":
    daemon.manager()
