"""Environment variables of a call."""

from __future__ import annotations

import os

import pytest

from scorecast.worker.environment import environment
from scorecast.worker.options import PredictOptions


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


def test_a_name_that_the_system_refuses_leaves_nothing_behind(monkeypatch):
    """The others are taken back as well."""
    monkeypatch.delenv("SCORECAST_TEST_NEW", raising=False)
    with (
        pytest.raises(ValueError, match="illegal"),
        environment({"SCORECAST_TEST_NEW": "1", "A=B": "2"}),
    ):
        pass
    assert "SCORECAST_TEST_NEW" not in os.environ


@pytest.mark.parametrize("extra", [{"A=B": "1"}, {"": "1"}, {"A": "\0"}, {"A": 1}])
def test_such_names_are_refused_on_the_driver(extra):
    """Before a worker meets them."""
    assert PredictOptions(extra_env=extra).problems()
    assert not PredictOptions(extra_env={"A": "=", "B": ""}).problems()
