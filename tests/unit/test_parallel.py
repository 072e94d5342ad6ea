"""Work side by side: the first error ends all of it."""

from __future__ import annotations

from threading import Event

import pytest

from scorecast.artifacts.parallel import for_each


def test_an_error_stops_what_still_goes_on() -> None:
    """Also what was begun before: it is told, and what it raises then does not count."""
    stop, begun = Event(), Event()

    def work(item: int) -> None:
        if item == 0:
            begun.set()
            assert stop.wait(60)
            raise KeyError
        assert begun.wait(60)
        raise ValueError(item)

    with pytest.raises(ValueError, match="1"):
        for_each(work, range(100), at_once=2, stop=stop)
