"""The Python code that travels inside a model directory: how it becomes importable.

MLflow puts the directory in front of ``sys.path`` and leaves it there. Two models in one process
that both bring a module ``features`` then share the first one's code, without a word. Here the
modules of another model's code directory are forgotten before a new one is put in front, so each
model imports its own; objects that exist already keep the modules that they were made from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path


def use_code_directory(directory: Path) -> None:
    """Make the modules in `directory` importable, ahead of all others of the same name.

    Runs once per model load, on the driver and in each worker process, before the model is loaded.
    """
    for name in _top_level_names(directory):
        _forget(name, unless_inside=directory)
    entry = str(directory)
    sys.path[:] = [entry, *(path for path in sys.path if path != entry)]


def _top_level_names(directory: Path) -> Iterator[str]:
    for child in directory.iterdir():
        if child.suffix == ".py":
            yield child.stem
        elif child.is_dir() and child.name != "__pycache__":
            yield child.name


def _forget(name: str, *, unless_inside: Path) -> None:
    module = sys.modules.get(name)
    if module is None:
        return
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    if any(place and Path(place).is_relative_to(unless_inside) for place in places):
        return
    for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[loaded]
