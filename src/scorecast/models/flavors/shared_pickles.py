"""Sharing the arrays of pickles that the code of a model reads by itself."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scorecast.models.flavors.base import ModelFiles


@contextmanager
def shared_pickles(files: ModelFiles) -> Iterator[None]:
    """Let ``pickle.load`` give objects with shared arrays, for files of the model.

    A loader module opens its files itself, so this is the one place where its arrays can be shared.
    It holds while the loader runs, for calls from this thread on a file of the model that was not
    read yet; every other call is what it always was, as are names that the loader imported from
    `pickle` before.
    """
    if files.shared is None:
        yield
        return
    import cloudpickle

    plain, thread = pickle.load, threading.get_ident()
    root = files.directory.resolve()

    def load(stream: Any, **options: Any) -> Any:
        file = None if options or threading.get_ident() != thread else _file_of(stream)
        if file is None or not file.is_relative_to(root):
            return plain(stream, **options)

        def as_it_stands() -> Any:
            stream.seek(0)
            return plain(stream)

        return files.unpickled(file, as_it_stands)

    libraries: tuple[Any, ...] = (pickle, cloudpickle)
    before: list[Callable[..., Any]] = [library.load for library in libraries]
    for library in libraries:
        library.load = load
    try:
        yield
    finally:
        for library, function in zip(libraries, before, strict=True):
            library.load = function


def _file_of(stream: Any) -> Path | None:
    """Give the file that a stream is at the beginning of, or None."""
    try:
        name = stream.name
        if not isinstance(name, str | os.PathLike) or stream.tell() != 0:
            return None
        path = Path(name).resolve()
        return path if os.path.samestat(path.stat(), os.fstat(stream.fileno())) else None
    except (AttributeError, OSError, ValueError):
        return None
