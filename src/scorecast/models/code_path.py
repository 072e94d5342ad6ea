"""The Python code that travels inside a model directory: how it becomes importable.

MLflow puts the directory in front of ``sys.path`` and leaves it there. Two models in one process
that both bring a module ``features`` then share the first one's code, without a word. Here each
model has its own modules in place whenever it is loaded or predicts, also those that it imports
only while it predicts. Python writes no bytecode beside them, which no digest would count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from scorecast.models.flavors.base import Predictor


class CodeDirectory:
    """The code of one model, and the modules of it that are imported."""

    # Modules are global to a process, so which model's are in place is as well.
    _in_place: ClassVar[CodeDirectory | None] = None

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names = frozenset(_top_level_names(directory))
        self._modules: dict[str, ModuleType] = {}

    def use(self) -> None:
        """Put this model's modules in place, ahead of all others of the same name.

        Runs before the model is loaded and before each batch, on the driver and in each worker
        process; does nothing unless another model's code was used since.
        """
        before = CodeDirectory._in_place
        if before is self:
            return
        if before is not None:
            before.keep()
        for name in self._names:
            _forget(name, unless_inside=self._directory)
        sys.modules.update(self._modules)
        entry = str(self._directory)
        sys.path[:] = [entry, *(path for path in sys.path if path != entry)]
        CodeDirectory._in_place = self

    def keep(self) -> None:
        """Remember the modules that are in place, before those of another model replace them."""
        found = list(sys.modules.items())
        self._modules = {
            name: module for name, module in found if name.partition(".")[0] in self._names
        }


@dataclass(frozen=True, slots=True)
class Importing:
    """A predictor that imports while it predicts: modules of its own model, without bytecode."""

    predictor: Predictor
    code: CodeDirectory | None

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Predict one batch."""
        if self.code is not None:
            self.code.use()
        with no_bytecode():
            return self.predictor.predict(data, params)


@contextmanager
def no_bytecode() -> Iterator[None]:
    """Have Python write no bytecode while a model is loaded or predicts.

    A directory of a model that is not its code directory may be imported from as well.
    """
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def forget_modules(directory: Path) -> None:
    """Forget the modules that were imported from a directory, whose files are not to be used."""
    inside = [name for name, module in list(sys.modules.items()) if _is_inside(module, directory)]
    # Only then, since a namespace package asks for the one that it is in.
    for name in inside:
        sys.modules.pop(name, None)


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
    if _is_inside(module, unless_inside):
        return
    for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[loaded]


def _is_inside(module: ModuleType, directory: Path) -> bool:
    # What a module makes of a name by `__getattr__` may be anything, and may import more.
    found = getattr(module, "__dict__", {})
    places = [found.get("__file__"), *(found.get("__path__") or ())]
    return any(
        # Of thousands of modules, the name alone leaves few.
        isinstance(each, str) and directory.name in each and Path(each).is_relative_to(directory)
        for each in places
    )
