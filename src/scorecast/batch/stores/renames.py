"""Renames of local directories in one step: onto nothing, or in exchange with what is there.

POSIX ``rename`` replaces an empty directory without a word and cannot replace a full one; Linux has
``renameat2`` for both. Source: rename(2) of the Linux manual. Driver only.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100
_NOREPLACE = 1
_EXCHANGE = 2
# What a kernel or a file system answers that does not know the flags.
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def move_onto_nothing(source: Path, target: Path) -> None:
    """Rename a directory to a place where nothing is.

    Raises:
        FileExistsError: Something is there, an empty directory included.
        OSError: The file system refuses.
    """
    try:
        _renameat2(source, target, _NOREPLACE)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        if target.exists() or target.is_symlink():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        try:
            source.rename(target)
        except OSError as late:  # it has appeared since
            if late.errno not in (errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from late


def exchange(one: Path, other: Path) -> bool:
    """Swap two directories in one step, so that neither name is without one at any time.

    Returns:
        False where the kernel or the file system cannot do it; nothing is changed then.

    Raises:
        FileNotFoundError: One of them is not there.
        OSError: The file system refuses.
    """
    try:
        _renameat2(one, other, _EXCHANGE)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        raise
    return True


def _renameat2(source: Path, target: Path, flags: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "renameat2", None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    paths = (os.fsencode(source), os.fsencode(target))
    if function(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source), None, str(target))
