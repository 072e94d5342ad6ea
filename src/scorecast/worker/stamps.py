"""Stamps: what the files of a checked directory looked like, so that they need no second check.

Hashing 1 GB takes a second and more, in every worker again. A stamp is written once after the
files were checked: size, time of change, inode of each. A file that was written to, cut, replaced,
added or removed since does not fit the stamp. The system sets the time of change (``st_ctime``)
itself, so a tool that restores the old time of a file does not hide what it did.

What a stamp does not find is what changes without the file system of this machine: bits that rot
on the disk, and writes that a crash of the system loses. So a stamp ends with the boot that it was
made in, where the system tells boots apart (Linux). And it guards against accidents, not against
this very user, who could write a stamp as well; the directory belongs to that user alone.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from scorecast.errors import ShippingError
from scorecast.packing import model_entries

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def write_stamp(directory: Path, stamp: Path) -> None:
    """Write the stamp of a directory whose files were just checked, in one step."""
    new = stamp.with_name(f".{stamp.name}-{os.getpid()}")
    new.write_text(json.dumps(_facts(directory)), encoding="utf-8")
    new.replace(stamp)


def is_stamped(directory: Path, stamp: Path) -> bool:
    """Tell whether the files of a directory are those that the stamp was written for."""
    with suppress(OSError, ValueError, ShippingError):
        return bool(json.loads(stamp.read_text(encoding="utf-8")) == _facts(directory))
    return False


def _facts(directory: Path) -> dict[str, object]:
    files = {}
    for relative, path in model_entries(directory):
        status = path.lstat()
        times = (status.st_mtime_ns, status.st_ctime_ns)
        files[relative] = [status.st_mode, status.st_size, *times, status.st_ino]
    # Empty directories say nothing in their times, but that they are there.
    return {"boot": _boot(), "files": files}


def _boot() -> str:
    with suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""
