"""Check an output against its manifest. Needs no Spark; runs wherever the output can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from scorecast.batch.layout import MANIFEST, SUCCESS, Layout
from scorecast.batch.manifest import Document, Manifest, OutputFile
from scorecast.batch.output import manifest_of, open_output
from scorecast.batch.stores.base import Store
from scorecast.batch.versions import published
from scorecast.errors import one_line
from scorecast.worker.storage import filesystem_of, sha256_of

_THREADS = 8


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of an output has found.

    Attributes:
        output: Path of the output.
        manifest: Its manifest.
        deep: Whether the bytes of files were read.
        damages: What is wrong, one text each; empty for an output as it was published.
    """

    output: str
    manifest: Manifest
    deep: bool
    damages: tuple[str, ...]


def verify(output: str, *, deep: bool = False) -> Verified:
    """Check an output against its manifest.

    Args:
        output: Path of the output.
        deep: Whether to read every file and compare rows and SHA-256, which finds any changed
            byte. Without it names and sizes are compared, which finds lost, added and cut files;
            bytes that changed in a file of the same size are not found, nor an added directory
            that holds no file, nor spaces that changed in the manifest.

    Raises:
        OutputError: There is no output, or it has no manifest that can be read.
    """
    place = open_output(output)
    manifest = manifest_of(place, "It cannot be checked.")
    return Verified(
        output,
        manifest,
        deep,
        tuple(damages(place.store, place.layout, manifest, deep=deep)),
    )


def damages(store: Store, layout: Layout, manifest: Manifest, *, deep: bool) -> list[str]:
    """Name what differs between an output and its manifest."""
    files: list[OutputFile | Document] = [*manifest.files, *manifest.quarantine]
    named = {file.path: file for file in (*files, *manifest.documents.values())}
    there = {
        entry.path.removeprefix(f"{layout.output}/"): entry.size
        for entry in store.entries(layout.output)
    }
    found = [f"{path} is missing" for path in named if path not in there]
    for path, file in named.items():
        if path in there and there[path] != file.bytes:
            found.append(f"{path} has {there[path]} bytes, expected {file.bytes}")
    if not layout.flat:
        ours = {MANIFEST, SUCCESS}
        found += [f"{path} was added" for path in there if path not in named and path not in ours]
        if there.get(SUCCESS, -1) != 0:
            found.append(f"{SUCCESS} is missing or not empty")
    if deep:
        whole = [file for path, file in named.items() if there.get(path) == file.bytes]
        found += _contents(store, layout, whole)
        found += _manifest_bytes(store, layout, manifest)
    return sorted(found)


def _contents(
    store: Store, layout: Layout, files: Sequence[OutputFile | Document]
) -> Iterator[str]:
    with ThreadPoolExecutor(_THREADS) as pool:
        places = [store.uri(f"{layout.output}/{file.path}") for file in files]
        yield from (text for text in pool.map(_content, places, files) if text)


def _content(place: str, file: OutputFile | Document) -> str:
    try:
        return _content_of(place, file)
    except (OSError, pa.ArrowException) as error:
        number = getattr(error, "errno", None)
        return f"{file.path} cannot be read: {os.strerror(number) if number else one_line(error)}"


def _content_of(place: str, file: OutputFile | Document) -> str:
    filesystem, path = filesystem_of(place)
    if sha256_of(filesystem, path) != file.sha256:
        return f"{file.path} has other bytes than were published"
    if isinstance(file, Document):
        return ""
    with filesystem.open_input_file(path) as source:
        rows = pq.ParquetFile(source).metadata.num_rows
    return "" if rows == file.rows else f"{file.path} has {rows} rows, expected {file.rows}"


def _manifest_bytes(store: Store, layout: Layout, manifest: Manifest) -> Iterator[str]:
    """Compare the manifest with what its content would be written as."""
    found = published(store, layout)
    if found is None or found.version != manifest.run_id:
        return  # another version was published meanwhile
    place = layout.version(found.number) if layout.flat else layout.manifest
    if store.read(place) != manifest.to_json():
        yield f"{place.removeprefix(f'{layout.output}/')} has other bytes than were published"
