"""How Azure is reached: what the environment says counts for its own account only."""

import pytest

from scorecast.filesystems import azure_place, filesystem_at

WHOLE = "//box@acme.dfs.core.windows.net/a/b/"
CONNECTION = (
    "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5==;"
    "EndpointSuffix=core.chinacloudapi.cn"
)


def test_an_account_key_goes_with_its_account():
    """The account of the URI and that of the environment have to be the same."""
    environ = {"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": "a2V5=="}
    for rest in (WHOLE, "//box/a/b"):
        place = azure_place(rest, environ)
        assert (place.account, place.container, place.path) == ("acme", "box", "a/b")
        assert place.key == "a2V5=="
        assert "a2V5" not in repr(place)
    assert azure_place("//box@other.dfs.core.windows.net/a", environ) is None


@pytest.mark.parametrize(
    ("environ", "key", "sas", "suffix"),
    [
        (
            {"AZURE_STORAGE_ACCOUNT_NAME": "acme", "AZURE_STORAGE_ACCOUNT_KEY": "k"},
            "k",
            "",
            "core.windows.net",
        ),
        ({"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x%3D"}, "", "sv=1&sig=x%3D", "core.windows.net"),
        ({"AZURE_STORAGE_CONNECTION_STRING": CONNECTION}, "a2V5==", "", "core.windows.net"),
    ],
)
def test_the_variables_of_azure_and_of_adlfs_are_read(environ, key, sas, suffix):
    """Each way to say it counts; the host of a URI says where its account is."""
    place = azure_place(WHOLE, environ)
    assert (place.key, place.sas, place.suffix) == (key, sas, suffix)


def test_a_connection_string_says_all():
    """It names the account, and the cloud that it is in."""
    place = azure_place("//box/a", {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION})
    assert (place.account, place.key) == ("acme", "a2V5==")
    assert place.suffix == "core.chinacloudapi.cn"


def test_without_variables_arrow_finds_credentials():
    """A login or a managed identity is for Arrow to find."""
    assert azure_place(WHOLE, {}) is None


def test_an_account_has_to_be_named(monkeypatch):
    """A container alone says nothing."""
    for name in ("ACCOUNT", "ACCOUNT_NAME", "CONNECTION_STRING"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
    with pytest.raises(ValueError, match="AZURE_STORAGE_ACCOUNT"):
        filesystem_at("abfs", "//box/a")
