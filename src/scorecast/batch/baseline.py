"""What a run is compared with: a profile, that of an output, or one taken of parquet files.

Driver only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.documents import read_document
from scorecast.batch.layout import PROFILE
from scorecast.batch.manifest import Manifest
from scorecast.batch.output import Output, open_output
from scorecast.batch.profile_columns import Column, describe, read_described
from scorecast.batch.profile_drift import Baseline, drift_from, refuse_drift
from scorecast.batch.profile_plan import sampling_bits
from scorecast.batch.versions import Published, published
from scorecast.errors import DriftError, InputDataError, OutputError, one_line
from scorecast.redaction import redacted
from scorecast.worker.column_profile import ColumnProfile, column_from_plain
from scorecast.worker.profile import ProfilePlan, Profiler
from scorecast.worker.storage import filesystem_of

VERSION = 1
"""Version of the form of ``_PROFILE.json``."""


def find_baseline(
    config: BatchPredictConfig,
    output: Output,
    base: Published | None,
    columns: Sequence[Column],
) -> Baseline | None:
    """Read what a run is compared with, before anything is predicted.

    Args:
        config: The job.
        output: Its output.
        base: The version that the output has.
        columns: Columns of the profile of the job.

    Returns:
        None where the job names no baseline, and there is none to replace or to add to.

    Raises:
        InputDataError: The baseline that the job names cannot be read.
        MissingExtraError: It has to be profiled, and the library for that is missing.
    """
    if config.profile == "off":
        return None
    if config.baseline is not None:
        name = redacted(config.baseline)
        return Baseline(name, _read_baseline(config.baseline, name, columns))
    if base is None or base.manifest is None:
        return None
    content = read_profile(output, base.manifest)
    return None if content is None else Baseline(base.version, content)


def read_profile(output: Output, manifest: Manifest) -> dict[str, Any] | None:
    """Read the profile of a published output; None where it has none that can be read."""
    data = read_document(output, manifest, PROFILE)
    try:
        return _content(data or b"")
    except ValueError:
        return None


def refuse_drift_of(config: BatchPredictConfig, output: Output, manifest: Manifest) -> None:
    """Hold the drift of a published output against the limit of now.

    It is the drift that it was published with, unless the job names another baseline.

    Raises:
        DriftError: It is larger, or the output has no profile to compare.
        InputDataError: The baseline that the job names cannot be read or compared with.
    """
    if config.max_drift is None:
        return
    content = read_profile(output, manifest)
    drift = None if content is None else content["drift"]
    then = f'The output "{config.output}" is of this very job, and was left as it is.'
    name = None if config.baseline is None else redacted(config.baseline)
    if name is not None and (drift is None or drift["baseline"] != name):
        if content is None or content["rows_profiled"] < min(content["rows"], 1):
            message = (
                f'Nobody can tell how far columns are from the baseline "{name}": the output was '
                f"published without statistics. {then} Run with --force --mode overwrite to make "
                "it again, or without --max-drift."
            )
            raise DriftError(message)
        pairs = [read_described(column) for column in content["columns"]]
        columns, found = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        drift = compare(config, find_baseline(config, output, None, columns), columns, found, then)
    refuse_drift(drift, config.max_drift, then)


def compare(
    config: BatchPredictConfig,
    baseline: Baseline | None,
    columns: Sequence[Column],
    found: Sequence[ColumnProfile],
    then: str,
) -> dict[str, Any] | None:
    """Compare a run with its baseline, if there is one.

    Args:
        config: The job.
        baseline: What `find_baseline` gave.
        columns: Columns of the run.
        found: Their statistics.
        then: What becomes of the output, and what to do.

    Returns:
        What `drift_from` gives; None without a baseline.

    Raises:
        InputDataError: The job names the baseline, and nothing in it can be compared.
    """
    drift = None if baseline is None else drift_from(baseline, columns, found)
    has_rows = any(column.count for column in found)
    if drift is not None and not drift["columns"] and config.baseline is not None and has_rows:
        message = (
            f'Nothing can be compared with the baseline "{drift["baseline"]}": it has none of the '
            f"columns of the run with values of the same kind. {then}"
        )
        raise InputDataError(message)
    return drift


def _read_baseline(path: str, name: str, columns: Sequence[Column]) -> dict[str, Any]:
    try:
        if path.endswith(".json"):
            filesystem, inside = filesystem_of(path)
            with filesystem.open_input_stream(inside) as stream:
                return _shared(_content(stream.read()), columns)
        output = open_output(path)
        found = published(output.store, output.layout)
        manifest = None if found is None else found.manifest
        content = None if manifest is None else read_profile(output, manifest)
        return _profiled(path, columns) if content is None else _shared(content, columns)
    except (OSError, ValueError, OutputError, pa.ArrowException) as error:
        message = (
            f'The baseline "{name}" cannot be compared with: {one_line(error)}. Nothing was '
            f"predicted. Give a {PROFILE}, an output that a job has published, or parquet files "
            "with the inputs of the model."
        )
        raise InputDataError(message) from error


def _content(data: bytes) -> dict[str, Any]:
    content = json.loads(data)
    if not isinstance(content, dict) or content.get("profile_version") != VERSION:
        message = f"it is no profile of version {VERSION}"
        raise ValueError(message)
    return content


def _shared(content: dict[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
    """Refuse a profile of other columns before anything is predicted."""
    there = {(column["role"], column["name"]) for column in content["columns"]}
    if there.isdisjoint((column.role, column.name) for column in columns):
        message = "none of its columns is an input of the model or a prediction"
        raise ValueError(message)
    return content


def _profiled(path: str, columns: Sequence[Column]) -> dict[str, Any]:
    """Profile the inputs in parquet files, such as those that the model was trained on."""
    filesystem, inside = filesystem_of(path)
    data = ds.dataset(inside, filesystem=filesystem, format="parquet")
    there = set(data.schema.names)
    inputs = [column for column in columns if column.role == "input" and column.name in there]
    if not inputs:
        message = "none of its columns is an input of the model"
        raise ValueError(message)
    plan = ProfilePlan(tuple(range(len(inputs))), sampling_bits(data.count_rows(), len(inputs)))
    profiler = Profiler(plan)
    for batch in data.to_batches(columns=[column.name for column in inputs]):
        profiler.add(batch, pa.nulls(batch.num_rows), None)
    found = profiler.result()
    pairs = zip(inputs, found["columns"], strict=False)  # the last one is of no predictions
    return {
        "rows": found["rows"],
        "columns": [describe(column, column_from_plain(plain)) for column, plain in pairs],
    }
