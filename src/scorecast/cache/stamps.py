"""Stamps: what the files of a checked directory looked like, so that they need no second check.

Hashing 1 GB takes a second and more, in every worker again. A stamp is written once after the
files were checked: size, time of change, inode of each. A file that was written to, cut, replaced,
added or removed since does not fit the stamp, also one that the digest passes over: Python runs the
bytecode that it finds. The system sets the time of change (``st_ctime``)
itself, so a tool that restores the old time of a file does not hide what it did.

What a stamp does not find is what changes without the file system of this machine: bits that rot
on the disk, and writes that a crash of the system loses. So a stamp ends with the boot that it was
made in, where the system tells boots apart (Linux). And it guards against accidents, not against
this very user, who could write a stamp as well; the directory belongs to that user alone.

Files that change between the check and the end of loading are found by looking at them again
(`copies.unchanged`): what was loaded is thrown away. Code in them may have run by then, with the
rights of the user that alone can have put it there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from scorecast.errors import ShippingError
from scorecast.packing import model_entries

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def write_stamp(directory: Path, stamp: Path, seen: Mapping[str, object] | None = None) -> None:
    """Write the stamp of a directory whose files were just checked, in one step.

    Args:
        directory: The directory.
        stamp: The file to write.
        seen: What `facts` gave before the check began, so that the stamp is of what was checked;
            None for what they give now.
    """
    new = stamp.with_name(f".{stamp.name}-{os.getpid()}")
    new.write_text(json.dumps(facts(directory) if seen is None else seen), encoding="utf-8")
    new.chmod(0o600)
    new.replace(stamp)


def is_stamped(directory: Path, stamp: Path) -> bool:
    """Tell whether the files of a directory are those that the stamp was written for."""
    return stamped_facts(directory, stamp) is not None


def stamped_facts(directory: Path, stamp: Path) -> dict[str, object] | None:
    """Give what a stamp says, if the files of the directory look so; else None."""
    with suppress(OSError, ValueError, ShippingError):
        found = facts(directory)
        if json.loads(stamp.read_text(encoding="utf-8")) == found:
            return found
    return None


def facts(directory: Path, *, all_files: bool = True) -> dict[str, object]:
    """Give what the files of a directory look like now.

    Args:
        directory: The directory.
        all_files: Whether those that no digest counts are looked at, too. Where others than the
            cache put files, they come and go and say nothing.

    Raises:
        OSError, ShippingError: They cannot be looked at.
    """
    files = {}
    for relative, path in model_entries(directory, all_files=all_files):
        status = path.lstat()
        times = (status.st_mtime_ns, status.st_ctime_ns)
        files[relative] = [status.st_mode, status.st_size, *times, status.st_ino]
    # Empty directories say nothing in their times, but that they are there.
    return {"boot": boot_id(), "files": files}


def boot_id() -> str:
    """Name the boot of this machine; empty where the system has no name for it."""
    with suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""
