"""A file of a server -> a file here; goes on where a connection broke, if the server lets it."""

from __future__ import annotations

import http.client
import re
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from urllib.parse import unquote

from scorecast.artifacts.retries import BrokenAnswerError, with_retries
from scorecast.artifacts.transport import Server, opened
from scorecast.artifacts.uri import writing
from scorecast.progress import Reached, ignore

_CHUNK = 1 << 20
_PARTIAL = 206
_NO_SUCH_RANGE = 416


class TooLargeError(Exception):
    """Says that a file has more bytes than allowed; the caller knows who may allow more."""


@dataclass(slots=True)
class _Progress:
    """What of a file is here.

    Attributes:
        written: Bytes from its beginning.
        version: What the server calls the version of the file that they are of; "" if they cannot
            be gone on from.
    """

    written: int = 0
    version: str = ""

    def request(self) -> dict[str, str]:
        """Give the headers that ask for the rest of that version, or for all of another."""
        if not (self.written and self.version):
            return {}
        return {"Range": f"bytes={self.written}-", "If-Range": self.version}


def download(  # noqa: PLR0913 - where from, where to, and what may come
    server: Server,
    path: str,
    target: Path,
    size: int | None = None,
    *,
    limit: int | None = None,
    reached: Reached = ignore,
    stop: Event | None = None,
) -> None:
    """Write a file of a server to a file, which is of no use after an error.

    Args:
        server: The server.
        path: Path and query on it, quoted.
        target: The file.
        size: Bytes that it must have, if that is known.
        limit: Bytes that it may have at most.
        reached: Told how many bytes of the file are here.
        stop: Set when the file is of no use any more.

    Raises:
        StoppedError: The file is of no use any more.
        NotFoundError: The server has no such file.
        TooLargeError: It is larger than `limit`.
        ArtifactError: The server cannot be reached, refuses, or sends less than the file; or the
            file cannot be written.
    """
    progress = _Progress()

    def attempt() -> None:
        with _answer(server, path, progress) as answer:
            announced = answer.headers.get("Content-Length", "")
            wanted = progress.written + int(announced) if announced.isdecimal() else None
            _allow(wanted, limit)
            mode = "ab" if progress.written else "wb"
            with writing(target), target.open(mode) as file:
                for chunk in _chunks(answer):
                    _allow(progress.written + len(chunk), limit)
                    file.write(chunk)
                    progress.written += len(chunk)
                    reached(progress.written)
        for whole in (size, wanted):
            if whole is not None and whole != progress.written:
                message = f"{progress.written} bytes came of {whole}"
                if progress.written > whole:
                    progress.version = ""
                raise BrokenAnswerError(message)

    with_retries(server, f'download "{unquote(path.partition("?")[0])}"', attempt, stop)


def _answer(server: Server, path: str, progress: _Progress) -> http.client.HTTPResponse:
    """Ask for what is missing; what comes may be the whole file all the same."""
    headers = progress.request()
    try:
        answer = opened(server, path, headers=headers)
    except urllib.error.HTTPError as error:
        if error.code != _NO_SUCH_RANGE or not headers:
            raise
        error.close()
        progress.version = ""
        raise BrokenAnswerError("the file has changed on the server") from None
    if answer.status == _PARTIAL:
        if headers and _continues(answer, progress):
            return answer
        answer.close()
        progress.version = ""
        raise BrokenAnswerError("another part of the file came than was asked for")
    tag = answer.headers.get("ETag", "")
    ranges = answer.headers.get("Accept-Ranges", "").lower() == "bytes"
    # A weak tag does not say that the bytes are the same.
    progress.version = tag if ranges and tag.startswith('"') else ""
    progress.written = 0
    return answer


def _continues(answer: http.client.HTTPResponse, progress: _Progress) -> bool:
    """Tell whether a part of a file begins where the bytes that are here end, in one version."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    same = answer.headers.get("ETag", progress.version) == progress.version
    return found is not None and int(found[1]) == progress.written and same


def _allow(size: int | None, limit: int | None) -> None:
    if size is not None and limit is not None and size > limit:
        raise TooLargeError


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise BrokenAnswerError(str(error) or type(error).__name__) from error
