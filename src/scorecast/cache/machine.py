"""The directory in which all processes of a machine share the files of models, and its limit.

It is ``scorecast-<user id>`` in ``$SCORECAST_CACHE_DIR``, else in ``$TMPDIR``, else in
``/var/tmp``:

- on the machine itself, since its files are locked and mapped into memory, which home directories
  on a network file system do badly and which executors often do not have;
- not in ``/tmp``, which many systems hold in memory: there the copy would cost what it is to
  save;
- outlasting the application, so that the next job of this user finds the models of this one.

Where neither can be written to, as in containers with one writable volume, it lies in the
directory that Spark gives each executor: workers of one executor share it then, and it goes with
the executor.

The directory belongs to this user and nobody else may look into it; one that does not is refused.
So is one below a directory where every user may rename what leads to it, and put another in its
place while models are loaded: writable for all, without the sticky bit that ``/tmp`` has. A
directory that a group may write to is taken: that is how many systems make those of a single user
(umask 002), and whom a group has was for somebody to decide. In a pod of Kubernetes, which makes
its volumes writable for all, no other user is there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scorecast.errors import ShippingError
from scorecast.sizes import size_from

DIRECTORY_VARIABLE = "SCORECAST_CACHE_DIR"
LIMIT_VARIABLE = "SCORECAST_CACHE_LIMIT"
_DEFAULT_LIMIT = 20 << 30
# Kubernetes sets it in every container.
_POD = "KUBERNETES_SERVICE_HOST"


def cache_directory(environ: Mapping[str, str], fallback: Path | None = None) -> Path:
    """Give the directory of this user on this machine; made if it is missing.

    Args:
        environ: The environment of the process.
        fallback: A directory to use instead where nobody has chosen one and the usual ones cannot
            be written to; None for the one of temporary files.

    Raises:
        ShippingError: The directory that the environment names cannot be used.
    """
    name = f"scorecast-{os.geteuid()}"
    alone = _POD in environ
    chosen = environ.get(DIRECTORY_VARIABLE)
    if chosen:
        return _private(Path(chosen).absolute() / name, alone=alone)
    usual = Path(environ.get("TMPDIR") or "/var/tmp").absolute()  # noqa: S108
    try:
        return _private(usual / name, alone=alone)
    except ShippingError:
        return _private((fallback or Path(tempfile.gettempdir())) / name, alone=alone)


def cache_limit(environ: Mapping[str, str]) -> int:
    """Give how many bytes of models may stay in the directory beside those in use.

    Raises:
        ConfigError: The environment says something that is no size.
    """
    return size_from(environ, LIMIT_VARIABLE, _DEFAULT_LIMIT)


def _private(directory: Path, *, alone: bool) -> Path:
    try:
        missing = [parent for parent in directory.parents if not parent.exists()]
        for each in (*reversed(missing), directory):
            each.mkdir(mode=0o700, exist_ok=True)
        if reason := _not_private(directory.lstat()):
            raise _unusable(directory, reason)
        for parent in () if alone else directory.resolve().parents:
            mode = parent.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                reason = (
                    f'every user may rename it, since "{parent}" has the mode '
                    f"{stat.S_IMODE(mode):o} and not the sticky bit (chmod +t)"
                )
                raise _unusable(directory, reason)
        # A file that can be made says more than permissions do, which root and ACLs pass over.
        (directory / ".writable").touch(mode=0o600)
    except OSError as error:
        raise _unusable(directory, error.strerror or str(error)) from error
    return directory


def _not_private(status: os.stat_result) -> str | None:
    if not stat.S_ISDIR(status.st_mode):
        return "it is no directory"
    if status.st_uid != os.geteuid():
        return f"it belongs to the user {status.st_uid}"
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        return f"others may use it, its mode is {mode:o} and must be 700"
    return None


def _unusable(directory: Path, reason: str) -> ShippingError:
    message = (
        f'Cannot keep models in "{directory}": {reason}. It must be a directory of the user '
        f"{os.geteuid()} alone; name another place for it with {DIRECTORY_VARIABLE} "
        "(spark.executorEnv for executors)."
    )
    return ShippingError(message)
