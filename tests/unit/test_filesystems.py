"""How Azure is reached: what the environment says counts for its own account only."""

from datetime import timedelta

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
        (
            {"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x%3D"},
            "",
            "sv=1&sig=x%3D",
            "core.windows.net",
        ),
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


@pytest.mark.parametrize(
    "host",
    [
        "acme.dfs.evil.example",
        "acme.dfs.core.windows.net.evil.example",
        "acme.dfs.core.windows.net:8443",
        ".dfs.evil.example",
        "acme.dfs.xcore.windows.net",
    ],
)
@pytest.mark.parametrize(
    "more", [{}, {"AZURE_STORAGE_ENDPOINT": "acme.blob.core.windows.net"}], ids=["", "no address"]
)
def test_a_key_goes_to_hosts_of_azure_alone(host, more):
    """A registry may give a URI of any host, and who has that host would have the key."""
    environ = {"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": "a2V5==", **more}
    assert azure_place(f"//box@{host}/a", environ) is None


@pytest.mark.parametrize(
    "suffix",
    ["core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net", "core.cloudapi.de"],
)
def test_the_clouds_of_azure_are_known(suffix):
    """The host of the URI says which of them is meant."""
    environ = {"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": "a2V5=="}
    place = azure_place(f"//box@acme.dfs.{suffix}/a", environ)
    assert (place.suffix, place.key) == (suffix, "a2V5==")


def test_a_connection_string_may_name_another_cloud():
    """Its EndpointSuffix is of the user, who trusts it; a URI names that cloud in any case."""
    text = CONNECTION.replace("core.chinacloudapi.cn", "stack.example")
    environ = {"AZURE_STORAGE_CONNECTION_STRING": text}
    place = azure_place("//box@acme.dfs.Stack.example/a", environ)
    assert (place.suffix, place.key) == ("stack.example", "a2V5==")


@pytest.mark.parametrize("secret", ["AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"])
def test_a_secret_of_no_account_goes_to_none_that_a_uri_names(secret):
    """Nobody said that it is for that account."""
    assert azure_place(WHOLE, {secret: "a2V5=="}) is None


@pytest.mark.parametrize("account", [{}, {"AZURE_STORAGE_ACCOUNT": "acme"}])
def test_a_server_that_the_environment_names_is_the_one_that_is_asked(account):
    """Whatever host the URI has, as for a server of one's own such as Azurite."""
    endpoint = "http://127.0.0.1:10000/acme"
    environ = {"AZURE_STORAGE_KEY": "a2V5==", "AZURE_STORAGE_ENDPOINT": endpoint, **account}
    for rest in (WHOLE, "//box@acme.dfs.evil.example/a"):
        place = azure_place(rest, environ)
        assert (place.endpoint, place.key) == (endpoint, "a2V5==")


def test_without_variables_arrow_finds_credentials():
    """A login or a managed identity is for Arrow to find."""
    assert azure_place(WHOLE, {}) is None


def test_an_account_has_to_be_named(monkeypatch):
    """A container alone says nothing."""
    for name in ("ACCOUNT", "ACCOUNT_NAME", "CONNECTION_STRING"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
    with pytest.raises(ValueError, match="AZURE_STORAGE_ACCOUNT"):
        filesystem_at("abfs", "//box/a")


@pytest.mark.parametrize(
    ("rest", "seconds"),
    [
        ("//anonymous@bucket/a b", 30),
        ("//anonymous@bucket/a b?scheme=http", 30),
        ("//anonymous@bucket/a b?retry_limit_seconds=7", 7),
    ],
)
def test_a_server_of_google_that_is_down_is_given_up_soon(rest, seconds):
    """Arrow alone tries for 15 minutes."""
    filesystem, path = filesystem_at("gs", rest)
    assert path == "bucket/a b"
    # How pyarrow hands a file system to another process is where it shows its options.
    assert filesystem.__reduce__()[1][0]["retry_time_limit"] == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "rest",
    [
        "//box@acme.dfs.evil.example/a",
        "//box@acme.dfs.core.windows.net/a?blob_storage_authority=.evil.example",
        "//box@acme.dfs.core.windows.net/a?blob_storage%5Fauthority=.evil.example",
    ],
)
def test_a_login_is_sent_to_hosts_of_azure_alone(monkeypatch, rest):
    """Arrow would take the token of a login to any host that a URI names."""
    for name in ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="none of Azure, and credentials are sent to no other"):
        filesystem_at("abfss", rest)


@pytest.mark.parametrize(
    "rest",
    [
        "//bucket/a?endpoint_override=evil.example",
        "//bucket/a?scheme=http&endpoint%5Foverride=evil.example:8080",
        "//me@bucket/a?endpoint_override=evil.example",
        "//bucket/anonymous@a?endpoint_override=evil.example",
    ],
)
def test_a_login_is_sent_to_google_alone(rest):
    """Arrow would take the token of a login to any server that a URI names."""
    with pytest.raises(ValueError, match="CLOUD_STORAGE_EMULATOR_ENDPOINT"):
        filesystem_at("gs", rest)


def test_nobody_may_ask_another_server_than_that_of_google():
    """Without a login there is nothing to be taken from."""
    filesystem, path = filesystem_at("gs", "//anonymous@bucket/a?endpoint_override=127.0.0.1:9")
    assert path == "bucket/a"
    assert filesystem.__reduce__()[1][0]["endpoint_override"] == "127.0.0.1:9"
