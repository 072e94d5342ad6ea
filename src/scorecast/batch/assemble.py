"""Put the files of a new version of an output together, those it keeps of the old one included.

Driver only. Every mode makes the whole new output, so that it can be published in one step:
``error`` and ``overwrite`` of the new files alone, ``append`` of the old and the new ones,
``overwrite-partitions`` of the new ones and the old ones in other partitions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from scorecast.batch.engines.spark import Job
from scorecast.batch.layout import QUARANTINE
from scorecast.batch.manifest import Manifest, OutputFile, Run
from scorecast.batch.output import Output
from scorecast.batch.publish import Published
from scorecast.batch.snapshot import InputFile
from scorecast.batch.units import UnitRecord
from scorecast.errors import OutputError
from scorecast.worker.parts import PartFile, write_empty
from scorecast.worker.storage import filesystem_of

_CHUNK = 1 << 20


def assemble(  # noqa: PLR0913 - what a version is made of
    output: Output,
    base: Published | None,
    job: Job,
    run: Run,
    records: Sequence[UnitRecord],
    inputs: Sequence[InputFile],
) -> tuple[Manifest, Mapping[str, str]]:
    """Give the manifest of the new version, and where each of its files is now.

    Raises:
        OutputError: Files of the old version cannot be kept.
    """
    new, aside, sources = _written(output, run.run_id, records)
    manifest = Manifest(
        run_id=run.run_id,
        runs=(run,),
        schema=json.loads(job.schema.json()),
        partition_by=job.parts.partition_by,
        files=tuple(new),
        quarantine=tuple(aside),
        inputs=tuple(inputs),
    )
    if base is None or run.mode in ("error", "overwrite"):
        return manifest, sources
    old = base.manifest if base.manifest is not None else _found(output, job)
    kept = list(old.files)
    if run.mode == "overwrite-partitions":
        replaced = {_partition(file.path) for file in new}
        kept = [file for file in kept if _partition(file.path) not in replaced]
    # An empty part is there for its columns alone.
    files = [file for file in (*kept, *new) if file.rows] or new
    merged = replace(
        manifest,
        runs=(*old.runs, run),
        files=tuple(files),
        quarantine=(*old.quarantine, *aside),
        inputs=tuple({file.path: file for file in (*old.inputs, *inputs)}.values()),
    )
    places = {file.path: sources.get(file.path) for file in (*merged.files, *merged.quarantine)}
    return merged, {
        path: place or f"{output.layout.output}/{path}" for path, place in places.items()
    }


def check_columns(output: Output, base: Published, job: Job) -> None:
    """Refuse to add to an output that has other columns.

    Raises:
        OutputError: Columns, types or partitions differ.
    """
    if base.manifest is None:
        return
    old, new = base.manifest.schema, json.loads(job.schema.json())
    if _shapes(old) != _shapes(new) or base.manifest.partition_by != job.parts.partition_by:
        message = (
            f'Cannot add to the output "{output.path}": it has the columns {_told(old)}'
            f"{_by(base.manifest.partition_by)}, the job writes {_told(new)}"
            f"{_by(job.parts.partition_by)}. Nothing was predicted. Replace it with --mode "
            "overwrite, or write to another path."
        )
        raise OutputError(message)


def empty_part(output: Output, job: Job, run_id: str) -> UnitRecord:
    """Write a part without rows, so that an output without rows has its columns."""
    folder = output.layout.run(run_id, "data", "empty")
    file = write_empty(output.store.uri(folder), "part-empty", job.parts)
    return UnitRecord("empty", folder, 0, 0, 0, 0, 0, 0, (file,), (), 0, 0.0)


def _written(
    output: Output, run_id: str, records: Sequence[UnitRecord]
) -> tuple[list[OutputFile], list[OutputFile], dict[str, str]]:
    files, aside, sources = [], [], {}
    for record in records:
        for part in record.files:
            place = f"{record.folder}/{part.path}"
            path = _published_path(output, place, part.path)
            files.append(_output_file(part, path, run_id))
            sources[path] = place
        for part in record.quarantine:
            place = f"{record.folder}/quarantine/{part.path}"
            path = _published_path(output, place, f"{QUARANTINE}/{part.path}")
            aside.append(_output_file(part, path, run_id))
            sources[path] = place
    return files, aside, sources


def _published_path(output: Output, place: str, path: str) -> str:
    """Give the path of a file in the output: on flat stores files stay where they were written."""
    return place.removeprefix(f"{output.layout.output}/") if output.layout.flat else path


def _output_file(part: PartFile, path: str, run_id: str) -> OutputFile:
    return OutputFile(path, part.rows, part.bytes, part.sha256, run_id)


def _found(output: Output, job: Job) -> Manifest:
    """Describe an output that no job has published, such as one that Spark wrote."""
    files = []
    for entry in sorted(output.store.entries(output.layout.output), key=lambda entry: entry.path):
        path = entry.path.removeprefix(f"{output.layout.output}/")
        if any(step.startswith(("_", ".")) for step in path.split("/")):
            continue
        files.append(_described(output.store.uri(entry.path), path, entry.size))
    return Manifest(
        run_id="",
        runs=(),
        schema=json.loads(job.schema.json()),
        partition_by=job.parts.partition_by,
        files=tuple(files),
        quarantine=(),
    )


def _described(place: str, path: str, size: int) -> OutputFile:
    filesystem, inside = filesystem_of(place)
    digest = hashlib.sha256()
    try:
        with filesystem.open_input_file(inside) as file:
            rows = pq.ParquetFile(file).metadata.num_rows
        with filesystem.open_input_stream(inside) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except pa.ArrowInvalid as error:
        message = f'Cannot add to the output: its file "{place}" is no parquet file ({error}).'
        raise OutputError(message) from error
    return OutputFile(path, rows, size, digest.hexdigest(), "")


def _partition(path: str) -> str:
    """Give the partition of a file: its directories of the form ``name=value``."""
    return "/".join(step for step in path.split("/")[:-1] if "=" in step)


def _shapes(schema: Mapping[str, object]) -> list[tuple[object, str]]:
    fields = schema["fields"]
    assert isinstance(fields, list)  # noqa: S101 - the form of a schema
    return [(field["name"], json.dumps(field["type"], sort_keys=True)) for field in fields]


def _told(schema: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in _shapes(schema))


def _by(columns: Sequence[str]) -> str:
    return f", partitioned by {', '.join(columns)}" if columns else ""
