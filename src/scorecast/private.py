"""Directories of this user alone. Driver and workers."""

from __future__ import annotations

import os
from pathlib import Path


def make_private(directory: Path) -> None:
    """Keep everybody else out of a directory and all that is in it, whatever the umask allows.

    Raises:
        OSError: The system refuses.
    """
    for folder, _, files in os.walk(directory):
        os.chmod(folder, 0o700)  # noqa: PTH101 - as os.walk has it
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118
            if not os.path.islink(path):  # noqa: PTH114 - what it leads to may be of others
                os.chmod(path, 0o600)  # noqa: PTH101
