"""Models in archives of real web servers, which do what servers and networks do."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import http.server
import ipaddress
import json
import logging
import shutil
import socket
import ssl
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pandas as pd
import pytest

import scorecast
from scorecast.artifacts import fetch_model
from scorecast.artifacts.addresses import Route
from scorecast.artifacts.transport import _Connection
from scorecast.errors import (
    ArchiveError,
    ArtifactError,
    ArtifactNotFoundError,
    ConfigError,
    ModelUriError,
)
from scorecast.packing import tree_digest

SECRET = "X-Amz-Signature=s3cr3t%2Fvalue&token=hunter2"
SECRETS = ("s3cr3t", "hunter2", "aHVudGVy", "bWU6")


class Site(http.server.ThreadingHTTPServer):
    """A server on this machine.

    Attributes:
        answer: Called with the handler of every request.
        asked: Path and headers of every request.
    """

    def __init__(
        self, answer: Callable[[Handler], None], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.port = self.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing; clients that leave are what some tests are about."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: Site

    def do_GET(self) -> None:
        """Remember the request, and answer it."""
        self.server.asked.append((self.path, dict(self.headers.items())))
        self.server.answer(self)

    def send(
        self, code: int, content: bytes = b"", length: int | None = None, **headers: str
    ) -> None:
        """Send an answer; a `length` that is not that of the content breaks it off."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def first(*answers: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """Give each answer once, and the last one for ever."""
    left = list(answers)

    def answer(handler: Handler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer


def sends(code: int, content: bytes = b"", **options) -> Callable[[Handler], None]:
    """Make an answer."""
    return lambda handler: handler.send(code, content, **options)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ask three times without pauses, by nobody's proxy and as nobody."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in archives of each kind."""
    folder = tmp_path_factory.mktemp("packed")
    model = scorecast.save_model(lambda data: data["x"] * 3, folder / "model")
    (model / "weights").write_bytes(bytes(range(256)) * 20_000)
    for form in ("zip", "gztar"):
        shutil.make_archive(str(folder / "model"), form, folder, "model")
    return folder


@pytest.fixture
def content(packed: Path) -> bytes:
    """The bytes of an archive."""
    return (packed / "model.zip").read_bytes()


@pytest.mark.parametrize("name", ["model.zip", "model.tar.gz", "model.tgz", "my möd%20el.ZIP"])
def test_an_archive_is_the_model_in_it(packed: Path, name: str) -> None:
    """Whatever its kind; the query is sent and stands nowhere afterwards."""
    kind = "zip" if name.lower().endswith("zip") else "tar.gz"
    with Site(sends(200, (packed / f"model.{kind}").read_bytes())) as site:
        uri = f"{site.url}/a/{name}?{SECRET}"
        fetched = fetch_model(uri)
        info = scorecast.inspect_model(uri)
        loaded = scorecast.load_model(uri)

    assert tree_digest(fetched.directory) == tree_digest(packed / "model") == info.digest
    assert fetched.directory.name == "model"
    assert fetched.resolved_uri == info.uri == f"{site.url}/a/{name}"
    assert list(loaded.predict(pd.DataFrame({"x": [2.0]}))) == [6.0]
    path = f"/a/{name}".replace(" ", "%20").replace("ö", "%C3%B6")
    assert [asked for asked, _ in site.asked] == [f"{path}?{SECRET}"] * 3


def test_a_secret_in_the_path_does_not_change_the_kind(packed: Path, content: bytes) -> None:
    """It is not printed, and with it goes the ending of what is printed."""
    with Site(sends(200, content)) as site:
        uri = f"{site.url}/token=hunter2abc/model.zip"
        fetched = fetch_model(uri)
    assert tree_digest(fetched.directory) == tree_digest(packed / "model")
    assert "hunter2abc" not in fetched.resolved_uri


def test_addresses_that_are_signed_anew_are_one_address(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signature is used once, and leaves nothing that is of no use to the next one."""
    root = tmp_path / "cache"
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(root))
    with Site(sends(200, content)) as site:
        for number in range(3):
            fetched = fetch_model(f"{site.url}/model.zip?{SECRET}&number={number}")
        assert len(site.asked) == 3
    (cache,) = {fetched.directory.parent.parent}
    assert len(list(cache.glob("download-*"))) == 1
    assert len(list(cache.glob("sha256-*/origin-*"))) == 1


def test_the_files_stay_in_the_cache_and_the_archive_does_not(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Workers of this machine find them there; another call asks the server again."""
    # Tests beside this one download into the usual one.
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path))
    with Site(sends(200, content)) as site:
        fetched = fetch_model(f"{site.url}/model.zip")
        again = fetch_model(f"{site.url}/model.zip")
        assert len(site.asked) == 2
    entry, digest = fetched.directory.parent, tree_digest(fetched.directory)
    assert again.directory == fetched.directory
    assert entry.name == digest.replace(":", "-")
    assert entry.parent.stat().st_mode & 0o77 == 0
    assert not [path for path in entry.parent.iterdir() if path.is_dir() and "down" in path.name]


TAG = {"ETag": '"v1"', "Accept_Ranges": "bytes"}


def _rest(handler: Handler, content: bytes, end: int | None = None, **headers: str) -> None:
    """Send the part of a file that is asked for, up to `end` of it."""
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    headers = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}", **headers}
    handler.send(206, content[start:end], length=len(content) - start, **headers)


def test_a_download_goes_on_where_it_stopped(packed: Path, content: bytes, caplog) -> None:
    """Twice the connection breaks; every byte is sent once."""
    size = len(content)
    parts = first(
        sends(200, content[:2000], length=size, **TAG),
        lambda handler: _rest(handler, content, size - 100, ETag='"v1"'),
        lambda handler: _rest(handler, content),
    )
    with Site(parts) as site, caplog.at_level(logging.WARNING):
        fetched = fetch_model(f"{site.url}/model.zip?{SECRET}")

    assert tree_digest(fetched.directory) == tree_digest(packed / "model")
    asked = [(each.get("Range"), each.get("If-Range")) for _, each in site.asked]
    assert asked == [(None, None), ("bytes=2000-", '"v1"'), (f"bytes={size - 100}-", '"v1"')]
    assert f"2000 bytes came of {size}. Trying again" in caplog.text
    assert not any(secret in caplog.text for secret in SECRETS)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ETag": '"v1"'},
        {"ETag": 'W/"v1"', "Accept_Ranges": "bytes"},
        {"Accept_Ranges": "bytes"},
        {"ETag": '"v1"', "Accept_Ranges": "none"},
    ],
)
def test_a_download_begins_anew_where_it_cannot_go_on(
    packed: Path, content: bytes, headers: dict[str, str]
) -> None:
    """Without ranges, or a tag that is sure, the file is asked for from its beginning."""
    parts = first(sends(200, content[:2000], length=len(content), **headers), sends(200, content))
    with Site(parts) as site:
        fetched = fetch_model(f"{site.url}/model.zip")

    assert tree_digest(fetched.directory) == tree_digest(packed / "model")
    assert not any("Range" in each for _, each in site.asked)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(lambda handler, new: handler.send(200, new, **TAG), id="whole"),
        pytest.param(lambda handler, new: handler.send(416), id="no such range"),
        pytest.param(lambda handler, new: _rest(handler, new, ETag='"v2"'), id="another version"),
        pytest.param(
            lambda handler, new: _rest(handler, new, Content_Range="bytes 0-5/6"), id="another part"
        ),
        pytest.param(lambda handler, new: handler.send(206, new), id="no part named"),
    ],
)
def test_versions_are_never_mixed(packed: Path, content: bytes, second) -> None:
    """A file that changed meanwhile is taken as it is now."""
    answers = first(
        sends(200, b"of another file" * 100, length=len(content), **TAG),
        lambda handler: second(handler, content),
        sends(200, content),
    )
    with Site(answers) as site:
        fetched = fetch_model(f"{site.url}/model.zip")

    assert tree_digest(fetched.directory) == tree_digest(packed / "model")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda handler, c: handler.send(200, c[:999], len(c)), id="cut off"),
        pytest.param(lambda handler, c: handler.send(200, c, len(c) + 1), id="length too large"),
        pytest.param(lambda handler, c: handler.connection.close(), id="no answer"),
        pytest.param(lambda handler, c: handler.wfile.write(b"SSH-2.0\r\n"), id="no http"),
        pytest.param(lambda handler, c: _chunked(handler, c, whole=False), id="chunk cut off"),
    ],
)
def test_a_server_that_always_breaks_off(
    content: bytes, answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error that tells how often it was tried, and nothing stays here."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with Site(lambda handler: answer(handler, content)) as site:
        text = _failure(f"{site.url}/model.zip?{SECRET}", ArtifactError)
    assert "tried 3 times" in text
    assert "/model.zip" in text
    assert len(site.asked) == 3
    gc.collect()
    assert list(scratch.iterdir()) == []


def _chunked(handler: Handler, content: bytes, *, whole: bool) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(
        b"%x\r\n%b\r\n" % (len(content), content) + (b"0\r\n\r\n" if whole else b"")
    )
    handler.close_connection = True


def test_a_file_without_a_length(packed: Path, content: bytes) -> None:
    """Chunks say themselves where they end."""
    with Site(lambda handler: _chunked(handler, content, whole=True)) as site:
        fetched = fetch_model(f"{site.url}/model.zip")
    assert tree_digest(fetched.directory) == tree_digest(packed / "model")


def test_a_length_that_is_too_small(content: bytes) -> None:
    """What comes of the file is no archive."""
    with Site(sends(200, content, length=len(content) - 9)) as site:
        assert "damaged" in _failure(f"{site.url}/model.zip?{SECRET}", ArchiveError)


def _failure(uri: str, kind: type[Exception]) -> str:
    """Give the message of what a fetch raises, whose traceback shows no secret."""
    with pytest.raises(kind) as caught:
        fetch_model(uri)
    whole = "".join(traceback.format_exception(caught.value))
    assert not any(secret in whole for secret in SECRETS), whole
    return str(caught.value)


@pytest.mark.parametrize("code", [500, 502, 503, 429])
def test_a_busy_server_is_asked_again(packed: Path, content: bytes, caplog, code: int) -> None:
    """The model comes, and the log says why it took longer."""
    with (
        Site(first(sends(code), sends(code), sends(200, content))) as site,
        caplog.at_level(logging.WARNING),
    ):
        fetched = fetch_model(f"{site.url}/model.zip")
    assert tree_digest(fetched.directory) == tree_digest(packed / "model")
    assert caplog.text.count(f"{code}") >= caplog.text.count("Trying again") == 2


@pytest.mark.parametrize("when", ["0", "Wed, 01 Jan 2020 00:00:00 GMT"])
def test_a_server_says_when_to_ask_again(
    content: bytes, caplog, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """In seconds or as a date; one that is past means now, not after the usual pause."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "50")
    with (
        Site(first(sends(503, Retry_After=when), sends(200, content))) as site,
        caplog.at_level(logging.WARNING),
    ):
        fetch_model(f"{site.url}/model.zip")
    assert "Trying again in 0 s." in caplog.text


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_is_told_at_once_and_without_secrets(code: int, tmp_path: Path) -> None:
    """Also where the server repeats what it was sent."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2")
    (tmp_path / ".netrc").chmod(0o600)
    told = json.dumps({"message": "not with s3cr3t/value or hunter2, see ?token=hunter2"})
    with Site(sends(code, told.encode())) as site:
        text = _failure(f"{site.url}/model.zip?{SECRET}", ArtifactError)
    assert f"{code}, not with *** or ***" in text
    assert "~/.netrc" in text
    assert len(site.asked) == 1


@pytest.mark.parametrize("code", [400, 500, 451])
def test_other_failures_name_the_code(code: int) -> None:
    """And repeat nothing of the address but host and path."""
    with Site(sends(code, b"<html>s3cr3t</html>")) as site:
        text = _failure(f"{site.url}/model.zip?{SECRET}", ArtifactError)
    assert f"{code}, {code} " in text
    assert f'download "/model.zip" of the server "{site.url}"' in text


def test_what_is_not_there() -> None:
    """It has an error of its own, and no second request."""
    with Site(sends(404)) as site:
        text = _failure(f"{site.url}/model.zip?{SECRET}", ArtifactNotFoundError)
    assert f'No model at "{site.url}/model.zip"' in text
    assert len(site.asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_server_that_cannot_be_reached(host: str) -> None:
    """Down, or no server at all."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens
        uri = f"http://{host}:{bound.getsockname()[1]}/model.zip?{SECRET}"
        assert "tried 3 times" in _failure(uri, ArtifactError)


def test_larger_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the server says of it, before it is sent, and by what comes, before all has come."""
    monkeypatch.setenv("SCORECAST_ARCHIVE_LIMIT", "1K")
    complete = []

    def announced(handler: Handler) -> None:
        handler.send(200, b"", length=1 << 40)
        handler.rfile.read(1)  # until the client goes

    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):  # far more than what the system keeps for the client
            handler.wfile.write(bytes(1 << 20))
        complete.append(True)

    for answer in (announced, endless):
        with Site(answer) as site:
            text = _failure(f"{site.url}/model.zip?{SECRET}", ArchiveError)
        assert "1024 bytes" in text
        assert "SCORECAST_ARCHIVE_LIMIT" in text
        assert len(site.asked) == 1
    assert not complete


def test_redirects_are_followed_and_credentials_stay(content: bytes, tmp_path: Path) -> None:
    """The same server gets them again, another one does not, whatever its port or name.

    Nor when it redirects to itself.
    """
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2")
    (tmp_path / ".netrc").chmod(0o600)
    itself = first(sends(302, Location="/d"), sends(200, content))
    with Site(itself) as other, Site(sends(200, content)) as local:
        place = {
            "/model.zip": "/b",
            "/b": f"{other.url}/c",
            "/x.zip": f"http://localhost:{local.port}",
        }

        with Site(lambda one: one.send(302, Location=place[one.path])) as site:
            fetch_model(f"{site.url}/model.zip")
            fetch_model(f"{site.url}/x.zip")
    seen = [each.get("Authorization") for _, each in site.asked]
    assert seen == ["Basic bWU6aHVudGVyMg=="] * 3
    assert [path for path, _ in other.asked] == ["/c", "/d"]
    assert [each.get("Authorization") for _, each in other.asked + local.asked] == [None] * 3


@pytest.mark.parametrize(
    ("target", "kind", "words"),
    [
        ("http://169.254.169.254/latest/meta-data", ModelUriError, "metadata"),
        ("http://2852039166/", ModelUriError, "metadata"),
        ("http://[::ffff:a9fe:a9fe]/", ModelUriError, "metadata"),
        ("http://[fe80::1]/", ModelUriError, "metadata"),
        ("http://me:hunter2@127.0.0.1/m.zip", ModelUriError, "a user"),
        ("http://[::1/hunter2", ArtifactError, "no address"),
        ("http://127.0.0.1:hunter2/", ArtifactError, "no address"),
        ("/model.zip", ArtifactError, "302"),
        ("file:///etc/passwd", ArtifactError, "302"),
        ("ftp://127.0.0.1/model.zip", ArtifactError, "302"),
    ],
)
def test_redirects_that_are_not_followed(
    target: str, kind: type[Exception], words: str, tmp_path: Path
) -> None:
    """To where nobody is sent, in a circle, and out of http."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2")
    (tmp_path / ".netrc").chmod(0o600)
    with Site(sends(302, Location=target)) as site:
        text = _failure(f"{site.url}/model.zip?{SECRET}", kind)
    assert words in text


def test_a_name_that_stands_for_a_refused_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up before they are connected to."""
    usual = socket.getaddrinfo

    def lookup(host: str, *rest, **options):
        return usual("169.254.169.254" if host == "models.test" else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with Site(sends(302, Location="http://models.test/m.zip")) as site:
        for uri in (f"{site.url}/model.zip", "http://models.test/model.zip"):
            with pytest.raises(ModelUriError, match=r"169\.254\.169\.254"):
                fetch_model(uri)


def test_a_name_that_stands_for_another_address_a_moment_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What counts is where the connection has come to, and nothing is asked there."""
    usual, hosts = socket.getaddrinfo, iter(["8.8.8.8", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _, *rest, **options: usual(next(hosts), *rest, **options)
    )
    route = Route()
    route.arrived(ipaddress.ip_address("8.8.4.4"))
    with Site(sends(200)) as site:
        connection = _Connection(f"models.test:{site.port}", route=route, timeout=60)
        with contextlib.closing(connection), pytest.raises(ModelUriError, match="private"):
            connection.request("GET", "/model.zip")
    assert site.asked == []


def test_the_public_network_does_not_send_into_a_private_one(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen through a proxy, which answers for a server of the public network."""
    place = {
        "http://8.8.8.8/model.zip": "http://8.8.4.4/m",
        "http://8.8.4.4/m": "http://10.0.0.7/m",
    }
    with Site(lambda one: one.send(302, Location=place[one.path])) as site:
        monkeypatch.setenv("http_proxy", site.url)
        assert "private" in _failure("http://8.8.8.8/model.zip", ModelUriError)
    assert [path for path, _ in site.asked] == list(place)
    with Site(sends(200, content)) as site:
        monkeypatch.setenv("http_proxy", site.url)
        assert fetch_model("http://models.test/model.zip").resolved_uri.startswith("http://models")


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("machine 127.0.0.1 login me password hunter2", "Basic bWU6aHVudGVyMg=="),
        ("machine other login a password b\ndefault login me password x", "Basic bWU6eA=="),
        ("machine other login a password b", None),
    ],
)
def test_credentials_are_those_of_netrc(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, header: str | None
) -> None:
    """As curl and pip have them, in the usual file or in another."""
    (tmp_path / ".netrc").write_text(text)
    (tmp_path / ".netrc").chmod(0o600)
    with Site(sends(200, content)) as site:
        fetch_model(f"{site.url}/model.zip")
        (tmp_path / ".netrc").rename(tmp_path / "other")
        monkeypatch.setenv("NETRC", str(tmp_path / "other"))
        fetch_model(f"{site.url}/model.zip")
    assert [each.get("Authorization") for _, each in site.asked] == [header] * 2


@pytest.mark.parametrize("text", ["machine", "hunter2 hunter2", "machine a login b passw hunter2"])
def test_a_netrc_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """Its place is told, and not what stands there."""
    (tmp_path / ".netrc").write_text(text)
    assert "netrc" in _failure("http://127.0.0.1:9/model.zip", ConfigError)


def test_a_netrc_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is named has to be."""
    monkeypatch.setenv("NETRC", "/nowhere/netrc")
    assert "/nowhere/netrc" in _failure("http://127.0.0.1:9/model.zip", ConfigError)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate of this machine that nobody knows, and a server's use of it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    kind = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(certificate.public_bytes(kind))
    private = key.private_bytes(
        kind, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return folder / "ca.pem", context


def test_certificates_are_checked(
    packed: Path, content: bytes, certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody has vouched for is refused at once; SSL_CERT_FILE names who may."""
    authority, context = certified
    with Site(sends(200, content), context) as site:
        text = _failure(f"{site.url}/model.zip?{SECRET}", ArtifactError)
        assert "CERTIFICATE_VERIFY_FAILED" in text
        assert "tried once" in text
        assert "SSL_CERT_FILE" in text
        assert site.asked == []

        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        fetched = fetch_model(f"{site.url}/model.zip")
    assert tree_digest(fetched.directory) == tree_digest(packed / "model")


def test_https_is_not_left(content: bytes, certified, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked for it does not get the model by http."""
    authority, context = certified
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with (
        Site(sends(200, content)) as plain,
        Site(sends(301, Location=f"{plain.url}/m.zip"), context) as site,
    ):
        assert "https" in _failure(f"{site.url}/model.zip", ArtifactError)
    assert plain.asked == []
