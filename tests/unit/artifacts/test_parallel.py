"""Downloads side by side end when the user interrupts, wherever that is."""

from collections.abc import Iterator
from threading import Event

import pytest

from scorecast.artifacts.parallel import for_each, pause


def test_an_interrupt_before_all_is_begun_ends_what_has_begun() -> None:
    """Nobody waits for the pause of a download that is of no use any more."""
    stop, begun, ended = Event(), Event(), Event()

    def work(_: int) -> None:
        begun.set()
        try:
            pause(600, stop)
        finally:
            ended.set()

    def items() -> Iterator[int]:
        yield 1
        assert begun.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for_each(work, items(), at_once=2, stop=stop)
    assert ended.is_set()
