"""An object in files, its arrays in one that is mapped: pickle protocol 5, buffers beside it."""

from __future__ import annotations

import json
import mmap
import pickle
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

_SMALLEST_BUFFER = 64 << 10  # smaller ones stay in the pickle: nothing is won by mapping them
_ALIGNMENT = mmap.PAGESIZE  # no two arrays share a page, which one of them may write to
_OBJECT, _BUFFERS, _INDEX = "object.pickle", "buffers.bin", "buffers.json"


@dataclass(frozen=True, slots=True)
class MappedObject:
    """An object that was read from its files.

    Attributes:
        value: The object.
        held: Bytes of mapped memory that it holds on to; the rest it has copied.
        modules: Top-level modules that its classes and functions come from.
    """

    value: Any
    held: int
    modules: frozenset[str]


def write_object(value: Any, folder: Path) -> None:
    """Write an object into an existing folder. The buffers of arrays are written without a copy.

    Raises:
        OSError: The files cannot be written.
        Exception: Anything that the object raises when it is pickled.
    """
    import cloudpickle

    places: list[tuple[int, int]] = []
    with (folder / _OBJECT).open("wb") as stream, (folder / _BUFFERS).open("wb") as buffers:

        def beside(buffer: pickle.PickleBuffer) -> bool:
            """Write one buffer; gives whether it is to stay in the pickle instead."""
            raw = _large(buffer)
            if raw is None:
                return True
            places.append((_next_place(buffers), raw.nbytes))
            buffers.write(raw)
            return False

        pickler: Any = cloudpickle.Pickler(stream, protocol=5, buffer_callback=beside)
        pickler.dump(value)
    (folder / _INDEX).write_text(json.dumps(places), encoding="utf-8")


def shareable_bytes(value: Any, *, without: str) -> int:
    """Give the bytes of the arrays that `write_object` would write beside the pickle.

    Args:
        value: The object.
        without: Module whose objects do not count, with all that they hold.

    Raises:
        Exception: Anything that the object raises when it is pickled.
    """
    import cloudpickle

    total = 0

    def counted(buffer: pickle.PickleBuffer) -> bool:
        nonlocal total
        raw = _large(buffer)
        total += 0 if raw is None else raw.nbytes
        return raw is None

    class Counter(cloudpickle.Pickler):  # type: ignore[misc]
        def persistent_id(self, part: object) -> str | None:
            return without if type(part).__module__ == without else None

    Counter(_Nowhere(), protocol=5, buffer_callback=counted).dump(value)
    return total


def _large(buffer: pickle.PickleBuffer) -> memoryview | None:
    """Give the bytes of a buffer that belongs beside the pickle; None for one that stays in it."""
    try:
        raw = buffer.raw()
    except BufferError:  # not in one piece
        return None
    return raw if raw.nbytes >= _SMALLEST_BUFFER else None


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return memoryview(data).nbytes


def read_object(folder: Path) -> MappedObject:
    """Read an object; its arrays are slices of one mapping, which ends with the last of them.

    Raises:
        OSError: The files cannot be read.
        Exception: Anything that the object raises when it is unpickled.
    """
    places = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    buffers = _mapped(folder / _BUFFERS, places)
    watched = [(weakref.ref(buffer), buffer.nbytes) for buffer in buffers]
    with (folder / _OBJECT).open("rb") as stream:
        unpickler = _Unpickler(stream, buffers=_given_away(buffers))
        value = unpickler.load()
        modules = frozenset(unpickler.modules)
        del unpickler
    held = sum(size for buffer, size in watched if buffer() is not None)
    return MappedObject(value, held, modules)


class _Unpickler(pickle.Unpickler):
    """Takes note of the modules that it imports from."""

    def __init__(self, stream: IO[bytes], *, buffers: Iterator[Any]) -> None:
        super().__init__(stream, buffers=buffers)
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str, /) -> Any:
        self.modules.add(module.partition(".")[0])
        return super().find_class(module, name)


def _next_place(file: IO[bytes]) -> int:
    place = -(-file.tell() // _ALIGNMENT) * _ALIGNMENT
    file.seek(place)
    return place


def _mapped(file: Path, places: list[tuple[int, int]]) -> list[npt.NDArray[np.uint8]]:
    """Map a file and give its parts: as arrays, since what holds on to one of them can be told."""
    if not places:
        return []
    with file.open("rb") as stream:
        # Private and writable: see `mapped`. No memory is set aside for pages that nobody writes.
        memory = mmap.mmap(
            stream.fileno(),
            0,
            flags=mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0),
            prot=mmap.PROT_READ | mmap.PROT_WRITE,
        )
    whole = np.frombuffer(memory, np.uint8)
    return [whole[start : start + size] for start, size in places]


def _given_away(buffers: list[npt.NDArray[np.uint8]]) -> Iterator[memoryview]:
    """Give buffers without holding on to them.

    They are no arrays there, since an array made of one holds on to the whole instead.
    """
    buffers.reverse()
    while buffers:
        part: Any = buffers.pop()  # which numpy's types call no buffer before Python 3.12
        yield memoryview(part)
