"""What a run is compared with, from wherever it comes."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from publishing import manifest

from scorecast.batch.baseline import find_baseline, refuse_drift_of
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.manifest import Document
from scorecast.batch.output import open_output
from scorecast.batch.profile_columns import Column, describe
from scorecast.batch.profile_drift import drift_from
from scorecast.batch.publish import Published
from scorecast.errors import DriftError, InputDataError
from scorecast.worker.column_profile import ColumnProfile

COLUMNS = [Column("x", "input", "double"), Column("prediction", "prediction", "double")]
DRIFT = {
    "baseline": "older",
    "columns": [{"name": "x", "role": "input", "psi": 0.5, "null_rate_change": 0.0}],
}


def described(*numbers, name="x", role="input"):
    """Give a column of numbers as a profile has it."""
    found = ColumnProfile.of("number")
    found.add(pa.array(numbers, pa.float64()))
    return describe(Column(name, role, "double"), found)


CONTENT = {
    "profile_version": 1,
    "rows": 3,
    "rows_profiled": 3,
    "columns": [described(1.0, 2.0, 3.0)],
    "drift": DRIFT,
}


@pytest.fixture
def output(tmp_path):
    """Give a published output with a profile."""
    (tmp_path / "out").mkdir()
    data = json.dumps(CONTENT).encode()
    (tmp_path / "out/_PROFILE.json").write_bytes(data)
    documents = {"_PROFILE.json": Document("_PROFILE.json", len(data), "0" * 64)}
    said = manifest("run", {}, documents=documents)
    (tmp_path / "out/_MANIFEST.json").write_bytes(said.to_json())
    return open_output(str(tmp_path / "out")), said


def config(**options):
    """Give the options of a job."""
    return BatchPredictConfig(model_uri="m", input="i", output="out", **options)


def test_output_that_is_replaced(output):
    """Without a word of the user it is the version that was there, if a job has profiled it."""
    place, said = output
    base = Published("run", said)
    found = find_baseline(config(), place, base, COLUMNS)
    assert (found.name, found.profile) == ("run", CONTENT)
    bare = Published("run", manifest("run"))
    for options, version in (({}, None), ({}, bare), ({"profile": "off"}, base)):
        assert find_baseline(config(**options), place, version, COLUMNS) is None
    (place.store.root / "out/_PROFILE.json").write_text("{")
    assert find_baseline(config(), place, base, COLUMNS) is None


@pytest.mark.parametrize("path", ["out", "out/_PROFILE.json"])
def test_output_or_profile_by_name(output, tmp_path, path):
    """A path wins over the output that is replaced."""
    given = config(baseline=tmp_path / path)
    found = find_baseline(given, output[0], Published("x", manifest("x")), COLUMNS)
    assert (found.name, found.profile) == (str(tmp_path / path), CONTENT)


def test_parquet_files(tmp_path, output):
    """The inputs in them are profiled, whatever else is there."""
    numbers = np.random.default_rng(3).normal(size=50_000)
    table = pa.table({"other": np.arange(50_000), "x": numbers})
    (tmp_path / "train").mkdir()
    for i in range(2):
        pq.write_table(table.slice(i * 25_000, 25_000), tmp_path / f"train/{i}.parquet")
    for path in ("train", "train/0.parquet"):
        found = find_baseline(config(baseline=tmp_path / path), output[0], None, COLUMNS)
        (column,) = found.profile["columns"]
        assert (column["name"], column["role"]) == ("x", "input")
        assert 8192 <= column["count"] == found.profile["rows"] < 16_384
        same, other = ColumnProfile.of("number"), ColumnProfile.of("number")
        same.add(pa.array(numbers))
        other.add(pa.array(numbers + 1))
        nothing = ColumnProfile.of("number")
        assert drift_from(found, COLUMNS, [same, nothing])["largest"]["psi"] < 0.02
        assert drift_from(found, COLUMNS, [other, nothing])["largest"]["psi"] > 0.5


def test_what_is_no_baseline(tmp_path, output):
    """The message says why, and what is one."""
    (tmp_path / "text.json").write_text('{"a": 1}')
    (tmp_path / "text").write_text("no parquet")
    other = {**CONTENT, "columns": [described(1.0, role="prediction")]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    pq.write_table(pa.table({"y": [1]}), tmp_path / "y.parquet")
    for path, words in {
        "nowhere": "nowhere",
        "nowhere.json": "nowhere",
        "text.json": "no profile of version 1",
        "text": "text",
        "y.parquet": "none of its columns is an input",
        "other.json": "none of its columns is an input",
    }.items():
        with pytest.raises(InputDataError, match=f"{words}.*Nothing was predicted"):
            find_baseline(config(baseline=tmp_path / path), output[0], None, COLUMNS)


def test_output_that_was_published_with_more_drift_than_allowed_now(output):
    """The drift that it was published with counts."""
    place, said = output
    refuse_drift_of(config(), place, said)
    refuse_drift_of(config(max_drift=0.5), place, said)
    with pytest.raises(DriftError, match=r'"older".*"x".*was left as it is'):
        refuse_drift_of(config(max_drift=0.4), place, said)
    refuse_drift_of(config(max_drift=0.4), place, manifest("run"))


@pytest.mark.parametrize("drift", [None, DRIFT])
def test_output_that_was_published_without_this_baseline(output, tmp_path, drift):
    """What was published is compared with it, whatever the first run was compared with."""
    place, said = output
    (tmp_path / "out/_PROFILE.json").write_text(json.dumps({**CONTENT, "drift": drift}))
    for name, numbers in (("same", (1.0, 2.0, 3.0)), ("far", (8.0, 9.0, 9.5))):
        content = {**CONTENT, "columns": [described(*numbers)]}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    refuse_drift_of(config(max_drift=0.01, baseline=tmp_path / "same.json"), place, said)
    with pytest.raises(DriftError, match=r'far\.json.*"x".*left as it is'):
        refuse_drift_of(config(max_drift=0.01, baseline=tmp_path / "far.json"), place, said)
    with pytest.raises(InputDataError, match="nowhere"):
        refuse_drift_of(config(max_drift=0.01, baseline=tmp_path / "nowhere"), place, said)


def test_output_without_statistics_is_not_within_a_limit(output, tmp_path):
    """Neither without a profile nor with one of no rows."""
    place, said = output
    (tmp_path / "same.json").write_text(json.dumps(CONTENT))
    given = config(max_drift=9.0, baseline=tmp_path / "same.json")
    with pytest.raises(DriftError, match="--force"):
        refuse_drift_of(given, place, manifest("run"))
    empty = {**CONTENT, "rows_profiled": 0, "columns": [described()], "drift": None}
    (tmp_path / "out/_PROFILE.json").write_text(json.dumps(empty))
    with pytest.raises(DriftError, match="--force"):
        refuse_drift_of(given, place, said)
    (tmp_path / "out/_PROFILE.json").write_text(json.dumps({**empty, "rows": 0}))
    refuse_drift_of(given, place, said)
