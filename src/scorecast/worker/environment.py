"""Environment variables for the time of one call."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def environment(extra: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process, and give them back as they were.

    Runs on a worker, around loading a model and around each of its calls: what else runs in the
    process must not see them.
    """
    before = {name: os.environ.get(name) for name in extra}
    try:
        os.environ.update(extra)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
