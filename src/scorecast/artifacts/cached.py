"""Downloads into the cache of this machine: resumed by file, shared by processes, never half used.

Files go into a directory of the cache directory that is named after the place and its listing, each
under another name until it is complete. When all are there the directory becomes the entry of the
digest that the files have, where workers of this machine find it. One process downloads at a time;
another one with the same place waits for it.

A model that is in the cache, and complete files of a download that died, stand for what another
download would bring only where the listing is *pinned*: equal listings are of equal files. That is
so for what is never written twice (a logged model, and a registered version that was made of one),
and for a listing with times that were all a minute old when it was made: a file that is written
later gets a later time, also where times are whole seconds and clocks differ by less than that
minute. Sizes alone pin nothing: files of ``runs:`` and ``mlflow-artifacts:`` that are no logged
model, and registered versions of such files, are downloaded anew by each call, from the first to
the last, since equal sizes may hide that a file was replaced, and a mix of two versions would load.

The listing is made again after the download. If it is another one, files of two versions may have
come, and all is done again. Where it has times (stores) no mix is ever given, but of files written
twice within what the store takes for one moment. Where it has sizes alone (a server of MLflow), a
file that is replaced by one of equal size during the download is not noticed; and nothing is where
it does not even have those. A logged model is not listed again: nobody writes it twice.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event

from scorecast.artifacts.parallel import StoppedError, for_each
from scorecast.artifacts.place import Place, RemoteFile
from scorecast.artifacts.uri import writing
from scorecast.cache.copies import ModelCopy, keep, open_kept
from scorecast.cache.eviction import make_room
from scorecast.cache.locks import Lock
from scorecast.cache.machine import DIRECTORY_VARIABLE, cache_directory, cache_limit
from scorecast.cache.origins import Origin, digest_from, write_origin
from scorecast.cache.stamps import boot_id
from scorecast.errors import ArtifactDiskError, ArtifactError
from scorecast.packing import remove_ignored
from scorecast.progress import Progress, counted

_LOG = logging.getLogger(__name__)
_TRIES = 3
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SETTLED = 60 * 10**9  # nanoseconds


def download_files(place: Place, progress: Progress) -> ModelCopy:
    """Give the files of a place, from the cache where that is certain to be the same.

    Raises:
        ArtifactError: The place cannot be read, or changes while it is read.
        ArtifactDiskError: There is no room, or the disk refuses.
        ShippingError: The cache directory cannot be used.
    """

    def attempt() -> ModelCopy:
        files = _listed(place)
        listed = tuple((file.path, file.size, file.time) for file in files)
        origin = Origin(place.uri, (*place.facts, listed), place.fixed or _settled(files))
        return download(origin, _size(files), partial(_fill, place, files, progress))

    return until_unchanged(place.uri, attempt)


def until_unchanged(uri: str, attempt: Callable[[], ModelCopy]) -> ModelCopy:
    """Try a download again whose files change while they are read.

    Args:
        uri: What is downloaded.
        attempt: Downloads it, and raises `ChangedError` if the listing is another one afterwards.

    Raises:
        ArtifactError: The files change each time.
    """
    for _ in range(_TRIES):
        with suppress(ChangedError):
            return attempt()
        _LOG.warning('The files at "%s" changed while they were read. Trying again.', uri)
    message = (
        f'The files at "{uri}" changed each time that they were read, {_TRIES} times. '
        "Nothing was loaded. Run again once the model is written."
    )
    raise ArtifactError(message)


def download(
    origin: Origin, size: int | None, fill: Callable[[Path], Path], *, resumes: bool = True
) -> ModelCopy:
    """Give the files of a place by a download of any kind, or from the cache.

    Args:
        origin: The place.
        size: Bytes of all files, if known.
        fill: Downloads into a directory, which holds complete files of an earlier try; gives the
            directory in it with the model. An `OSError` that it raises is of the disk.
        resumes: Whether it takes what an earlier try has left.

    Raises:
        ArtifactError: What `fill` raises.
        ArtifactDiskError: There is no room, or the disk refuses.
        ShippingError: The cache directory cannot be used.
    """
    root = cache_directory(os.environ)
    folder = root / f"download-{origin.key}"
    with _alone(folder, origin), _on_disk(origin, folder, size):
        digest = digest_from(root, origin)
        copy = None if digest is None else open_kept(root, digest)
        if copy is not None:
            _LOG.info('The model at "%s" is in the cache: %s.', origin.uri, copy.directory)
            return copy
        resumed = resumes and origin.pinned
        try:
            return _downloaded(origin, size, fill, _prepared(folder, resumed=resumed))
        except BaseException:
            if not resumed:
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _downloaded(
    origin: Origin, size: int | None, fill: Callable[[Path], Path], folder: Path
) -> ModelCopy:
    root, began = folder.parent, time.monotonic()
    missing = _missing(folder, size)
    make_room(root, missing or 0, cache_limit(os.environ))
    if missing is not None and shutil.disk_usage(root).free < missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    much = "" if missing is None else f", {missing:,} of {size:,} bytes"
    _LOG.info('Downloading the model at "%s"%s.', origin.uri, much)
    directory = fill(folder)
    remove_ignored(directory)
    copy = keep(root, directory)
    write_origin(copy.directory.parent, origin)
    shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - began
    _LOG.info('Downloaded the model at "%s" in %.1f s: %s.', origin.uri, seconds, copy.directory)
    return copy


@contextmanager
def _alone(folder: Path, origin: Origin) -> Iterator[None]:
    """Hold the lock of a download, which keeps its directory from being removed, too."""
    lock = Lock(folder.with_name(f"{folder.name}.lock"))
    try:
        if not lock.take_if_free():
            _LOG.info('Another process downloads the model at "%s"; waiting.', origin.uri)
            lock.take()
        yield
    finally:
        lock.release()


def _prepared(folder: Path, *, resumed: bool) -> Path:
    """Give the directory of a download: empty, or with what an earlier try has left.

    What was written before the machine started anew may be there in name alone.
    """
    marker = folder / "boot"
    if not (resumed and marker.exists() and marker.read_text(encoding="ascii") == boot_id()):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        marker.write_text(boot_id(), encoding="ascii")
    return folder


def _fill(place: Place, files: list[RemoteFile], progress: Progress, folder: Path) -> Path:
    """Download the files that are not there yet."""
    model, parts = folder / "model", folder / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(mode=0o700)
    model.mkdir(mode=0o700, exist_ok=True)
    for file in files:
        if file.path.endswith("/"):
            (model / file.path).mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if not _is_complete(model / file.path, file)]

    stop = Event()

    def checked(more: int) -> None:
        if stop.is_set():
            raise StoppedError
        advance(more)

    def get(numbered: tuple[int, RemoteFile]) -> None:
        number, file = numbered
        part, target = parts / str(number), model / file.path
        place.get(file, part, counted(checked), stop)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            part.rename(target)

    with progress(place.uri, _size(files)) as advance:
        advance(sum(file.size or 0 for file in files) - sum(file.size or 0 for file in missing))
        for_each(get, enumerate(missing), at_once=place.at_once, stop=stop)
    if not place.fixed and _listed(place) != files:
        shutil.rmtree(folder, ignore_errors=True)
        raise ChangedError
    return model


def _listed(place: Place) -> list[RemoteFile]:
    return sorted(place.listing(), key=lambda file: file.path)


def _is_complete(target: Path, file: RemoteFile) -> bool:
    if file.path.endswith("/"):
        return target.is_dir()
    return target.is_file() and file.size in (None, target.stat().st_size)


class ChangedError(Exception):
    """Says that the listing is another one after the download."""


def _settled(files: list[RemoteFile]) -> bool:
    """Tell whether each file has a time, and one so old that no later write can have it, too.

    Directories are there or not.
    """
    newest = time.time_ns() - _SETTLED
    times = [file.time for file in files if not file.path.endswith("/")]
    return all(each is not None and each <= newest for each in times)


def _size(files: list[RemoteFile]) -> int | None:
    sizes = [file.size for file in files if file.size is not None]
    return sum(sizes) if len(sizes) == len(files) else None


def _missing(folder: Path, size: int | None) -> int | None:
    """Give the bytes of the files that are not complete."""
    if size is None:
        return None
    there = sum(file.stat().st_size for file in folder.glob("model/**/*") if file.is_file())
    return max(0, size - there)


@contextmanager
def _on_disk(origin: Origin, folder: Path, size: int | None) -> Iterator[None]:
    """Turn errors of the disk into ours: what is needed, what is free, and what to do."""
    try:
        yield
    except (ArtifactDiskError, OSError) as raised:
        error = raised if isinstance(raised, OSError) else raised.__cause__
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        root = folder.parent
        what = f'Cannot put the model at "{origin.uri}" into "{root}": {reason}.'
        if error.errno not in _FULL:
            message = f"{what} Check that disk, or name another place with {DIRECTORY_VARIABLE}."
            raise ArtifactDiskError(message) from error
        missing, free = _missing(folder, size), shutil.disk_usage(root).free
        needs = "" if missing is None else f" It needs {missing:,} bytes and {free:,} are free."
        message = (
            f"{what}{needs} Models that are not in use were removed before. Free space there, or "
            f"name a place on a larger disk with {DIRECTORY_VARIABLE}."
        )
        raise ArtifactDiskError(message) from error
