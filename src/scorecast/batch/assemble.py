"""Put the files of a new version of an output together, those it keeps of the old one included.

Driver only. Every mode makes the whole new output, so that it can be published in one step:
``error`` and ``overwrite`` of the new files alone, ``append`` of the old and the new ones,
``overwrite-partitions`` of the new ones and the old ones in other partitions. The quarantine is
treated alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from scorecast.batch.engines.job import Job
from scorecast.batch.layout import QUARANTINE
from scorecast.batch.manifest import Manifest, OutputFile, Run
from scorecast.batch.output import Output
from scorecast.batch.publish import Published
from scorecast.batch.schema_drift import spark_schema
from scorecast.batch.snapshot import InputFile
from scorecast.batch.stores.base import Entry
from scorecast.batch.units import UnitRecord
from scorecast.errors import OutputError
from scorecast.worker.part_files import file_schema
from scorecast.worker.partitions import default_partition
from scorecast.worker.parts import PartFile, write_empty
from scorecast.worker.storage import filesystem_of, sha256_of


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
    kept, kept_aside = list(old.files), list(old.quarantine)
    if run.mode == "overwrite-partitions":
        replaced = {_partition(file.path) for file in (*new, *aside) if file.rows}
        kept = [file for file in kept if _partition(file.path) not in replaced]
        kept_aside = [file for file in kept_aside if _partition(file.path) not in replaced]
    # An empty part is there for its columns alone.
    files = [file for file in (*kept, *new) if file.rows] or new
    merged = replace(
        manifest,
        runs=(*old.runs, run),
        files=tuple(files),
        quarantine=(*kept_aside, *aside),
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
        _check_found(output, job)
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


def _check_found(output: Output, job: Job) -> None:
    """Compare the files of an output that no job has published with those that the job writes."""
    expected = _columns(_footer_of(file_schema(job.parts)))
    for entry, path in _visible(output):
        place = output.store.uri(entry.path)
        found = _columns(_footer_at(place))
        by = _partition_names(_partition(path))
        if found != expected or by != _partition_names(default_partition(job.parts.partition_by)):
            message = (
                f'Cannot add to the output "{output.path}": its file "{place}" has the columns '
                f"{_listed(found)}{_by(by)}, the job writes {_listed(expected)}"
                f"{_by(job.parts.partition_by)}. Nothing was predicted. Replace it with --mode "
                "overwrite, or write to another path."
            )
            raise OutputError(message)


def _columns(metadata: pq.FileMetaData) -> dict[str, pa.DataType]:
    """Give the types of columns as Spark sees them, whoever wrote the file."""
    return {field.name: field.type for field in spark_schema(metadata)}


def _footer_of(schema: pa.Schema) -> pq.FileMetaData:
    """Give the footer that a file of a schema gets."""
    sink = pa.BufferOutputStream()
    pq.write_metadata(schema, sink, store_schema=False)
    return pq.read_metadata(pa.BufferReader(sink.getvalue()))


def _listed(columns: Mapping[str, pa.DataType]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _visible(output: Output) -> Iterator[tuple[Entry, str]]:
    """Give the files that readers of an output see, and their paths in it."""
    for entry in sorted(output.store.entries(output.layout.output), key=lambda entry: entry.path):
        path = entry.path.removeprefix(f"{output.layout.output}/")
        if not any(step.startswith(("_", ".")) for step in path.split("/")):
            yield entry, path


def _found(output: Output, job: Job) -> Manifest:
    """Describe an output that no job has published, such as one that Spark wrote."""
    files = [
        _described(output.store.uri(entry.path), path, entry.size)
        for entry, path in _visible(output)
    ]
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
    digest = sha256_of(filesystem, inside)
    return OutputFile(path, _footer_at(place).num_rows, size, digest, "")


def _footer_at(place: str) -> pq.FileMetaData:
    filesystem, inside = filesystem_of(place)
    try:
        with filesystem.open_input_file(inside) as file:
            return pq.read_metadata(file)
    except pa.ArrowInvalid as error:
        message = f'Cannot add to the output: its file "{place}" is no parquet file ({error}).'
        raise OutputError(message) from error


def _partition(path: str) -> str:
    """Give the partition of a file: its directories of the form ``name=value``."""
    return "/".join(step for step in path.split("/")[:-1] if "=" in step)


def _partition_names(partition: str) -> tuple[str, ...]:
    return tuple(step.partition("=")[0] for step in partition.split("/") if step)


def _shapes(schema: Mapping[str, object]) -> list[tuple[object, str]]:
    fields = schema["fields"]
    assert isinstance(fields, list)  # noqa: S101 - the form of a schema
    return [(field["name"], json.dumps(field["type"], sort_keys=True)) for field in fields]


def _told(schema: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in _shapes(schema))


def _by(columns: Sequence[str]) -> str:
    return f", partitioned by {', '.join(columns)}" if columns else ""
