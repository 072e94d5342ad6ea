"""Import of optional libraries: a missing one becomes an error that names the cure."""

from __future__ import annotations

import importlib
from types import ModuleType

from scorecast.errors import MissingExtraError


def require(module: str, *, extra: str, needed_for: str) -> ModuleType:
    """Import `module`, or say which extra of scorecast brings it.

    Runs on the driver and on workers, once per use; Python caches the import itself. An import
    error from *inside* an installed library is passed on untouched, since installing the extra
    again would not cure it.

    Args:
        module: Dotted name of the module to import, such as ``"onnxruntime"``.
        extra: The extra of scorecast that installs it, such as ``"onnx"``.
        needed_for: What the user asked for, such as ``'flavor "onnx"'``; begins the message.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name != top:
            raise
        message = (
            f"{needed_for[:1].upper()}{needed_for[1:]} needs the Python package {top}, which is "
            f"not installed here. Install it on the driver and on every executor: "
            f'pip install "scorecast[{extra}]"'
        )
        raise MissingExtraError(message) from error
