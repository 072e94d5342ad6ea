"""The manifest: its form, its way through JSON, and what damage to it leads to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from publishing import contents, manifest

from scorecast.batch.manifest import Document, manifest_schema, read_manifest
from scorecast.batch.snapshot import InputFile
from scorecast.errors import OutputError

INPUTS = (InputFile("/in/a.parquet", 10, "1700000000000000000"), InputFile("b", 1, "x"))


def full():
    """Give a manifest with something of everything."""
    said = manifest(
        "new", contents("new", files=3), base="old", quarantine=["day=2/part-new-2.parquet"]
    )
    documents = {"_PROFILE.json": Document("_PROFILE.json", 3, "0" * 64)}
    said = replace(said, documents=documents)
    return replace(said, inputs=INPUTS, runs=(*manifest("old").runs, *said.runs))


def validate(data):
    """Check a manifest with the jsonschema package."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = manifest_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.FormatChecker()
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(json.loads(data))


def test_round_trip():
    """What is read is what was written, down to the bytes."""
    said = full()
    data = said.to_json()
    found = read_manifest(data, "place")
    assert found.to_json() == data
    assert found.documents == said.documents
    assert (found.run_id, found.run, found.files, found.quarantine, found.inputs) == (
        said.run_id,
        said.run,
        said.files,
        said.quarantine,
        said.inputs,
    )
    assert found.rows == 2


def test_totals():
    """Sums are there for readers that want nothing else."""
    content = json.loads(full().to_json())
    files = [*content["files"], *content["quarantine"]]
    assert content["totals"] == {
        "rows_predicted": 2,
        "rows_quarantined": 1,
        "bytes": sum(file["bytes"] for file in files),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"files": (), "quarantine": (), "inputs": ()},
        {"partition_by": ()},
        {"inputs": INPUTS},
    ],
)
def test_the_schema_describes_every_manifest(changes):
    """Manifests of all forms meet the published schema."""
    validate(replace(full(), **changes).to_json())


def test_the_trust_of_a_run_is_described_and_may_be_missing():
    """Outputs of before hold none, and stay what they are."""
    before = full()
    assert "trust" not in before.run.model
    taken = replace(before.run, model={**before.run.model, "trust": "no-pickle"})
    now = replace(before, runs=(*before.runs[:-1], taken))
    for each in (before, now):
        validate(each.to_json())
        assert read_manifest(each.to_json(), "m") == each


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["manifest_version"], 2),
        (["run_id"], ""),
        (["files", 0, "rows"], -1),
        (["files", 0, "sha256"], "x"),
        (["runs"], []),
        (["runs", 0, "mode"], "replace"),
        (["runs", 0, "model", "trust"], "all"),
        (["runs", 0, "counters", "rows_in"], None),
        (["extra"], 1),
    ],
)
def test_the_schema_refuses_what_is_wrong(path, value):
    """The schema says more than that it is an object."""
    jsonschema = pytest.importorskip("jsonschema")
    content = json.loads(full().to_json())
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(json.dumps(content))


def test_odd_values_of_options():
    """Values that JSON does not know, numbers as keys, NaN and odd names do not stop a job."""
    said = full()
    odd = {
        "params": {1: float("nan"), "time": date(2024, 1, 2)},
        "name": "\udcff ü☃",
        "pair": (1, 2),
    }
    said = replace(said, runs=(replace(said.run, options=odd),))
    data = said.to_json()
    found = read_manifest(data, "place")
    assert found.to_json() == data
    assert found.run.options["params"]["time"] == "2024-01-02"
    assert found.run.options["name"] == "\udcff ü☃"
    data.decode("ascii")


def test_every_damaged_byte_is_told(tmp_path):
    """A manifest with any one byte changed is refused, or differs in spaces alone."""
    data = manifest("new").to_json()
    whole = json.loads(data)
    for at in range(len(data)):
        for flip in (0x01, 0x10, 0x80):
            damaged = bytearray(data)
            damaged[at] ^= flip
            try:
                found = read_manifest(bytes(damaged), "place")
            except OutputError as error:
                assert "place" in str(error)  # noqa: PT017 - most flips end here, some may not
            else:
                assert json.loads(damaged) == whole
                assert found.to_json() == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b'{"manifest_version": 1}',
        b"[" * 5000,
    ],
)
def test_what_is_no_manifest(data):
    """Anything else is refused in a sentence, too."""
    with pytest.raises(OutputError, match='"place"'):
        read_manifest(data, "place")


def test_every_cut_is_told():
    """A manifest that ends too early is refused wherever it ends."""
    data = manifest("new").to_json()
    for length in range(len(data) - 2):
        with pytest.raises(OutputError, match='"place"'):
            read_manifest(data[:length], "place")


def test_a_later_version():
    """A manifest of a newer scorecast says which version it is of."""
    content = json.loads(manifest("new").to_json())
    content["manifest_version"] = 7
    with pytest.raises(OutputError, match=r"version 7, expected 1.*newer"):
        read_manifest(json.dumps(content).encode(), "place")
