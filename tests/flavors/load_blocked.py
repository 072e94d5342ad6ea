"""Run by tests in a process of its own: loads models while libraries cannot be imported.

The argument is a file with a JSON list of jobs: ``model``, ``blocked`` (names of libraries),
``data`` (a pickle of rows and params, or null) and ``out`` (where to pickle predictions). Prints
a JSON list: per job the libraries imported before and after it, and type and text of its error.
"""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

LIBRARIES = {
    "catboost",
    "lightgbm",
    "mlflow",
    "onnxruntime",
    "sklearn",
    "skops",
    "statsmodels",
    "torch",
    "xgboost",
}


class Blocker:
    """Makes libraries look as if they were not installed."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if name.partition(".")[0] in self.names:
            message = f"No module named {name!r}"
            raise ModuleNotFoundError(message, name=name)
        return None


def imported() -> list[str]:
    """Name the libraries that this process has imported."""
    return sorted(LIBRARIES & set(sys.modules))


def run(job: dict[str, Any], blocker: Blocker) -> dict[str, Any]:
    """Inspect, load and predict."""
    import scorecast

    blocker.names = set(job["blocked"])
    scorecast.inspect_model(job["model"])
    result: dict[str, Any] = {"before": imported()}
    try:
        model = scorecast.load_model(job["model"])
        if job["data"]:
            given, params = pickle.loads(Path(job["data"]).read_bytes())
            Path(job["out"]).write_bytes(pickle.dumps(model.predict(given, params)))
    except scorecast.ScorecastError as error:
        result.update(error=type(error).__name__, text=str(error))
    return {**result, "after": imported()}


def main() -> None:
    """Run the jobs."""
    warnings.simplefilter("ignore")
    blocker = Blocker()
    sys.meta_path.insert(0, blocker)
    jobs = json.loads(Path(sys.argv[1]).read_text())
    json.dump([run(job, blocker) for job in jobs], sys.stdout)


if __name__ == "__main__":
    main()
