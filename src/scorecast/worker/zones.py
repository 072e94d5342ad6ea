"""Instants <-> what the clock of a time zone shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from scorecast.errors import WorkerEnvironmentError

_TABLES_END = datetime(2037, 1, 1)  # noqa: DTZ001 - a clock time
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the basis of numbers
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def clock_time(instants: pa.Array) -> pa.Array:
    """Give what the clock of their own zone shows at some instants.

    Raises:
        WorkerEnvironmentError: The zone is not known on this machine.
    """
    zone = instants.type.tz
    with _known_zone(zone):
        local = pc.local_timestamp(instants)
    return _with_late_offsets(local, instants.cast(pa.timestamp(instants.type.unit)), zone, UTC)


def instants_of(clock_times: pa.Array, zone: str) -> pa.Array:
    """Give the instants at which the clock of a zone shows some times.

    Of two the earlier is taken, and where the clock jumps the moment of the jump, as in Spark.

    Raises:
        WorkerEnvironmentError: The zone is not known on this machine.
    """
    with _known_zone(zone):
        made = pc.assume_timezone(clock_times, zone, ambiguous="earliest", nonexistent="latest")
    return _with_late_offsets(made, clock_times, zone, None)


def _with_late_offsets(
    made: pa.Array, given: pa.Array, zone: str, basis: tzinfo | None
) -> pa.Array:
    """Correct times after the end of the tables of time zones that Arrow reads.

    These go to 2037; what holds later is a rule behind them, which Python's zoneinfo knows.

    Args:
        made: What Arrow made of the times.
        given: The times, as numbers without zone.
        zone: Name of the zone.
        basis: UTC where `given` are instants, None where they are clock times of the zone.
    """
    late = pc.greater_equal(given, pa.scalar(_TABLES_END, given.type)).fill_null(fill_value=False)
    if not pc.any(late).as_py():
        return made
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return made  # an offset, such as +02:00, which has no rule
    per_second = _PER_SECOND[given.type.unit]
    corrected = []
    for number in given.filter(late).cast(pa.int64()).to_pylist():
        naive = _EPOCH + timedelta(seconds=number // per_second)
        at = (
            naive.replace(tzinfo=info)
            if basis is None
            else naive.replace(tzinfo=UTC).astimezone(info)
        )
        seconds = int((at.utcoffset() or timedelta()).total_seconds())
        corrected.append(number + (seconds if basis else -seconds) * per_second)
    return pc.replace_with_mask(made, late, pa.array(corrected, pa.int64()).cast(made.type))


@contextmanager
def _known_zone(zone: str) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        message = (
            f'The time zone "{zone}" is not known to Arrow on this machine. Install the time zones '
            "of the system (package tzdata), use a newer pyarrow, or give the zone as a region, "
            'such as "Europe/Paris".'
        )
        raise WorkerEnvironmentError(message) from error
