"""Stores that Arrow knows: which of them an entry of the cache is of."""

from __future__ import annotations

from typing import Any

import pytest
from pyarrow import fs

from scorecast.artifacts.stores import _Directory
from scorecast.artifacts.uri import parse_model_uri
from scorecast.cache.origins import Origin

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
