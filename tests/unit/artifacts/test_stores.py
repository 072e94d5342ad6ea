"""Stores that Arrow knows: which of them an entry of the cache is of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from scorecast.artifacts.cached import download_files
from scorecast.artifacts.stores import _Directory
from scorecast.artifacts.uri import parse_model_uri
from scorecast.cache.origins import Origin
from scorecast.errors import ArtifactNotFoundError
from scorecast.packing import tree_digest
from scorecast.progress import silent

_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_STORAGE_KEY",
    "CLOUD_STORAGE_EMULATOR_ENDPOINT",
)


def _key(uri: str) -> str:
    place: Any = _Directory(parse_model_uri(uri), fs.LocalFileSystem(), "/")
    return Origin(uri, place.facts, pinned=True).key


@pytest.mark.parametrize(
    ("uri", "one", "other"),
    [
        ("abfss://box/m", {"AZURE_STORAGE_ACCOUNT_NAME": "a"}, {"AZURE_STORAGE_ACCOUNT_NAME": "b"}),
        (
            "abfss://box/m",
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=k"},
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=b;AccountKey=k"},
        ),
        (
            "abfss://box@a.dfs.core.windows.net/m",
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=k"},
            {
                "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=k;"
                "BlobEndpoint=http://127.0.0.1:10000/a"
            },
        ),
        (
            "abfss://box/m",
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=k"},
            {
                "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=k;"
                "EndpointSuffix=core.cloudapi.de"
            },
        ),
        ("gs://bucket/m", {}, {"CLOUD_STORAGE_EMULATOR_ENDPOINT": "127.0.0.1:9000"}),
        ("s3://bucket/m", {}, {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}),
    ],
)
def test_two_stores_are_never_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, uri: str, one: dict[str, str], other: dict[str, str]
) -> None:
    """The same names in another account or at another server are of other files."""
    keys = []
    for environ in (one, other):
        for name in _VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        keys.append(_key(uri))
    assert keys[0] != keys[1]


def test_empty_directories_are_part_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a store has some: the digest counts them, and is that of the local directory."""
    model = tmp_path / "model"
    for name in ("hollow", "deep/hollow", "of python/__pycache__", "data"):
        (model / name).mkdir(parents=True)
    for name in ("MLmodel", "data/weights", "of python/__pycache__/a.pyc"):
        (model / name).write_text(name)
        os.utime(model / name, (1, 1))
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "cache"))
    # A directory of this machine lists as one of HDFS does.
    place: Any = _Directory(parse_model_uri("hdfs://host/m"), fs.LocalFileSystem(), str(model))

    copy = download_files(place, silent)

    assert tree_digest(copy.directory) == tree_digest(model)
    assert (copy.directory / "deep" / "hollow").is_dir()
    assert download_files(place, silent).directory == copy.directory


def test_directories_alone_are_no_model(tmp_path: Path) -> None:
    """As of an upload that has not begun."""
    (tmp_path / "hollow").mkdir()
    place: Any = _Directory(parse_model_uri("hdfs://host/m"), fs.LocalFileSystem(), str(tmp_path))
    with pytest.raises(ArtifactNotFoundError, match="no files are stored there"):
        place.listing()


def test_an_account_is_one_however_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key, or another variable for the name, brings no second download."""
    keys = []
    for environ in (
        {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": "k"},
        {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=new"},
    ):
        for name in _VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        keys.append(_key("abfss://box/m"))
    assert keys[0] == keys[1]
