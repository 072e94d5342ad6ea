"""Models on stores that Arrow knows: S3, Google Cloud Storage, Azure and HDFS.

Credentials are found where the store's own tools look for them: in the environment, in the files
of the user, on the machine (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``,
``GOOGLE_APPLICATION_CREDENTIALS`` and so on).
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow import fs

from scorecast.artifacts.parallel import for_each
from scorecast.artifacts.uri import FetchedModel, ModelUri, Scratch, writing
from scorecast.errors import ArtifactError, ArtifactNotFoundError, one_line
from scorecast.filesystems import filesystem_at

_AT_ONCE = 8
_CHUNK = 1 << 20


def fetch(uri: ModelUri) -> FetchedModel:
    """Download the directory that a URI names.

    Raises:
        ArtifactNotFoundError: Nothing is stored there.
        ArtifactError: The store cannot be reached or refuses, or the files cannot be written here.
    """
    scratch = Scratch()
    return FetchedModel(download(uri, scratch.path / "model"), str(uri), scratch)


def download(uri: ModelUri, into: Path) -> Path:
    """Download the directory that a URI names into `into`, which does not exist; gives `into`.

    Raises:
        ArtifactNotFoundError: Nothing is stored there.
        ArtifactError: The store cannot be reached or refuses, or the files cannot be written here.
    """
    try:
        filesystem, root = filesystem_at(uri.scheme, uri.rest)
        files = _files(filesystem, root)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(uri, error) from error
    if not files:
        message = (
            f'No model at "{uri}": no files are stored there. Check the bucket and the path; a '
            "model is the directory that holds a file named MLmodel."
        )
        raise ArtifactNotFoundError(message)
    with writing(into):
        into.mkdir(mode=0o700, parents=True)

    def copy(file: tuple[str, int]) -> None:
        relative, size = file
        target = into / relative
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with filesystem.open_input_stream(f"{root}/{relative}") as source, target.open("xb") as new:
            shutil.copyfileobj(source, new, _CHUNK)
            found = new.tell()
        if found != size:
            message = f'"{relative}" has {size} bytes and {found} came'
            raise OSError(message)

    try:
        for_each(copy, files, at_once=_AT_ONCE)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(uri, error) from error
    return into


def _files(filesystem: fs.FileSystem, root: str) -> list[tuple[str, int]]:
    """Give path below `root` and size of every file."""
    found = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    files = []
    for info in found:
        relative = PurePosixPath(info.path).relative_to(root)
        if info.type == fs.FileType.File:
            if ".." in relative.parts:
                message = f'"{relative}" leads out of the model'
                raise ValueError(message)
            files.append((str(relative), info.size))
    return files


def _unreadable(uri: ModelUri, error: Exception) -> ArtifactError:
    return ArtifactError(
        f'Cannot read the model at "{uri}": {one_line(error).rstrip(".")}. Check '
        "the URI, the credentials in the environment and the address of the store (for S3 "
        "AWS_ENDPOINT_URL); for hdfs the libraries of Hadoop (ARROW_LIBHDFS_DIR, CLASSPATH)."
    )
