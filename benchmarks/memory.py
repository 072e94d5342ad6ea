"""Memory of processes, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

MB = 1e6

_DAEMON = b"pyspark.daemon"


def descendants(process: int) -> list[int]:
    """Give the ids of all processes below one."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program stands in brackets and may hold anything.
            parent = int(status.read_text("ascii", "replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        children.setdefault(parent, []).append(int(status.parent.name))
    found, todo = [], [process]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _rollup(process: int, name: str) -> int:
    for line in Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def workers() -> list[int]:
    """Give the Python workers of the Spark session of this process: the children of its daemon."""
    found = []
    for process in descendants(os.getpid()):
        try:
            command = Path(f"/proc/{process}/cmdline").read_bytes()
            parent = int(Path(f"/proc/{process}/stat").read_text("ascii").split()[3])
            above = Path(f"/proc/{parent}/cmdline").read_bytes()
        except OSError:
            continue
        if _DAEMON in command and _DAEMON in above:
            found.append(process)
    return found


def summed_pss(processes: list[int]) -> float:
    """Add up the proportional set sizes, in which shared pages count once; in MB."""
    return sum(_rollup(process, "Pss") for process in processes) / MB


def forget_peak() -> None:
    """Let the peak of this process start again from what it holds now."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak() -> float:
    """Give the largest resident size of this process since `forget_peak`, in MB."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MB
    return 0.0
