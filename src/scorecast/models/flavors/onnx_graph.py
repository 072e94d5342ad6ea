"""What an ONNX graph would have ONNX Runtime load beside itself, read off without running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scorecast.errors import MLmodelError
from scorecast.extras import require
from scorecast.models.paths import safe_join

# Domains whose operators are built into ONNX Runtime; those of others come from a library.
_DOMAINS = frozenset(
    (
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.preview",
        "ai.onnx.preview.training",
        "ai.onnx.training",
        "com.microsoft",
        "com.microsoft.nchwc",
    )
)
# Operators of these domains that run Python, or a program from another file.
_RUNS_CODE = frozenset(("ATen", "EPContext", "PythonOp", "PythonOpGrad"))


def graph_runs_code(directory: Path, file: Path) -> str | None:
    """Say why loading the graph in `file` would load code, or read outside of `directory`.

    Runs on the driver. Weights in other files are not read.

    Raises:
        MissingExtraError: The package onnx, which reads the graph, is not installed.
    """
    onnx = require("onnx", extra="onnx", needed_for="checking an ONNX model")
    if file.suffix.lower() == ".ort":
        return f'"{file.name}" is in the format of ONNX Runtime, which cannot be checked'
    try:
        # By its bytes, as ONNX Runtime does; of itself onnx goes by the suffix.
        model = onnx.load_model(file, format="protobuf", load_external_data=False)
    except Exception as error:  # noqa: BLE001 - what is no graph raises anything
        return f'"{file.name}" cannot be read as ONNX ({type(error).__name__})'
    if not model.HasField("graph"):
        return f'"{file.name}" is no ONNX graph'
    # Functions of the model itself need no library.
    domains = _DOMAINS | {function.domain for function in model.functions}
    for message in _messages(model):
        kind = message.DESCRIPTOR.name
        if kind == "NodeProto" and message.op_type in _RUNS_CODE:
            return f'"{file.name}" holds the operator "{message.op_type}", which runs code'
        if kind in ("NodeProto", "OperatorSetIdProto") and message.domain not in domains:
            return (
                f'"{file.name}" holds operators of "{message.domain}", which come from a library '
                "beside ONNX Runtime"
            )
        if kind == "TensorProto":
            for entry in message.external_data:
                if entry.key == "location" and (reason := _outside(directory, file, entry.value)):
                    return reason
    return None


def _outside(directory: Path, file: Path, location: str) -> str | None:
    try:
        inside = safe_join(file.parent, location, named_by=f'The graph "{file.name}"')
    except MLmodelError as error:
        return str(error)
    if inside.is_relative_to(directory.resolve()) and inside.is_file():
        return None
    return f'"{file.name}" has its weights in "{location}", which is no file of the model'


def _messages(message: Any) -> Iterator[Any]:
    """Give a message of protobuf and all in it, whatever field they are in."""
    waiting = [message]
    while waiting:
        found = waiting.pop()
        yield found
        for field, value in found.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if hasattr(value, "ListFields") else list(value))
