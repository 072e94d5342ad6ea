"""A graph that `exported` has read, with its weights: ready to be called."""

from __future__ import annotations

import math
import mmap
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scorecast.errors import InputMismatchError, ModelLoadError
from scorecast.models.flavors.exported import Graph, Weight
from scorecast.models.flavors.exported_operators import operator_of
from scorecast.models.flavors.exported_steps import Constant, Device, Names, Step, Value

_HEADER = 30  # bytes of an entry's own header before its name, by the format of zip


@dataclass(frozen=True, slots=True)
class PlainGraph:
    """Runs a graph, operator by operator, as the module of ``torch.export.load`` does.

    Attributes:
        graph: What was read; the arguments of its steps are those that operators take.
        weights: Its tensors, by the name of the value that each is.
        functions: The operator of each step.
    """

    graph: Graph
    weights: Mapping[str, Any]
    functions: tuple[Callable[..., Any], ...]

    def __call__(self, tensor: Any, **params: Any) -> Any:
        """Run the graph on a tensor, on a worker, once per batch; gives a tensor.

        Raises:
            InputMismatchError: The tensor has another shape than the graph was exported for, or
                there are params, which no such graph takes.
        """
        if params:
            message = f"An exported graph takes no params, and got {', '.join(sorted(params))}."
            raise InputMismatchError(message)
        _check_shape(self.graph, tuple(tensor.shape))
        values = {**self.weights, self.graph.takes: tensor}
        for function, step in zip(self.functions, self.graph.steps, strict=True):
            positional = [_given(values, each) for each in step.positional]
            named = {name: _given(values, each) for name, each in step.named.items()}
            _keep(values, step.gives, function(*positional, **named))
            for name in step.last:
                values.pop(name, None)
        return values[self.graph.gives]


def load_graph(torch: Any, file: Path, graph: Graph, *, mapped: bool) -> PlainGraph:
    """Load the weights of a graph and find its operators.

    Runs once per process and model.

    Args:
        torch: The library.
        file: Where the graph was read from.
        graph: What was read.
        mapped: Whether weights stay in the file, in pages that processes share; it must not
            change. What a graph writes into a weight is seen by this process alone.

    Raises:
        ModelLoadError: A weight is not in the file as it is declared, or the installed torch lacks
            an operator.
    """
    try:
        functions = tuple(operator_of(torch, step.target) for step in graph.steps)
    except AttributeError as error:
        message = f'The graph "{file.name}" needs another version of torch: {error}.'
        raise ModelLoadError(message) from None
    steps = tuple(_ready(torch, step) for step in graph.steps)
    weights = {}
    with zipfile.ZipFile(file) as archive, file.open("rb") as raw:
        pages = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_COPY) if mapped else None
        stored: dict[tuple[str, str, str], Any] = {}
        for name, weight in graph.weights.items():
            key = weight.entry, weight.dtype, weight.device
            if key not in stored:  # several weights may be parts of one
                numbers = _numbers(archive, weight.entry, pages)
                flat = _flat_tensor(torch, getattr(torch, weight.dtype), *numbers)
                stored[key] = flat.to(weight.device)
            tensor = _shaped(stored[key], weight)
            weights[name] = torch.nn.Parameter(tensor) if weight.learned else tensor
    return PlainGraph(replace(graph, steps=steps), weights, functions)


def _ready(torch: Any, step: Step) -> Step:
    def constant(argument: Any) -> Any:
        if isinstance(argument, Constant):
            return getattr(torch, argument.name)
        return torch.device(argument.name) if isinstance(argument, Device) else argument

    named = {name: constant(argument) for name, argument in step.named.items()}
    return replace(step, positional=tuple(map(constant, step.positional)), named=named)


def _numbers(
    archive: zipfile.ZipFile, entry: str, pages: mmap.mmap | None
) -> tuple[mmap.mmap | bytearray, int, int]:
    """Give what holds the bytes of an entry, where they begin and how many they are."""
    info = archive.getinfo(entry)
    if info.compress_type != zipfile.ZIP_STORED:
        message = f'The weights "{_named(entry)}" are compressed. Save or export the model again.'
        raise ModelLoadError(message)
    try:
        with archive.open(info) as opened:  # compares the two headers of the entry
            if pages is None:
                return bytearray(opened.read()), 0, info.file_size
        name, extra = struct.unpack_from("<HH", pages, info.header_offset + _HEADER - 4)
    except (zipfile.BadZipFile, RuntimeError, EOFError, struct.error) as error:
        raise _damaged(entry) from error
    start = info.header_offset + _HEADER + name + extra
    if info.file_size != info.compress_size or start + info.file_size > len(pages):
        raise _damaged(entry)
    return pages, start, info.file_size


def _damaged(entry: str) -> ModelLoadError:
    message = f'The weights "{_named(entry)}" are damaged. Fetch or save the model again.'
    return ModelLoadError(message)


def _named(entry: str) -> str:
    """Leave out the folder, which has any name."""
    return entry.partition("/")[2]


def _flat_tensor(torch: Any, dtype: Any, buffer: Any, start: int, length: int) -> Any:
    if length == 0:
        return torch.empty(0, dtype=dtype)
    if start % dtype.itemsize:
        buffer, start = bytearray(buffer[start : start + length]), 0
    return torch.frombuffer(buffer, dtype=dtype, count=length // dtype.itemsize, offset=start)


def _shaped(flat: Any, weight: Weight) -> Any:
    numbers = (weight.offset, *weight.sizes, *weight.strides)
    reach = sum((size - 1) * step for size, step in zip(weight.sizes, weight.strides, strict=True))
    empty = math.prod(weight.sizes) == 0
    if min(numbers) < 0 or not (empty or weight.offset + reach < len(flat)):
        message = (
            f'The weights "{_named(weight.entry)}" are fewer than the graph declares. Fetch or '
            "save the model again."
        )
        raise ModelLoadError(message)
    return flat.as_strided(weight.sizes, weight.strides, weight.offset)


def _check_shape(graph: Graph, shape: tuple[int, ...]) -> None:
    lengths: dict[str, int] = {}
    fits = len(shape) == len(graph.sizes)
    for size, length in zip(graph.sizes, shape, strict=False):
        if isinstance(size, int):
            fits = fits and size == length
            continue
        low, high = graph.ranges.get(size, (None, None))
        fits = fits and lengths.setdefault(size, length) == length
        fits = fits and (low is None or length >= low)
        fits = fits and (high is None or length <= high)
    if not fits:
        wanted = ", ".join(_worded(graph, size) for size in graph.sizes)
        message = (
            f"The model was exported for a tensor of shape ({wanted}), and got one of {shape}. "
            "Give it what it wants, or export it again with other dynamic_shapes."
        )
        raise InputMismatchError(message)


def _worded(graph: Graph, size: int | str) -> str:
    if isinstance(size, int):
        return str(size)
    low, high = graph.ranges.get(size, (None, None))
    if high is None:
        return "any" if low is None else f"{low} or more"
    return f"{low or 0} to {high}"


def _given(values: Mapping[str, Any], argument: Any) -> Any:
    if isinstance(argument, Value):
        return values[argument.name]
    if isinstance(argument, list):
        return [_given(values, each) for each in argument]
    return argument


def _keep(values: dict[str, Any], names: Names, result: Any) -> None:
    if isinstance(names, tuple):
        for name, part in zip(names, result, strict=True):
            _keep(values, name, part)
    elif names is not None:
        values[names] = result
