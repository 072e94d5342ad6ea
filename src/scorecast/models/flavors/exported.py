"""A graph of ``torch.export`` (``.pt2``), read as plain values: no pickle, no torch, no evaluation.

torch's own reader unpickles sample inputs and weights, evaluates the sizes of tensors as Python
and resolves whatever an operator is called, and it copies the weights. Here only the graph, the
names of its operators and the bytes of its weights are read; what is none of those is refused.

The format is that of ``torch/_export/serde/schema.py``, version 8, in an archive of
``torch/export/pt2_archive``, as torch writes it since weights are plain bytes.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scorecast.models.flavors.exported_steps import (
    DTYPES,
    LAYOUTS,
    GraphError,
    Step,
    device,
    integer,
    numbered,
    read_steps,
)
from scorecast.models.pickles import PickledFile

_SCHEMA = 8
_MOST_TEXT = 256 << 20  # bytes; the graph of a network of thousands of layers has a tenth
_TAKEN_ANYHOW = 2
_MODEL = "model"  # what torch.export.save calls the only graph
_EXAMPLE = re.compile(r"[^!]+\.pt2![^!/]+/data/sample_inputs/model\.pt![^!]+")
_OF_TENSORS = frozenset(("collections", "torch", "torch._utils"))
# How torch describes forward(rows) that gives a tensor: a tuple of a tuple and a dict, and a leaf.
_LEAF: Mapping[str, Any] = {"type": None, "context": None, "children_spec": []}
_ARGUMENTS = {"type": "builtins.tuple", "context": "null", "children_spec": [_LEAF]}
_NO_NAMED = {"type": "builtins.dict", "context": "[]", "children_spec": []}
_TAKES = [1, {**_ARGUMENTS, "children_spec": [_ARGUMENTS, _NO_NAMED]}]
_GIVES = [1, _LEAF]
_WEIGHT = re.compile(r"(weight|tensor)_\d+")
_SYMBOL = re.compile(r"(?:Symbol\('(\w+)'(?:, \w+=True)*\)|([su]\d+))")


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of the model, as it lies in the archive.

    Attributes:
        entry: Name of the entry that holds its numbers.
        dtype: Type of a number, as torch calls it.
        sizes: Length of each axis.
        strides: Distance along each axis, in numbers.
        offset: Where it begins, in numbers.
        device: Where it was exported from.
        learned: Whether torch may learn it, by which it chooses how to multiply.
        is_constant: Whether it is a number in the code of the model, and no part of its state.
    """

    entry: str
    dtype: str
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    device: str
    learned: bool
    is_constant: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph that takes one tensor and gives one.

    Attributes:
        weights: Its tensors by the name of the value that each is.
        takes: Name of the input.
        sizes: Length of each axis of the input, or the name of one that may vary.
        ranges: Least and greatest length of those that may vary; None for no limit.
        steps: What is called, in this order.
        gives: Name of the output.
    """

    weights: Mapping[str, Weight]
    takes: str
    sizes: tuple[int | str, ...]
    ranges: Mapping[str, tuple[int | None, int | None]]
    steps: tuple[Step, ...]
    gives: str

    def devices(self) -> set[str]:
        """Give the kinds of devices that the model's state was exported from."""
        held = [each for each in self.weights.values() if not each.is_constant]
        return {each.device.partition(":")[0] for each in held}


def read_graph(file: Path) -> Graph:
    """Read the graph in `file`, but not its weights.

    Runs on the driver before a model is used, and on each worker when it is loaded. Calls nothing
    of what the file names.

    Raises:
        GraphError: It holds more than tensors and known operators, or cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _graph(archive)
    except GraphError:
        raise
    except Exception as error:
        message = f"cannot be read as a graph of torch.export ({type(error).__name__})"
        raise GraphError(message) from error


def is_example(pickle: PickledFile) -> bool:
    """Tell whether a pickle is the example that ``torch.export`` adds to a graph.

    It is left unread here, so nothing depends on what it holds; one that does not even look like
    tensors was made to harm and is none.
    """
    return bool(_EXAMPLE.fullmatch(pickle.path)) and _OF_TENSORS.issuperset(pickle.modules)


def _graph(archive: zipfile.ZipFile) -> Graph:
    names = archive.namelist()
    roots = {name.partition("/")[0] for name in names}
    if len(roots) != 1 or len(names) != len(set(names)):
        message = "has entries in several folders, or one twice"
        raise GraphError(message)
    root = roots.pop()

    def text(name: str) -> str:
        entry = f"{root}/{name}"
        if entry not in names:
            message = f'has no "{name}": export it again with a newer torch'
            raise GraphError(message)
        info = archive.getinfo(entry)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > _MOST_TEXT:
            message = f'has "{name}" compressed or in more than {_MOST_TEXT} bytes'
            raise GraphError(message)
        return archive.read(entry).decode()

    if text("byteorder") != "little":
        message = "has numbers in the order of another machine"
        raise GraphError(message)
    program = json.loads(text(f"models/{_MODEL}.json"))
    if program["schema_version"]["major"] != _SCHEMA:
        message = f"is of schema {program['schema_version']['major']}, and {_SCHEMA} is read"
        raise GraphError(message)
    stored: dict[str, Weight] = {}
    for kind in ("weights", "constants"):
        folder = f"data/{kind}"
        config = json.loads(text(f"{folder}/{_MODEL}_{kind}_config.json"))["config"]
        stored |= {name: _weight(f"{root}/{folder}", name, of) for name, of in config.items()}
    module = program["graph_module"]
    graph, signature = module["graph"], module["signature"]
    if conditions := program.get("guards_code"):
        message = (
            f"takes some sizes of its input only, by {len(conditions)} conditions; export it with "
            "other dynamic_shapes"
        )
        raise GraphError(message)
    takes, weights = _inputs(signature["input_specs"], stored)
    gives = _output(signature["output_specs"])
    called = module["module_call_graph"][0]["signature"]
    if json.loads(called["in_spec"]) != _TAKES or json.loads(called["out_spec"]) != _GIVES:
        message = "takes or gives something else than one tensor"
        raise GraphError(message)
    ranges = {
        name: (_least(limits["min_val"]), _limit(limits["max_val"]))
        for name, limits in program["range_constraints"].items()
    }
    steps = read_steps(graph["nodes"], (takes, *weights), gives)
    sizes = tuple(map(_size, graph["tensor_values"][takes]["sizes"]))
    return Graph(weights, takes, sizes, ranges, steps, gives)


def _weight(folder: str, name: str, declared: Mapping[str, Any]) -> Weight:
    path, meta = declared["path_name"], declared["tensor_meta"]
    if declared["use_pickle"] or meta is None or not _WEIGHT.fullmatch(path):
        message = f'holds "{name}" as a pickle'
        raise GraphError(message)
    numbered(LAYOUTS, meta["layout"])
    return Weight(
        entry=f"{folder}/{path}",
        dtype=numbered(DTYPES, meta["dtype"]),
        sizes=tuple(integer(size["as_int"]) for size in meta["sizes"]),
        strides=tuple(integer(stride["as_int"]) for stride in meta["strides"]),
        offset=integer(meta["storage_offset"]["as_int"]),
        device=device(meta["device"]).name,
        learned=bool(meta["requires_grad"]),
    )


def _inputs(
    specs: Sequence[Mapping[str, Any]], stored: Mapping[str, Weight]
) -> tuple[str, dict[str, Weight]]:
    taken, weights = [], {}
    for spec in specs:
        ((kind, of),) = spec.items()
        if kind == "user_input" and "as_tensor" in of["arg"]:
            taken.append(of["arg"]["as_tensor"]["name"])
        elif kind in ("parameter", "buffer"):
            weights[of["arg"]["name"]] = stored[of[f"{kind}_name"]]
        elif kind == "tensor_constant":
            constant = stored[of["tensor_constant_name"]]
            weights[of["arg"]["name"]] = replace(constant, learned=False, is_constant=True)
        else:
            message = f'takes an input of another kind than tensors, "{kind}"'
            raise GraphError(message)
    if len(taken) != 1:
        message = f"takes {len(taken)} tensors, expected one"
        raise GraphError(message)
    return taken[0], weights


def _output(specs: Sequence[Mapping[str, Any]]) -> str:
    if len(specs) != 1 or "as_tensor" not in specs[0].get("user_output", {}).get("arg", {}):
        message = "gives something else than one tensor, or changes its weights"
        raise GraphError(message)
    return str(specs[0]["user_output"]["arg"]["as_tensor"]["name"])


def _limit(value: Any) -> int | None:
    return None if value is None else integer(value)


def _least(value: Any) -> int | None:
    """Give the least length that is checked: torch takes one row where it has seen two."""
    least = _limit(value)
    return None if least is None or least <= _TAKEN_ANYHOW else least


def _size(size: Mapping[str, Any]) -> int | str:
    if "as_int" in size:
        return integer(size["as_int"])
    if found := _SYMBOL.fullmatch(size["as_expr"]["expr_str"]):
        return str(found[1] or found[2])
    message = "takes a tensor with a size that is computed from another"
    raise GraphError(message)
