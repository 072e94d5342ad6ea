"""How far work is: lines for logs, and who sees a bar."""

import logging
import os
import pty
import subprocess
import sys

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


def test_work_that_does_not_begin_is_told(caplog, monkeypatch):
    """Workers that load a large model for minutes look like a job that hangs."""
    clock = [1000.0]
    monkeypatch.setattr("scorecast.progress.time.monotonic", lambda: clock[0])
    with caplog.at_level(logging.INFO), logged(5)("predict", 4000, "rows") as advance:
        for clock[0], rows in ((1029.0, 0), (1031.0, 0), (1040.0, 0), (1041.0, 10)):
            advance(rows)
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0] == "predict: 0 rows of 4,000 rows (0%), none yet after 31 s"
    assert texts[1].startswith("predict: 10 rows of 4,000 rows (0%), 0 rows/s, ")
    assert len(texts) == 3


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


CODE = """
import sys
from scorecast import progress
progress._DELAY = float(sys.argv[1])
with progress.shown("s3://bucket/[churn]", 3_000_000) as advance:
    for _ in range(3):
        advance(1_000_000)
print("done")
"""


def run(environ, *, delay=0, terminal=True):
    """Run the code; give what it writes to stdout and stderr."""
    ours, its = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(delay)],
        env={**environ, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=its if terminal else subprocess.PIPE,
        text=True,
        check=True,
    )
    os.close(its)
    written = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            written += chunk
    except OSError:  # how Linux says that nobody writes to the terminal any more
        pass
    os.close(ours)
    return done.stdout, written.decode() if terminal else done.stderr


def test_a_terminal_shows_a_bar(src_on_path):
    """What is done, as it stands, and how much of it; the output of the command is its own."""
    out, shown = run(src_on_path)
    assert out == "done\n"
    assert "s3://bucket/[churn]" in shown
    assert "3.0/3.0 MB" in shown


def test_short_work_and_files_show_none(src_on_path):
    """Logs are not filled with bars."""
    assert run(src_on_path, delay=60) == ("done\n", "")
    assert run(src_on_path, terminal=False) == ("done\n", "")
