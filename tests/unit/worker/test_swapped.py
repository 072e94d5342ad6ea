"""A model that is swapped in the cache of a machine while a worker loads it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import py_compile
import random
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scorecast.cache.copies import ModelCopy, open_copy
from scorecast.errors import DigestMismatchError, ModelLoadError
from scorecast.local.model import resolve_model
from scorecast.models.code_path import forget_modules
from scorecast.models.load import load_predictor
from scorecast.packing import pack
from scorecast.worker import handle as handles
from scorecast.worker.handle import ModelHandle

ROUNDS = 50

# Does to a file what it is told, as another process of this user would.
SWAPPER = """
import os, shutil, sys
for line in sys.stdin:
    how, source, target = line.rstrip("\\n").split("\\t")
    status = os.stat(target)
    if how == "replace":
        shutil.copy2(source, target + ".new")
        os.replace(target + ".new", target)
    else:  # in place, with the time that it had
        with open(source, "rb") as new, open(target, "r+b") as old:
            old.write(new.read())
            old.truncate()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    print("swapped", flush=True)
"""


class Swapper:
    """A process that swaps files; `ask` does not wait for it, `done` does."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, how: str, source: Path, target: Path) -> None:
        """Have a file swapped for another."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{how}\t{source}\t{target}\n")
        self.process.stdin.flush()

    def done(self) -> None:
        """Wait until it is."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "swapped\n"


@pytest.fixture
def swapper() -> Iterator[Swapper]:
    """Start the process."""
    command = [sys.executable, "-c", SWAPPER]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        yield Swapper(process)
        assert process.stdin is not None
        process.stdin.close()


class Source:
    """What a worker has: the packed model, and the cache of its machine."""

    def __init__(self, root: Path, data: bytes, opened: Callable[[Path], None]) -> None:
        self.root, self.data, self.opened = root, data, opened

    def open(self, digest: str) -> ModelCopy:
        """Unpack the model, or find it, and tell."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it was changed before
            copy = open_copy(self.root, digest, lambda: self.data)
        self.opened(copy.directory)
        return copy

    def cpus(self) -> int | None:
        """Give none: no task runs here."""
        return None


def handle_of(model: Path, cache: Path) -> Any:
    """Give what a worker loads a model by, with a cache that is empty."""
    cache.mkdir(mode=0o700)
    packed = pack(model)
    source = Source(cache, packed.data, lambda _directory: None)
    return ModelHandle(packed.digest, resolve_model(model).info, source)


@pytest.fixture
def world(tmp_path: Path, save: Any, handle: Any) -> tuple[Any, Path, Path]:
    """Give a maker of handles that load the good model, a file of it, and the bad one."""
    del handle
    good, bad = save(lambda data: data["x"] * 2), save(lambda data: data["x"] * 0 - 1)
    (file,) = good.glob("*.pkl")
    quiet = handle_of(good, tmp_path / "cache")

    def make(opened: Callable[[Path], None]) -> ModelHandle:
        return replace(quiet, source=Source(quiet.source.root, quiet.source.data, opened))

    return make, Path(file.name), bad / file.name


def outcome(handle: ModelHandle) -> str:
    """Load and predict; say whether it was refused, right or wrong."""
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    try:
        predictor = handle._load("key").predictor
    except DigestMismatchError as error:
        return "refused" if "changed while it was loaded" in str(error) else str(error)
    except ModelLoadError:
        return "broken"
    found = np.asarray(predictor.predict(frame, None)).tolist()
    return "right" if found == [2.0, 4.0] else f"wrong: {found}"


@pytest.mark.parametrize("how", ["replace", "in place"])
def test_a_model_swapped_before_it_is_loaded_is_refused(
    world: Any, swapper: Swapper, how: str
) -> None:
    """Each of fifty times, also when the file keeps its time and size of before."""
    make, name, bad = world

    def swap(directory: Path) -> None:
        swapper.ask(how, bad, directory / name)
        swapper.done()

    found = [outcome(make(swap)) for _ in range(ROUNDS)]
    assert found == ["refused"] * ROUNDS


def test_a_model_that_is_swapped_back_is_refused(
    world: Any, swapper: Swapper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever looks at the file afterwards finds the right bytes, which were not those loaded."""
    make, name, bad = world
    kept = tmp_path / "kept"
    places: list[Path] = []

    def swap(directory: Path) -> None:
        places.append(directory / name)
        shutil.copy2(places[-1], kept)
        swapper.ask("replace", bad, places[-1])
        swapper.done()

    def load_and_restore(*arguments: Any, **options: Any) -> Any:
        loaded = load_predictor(*arguments, **options)
        swapper.ask("replace", kept, places[-1])
        swapper.done()
        return loaded

    monkeypatch.setattr(handles, "load_predictor", load_and_restore)
    assert [outcome(make(swap)) for _ in range(ROUNDS)] == ["refused"] * ROUNDS


def test_a_race_never_ends_with_the_wrong_model(
    world: Any, swapper: Swapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any moment of loading: it is refused, or it was loaded before."""
    make, name, bad = world
    pause = random.Random(7)
    steps = [0]

    def swap(directory: Path) -> None:
        swapper.ask(pause.choice(["replace", "in place"]), bad, directory / name)
        for _ in range(steps[0]):
            os.sched_yield()

    found = []
    for number in range(ROUNDS):
        steps[0] = number * 40
        found.append(outcome(make(swap)))
        swapper.done()
    assert set(found) <= {"refused", "right"}


def test_files_that_change_between_check_and_stamp_are_no_copy(
    world: Any, swapper: Swapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp is of what was hashed, whatever stands there when it is written."""
    from scorecast.cache import copies

    make, name, bad = world
    write_stamp = copies.write_stamp

    def write_late(directory: Path, stamp: Path, seen: Any = None) -> None:
        swapper.ask("replace", bad, directory / name)
        swapper.done()
        write_stamp(directory, stamp, seen)

    monkeypatch.setattr(copies, "write_stamp", write_late)
    assert outcome(make(lambda _directory: None)) == "refused"
    monkeypatch.undo()
    assert outcome(make(lambda _directory: None)) == "right"


def test_bytecode_that_comes_before_it_is_loaded_is_refused(world: Any, tmp_path: Path) -> None:
    """Python runs it in place of the code that was checked, and no digest counts it."""
    make, _, _ = world
    source = tmp_path / "other.py"
    source.write_text(
        "class Model:\n"
        "    def predict(self, data, params=None):\n"
        "        return data['x'] * 0 - 1\n"
        "def _load_pyfunc(path):\n"
        "    return Model()\n"
    )

    def add(directory: Path) -> None:
        (code,) = directory.rglob("*.py")
        bytecode = importlib.util.cache_from_source(code)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), bytecode, invalidation_mode=mode)

    assert outcome(make(add)) == "refused"
    assert outcome(make(lambda _directory: None)) == "right"


def test_a_model_that_imports_from_its_own_files_is_no_such_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As loaders do that bring their modules among the data: no bytecode is written there."""
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "loader_of_data.py").write_text(
        "import sys\n"
        "def _load_pyfunc(path):\n"
        "    sys.path.insert(0, path)\n"
        "    import module_among_data\n"
        "    return module_among_data.Model()\n"
    )
    model = tmp_path / "model"
    (model / "data").mkdir(parents=True)
    (model / "MLmodel").write_text(
        "flavors: {python_function: {loader_module: loader_of_data, data: data}}\n"
    )
    (model / "data" / "module_among_data.py").write_text(
        "class Model:\n    def predict(self, data):\n        return data['x'] * 2\n"
    )
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "installed")])
    assert outcome(handle_of(model, tmp_path / "cache")) == "right"
    assert list((tmp_path / "cache").rglob("*.pyc")) == []


def test_code_that_keeps_what_it_compiles_is_no_such_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numba keeps it beside the code unless its variable names another place, as is done here."""
    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    (model / "MLmodel").write_text(
        "flavors: {python_function: {loader_module: compiling_loader, code: code}}\n"
    )
    (model / "code" / "compiling_loader.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "place = os.environ.get('NUMBA_CACHE_DIR') or Path(__file__).parent / '__pycache__'\n"
        "Path(place).mkdir(parents=True, exist_ok=True)\n"
        "Path(place, 'function.nbi').touch()\n"
        "class Model:\n"
        "    def predict(self, data):\n"
        "        return data['x'] * 2\n"
        "def _load_pyfunc(path):\n"
        "    return Model()\n"
    )
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # to be as it was afterwards
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    handle = handle_of(model, tmp_path / "cache")
    for _ in range(2):
        assert outcome(handle) == "right"
    assert len(list((tmp_path / "cache").rglob("*.nbi"))) == 1


def test_modules_of_a_refused_model_are_forgotten(tmp_path: Path) -> None:
    """Those of packages without a file of their own, one in the other, as well."""
    (tmp_path / "outer_of_refused" / "inner").mkdir(parents=True)
    (tmp_path / "outer_of_refused" / "inner" / "leaf.py").write_text("VALUE = 1\n")
    sys.path.insert(0, str(tmp_path))
    try:
        importlib.import_module("outer_of_refused.inner.leaf")
        forget_modules(tmp_path)
    finally:
        sys.path.remove(str(tmp_path))
    assert [name for name in sys.modules if name.startswith("outer_of_refused")] == []


def test_files_that_a_model_adds_while_it_loads_are_refused_too(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that lies there suddenly may have been imported."""
    make, _, _ = world

    def add(directory: Path) -> None:
        (directory / "numpy.py").write_text("")

    assert outcome(make(add)) == "refused"
