"""The steps of an exported graph, read from its JSON as plain values; see `exported`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from scorecast.models.flavors.exported_operators import PYTHON, is_known

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

# Those that torch needs no other library for, and that hold numbers.
_DEVICES = ("cpu", "cuda", "mps", "xpu")
_LARGEST = 1 << 63
_ENDLESS = ("Infinity", "-Infinity", "NaN")  # how torch writes them
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


def read_steps(
    nodes: Sequence[Mapping[str, Any]], given: Iterable[str], gives: str
) -> tuple[Step, ...]:
    """Read the nodes of a graph.

    Args:
        nodes: As its JSON holds them.
        given: Names of its input and weights.
        gives: Name of its output.

    Raises:
        GraphError: A node calls what is not known, or with something else than numbers and tensors.
        Exception: It is no node.
    """
    steps, defined = [_step(node) for node in nodes], set(given)
    for step in steps:
        if not defined.issuperset(_taken(step)):
            raise KeyError
        defined.update(_flat(step.gives))
    if gives not in defined:
        raise KeyError
    return _with_ends(steps, gives)


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
            named[_text(given["name"])] = argument
    given_to_python = (*positional, *named.values()) if target in PYTHON else ()
    if any(isinstance(each, str | list) for each in given_to_python):
        message = f'gives "{target}" a text or a list'
        raise GraphError(message)
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
    """Give a number that is one of 64 bits, and no truth or text.

    Raises:
        TypeError: It is none.
    """
    if type(value) is not int or not -_LARGEST <= value < _LARGEST:
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _floating(value: Any) -> float:
    if value not in _ENDLESS and type(value) not in (int, float):
        raise TypeError
    return float(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def device(value: Mapping[str, Any]) -> Device:
    """Read a device.

    Raises:
        GraphError: It is none that holds numbers: torch would import a library for some.
    """
    kind, index = value["type"], value["index"]
    if kind not in _DEVICES:
        message = f"is for a device that is none of {', '.join(_DEVICES)}"
        raise GraphError(message)
    return Device(kind if index is None else f"{kind}:{integer(index)}")


def numbered(table: Mapping[int, str], number: Any) -> str:
    """Give what torch calls a number of the schema.

    Raises:
        GraphError: It is not in the table.
    """
    if type(number) is not int or number not in table:
        message = "holds tensors of a type or layout that is not read"
        raise GraphError(message)
    return table[number]


def _tensor(value: Mapping[str, Any]) -> Value:
    return Value(_text(value["name"]))


def _single(given: Mapping[str, Any]) -> Any:
    ((kind, value),) = given.items()
    return _SINGLE[kind](value)


def _list(read: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda values: [read(value) for value in values]


# What an argument may be; in the place of a number the name of one may stand.
_SINGLE: Mapping[str, Callable[[Any], Any]] = {
    "as_none": lambda _: None,
    "as_name": lambda value: Value(_text(value)),
    "as_tensor": _tensor,
    "as_int": integer,
    "as_float": _floating,
    "as_bool": _boolean,
    "as_string": _text,
    "as_scalar_type": lambda value: Constant(numbered(DTYPES, value)),
    "as_layout": lambda value: Constant(numbered(LAYOUTS, value)),
    "as_memory_format": lambda value: Constant(numbered(_MEMORY_FORMATS, value)),
    "as_device": device,
}
_ARGUMENTS: Mapping[str, Callable[[Any], Any]] = {
    **_SINGLE,
    "as_tensors": _list(_tensor),
    "as_ints": _list(integer),
    "as_floats": _list(_floating),
    "as_bools": _list(_boolean),
    **dict.fromkeys(("as_optional_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"), _single),
    **dict.fromkeys(("as_optional_tensors", "as_sym_ints"), _list(_single)),
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
