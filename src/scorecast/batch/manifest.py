"""The manifest of an output: what is in it, where it came from, how it was made. Driver only.

``_MANIFEST.json`` has the form of `manifest.schema.json` beside this module, which is versioned by
``manifest_version``. Times are UTC in ISO 8601, sizes are bytes, checksums are SHA-256 in
hexadecimal digits over the bytes of a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

from scorecast.batch.snapshot import InputFile
from scorecast.errors import OutputError

VERSION = 1


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file of the output.

    Attributes:
        path: Path relative to the output.
        rows: Rows in it.
        bytes: Its size.
        sha256: Digest of its bytes.
        run_id: Run that wrote it.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file of the output that tells about it, beside the manifest.

    Attributes:
        path: Path relative to the output.
        bytes: Its size.
        sha256: Digest of its bytes.
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Rows of one run; ``rows_read = rows_predicted + rows_quarantined + rows_filtered_out``.

    Attributes:
        rows_read: Rows of the input; None where nobody counts what a condition leaves out.
        rows_filtered_out: Rows that do not meet the condition of the job; None as above.
        rows_in: Rows that reached the model.
        rows_predicted: Rows with their prediction in the output.
        rows_quarantined: Rows in the quarantine.
        rows_failed: Rows that the model failed on, quarantined or with a NULL prediction.
        n_null: Predictions that are NULL.
        n_nan: Numbers in predictions that are NaN.
        n_inf: Numbers in predictions that are infinite.
    """

    rows_read: int | None
    rows_filtered_out: int | None
    rows_in: int
    rows_predicted: int
    rows_quarantined: int
    rows_failed: int
    n_null: int
    n_nan: int
    n_inf: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that some rows of an output come from.

    Attributes:
        run_id: Id of the run.
        job_key: Digest of what it did, see `scorecast.batch.key`.
        mode: How it changed the output.
        started_at: When it began.
        published_at: When its output was complete.
        base_version: Id of the run whose output it replaced or added to, or None.
        model: Model URI as asked and as resolved, digest, flavor, signature.
        options: Options of the job.
        engine: Name of the engine that read its rows, and why that one.
        packages: Versions of packages on the driver.
        spark_conf: Settings of the session that the run was given, without secrets.
        counters: Its rows.
        units: One record for each unit of work.
        skipped: Input files that were left out because ``on_corrupt="skip"`` asked for it.
        seconds: Wall time by phase.
    """

    run_id: str
    job_key: str
    mode: str
    started_at: str
    published_at: str
    base_version: str | None
    model: Mapping[str, Any]
    options: Mapping[str, Any]
    engine: Mapping[str, str]
    packages: Mapping[str, str]
    spark_conf: Mapping[str, str]
    counters: Counters
    units: Sequence[Mapping[str, Any]]
    skipped: Sequence[Mapping[str, str]]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of ``_MANIFEST.json``.

    Attributes:
        run_id: Run that published this version of the output.
        runs: Runs whose rows are in it, the oldest first; the last one published it.
        schema: Columns of the predictions, as Spark writes a schema in JSON.
        partition_by: Columns that the output is partitioned by.
        files: Files with predictions.
        quarantine: Files with rows that the model failed on.
        inputs: Files that the rows come from; empty when the input is not made of files.
        documents: Files that tell about the run that published this version, by their name.
    """

    run_id: str
    runs: tuple[Run, ...]
    schema: Mapping[str, Any]
    partition_by: tuple[str, ...]
    files: tuple[OutputFile, ...]
    quarantine: tuple[OutputFile, ...]
    inputs: tuple[InputFile, ...] = field(default=())
    documents: Mapping[str, Document] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        """The run that published this version."""
        return self.runs[-1]

    @property
    def rows(self) -> int:
        """Predictions in the output."""
        return sum(file.rows for file in self.files)

    def to_json(self) -> bytes:
        """Give the text of the file."""
        values = {"manifest_version": VERSION, **asdict(self), "totals": self._totals()}
        # The digest is of what a reader gets: options may hold values that JSON spells as others.
        content = json.loads(json.dumps(values, default=str))
        if not self.documents:
            del content["documents"]  # as in manifests of before there were any
        content["sha256"] = _digest(content)
        return (json.dumps(content, indent=1) + "\n").encode()

    def _totals(self) -> dict[str, int]:
        return {
            "rows_predicted": self.rows,
            "rows_quarantined": sum(file.rows for file in self.quarantine),
            "bytes": sum(file.bytes for file in (*self.files, *self.quarantine)),
        }


def read_manifest(data: bytes, place: str) -> Manifest:
    """Read the content of a manifest.

    Args:
        data: Content of the file.
        place: Where it is, for the message.

    Raises:
        OutputError: It is no manifest, or one of a later version.
    """
    try:
        content = json.loads(data)
        version = content.pop("manifest_version")
        if version == VERSION:
            return _manifest_of(content)
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        message = (
            f'The manifest "{place}" cannot be read ({type(error).__name__}: {error}): it was '
            "damaged or changed. Restore it, or publish to another output."
        )
        raise OutputError(message) from error
    message = (
        f'The manifest "{place}" is of version {version}, expected {VERSION}: a newer scorecast '
        "wrote it, or it was damaged. Upgrade this one, or restore the file."
    )
    raise OutputError(message)


def _digest(content: Mapping[str, Any]) -> str:
    """Give the SHA-256 of a manifest's content, so that a changed byte of it can be told."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _manifest_of(content: dict[str, Any]) -> Manifest:
    if content.pop("sha256") != _digest({"manifest_version": VERSION, **content}):
        raise ValueError("its content is not the one that its sha256 is of")
    del content["totals"]
    lists: dict[str, Any] = {
        "runs": tuple(
            Run(**{**run, "counters": Counters(**run["counters"])}) for run in content.pop("runs")
        ),
        "files": tuple(OutputFile(**file) for file in content.pop("files")),
        "quarantine": tuple(OutputFile(**file) for file in content.pop("quarantine")),
        "inputs": tuple(InputFile(**file) for file in content.pop("inputs")),
        "partition_by": tuple(content.pop("partition_by")),
        "documents": {
            name: Document(**file) for name, file in content.pop("documents", {}).items()
        },
    }
    return Manifest(**lists, **content)


def manifest_schema() -> dict[str, Any]:
    """Give the JSON Schema that every manifest of this version meets."""
    text = files("scorecast.batch").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
