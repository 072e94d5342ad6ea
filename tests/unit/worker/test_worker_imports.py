"""What a worker imports before it knows its model: nothing that a model may not need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROBE = """
import importlib, json, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""
NEVER = {"click", "mlflow", "packaging", "pydantic", "pyspark", "sklearn", "yaml"}
# What loading a model takes, before its flavor is known.
LOADING = "scorecast.worker.handle,scorecast.models.load"
LOADING_ADDS = {"cloudpickle", "email", "importlib.metadata", "multiprocessing", "pandas"}


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("scorecast.worker.task,scorecast.worker.columns", NEVER | {"multiprocessing"}),
        (LOADING, NEVER | LOADING_ADDS),
        (f"{LOADING},scorecast.models.flavors.sklearn", NEVER | LOADING_ADDS),
        (f"{LOADING},scorecast.models.flavors.onnx", NEVER | LOADING_ADDS),
        (f"{LOADING},scorecast.models.flavors.loader_module", NEVER | LOADING_ADDS),
    ],
)
def test_a_worker_imports_nothing_of_no_use(
    modules: str, absent: set[str], src_on_path: dict[str, str]
) -> None:
    """A process that imports what a worker does has not imported these."""
    command = [sys.executable, "-c", PROBE, modules]
    run = subprocess.run(command, env=src_on_path, capture_output=True, text=True, check=True)

    assert absent.isdisjoint(json.loads(run.stdout))
