"""What a run does, fixed before it starts: its units of work. Driver only.

A unit is a group of input files that is predicted, committed and resumed as one. The plan is a file
of the run, so that a run that goes on with the work of a dead one has the same units.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from scorecast.batch.snapshot import InputFile

UNIT_BYTES = 8 << 30
"""Input of one unit when nobody says how many there are: minutes of work, worth resuming."""

MAX_UNITS = 500


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the input.

    Attributes:
        name: Such as ``u-00001``.
        files: Paths of its files; empty for a unit that is the whole of an input without files.
        rows: Rows in the files, where their footers say so.
    """

    name: str
    files: tuple[str, ...]
    rows: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A run.

    Attributes:
        run_id: Its id.
        job_key: What it does, see `scorecast.batch.key`.
        started_at: When the first try of it began; UTC, ISO 8601.
        units: Its units.
        bits: One row of ``2^bits`` is in the sample of its statistics; None for no statistics.
    """

    run_id: str
    job_key: str
    started_at: str
    units: tuple[Unit, ...]
    bits: int | None = None

    @property
    def files(self) -> set[str]:
        """Paths of all files."""
        return {path for unit in self.units for path in unit.files}

    def to_json(self) -> bytes:
        """Give the text of the plan's file."""
        return json.dumps(asdict(self)).encode()


def read_plan(data: bytes) -> Plan | None:
    """Read the plan's file; None where it is cut off or of another version."""
    try:
        content = json.loads(data)
        units = tuple(
            Unit(unit["name"], tuple(unit["files"]), unit["rows"]) for unit in content.pop("units")
        )
        return Plan(units=units, **content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def split_units(
    inputs: Sequence[InputFile], rows: Mapping[str, int] | None, count: int | None
) -> tuple[Unit, ...]:
    """Divide the input's files among units of about equal size, in their order.

    Args:
        inputs: Files of the input; none for an input that is not made of files.
        rows: Rows of each file, or None where footers do not tell.
        count: How many units, at most one per file; None decides by size.
    """
    if not inputs:
        return (Unit("u-00000", (), None),)
    total = sum(file.size for file in inputs)
    wanted = count if count is not None else min(MAX_UNITS, math.ceil(total / UNIT_BYTES))
    wanted = max(1, min(wanted, len(inputs)))
    groups: list[list[InputFile]] = [[] for _ in range(wanted)]
    before = 0
    for i, file in enumerate(inputs):
        share = (before + file.size / 2) / total if total else i / len(inputs)
        groups[min(int(share * wanted), wanted - 1)].append(file)
        before += file.size
    return tuple(
        Unit(
            f"u-{i:05d}",
            tuple(file.path for file in group),
            None if rows is None else sum(rows[file.path] for file in group),
        )
        for i, group in enumerate(group for group in groups if group)
    )
