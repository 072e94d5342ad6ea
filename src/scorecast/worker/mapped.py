"""One copy of the arrays of a model in the memory of a machine, however many processes load it.

Unpickling copies every array into memory of the process, so eight workers hold the weights eight
times. Here one process loads the object as it stands and writes it again with its arrays in a file
beside the pickle (`mapped_files`). Every process, that one too, then reads this form: its arrays
lie in one mapped file, whose pages are in memory once.

The mapping is private and writable, not read-only: compiled code that asks for writable memory
takes the arrays, and a model that writes into its arrays works as ever, with the pages that it
writes as its own. No process can change the file through it.

The form is made only where it pays: for files from `_SMALLEST` on, and kept only if the object
holds on to so much of the mapped memory. What copies its arrays when it is unpickled is loaded as
it stands, and so is what cannot be pickled again. Which of the two it is, is remembered beside the
copy of the model. It holds for one Python and one configuration, and as long as the packages that
the object comes from keep their versions. The trees of scikit-learn are known to copy: an object of
a file that names them is loaded by all processes at the same time, and shared only if there is
enough to share beside its trees.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from scorecast.cache.copies import ModelCopy
from scorecast.cache.eviction import make_room
from scorecast.cache.locks import locked
from scorecast.cache.machine import cache_limit
from scorecast.cache.stamps import is_stamped, write_stamp
from scorecast.private import make_private
from scorecast.worker.mapped_files import read_object, shareable_bytes, write_object

SWITCH_VARIABLE = "SCORECAST_MAP_WEIGHTS"
_FORM = 1  # counted up when flavors load files in another way, or the form changes
_SMALLEST = 16 << 20
_STATE = "state.json"
_PLAIN = object()
# The module of the type that holds a tree; a pickle names the types in it in plain letters.
_COPYING = "sklearn.tree._tree"


def mapped_objects(
    copy: ModelCopy, key: str, environ: Mapping[str, str], *, smallest: int = _SMALLEST
) -> MappedObjects | None:
    """Give what shares the objects of a model between processes; None where they are not shared.

    Args:
        copy: The model on this machine. One that is not in the cache is loaded as it stands.
        key: What else the loaded model depends on, see `ModelHandle.key`.
        environ: The environment, in which ``SCORECAST_MAP_WEIGHTS=0`` switches sharing off.
        smallest: Bytes of a file, and of the arrays in it, from which on it is shared.
    """
    if copy.root is None or environ.get(SWITCH_VARIABLE) == "0":
        return None
    told_apart = json.dumps([_FORM, sys.version, sys.prefix, key])
    folder = copy.directory.with_name("mapped") / sha256(told_apart.encode()).hexdigest()[:32]
    return MappedObjects(folder, copy.root, smallest)


@dataclass(frozen=True, slots=True)
class MappedObjects:
    """Gives the objects of one model with their arrays in shared memory.

    Attributes:
        folder: Where the mapped forms are.
        root: The cache directory around it.
        smallest: Bytes from which on an object is shared.
    """

    folder: Path
    root: Path
    smallest: int = _SMALLEST

    def load(self, name: str, file: Path, load: Callable[[], Any]) -> Any:
        """Give the object that `load` gives, with its arrays in shared memory where that pays.

        Of several processes one makes the mapped form, while the others wait.

        Args:
            name: What tells the object from the others of the model: the path of its file in it.
            file: That file.
            load: Loads it as it stands.
        """
        size = file.stat().st_size
        if size < self.smallest:
            return load()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        form = self.folder / sha256(name.encode()).hexdigest()[:32]
        with locked(form.with_suffix(".lock"), shared=True):
            found = _read(form)
        if found is None and _holds(file, _COPYING):
            loaded = load()
            if shareable_bytes(loaded, without=_COPYING) < self.smallest:
                return loaded
            return self._shared(form, size, lambda: loaded)
        if found is None:
            return self._shared(form, size, load)
        return load() if found is _PLAIN else found

    def _shared(self, form: Path, size: int, load: Callable[[], Any]) -> Any:
        with locked(form.with_suffix(".lock")):
            found = _read(form)  # another process may have made it meanwhile
            if found is None:
                return self._made(form, size, load)
        return load() if found is _PLAIN else found

    def _made(self, form: Path, size: int, load: Callable[[], Any]) -> Any:
        loaded = load()
        new = form.with_suffix(".new")
        for old in (new, form):
            shutil.rmtree(old, ignore_errors=True)
        try:
            make_room(self.root, size, cache_limit(os.environ))
            new.mkdir(mode=0o700)
            mapped = self._mapped(loaded, new)
            make_private(new)
            new.rename(form)
            write_stamp(form, _stamp(form))
        except OSError as error:
            # A full disk is no property of the model: the next process tries again.
            warnings.warn(
                f'Each worker holds weights of its own: their shared form in "{self.root}" cannot '
                f"be written: {error.strerror or error}.",
                UserWarning,
                stacklevel=2,
            )
            return loaded
        finally:
            shutil.rmtree(new, ignore_errors=True)
        if mapped is None:
            return loaded
        del loaded
        gc.collect()  # before the next process begins, and in this one before it predicts
        return mapped

    def _mapped(self, loaded: Any, new: Path) -> Any:
        """Write the mapped form and read it; None where the object does not share its arrays."""
        try:
            write_object(loaded, new)
            read = read_object(new)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a model may raise anything when it is pickled
            return _keep_plain(new, f"{type(error).__name__}: {error}")
        if read.held < self.smallest:
            return _keep_plain(new, f"it holds {read.held} bytes of the mapped memory")
        state = {"mapped": True, "versions": _versions(read.modules)}
        (new / _STATE).write_text(json.dumps(state), encoding="utf-8")
        return read.value


def _holds(file: Path, word: str) -> bool:
    """Tell whether a file that is not empty holds a word; False where it cannot be mapped."""
    with (
        suppress(OSError),
        file.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        return text.find(word.encode()) >= 0
    return False


def _keep_plain(new: Path, reason: str) -> None:
    """Remember that an object is to be loaded as it stands."""
    shutil.rmtree(new)
    new.mkdir(mode=0o700)
    state = {"mapped": False, "reason": reason, "versions": {}}
    (new / _STATE).write_text(json.dumps(state), encoding="utf-8")


def _read(form: Path) -> Any:
    """Give the object of a mapped form, `_PLAIN`, or None where nothing is known that holds."""
    if not is_stamped(form, _stamp(form)):
        return None
    state = json.loads((form / _STATE).read_text(encoding="utf-8"))
    if any(_version(name) != known for name, known in state["versions"].items()):
        return None
    if not state["mapped"]:
        return _PLAIN
    try:
        read = read_object(form).value
    except Exception:  # noqa: BLE001 - whatever it is, loading the model itself says it better
        return _PLAIN
    return read if is_stamped(form, _stamp(form)) else None  # it was changed while it was read


def _stamp(form: Path) -> Path:
    return form.with_suffix(".stamp")


def _versions(modules: frozenset[str]) -> dict[str, str | None]:
    """Give the versions of the distributions that modules come from."""
    foreign = modules - sys.stdlib_module_names - {"__main__"}
    versions = {module: _version(module) for module in sorted(foreign)}
    unnamed = [module for module, found in versions.items() if found is None]
    if unnamed:  # a distribution of another name, or none
        from importlib.metadata import packages_distributions

        known = packages_distributions()  # which looks at every file that is installed
        names = {name for module in unnamed for name in known.get(module, ())}
        versions |= {name: _version(name) for name in sorted(names)}
    return versions


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
