"""A place with an output of an earlier night, and a reader who polls it.

The modules beside this file are imported by name, whatever pytest's import mode is.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fault_kit import OLD, Place, versions
from fault_oracle import Reader

# Reading takes time from the job; the long version reads six times as often.
PAUSE = 0.03


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Give a folder whose output is published once, by the old model."""
    place = Place(tmp_path_factory.mktemp("faults"))
    code, text = place.run(place.model(OLD))
    assert code == 0, text
    place.keep()
    return place


@pytest.fixture
def old(place):
    """Put the old output back, as an earlier night has left it."""
    place.reset()
    return place


@pytest.fixture
def reader(old):
    """Poll the old output, which may be replaced and is never to be missed."""
    with Reader(old.output, versions(), absent=False, pause=PAUSE) as reader:
        yield reader
    assert reader.violations == []
    assert reader.seen["old"] > 0
