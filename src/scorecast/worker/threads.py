"""Threads of a worker: as many as its task has processors, so that workers do not fight for them.

Spark gives its workers ``OMP_NUM_THREADS`` as ``spark.task.cpus`` says, unless the user has set it
(``spark.executorEnv.OMP_NUM_THREADS``), and OpenMP, the BLAS of numpy and scipy, PyTorch, Arrow,
XGBoost and LightGBM follow it. What is left is done here: libraries that look at other variables
or at the number of processors of the machine, and ``spark.task.cpus=0.5``, which Spark passes on
as it stands and OpenMP does not understand.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress

_OPENMP = "OMP_NUM_THREADS"
# Each is the variable of a library that would else take all processors: joblib (scikit-learn's and
# LightGBM's n_jobs=-1), numba, Polars, tokenizers and others in Rust, TensorFlow.
_OTHERS = (
    "LOKY_MAX_CPU_COUNT",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


def limit_threads(cpus: int | None, environ: MutableMapping[str, str]) -> int | None:
    """Hold the libraries of this process to the processors of its task.

    Runs on a worker, before a model is loaded and its libraries are imported. What the user has set
    is kept, and a number for OpenMP is taken as the number for all.

    Args:
        cpus: Processors of the task, at least one; None where no task runs, and nothing is done.
        environ: The environment of the process.

    Returns:
        How many threads a model may use, or None.
    """
    if cpus is None:
        return None
    given = environ.get(_OPENMP, "").partition(",")[0].strip()
    threads = int(given) if given.isdecimal() and int(given) > 0 else cpus
    if given != str(threads):
        environ[_OPENMP] = str(threads)
        _limit_loaded(threads)
    for name in _OTHERS:
        environ.setdefault(name, str(threads))
    return threads


def _limit_loaded(threads: int) -> None:
    """Limit the libraries that have read their environment already."""
    import pyarrow as pa

    pa.set_cpu_count(threads)
    with suppress(ModuleNotFoundError):  # it comes with scikit-learn
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)
