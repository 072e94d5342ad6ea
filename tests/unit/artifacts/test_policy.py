"""Model URIs that are refused, whatever stands there, and those that look alike and are not."""

from __future__ import annotations

import socket

import pytest

from scorecast.artifacts import fetch_model, parse_model_uri
from scorecast.artifacts.addresses import Route, address_of
from scorecast.artifacts.policy import refuse_unsafe
from scorecast.errors import ModelUriError

# Every way to write 169.254.169.254 that some part of a system takes for it, and its relatives.
METADATA = [
    "169.254.169.254",
    "169.254.169.254.",
    "169.254.1.1:8080",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.16689662",
    "169%2e254%2e169%2e254",
    "%31%36%39.254.169.254",
    "\uff11\uff16\uff19.254.169.254",
    "169\u3002254\u3002169\u3002254",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]:80",
    "[::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[febf::1]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
]


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize(
    "form",
    [
        "http://{}/model.zip",
        "https://{}/model.tar.gz",
        "hdfs://{}/model",
        "s3://bucket/model?endpoint_override={}",
        "s3://bucket/model?scheme=http&endpoint_override=http%3A%2F%2F{}",
    ],
)
def test_addresses_that_give_credentials_away_are_refused(host: str, form: str) -> None:
    """In every spelling, and before anything is asked of the network."""
    with pytest.raises(ModelUriError, match=r"metadata|its host is none"):
        fetch_model(form.format(host.replace("%", "%25") if "endpoint" in form else host))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "10.0.0.7:8080",
        "192.168.1.1",
        "mlflow",
        "models.example.com",
        "169.255.0.1",
        "[fec0::1]",
        "a169.254.169.254",
        "8.8.8.8",
    ],
)
def test_servers_of_companies_may_be_asked(host: str) -> None:
    """Private networks and this machine are where models are."""
    refuse_unsafe(parse_model_uri(f"http://{host}/model.zip"))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/m?endpoint_override=models.test:9000",
        "s3://bucket/m?region=x&endpoint_override=http%3A%2F%2Fmodels.test",
        "gs://bucket/m?endpoint_override=models.test",
        "hdfs://models.test:8020/m",
        "hdfs://me@models.test/m",
    ],
)
def test_names_of_refused_addresses_are_refused(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """The libraries of stores connect to them without asking."""
    usual = socket.getaddrinfo

    def lookup(host: str, *rest, **options):
        return usual({"models.test": "169.254.169.254"}[host], *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(ModelUriError, match=r"169\.254\.169\.254"):
        refuse_unsafe(parse_model_uri(uri))


@pytest.mark.parametrize(
    "uri",
    [
        "hdfs://nameservice1/m",
        "hdfs:///m",
        f"hdfs://{'a' * 70}.test/m",
        "s3://bucket/m?endpoint_override=minio.test:9000",
    ],
)
def test_names_that_stand_for_nothing_here_are_no_matter(
    monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    """Hadoop has names of its own, and a wrong one is told where it is used."""
    usual = socket.getaddrinfo

    def lookup(host: str, *rest, **options):
        return usual(host if len(host) > 63 else "no.invalid", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    refuse_unsafe(parse_model_uri(uri))


def test_queries_of_web_servers_are_their_own() -> None:
    """What looks like an address there is none that we ask."""
    refuse_unsafe(parse_model_uri("https://host/m.zip?id=2852039166&sig=a%0A//[b/../c"))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/../other/model",
        "s3://bucket/a/..",
        "s3://bucket/%2e%2e/other",
        "s3://bucket/%2E./other",
        "s3://bucket/..%2fother",
        "s3://bucket/..%5cother",
        "s3://bucket/..\\other",
        "s3://bucket/%252e%252e/other",
        "gs://bucket/a/../../b",
        "abfss://models@us.dfs.core.windows.net/../m",
        "hdfs://host/a/..%2F..%2Fb",
        "https://host/a/../model.zip",
        "https://host/a/%2e%2e/model.zip",
        "https://host/..%2fmodel.zip",
        "http://host/a/..\\model.zip",
        "models:/churn/1/%2e%2e/x",
        "models:/churn/1/../x",
        "runs:/0123/..%2fx",
        "mlflow-artifacts:/%2e%2e/x",
        "dbfs:/../etc",
        "file:///models/..%2fother",
        "file:///models/%2e%2e/other",
    ],
)
def test_what_leads_up_is_refused(uri: str) -> None:
    """However it is spelt; what servers make of it differs."""
    with pytest.raises(ModelUriError, match=r'"\.\."'):
        fetch_model(uri)


@pytest.mark.parametrize(
    "uri", ["s3://bucket/a..b/..c/d..", "https://host/...//v1..2/m.zip", "models:/a..b/1"]
)
def test_dots_in_names_are_no_matter(uri: str) -> None:
    """Only the name that is two dots leads up."""
    refuse_unsafe(parse_model_uri(uri))


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:hunter2@host/model.zip",
        "https://hunter2@host/model.zip",
        "https://:hunter2@host/model.zip",
        "https://me:hun/ter2@host/model.zip",
        "https://me:hunter2@169.254.169.254/model.zip",
        "s3://me:hunter2@bucket/model",
        "hdfs://me:hunter2@host/model",
        "abfss://c:hunter2@us.dfs.core.windows.net/m",
        "file://me:hunter2@host/model",
    ],
)
def test_passwords_are_refused_and_not_shown(uri: str) -> None:
    """They would be in every log of URIs; the message says where they belong."""
    with pytest.raises(ModelUriError, match=r"password|names the host") as caught:
        fetch_model(uri)

    assert not any(part in str(caught.value) for part in ("hunter2", "ter2", "hun/"))


@pytest.mark.parametrize("uri", ["hdfs://spark@host/model", "abfss://c@us.dfs.core.windows.net/m"])
def test_users_without_a_password_are_no_secret(uri: str) -> None:
    """Hadoop's user and Azure's container stand there."""
    refuse_unsafe(parse_model_uri(uri))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file://host/model", "three slashes"),
        ("file://169.254.169.254/model", "metadata"),
        ("https://host/a\nb/model.zip", "control"),
        ("https://host/a%0d%0aHost:%20x/model.zip", "control"),
        ("s3://bucket/a%00b", "control"),
        ("s3://[::1/model", "host"),
        ("https:///model.zip", "HOST"),
        ("https:model.zip", "HOST"),
        ("https://host:port/model.zip", "HOST"),
        ("https://host:0/model.zip", "HOST"),
        ("https://host/model", ".zip, .tar.gz, .tgz"),
        ("https://host/", ".zip, .tar.gz, .tgz"),
        ("https://host/model.tar", ".zip, .tar.gz, .tgz"),
        ("https://host/get?file=model.zip", ".zip, .tar.gz, .tgz"),
        ("https://host/model.zip#part", "#"),
    ],
)
def test_what_cannot_be_followed_is_refused(uri: str, words: str) -> None:
    """No other place is made of it."""
    with pytest.raises(ModelUriError) as caught:
        fetch_model(uri)

    assert words in str(caught.value)


@pytest.mark.parametrize("way", [["8.8.8.8"], ["10.0.0.1"], ["127.0.0.1", "10.0.0.1", "8.8.8.8"]])
def test_redirects_lead_into_the_public_network_and_not_out_of_it(way: list[str]) -> None:
    """A private server may send to any; what has been public stays so."""
    route = Route()
    for host in way:
        route.arrived(_address(host))
    route.arrived(_address("1.1.1.1"))

    for host in (
        "10.0.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "192.168.3.4",
        "100.64.0.1",
        "[::1]",
        "[fd00::1]",
    ):
        with pytest.raises(ModelUriError, match="private"):
            route.check(_address(host))


def _address(host: str):
    found = address_of(host)
    assert found is not None
    return found
