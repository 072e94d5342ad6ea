"""Models on disk for the tests, and isolation between them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import scorecast
from scorecast.local.model import resolve_model
from scorecast.models.signature import Signature, Spec
from scorecast.worker.handle import ModelHandle

# MLflow reads these when it is imported, which some tests do.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_TRACKING_URI", "sqlite://")

# How long an example takes says more about the machine than about the code.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def _forget_code_of_models() -> Iterator[None]:
    """Forget the modules that models brought, so that no test sees those of another."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    added = [entry for entry in sys.path if entry not in path]
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if any(Path(file).is_relative_to(entry) for entry in added):
            del sys.modules[name]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write a model, or a function as one, with declared inputs and outputs; gives its path."""

    def write(
        model: Any,
        inputs: list[Spec] | None = None,
        outputs: list[Spec] | None = None,
        params: Any = None,
        **options: Any,
    ) -> Path:
        number = len(list(tmp_path.glob("model-*")))
        signature = None
        if inputs is not None or outputs is not None or params is not None:
            signature = Signature(
                None if inputs is None else tuple(inputs),
                None if outputs is None else tuple(outputs),
                params,
            )
        path = tmp_path / f"model-{number}"
        return scorecast.save_model(model, path, signature=signature, **options)

    return write


@pytest.fixture
def handle(save: Save) -> Callable[..., ModelHandle]:
    """Write a model and give what a worker would open it by."""

    def make(model: Any, *specs: Any, **options: Any) -> ModelHandle:
        return resolve_model(save(model, *specs, **options)).local_handle()

    return make


@pytest.fixture
def src_on_path() -> dict[str, str]:
    """The environment of a new process that imports the same scorecast as this one."""
    source = Path(scorecast.__file__).parents[1]
    return {**os.environ, "PYTHONPATH": str(source)}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Take SIGINT as Python does, which a shell turns off for what it starts in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
