"""Errors of scorecast that were raised in a Python worker -> the same errors on the driver.

Spark carries an exception of a worker to the driver as the text of its traceback. The last line of
ours in it, ``scorecast.errors.NAME: message``, is the reason; all around it is Spark's.
"""

from __future__ import annotations

import re

from scorecast import errors
from scorecast.errors import ScorecastError

# A message may go on over several lines; Spark's text follows a blank line, a tab or its SQLSTATE.
_OURS = re.compile(
    r"^(?:\w+\.)*scorecast\.errors\.(?P<name>\w+): "
    r"(?P<message>.*(?:\n(?!\s*\n|\t| SQLSTATE|\s+at |Traceback).+)*)",
    re.MULTILINE,
)

# What Spark puts around the reason: which task failed, and that it failed while it wrote.
_WRAPPER = re.compile(r"^\S+: (?:Job aborted|\[TASK_WRITE_FAILED\])")


def error_in_worker(error: Exception) -> ScorecastError | None:
    """Give the error of scorecast that made a Spark job fail, or None if it was another one."""
    found = list(_OURS.finditer(str(error)))
    if not found:
        return None
    kind = getattr(errors, found[-1]["name"], None)
    if not (isinstance(kind, type) and issubclass(kind, ScorecastError)):
        return None
    return kind(found[-1]["message"].strip())


def reason(error: Exception) -> str:
    """Give the one line of an error of Spark that says what is wrong."""
    java = getattr(error, "java_exception", None)
    while java is not None and _WRAPPER.search(java.toString()) and java.getCause() is not None:
        java = java.getCause()
    text = str(error if java is None else java.toString()).strip()
    return text.splitlines()[0]
