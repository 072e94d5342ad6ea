"""File systems that Arrow knows, by URI as Spark and Hadoop write it. Driver and workers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from pyarrow import fs

# Parts of a connection string, and variables that hold them one by one.
_AZURE_VARIABLES = {
    "AccountName": ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"),
    "AccountKey": ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY"),
    "SharedAccessSignature": ("AZURE_STORAGE_SAS_TOKEN",),
    "BlobEndpoint": ("AZURE_STORAGE_ENDPOINT",),
}

# Names that Hadoop has for what Arrow calls otherwise.
AZURE = ("abfs", "abfss")
_SCHEMES = {"s3a": "s3", "s3n": "s3"}

# What the names of the hosts of Azure end with: of the public cloud, and of those of countries.
_CLOUDS = (
    "core.windows.net",
    "core.chinacloudapi.cn",
    "core.usgovcloudapi.net",
    "core.cloudapi.de",
)

# How long a server of Google that is down is tried, for which Arrow has 15 minutes.
_GS_PATIENCE = "retry_limit_seconds"
_GS_SECONDS = 30

# All that may stand in a URI; Hadoop takes other characters, such as spaces, as they are.
_LEGAL = ":/?#[]@!$&'()*+,;=%~"


def filesystem_at(scheme: str, rest: str) -> tuple[fs.FileSystem, str]:
    """Find the file system of a URI, with the credentials that the environment holds.

    Args:
        scheme: ``s3``, ``s3a``, ``s3n``, ``gs``, ``abfs``, ``abfss``, ``hdfs`` or ``viewfs``.
        rest: What stands behind the scheme and its colon.

    Returns:
        The file system and the path in it.

    Raises:
        pyarrow.ArrowException, OSError, ValueError: It cannot be reached or is not known.
    """
    name = scheme.lower()
    place = azure_place(rest, os.environ) if name in AZURE else None
    if place is not None:
        return _azure(place), f"{place.container}/{unquote(place.path)}".rstrip("/")
    if name in AZURE:
        _refuse_foreign(rest)
    if name == "gs":
        _refuse_other_server(rest)
        if _GS_PATIENCE not in rest.partition("?")[2]:
            rest += f"{'&' if '?' in rest else '?'}{_GS_PATIENCE}={_GS_SECONDS}"
    filesystem, path = fs.FileSystem.from_uri(
        f"{_SCHEMES.get(name, name)}:{quote(rest, safe=_LEGAL)}"
    )
    return filesystem, path.rstrip("/")


@dataclass(frozen=True, slots=True)
class AzurePlace:
    """A path in a container of Azure, and how the environment says to get there.

    Attributes:
        container: The container.
        path: The path in it, without slashes around it.
        account: Name of the storage account.
        suffix: What the names of its hosts end with, behind ``.blob.`` and ``.dfs.``.
        endpoint: Address of a server that is named instead, or "".
        key: Key of the account, or "".
        sas: Shared access signature, or "".
    """

    container: str
    path: str
    account: str
    suffix: str
    endpoint: str = ""
    key: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)


def azure_place(rest: str, environ: Mapping[str, str]) -> AzurePlace | None:
    """Read an ``abfs`` URI with the variables that the tools of Azure and adlfs read.

    Args:
        rest: ``//CONTAINER@ACCOUNT.dfs.core.windows.net/PATH``, or ``//CONTAINER/PATH`` where the
            environment names the account.
        environ: ``AZURE_STORAGE_CONNECTION_STRING``, or ``AZURE_STORAGE_ACCOUNT``,
            ``AZURE_STORAGE_KEY``, ``AZURE_STORAGE_SAS_TOKEN`` and ``AZURE_STORAGE_ENDPOINT``.

    Returns:
        None where they say nothing of the account of the URI, or where its host is none of Azure:
        a URI may come from others, and the key is sent to where it leads. Arrow then finds
        credentials itself (a login, a managed identity).

    Raises:
        ValueError: No account is named.
    """
    text = environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    told = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    for name, variables in _AZURE_VARIABLES.items():
        told.setdefault(name, next(filter(None, map(environ.get, variables)), ""))
    authority, _, path = rest.removeprefix("//").partition("/")
    container, _, host = authority.rpartition("@") if "@" in authority else (authority, "", "")
    account, _, domain = host.partition(".")
    named, endpoint = told["AccountName"], told["BlobEndpoint"]
    # A server that the environment names gets what the environment holds, and no other one.
    server = urlsplit(endpoint).netloc
    if ":" in container or (account and account != named and (named or not server)):
        return None  # what the environment holds is of another account
    own = told.get("EndpointSuffix") or _CLOUDS[0]
    suffix = domain.partition(".")[2].lower() or own
    if not server and suffix not in {own, *_CLOUDS}:
        return None
    if not (account or named):
        message = (
            "no storage account is named. Write "
            "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH, or set AZURE_STORAGE_ACCOUNT"
        )
        raise ValueError(message)
    key, sas = told["AccountKey"], told["SharedAccessSignature"].removeprefix("?")
    if account and not (key or sas or server):
        return None
    return AzurePlace(container, path.strip("/"), account or named, suffix, endpoint, key, sas)


def _refuse_foreign(rest: str) -> None:
    """Refuse a host that is none of Azure: Arrow would send the token of a login there.

    Raises:
        ValueError: It is such a host, or the query names one.
    """
    authority, _, behind = rest.removeprefix("//").partition("/")
    domain = authority.rpartition("@")[2].partition(".")[2].partition(".")[2].lower()
    if (domain and domain not in _CLOUDS) or "_storage_authority" in _query(behind):
        message = (
            "the host is none of Azure, and credentials are sent to no other. Name a server of "
            "your own with AZURE_STORAGE_ENDPOINT"
        )
        raise ValueError(message)


def _refuse_other_server(rest: str) -> None:
    """Refuse a server of its own in a URI of Google, which would get the token of a login.

    Raises:
        ValueError: The query names one, and the user of the URI is not ``anonymous``.
    """
    user = rest.removeprefix("//").partition("/")[0].rpartition("@")[0]
    if user != "anonymous" and names_server(rest):
        message = (
            "the URI names a server (endpoint_override), and credentials are sent to Google alone. "
            "Name a server of your own with CLOUD_STORAGE_EMULATOR_ENDPOINT, or ask as nobody: "
            "gs://anonymous@BUCKET/PATH"
        )
        raise ValueError(message)


def names_server(rest: str) -> bool:
    """Tell whether a URI of a store names the server to ask, beside bucket or account.

    Args:
        rest: What stands behind the scheme and its colon.
    """
    return "endpoint_override" in _query(rest)


def _query(text: str) -> str:
    """Give the query of a URI as Arrow reads it, which takes quoted letters for letters."""
    return unquote(text.partition("?")[2])


def _azure(place: AzurePlace) -> fs.FileSystem:
    """Give the file system of an account."""
    if not hasattr(fs, "AzureFileSystem"):
        message = "this pyarrow was built without Azure. Install a newer one from PyPI"
        raise ValueError(message)
    server = urlsplit(place.endpoint)
    blob, dfs = f".blob.{place.suffix}", f".dfs.{place.suffix}"
    if server.netloc and not server.netloc.startswith(f"{place.account}."):
        blob = dfs = server.netloc
    elif server.netloc:
        blob = f".{server.netloc.partition('.')[2]}"
        dfs = blob.replace(".blob.", ".dfs.", 1)
    return fs.AzureFileSystem(
        place.account,
        account_key=place.key or None,
        sas_token=None if place.key else place.sas or None,
        blob_storage_authority=blob,
        dfs_storage_authority=dfs,
        blob_storage_scheme=server.scheme or "https",
        dfs_storage_scheme=server.scheme or "https",
    )
