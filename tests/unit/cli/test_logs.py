"""Lines on stderr: for machines always JSON, never with a secret; few, where asked to be quiet."""

import json
import logging

import pytest

from scorecast.cli.logs import JsonFormatter, logging_to_stderr
from scorecast.cli.main import main


@pytest.mark.parametrize(
    "text",
    [
        'SECRET="hunter2hunter2"',
        'Authorization: "bearer hunter2hunter2"',
        '{"token": "hunter2hunter2"}',
        "https://me:hunter2hunter2@host/x",
    ],
)
def test_a_secret_in_quotes_is_hidden_and_the_line_is_json(text):
    """Quotes of JSON do not come between a name and what stands behind it."""
    record = logging.LogRecord("a", logging.INFO, "", 0, text, None, None)
    record.context = {"text": text, "token": "hunter2hunter2"}
    line = JsonFormatter().format(record)
    assert "hunter2" not in line
    assert json.loads(line)["logger"] == "a"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--config", "no/such.yaml"], 2),
        (["--mode", "odd"], 2),
        ([], 2),
        (["--input", "i", "--output", "o", "--model-uri", "m", "--max-errors", "-1"], 2),
    ],
)
def test_wrong_options_are_lines_of_json_too(capsys, more, code):
    """Nothing but JSON is on stderr."""
    assert main(["batch-predict", "--log-format", "json", *more]) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(json.loads(line)["level"] == "ERROR" for line in lines)


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("quiet", [False, True])
def test_quiet_leaves_warnings_alone(capsys, log_format, quiet):
    """What a run tells on its way goes to nobody then; a warning still does."""
    with logging_to_stderr(log_format, quiet=quiet):
        logging.getLogger("scorecast.progress").info("half is done")
        logging.getLogger("scorecast.batch").info("a unit is done")
        logging.getLogger("scorecast.batch").warning("odd")
    shown = capsys.readouterr().err
    assert ("half is done" in shown) is not quiet
    assert ("a unit is done" in shown) is (log_format == "json" and not quiet)
    assert "odd" in shown
