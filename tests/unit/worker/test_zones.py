"""Clock times of zones, against Python's zoneinfo."""

# ruff: noqa: DTZ001 - clock times have no zone

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorecast.worker.zones import clock_time, instants_of

ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/GMT-2"]


@given(
    st.lists(st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1)), max_size=5),
    st.sampled_from(ZONES),
    st.sampled_from(["us", "ms"]),
)
def test_instants_and_clock_times(times, zone, unit):
    """Also after 2037, where the tables of zones end that Arrow reads."""
    info = ZoneInfo(zone)
    whole = [time.replace(microsecond=0) for time in times]
    kind = pa.timestamp(unit, zone)
    instants = pa.array([*whole, None], pa.timestamp(unit)).cast(pa.timestamp(unit, "UTC"))
    local = clock_time(instants.cast(kind))
    expected = [time.replace(tzinfo=dt.UTC).astimezone(info).replace(tzinfo=None) for time in whole]
    assert local.to_pylist() == [*expected, None]
    back = instants_of(local, zone)
    assert back.type == kind
    for clock, time, made in zip(expected, whole, back.cast(pa.timestamp(unit)), strict=False):
        once = (
            clock.replace(tzinfo=info).utcoffset() == clock.replace(tzinfo=info, fold=1).utcoffset()
        )
        assert made.as_py() == time or not once


@pytest.mark.parametrize("zone", ["America/New_York"])
def test_the_earlier_of_two_is_taken(zone):
    """A clock time that occurs twice is its first occurrence, before 2037 and after."""
    twice = [dt.datetime(2035, 11, 4, 1, 30), dt.datetime(2040, 11, 4, 1, 30)]
    made = instants_of(pa.array(twice, pa.timestamp("us")), zone).cast(pa.timestamp("us"))
    assert made.to_pylist() == [time + dt.timedelta(hours=4) for time in twice]


@pytest.mark.skipif(
    int(pa.__version__.partition(".")[0]) < 25, reason="older pyarrow knows no offsets as zones"
)
def test_an_offset_has_no_summer_time():
    """It is the same before 2037 and after."""
    noon = [dt.datetime(2020, 7, 1, 12), dt.datetime(2040, 7, 1, 12)]
    instants = pa.array(noon, pa.timestamp("us")).cast(pa.timestamp("us", "+02:00"))
    assert clock_time(instants).to_pylist() == [time + dt.timedelta(hours=2) for time in noon]
