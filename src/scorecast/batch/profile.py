"""The profile of a run, as it is published. Driver only.

Tasks take statistics while they predict (`scorecast.worker.profile`), units merge those of the
tasks that count, and the run those of its units, resumed ones included, into ``_PROFILE.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scorecast.batch.baseline import VERSION, compare
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.engines.job import Job
from scorecast.batch.inputs import Inputs
from scorecast.batch.profile_columns import describe
from scorecast.batch.profile_drift import Baseline, left_out_of, refuse_drift
from scorecast.batch.profile_files import ProfileFiles
from scorecast.batch.profile_plan import profiled_columns, without_rows
from scorecast.batch.units import UnitRecord
from scorecast.errors import DriftError, WorkerEnvironmentError
from scorecast.worker.column_profile import column_from_plain
from scorecast.worker.profile import can_profile, merged

_STAGED = (
    "Nothing was published. What was predicted is kept: the same job with a higher --max-drift, or "
    "another --baseline, goes on from there."
)
_UNKNOWN = (
    "Nobody can tell whether columns drifted, which --max-drift limits: {}. Nothing was published. "
    "Begin anew with --force, or go on without --max-drift."
)
_INSTALL = 'pip install "scorecast[report]"'


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of a run.

    Attributes:
        data: Content of ``_PROFILE.json``; None where there is no profile.
        note: One line for the summary.
        drift: See ``_PROFILE.json``.
    """

    data: bytes | None
    note: str
    drift: Mapping[str, Any] | None = None


def take_profile(  # noqa: PLR0913 - what a profile is made of
    config: BatchPredictConfig,
    job: Job,
    inputs: Inputs,
    run_id: str,
    records: Sequence[UnitRecord],
    files: ProfileFiles,
    baseline: Baseline | None,
) -> Profile:
    """Merge the statistics of all units, and hold them against the baseline.

    Raises:
        DriftError: They are further from it than allowed, or nobody can tell.
        InputDataError: The job names the baseline, and nothing in it can be compared.
        WorkerEnvironmentError: Drift is limited, and workers cannot take statistics.
    """
    if config.profile == "off":
        return Profile(None, "")
    if not can_profile():
        return Profile(None, f"none; for one: {_INSTALL}")
    rows = sum(record.rows_in for record in records)
    found, problem = _merged(records, files)
    if problem or (rows and found is None):
        return _without(config, problem if found is not None else "")
    if config.max_drift is not None and baseline is not None and not rows:
        _refuse_nothing(config, baseline)
    columns = profiled_columns(job, inputs)
    profiled = found["rows"] if found else 0
    counted = (
        [column_from_plain(column) for column in found["columns"]]
        if found and profiled
        else without_rows(job, inputs)
    )
    if rows and not profiled and baseline is not None and config.max_drift is not None:
        raise DriftError(_UNKNOWN.format("no row is in the sample (--profile full takes all)"))
    drift = compare(config, baseline, columns, counted, _STAGED)
    refuse_drift(drift, config.max_drift, _STAGED)
    content = {
        "profile_version": VERSION,
        "run_id": run_id,
        "rows": rows,
        "rows_profiled": profiled,
        "columns": [describe(*pair) for pair in zip(columns, counted, strict=True)],
        "drift": drift,
    }
    data = (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()
    note = f"{profiled:,} of {rows:,} rows"
    return Profile(data, f"{note}{_not_compared(config, drift)}", drift)


def refuse_without_statistics(config: BatchPredictConfig, done: Sequence[UnitRecord]) -> None:
    """Refuse a limit of drift that units of an earlier try leave unknown, before more is predicted.

    Raises:
        DriftError: One of them has no statistics.
    """
    if config.max_drift is not None and any(
        record.rows_in and record.profile is None for record in done
    ):
        raise DriftError(_UNKNOWN.format("an earlier try of this job took no statistics"))


def _without(config: BatchPredictConfig, problem: str) -> Profile:
    """Give the profile of a run that has none, unless options need one."""
    if problem:
        if config.max_drift is not None:
            raise DriftError(_UNKNOWN.format(problem))
        return Profile(None, f"none: {problem}; a run with --force has one")
    if config.max_drift is not None:
        message = (
            "No statistics were taken, which --max-drift needs: workers lack the package "
            "datasketches, or all units were made by an earlier try without a profile. Nothing "
            f"was published. Install it there ({_INSTALL}), or begin anew with --force."
        )
        raise WorkerEnvironmentError(message)
    return Profile(None, f"none was taken; for one, on all workers: {_INSTALL}")


def _not_compared(config: BatchPredictConfig, drift: Mapping[str, Any] | None) -> str:
    """Say what was not held against a baseline, behind the number of rows."""
    if drift is None:
        return "; no baseline to compare with" if config.max_drift is not None else ""
    if not drift["columns"]:
        return f"; nothing could be compared with {drift['baseline']}"
    return f"; not compared: {left_out_of(drift)}" if drift["left_out"] else ""


def _refuse_nothing(config: BatchPredictConfig, baseline: Baseline) -> None:
    """Refuse an output without rows where the baseline has some; to add none changes nothing."""
    before = baseline.profile["rows"]
    if before and config.mode in ("error", "overwrite") and not config.incremental:
        message = (
            f'No row was predicted on, and the baseline "{baseline.name}" has {before:,} rows, '
            "which --max-drift takes for drift. Nothing was published. Check the input and --where;"
            " to publish an empty output, run without --max-drift."
        )
        raise DriftError(message)


def _merged(
    records: Sequence[UnitRecord], files: ProfileFiles
) -> tuple[dict[str, Any] | None, str]:
    """Merge the statistics of units, and say why they are not those of all rows, if so."""
    read = [record for record in records if record.rows_in]
    there, bits = 0, set[int]()

    def each() -> Iterator[dict[str, Any]]:
        nonlocal there
        for profile in files.read([record.profile for record in read if record.profile]):
            if profile is not None:
                there += 1
                bits.add(profile["bits"])
                yield profile

    found, problem = merged(each()), ""
    if there < len(read):
        problem = (
            f"{len(read) - there} of {len(read)} units have no statistics, which an earlier try or "
            "workers without the package datasketches made"
        )
    elif len(bits) > 1:
        problem = "units hold samples of different rates, from tries with different --profile"
    return found, problem
