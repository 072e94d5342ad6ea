"""How far work is: lines for logs, and who sees a bar."""

import logging

import pytest

from scorecast.progress import can_draw, duration, logged, shown, silent


def test_lines_tell_how_much_is_done_and_left(caplog):
    """A line says what is done of all, and programs find the numbers in its context."""
    with caplog.at_level(logging.INFO), logged(0)("predict", 4000, "rows") as advance:
        advance(1000)
        advance(3000)
        advance(-500)
    first, second, third, last = caplog.records
    assert first.getMessage().startswith("predict: 1,000 rows of 4,000 rows (25%), ")
    assert second.getMessage().endswith("rows/s, 0 s left")
    assert (third.context["done"], third.context["total"]) == (3500, 4000)
    assert last.context["done"] == 3500
    assert first.context["per_second"] > 0
    assert first.context["unit"] == "rows"


def test_short_work_is_not_worth_a_line(caplog):
    """Nothing is logged before the first interval is over."""
    with caplog.at_level(logging.INFO), logged(1000)("download", None) as advance:
        advance(1 << 20)
    assert caplog.records == []


def test_what_has_no_end_has_no_time_left(caplog):
    """Without a total there is neither a share nor a time."""
    with caplog.at_level(logging.INFO), logged(0)("download", None) as advance:
        advance(2_500_000)
    text = caplog.records[0].getMessage()
    assert text.startswith("download: 2.5 MB, ")
    assert "left" not in text


@pytest.mark.parametrize("progress", [shown, silent])
def test_nobody_sees_a_bar_where_no_terminal_is(progress, capfd):
    """A log is not filled with bars."""
    assert not can_draw()
    with progress("predict", 10, "rows") as advance:
        advance(10)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_times_are_told_as_people_read_them(seconds, text):
    """Seconds, minutes, or hours and minutes."""
    assert duration(seconds) == text
