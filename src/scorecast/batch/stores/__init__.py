"""Where outputs are: one module per kind of store, with the few operations that publishing needs.

`base` says what these are, `posix` is a local or mounted file system, `renaming` a remote one whose
directories can be renamed, `objects` a flat object store. Driver only.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from scorecast.batch.overlap import local_path
from scorecast.batch.stores.base import Store
from scorecast.errors import OutputError, UnknownNameError
from scorecast.filesystems import AZURE

# Scheme of a URI -> module of this package, and whether readers go by the newest manifest there.
_SCHEMES: dict[str, tuple[str, bool]] = {
    "hdfs": ("renaming", False),
    "viewfs": ("renaming", False),
    "abfs": ("renaming", False),
    "abfss": ("renaming", False),
    "s3": ("objects", True),
    "s3a": ("objects", True),
    "s3n": ("objects", True),
    "gs": ("objects", True),
    "gcs": ("objects", True),
    "wasb": ("objects", True),
    "wasbs": ("objects", True),
    "az": ("objects", True),
}


def open_store(path: str) -> tuple[Store, str, bool]:
    """Give the store that holds an output, the output's name in it, and whether the store is flat.

    Args:
        path: Path or URI of the output.

    Raises:
        OutputError: The path has no name, or its store is not known.
    """
    local = local_path(path)
    if local is not None:
        from scorecast.batch.stores.posix import PosixStore

        # A link to a directory stays, and where it leads to is the output.
        linked = local.is_symlink() and local.is_dir()
        real = local.resolve() if linked else local.parent.resolve() / local.name
        if not real.name or local.name == "..":
            raise _nameless(path)
        return PosixStore(real.parent), real.name, False
    scheme = path.partition(":")[0].lower()
    if scheme not in _SCHEMES:
        raise OutputError(str(UnknownNameError.from_table("store of an output", scheme, _SCHEMES)))
    parent, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", "..") or parent.endswith(":/"):
        raise _nameless(path)
    module, flat = _SCHEMES[scheme]
    if scheme in AZURE:
        from scorecast.batch.stores.renaming import can_rename

        if not can_rename(f"{parent}/{name}"):
            module, flat = _SCHEMES["az"]
    opened: Callable[[str], Store] = import_module(f"{__name__}.{module}").open_parent
    return opened(f"{parent}/{name}"), name, flat


def _nameless(path: str) -> OutputError:
    return OutputError(f'The output "{path}" has no name. Give the path of a directory.')
