"""Spark's daemon of Python workers, with the libraries that most of them import imported once.

A worker whose task failed is not used again, and importing them takes longer than most tests. The
folder of this module is on the path of the workers and holds nothing else.
"""

import contextlib
import importlib

from pyspark import daemon

for _library in ("pandas", "pyarrow.parquet"):
    # Some tests run workers in environments that lack them.
    with contextlib.suppress(ImportError):
        importlib.import_module(_library)

if __name__ == "__main__":
    daemon.manager()
