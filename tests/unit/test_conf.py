"""The files in conf/: each line says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scorecast.cli import batch_predict


@pytest.mark.parametrize("name", ["spark-defaults.conf", "log4j2.properties", "batch_predict.yaml"])
def test_each_line_says_why(repository: Path, name: str) -> None:
    """A comment stands before every setting; what is indented belongs to the line above it."""
    lines = (repository / "conf" / name).read_text().splitlines()
    settings = [at for at, line in enumerate(lines) if line and line[0] not in "# "]

    assert len(settings) > 6
    assert [lines[at] for at in settings if not lines[at - 1].startswith("# ")] == []


def test_the_file_of_a_job_is_one(repository: Path) -> None:
    """Its keys are options, and together they make a job."""
    file = repository / "conf" / "batch_predict.yaml"
    ctx = batch_predict.command.make_context("batch-predict", ["--config", str(file)])
    job = batch_predict.job_config(ctx.params)

    keys = re.findall(r"^([\w-]+):", file.read_text(), re.MULTILINE)
    sources = {name for name in ctx.params if ctx.get_parameter_source(name).name == "DEFAULT_MAP"}
    assert {key.replace("-", "_") for key in keys} == sources
    assert job.on_error == "quarantine"
