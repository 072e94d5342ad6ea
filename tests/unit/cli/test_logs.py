"""Lines for machines: always JSON, and never with a secret in them."""

import json
import logging

import pytest

from scorecast.cli.logs import JsonFormatter
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
