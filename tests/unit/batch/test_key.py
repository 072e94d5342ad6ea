"""The job key: the same for the same job, another one for any other."""

import subprocess
import sys
from dataclasses import replace

import pytest

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.key import job_key
from scorecast.batch.snapshot import InputFile

FILES = [InputFile("file:///a", 1, "10", rows=3), InputFile("file:///b", 2, "20")]
BASE = {
    "inputs": FILES,
    "model_digest": "sha256:x",
    "options": {"where": None, "keep": ("a", "b")},
    "packages": {"scorecast": "1"},
    "repeatable": True,
}


def test_order_and_rows_do_not_matter():
    """Files in another order, with their rows known or not, are the same input."""
    other = [replace(file, rows=9) for file in reversed(FILES)]
    options = dict(reversed(BASE["options"].items()))
    assert job_key(**BASE) == job_key(**{**BASE, "inputs": other, "options": options})


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": FILES[:1]},
        {"inputs": [FILES[0], replace(FILES[1], size=3)]},
        {"inputs": [FILES[0], replace(FILES[1], modified="21")]},
        {"inputs": [FILES[0], replace(FILES[1], path="file:///c")]},
        {"model_digest": "sha256:y"},
        {"options": {"where": "x > 1", "keep": ("a", "b")}},
        {"options": {"where": None, "keep": ("b", "a")}},
        {"packages": {"scorecast": "2"}},
    ],
)
def test_anything_else_matters(change):
    """What decides what is in the output decides the key."""
    assert job_key(**{**BASE, **change}) != job_key(**BASE)


def test_what_cannot_be_repeated_has_a_key_of_its_own():
    """Two jobs of chance are never the same job."""
    keys = {job_key(**{**BASE, "repeatable": False}) for _ in range(5)}
    assert len(keys | {job_key(**BASE)}) == 6


def test_the_key_is_the_same_in_every_process():
    """Neither hashes of the process nor the time are in it."""
    code = (
        "from scorecast.batch.key import job_key\n"
        "print(job_key(inputs=[], model_digest='m', options={'a': {'y': 1, 'x': {3}}}, "
        "packages={}, repeatable=True))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout


def test_options_that_do_not_change_the_output_are_not_in_it():
    """How a job runs, and what becomes of an old output, is not what it does."""
    config = BatchPredictConfig(model_uri="m", input="i", output="o")
    others = {
        "output": "p",
        "mode": "overwrite",
        "force": True,
        "units": 3,
        "max_errors": 0,
        "batch_timeout": 5.0,
        "keep_replaced": 0.0,
        "profile": "full",
        "baseline": "b",
        "max_drift": 0.5,
        "incremental": True,
    }
    for name, value in others.items():
        mode = {"mode": "append"} if name == "incremental" else {}
        assert replace(config, **{name: value, **mode}).key_options() == config.key_options(), name
    for name, value in {
        "where": "a",
        "keep": "none",
        "partition_by": ("a",),
        "on_error": "null",
        "on_corrupt": "skip",
        "nan_as_null": True,
        "params": {"a": 1},
        "extra_env": {"A": "1"},
        "input_options": {"a": "b"},
        "model_config": {"a": 1},
        "model_output": "x",
        "nullable_integers": True,
        "isolate": "batch",
        "batch_size": 3,
        "columns": ("a",),
        "result_type": "long",
        "output_column": "p",
        "input_format": "csv",
    }.items():
        assert replace(config, **{name: value}).key_options() != config.key_options(), name
