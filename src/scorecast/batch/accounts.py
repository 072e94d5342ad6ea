"""What a run adds up and looks up: rows, units, files left out, time. Driver only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scorecast.batch.file_names import shown
from scorecast.batch.footers import Corrupt
from scorecast.batch.inputs import Inputs
from scorecast.batch.manifest import Counters
from scorecast.batch.plan import Plan
from scorecast.batch.units import UnitRecord
from scorecast.errors import InputDataError, JobTimeoutError


@dataclass(slots=True)
class Clock:
    """Wall time of a run, by phase, and how long it may take."""

    started_at: str
    limit: float | None = None
    started: float = field(default_factory=time.monotonic)
    phases: dict[str, float] = field(default_factory=dict)
    _last: float = 0.0

    def lap(self, phase: str) -> None:
        """Say that a phase has ended."""
        seconds = time.monotonic() - self.started
        self.phases[phase] = round(seconds - self._last, 3)
        self._last = seconds

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def refuse_late(self) -> None:
        """End a run that takes too long.

        Raises:
            JobTimeoutError: It does.
        """
        if self.limit is not None and self.seconds > self.limit:
            message = (
                f"The job was not ready to publish within {self.limit:g} s and was ended. Nothing "
                "was published. Units that were complete are kept for the next run of the same "
                "job; allow more with --timeout, or make more units of it with --units."
            )
            raise JobTimeoutError(message)


def refuse_nothing_read(plan: Plan, records: Sequence[UnitRecord]) -> None:
    """Refuse to publish for an input of which no file at all could be read.

    Raises:
        InputDataError: It is such an input.
    """
    files = sum(len(unit.files) for unit in plan.units)
    skipped = [file for record in records for file in record.skipped]
    if skipped and len(skipped) == files:
        message = (
            f"None of the {files} input files can be read, such as "
            f'"{shown(skipped[0].path)}": {skipped[0].reason}. Nothing was published. '
            "Write them again."
        )
        raise InputDataError(message)


def counters_of(records: Sequence[UnitRecord], inputs: Inputs) -> Counters:
    """Add up the rows of all units."""
    rows_in = sum(record.rows_in for record in records)
    known = [record.rows_read for record in records]
    read = None if None in known else sum(rows for rows in known if rows is not None)
    if inputs.is_empty:
        read = 0
    quarantined = sum(file.rows for record in records for file in record.quarantine)
    return Counters(
        rows_read=read,
        rows_filtered_out=None if read is None else read - rows_in,
        rows_in=rows_in,
        rows_predicted=rows_in - quarantined,
        rows_quarantined=quarantined,
        rows_failed=sum(record.rows_failed for record in records),
        n_null=sum(record.n_null for record in records),
        n_nan=sum(record.n_nan for record in records),
        n_inf=sum(record.n_inf for record in records),
    )


def unit_entry(record: UnitRecord) -> dict[str, Any]:
    """Give what the manifest tells of a unit."""
    return {
        "unit": record.unit,
        "rows_in": record.rows_in,
        "rows_failed": record.rows_failed,
        "tasks": record.tasks,
        "seconds": record.seconds,
        "resumed": record.resumed,
    }


def skipped_files(inputs: Inputs, records: Sequence[UnitRecord]) -> list[Corrupt]:
    """Give the input files that were left out, before the run and during it."""
    return [*inputs.skipped, *(file for record in records for file in record.skipped)]


def now() -> str:
    """Give the time as manifests have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
