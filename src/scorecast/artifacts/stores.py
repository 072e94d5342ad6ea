"""Models on stores that Arrow knows: S3, Google Cloud Storage, Azure and HDFS.

Credentials are found where the store's own tools look for them: in the environment, in the files
of the user, on the machine (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``,
``GOOGLE_APPLICATION_CREDENTIALS`` and so on).
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any

import pyarrow as pa
from pyarrow import fs

from scorecast.artifacts.cached import download_files
from scorecast.artifacts.parallel import pause
from scorecast.artifacts.place import RemoteFile
from scorecast.artifacts.uri import FetchedModel, ModelUri, writing
from scorecast.cache.copies import ModelCopy
from scorecast.errors import ArtifactError, ArtifactNotFoundError, one_line
from scorecast.filesystems import AZURE, azure_place, filesystem_at
from scorecast.packing import is_ignored
from scorecast.progress import Progress, Reached

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 20
# Arrow makes some requests again by itself; this is for what it gives up, and for what is cut off.
_TRIES = 3
_FIRST_PAUSE = 1.0
# What Arrow says where no other try would help.
_DENIED = "ACCESS_DENIED"
# Which of two stores with the same names is meant; Arrow reads these itself.
_STORES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "CLOUD_STORAGE_EMULATOR_ENDPOINT")


def fetch(uri: ModelUri, progress: Progress) -> FetchedModel:
    """Download the directory that a URI names, or take it from the cache.

    Raises:
        ArtifactNotFoundError: Nothing is stored there.
        ArtifactError: The store cannot be reached or refuses, or the files cannot be written here.
        ShippingError: The cache directory cannot be used.
    """
    copy = download(uri, progress)
    return FetchedModel(copy.directory, str(uri), copy)


def download(uri: ModelUri, progress: Progress) -> ModelCopy:
    """Give the files of the directory that a URI names; raises as `fetch` does."""
    try:
        filesystem, root = filesystem_at(uri.scheme, uri.rest)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(uri, error) from error
    return download_files(_Directory(uri, filesystem, root), progress)


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory of a store, see `Place`."""

    place: ModelUri
    filesystem: fs.FileSystem
    root: str
    fixed: bool = False
    at_once: int = 8

    @property
    def uri(self) -> str:
        return str(self.place)

    @property
    def facts(self) -> tuple[Any, ...]:
        stores = [os.environ.get(name) for name in _STORES]
        if self.place.scheme in AZURE and (azure := azure_place(self.place.rest, os.environ)):
            stores += [azure.account, azure.suffix, azure.endpoint]
        return (self.filesystem.type_name, self.place.rest.rstrip("/"), stores)

    def listing(self) -> list[RemoteFile]:
        try:
            files = list(self._listed())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable(self.place, error) from error
        if all(file.path.endswith("/") for file in files):
            message = (
                f'No model at "{self.uri}": no files are stored there. Check the bucket and the '
                "path; a model is the directory that holds a file named MLmodel."
            )
            raise ArtifactNotFoundError(message)
        return files

    def _listed(self) -> Iterator[RemoteFile]:
        """Give the files, and the directories with nothing in them, which the digest counts."""
        below = fs.FileSelector(self.root, recursive=True, allow_not_found=True)
        directories, parents = set(), set()
        for info in self.filesystem.get_file_info(below):
            relative = PurePosixPath(info.path).relative_to(self.root)
            if is_ignored(relative):
                continue
            if ".." in relative.parts:
                message = f'"{relative}" leads out of the model'
                raise ValueError(message)
            parents.add(relative.parent)
            if info.type == fs.FileType.Directory:
                directories.add(relative)
            elif info.type == fs.FileType.File:
                yield RemoteFile(str(relative), info.size, info.mtime_ns)
        for relative in directories - parents:
            yield RemoteFile(f"{relative}/", 0)

    def get(self, file: RemoteFile, target: Path, reached: Reached, stop: Event) -> None:
        for number in range(_TRIES):
            try:
                return self._copy(file, target, reached)
            except FileNotFoundError:
                message = f'The file "{file.path}" of the model at "{self.uri}" is gone. Run again.'
                raise ArtifactNotFoundError(message) from None
            except (pa.ArrowException, OSError, ValueError) as error:
                if number == _TRIES - 1 or _DENIED in str(error):
                    raise _unreadable(self.place, error, file.path, number + 1) from error
                reason = one_line(error).rstrip(".")
            seconds = _FIRST_PAUSE * 2**number
            _LOG.warning(
                'Cannot download "%s" of the model at "%s": %s. Trying again in %.0f s.',
                file.path,
                self.uri,
                reason,
                seconds,
            )
            pause(seconds, stop)
        raise AssertionError

    def _copy(self, file: RemoteFile, target: Path, reached: Reached) -> None:
        found = 0
        with self.filesystem.open_input_stream(f"{self.root}/{file.path}") as source:
            with writing(target):
                # Without a buffer, which would be written when an error is taken for the store's.
                new = target.open("wb", buffering=0)
            with new:
                while chunk := source.read(_CHUNK):
                    with writing(target):
                        _write(new, chunk)
                    found += len(chunk)
                    reached(found)
        if found != file.size:
            message = f"{found:,} bytes came of {file.size:,}"
            raise OSError(message)


def _write(file: io.FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _unreadable(
    uri: ModelUri, error: Exception, file: str | None = None, tries: int = 1
) -> ArtifactError:
    what = f'the model at "{uri}"' if file is None else f'"{file}" of the model at "{uri}"'
    tried = f" (tried {tries} times)" if tries > 1 else ""
    return ArtifactError(
        f"Cannot read {what}: {one_line(error).rstrip('.')}{tried}. Check "
        "the URI, the credentials in the environment and the address of the store (for S3 "
        "AWS_ENDPOINT_URL); for hdfs the libraries of Hadoop (ARROW_LIBHDFS_DIR, CLASSPATH)."
    )
