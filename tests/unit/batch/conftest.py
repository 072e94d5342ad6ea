"""Make the kit of this folder importable, and publish without waiting for the disk."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def no_waiting(monkeypatch):
    """Bring nothing to the disk: tests that publish thousands of times look at order elsewhere."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
