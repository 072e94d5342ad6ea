"""Environment variables of a call."""

from __future__ import annotations

import os

import pytest

from scorecast.worker.environment import environment


def test_variables_are_set_inside_and_as_before_outside(monkeypatch):
    """New ones are gone afterwards, changed ones are back, also when the call raises."""
    monkeypatch.setenv("SCORECAST_TEST_OLD", "old")
    monkeypatch.delenv("SCORECAST_TEST_NEW", raising=False)

    with pytest.raises(ZeroDivisionError):
        inside = _fail_inside()
    assert os.environ["SCORECAST_TEST_OLD"] == "old"
    assert "SCORECAST_TEST_NEW" not in os.environ
    with environment({"SCORECAST_TEST_OLD": "1", "SCORECAST_TEST_NEW": "2"}):
        inside = (os.environ["SCORECAST_TEST_OLD"], os.environ["SCORECAST_TEST_NEW"])
    assert inside == ("1", "2")


def _fail_inside():
    with environment({"SCORECAST_TEST_OLD": "1", "SCORECAST_TEST_NEW": "2"}):
        return 1 / 0
