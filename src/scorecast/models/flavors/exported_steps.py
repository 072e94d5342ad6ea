"""The steps of an exported graph, read from its JSON as plain values; see `exported`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from scorecast.models.flavors.exported_operators import is_known

# Numbers of the schema, and what torch calls them.
DTYPES: Mapping[int, str] = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
}
"""Types of numbers."""

LAYOUTS: Mapping[int, str] = {7: "strided"}
"""How tensors lie in memory; only as plain arrays do."""

_MEMORY_FORMATS = {
    1: "contiguous_format",
    2: "channels_last",
    3: "channels_last_3d",
    4: "preserve_format",
}


class GraphError(ValueError):
    """Says what is in a file that is not read here, as the end of a sentence about the file."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the graph, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of torch: a type of numbers, a layout, or an order of axes in memory."""

    name: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device, as torch spells it."""

    name: str


Names: TypeAlias = "str | tuple[Names, ...] | None"
"""What becomes of a result: its name, names of its parts, or nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of an operator.

    Attributes:
        target: The operator, as the graph spells it; one that `is_known`.
        positional: Arguments: numbers, texts, `Value`, `Constant`, `Device`, None, or lists.
        named: Arguments by name.
        gives: What the result is called.
        last: Values that no later step takes.
    """

    target: str
    positional: tuple[Any, ...]
    named: Mapping[str, Any]
    gives: Names
    last: tuple[str, ...] = ()


def read_steps(nodes: Sequence[Mapping[str, Any]], gives: str) -> tuple[Step, ...]:
    """Read the nodes of a graph whose output is called `gives`.

    Raises:
        GraphError: A node calls what is not known, or with something else than numbers and tensors.
        Exception: It is no node.
    """
    return _with_ends(list(map(_step, nodes)), gives)


def _step(node: Mapping[str, Any]) -> Step:
    target = node["target"]
    if not is_known(target):
        message = (
            f'calls "{target}", which is none of the operators of PyTorch that are known to do '
            "nothing but compute"
        )
        raise GraphError(message)
    positional, named = [], {}
    for given in node["inputs"]:
        argument = _argument(given["arg"])
        if given["kind"] == 1:
            positional.append(argument)
        else:
            named[str(given["name"])] = argument
    gives = tuple(map(_names, node["outputs"]))
    return Step(target, tuple(positional), named, gives[0] if len(gives) == 1 else gives or None)


def _names(result: Mapping[str, Any]) -> Names:
    argument = _argument(result)
    if isinstance(argument, list):
        return tuple(each.name for each in argument)
    return None if argument is None else str(argument.name)


def _argument(given: Mapping[str, Any]) -> Any:
    ((kind, value),) = given.items()
    if kind not in _ARGUMENTS:
        message = f'gives an operator an argument of another kind than numbers, "{kind}"'
        raise GraphError(message)
    return _ARGUMENTS[kind](value)


def integer(value: Any) -> int:
    """Give a number that is one, and no truth or text.

    Raises:
        TypeError: It is none.
    """
    if type(value) is not int:
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def device(value: Mapping[str, Any]) -> Device:
    """Read a device."""
    index = value["index"]
    return Device(value["type"] if index is None else f"{value['type']}:{integer(index)}")


def _list(read: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda values: [read(value) for value in values]


def _tensor(value: Mapping[str, Any]) -> Value:
    return Value(value["name"])


# What an argument may be; in the place of a number the name of one may stand.
_ARGUMENTS: Mapping[str, Callable[[Any], Any]] = {
    "as_none": lambda _: None,
    "as_name": Value,
    "as_tensor": _tensor,
    "as_int": integer,
    "as_float": float,  # "Infinity" and "NaN" are texts
    "as_bool": _boolean,
    "as_string": str,
    "as_scalar_type": lambda value: Constant(DTYPES[value]),
    "as_layout": lambda value: Constant(LAYOUTS[value]),
    "as_memory_format": lambda value: Constant(_MEMORY_FORMATS[value]),
    "as_device": device,
    **dict.fromkeys(("as_optional_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"), _argument),
    "as_tensors": _list(_tensor),
    "as_ints": _list(integer),
    "as_floats": _list(float),
    "as_bools": _list(_boolean),
    **dict.fromkeys(("as_optional_tensors", "as_sym_ints"), _list(_argument)),
}


def _with_ends(steps: Sequence[Step], kept: str) -> tuple[Step, ...]:
    """Say at which step each value is taken for the last time, so that it can be let go there."""
    later, ended = {kept}, []
    for step in reversed(steps):
        here = {*_flat(step.gives), *_taken(step)}
        ended.append(replace(step, last=tuple(sorted(here - later))))
        later |= here
    return tuple(reversed(ended))


def _taken(step: Step) -> Iterator[str]:
    for argument in (*step.positional, *step.named.values()):
        for each in argument if isinstance(argument, list) else [argument]:
            if isinstance(each, Value):
                yield each.name


def _flat(names: Names) -> Iterator[str]:
    if isinstance(names, tuple):
        for each in names:
            yield from _flat(each)
    elif names is not None:
        yield names
