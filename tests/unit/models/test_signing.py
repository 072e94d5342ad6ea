"""Signed models: the tool that signs is model-signing itself, as an author uses it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scorecast
from scorecast.cli.main import main
from scorecast.errors import ConfigError, ModelTrustError

signing = pytest.importorskip("model_signing.signing")
hashing = pytest.importorskip("model_signing.hashing")

X = np.array([[0.0], [1.0], [2.0]])


def fitted(*y: float) -> Any:
    """A model of a line."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(X, y)


def make_key(folder: Path, name: str) -> Path:
    """Write a pair of keys; give the private one, with the public one beside it as .pub."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    pem, public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    secret = private.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / name).write_bytes(secret)
    (folder / f"{name}.pub").write_bytes(private.public_key().public_bytes(pem, public))
    return folder / name


def sign(path: Path, key: Path, to: Path, **options: Any) -> None:
    """Sign a model as it stands."""
    hashed = hashing.Config().set_ignored_paths(**{"paths": [], **options})
    config = signing.Config().use_elliptic_key_signer(private_key=key)
    config.set_hashing_config(hashed).sign(path, to)


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    """A model with its signature inside, and the public key."""
    path = scorecast.save_model(fitted(1, 3, 5), tmp_path / "models" / "m")
    key = make_key(tmp_path, "author")
    sign(path, key, path / "model.sig")
    return path, tmp_path / "author.pub"


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection can be made."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("_offline")
@pytest.mark.parametrize("trust", ["any", "pinned"])
def test_a_good_signature_is_taken_offline(signed: tuple[Path, Path], trust: str) -> None:
    """With the digest that everybody else sees for the same files."""
    path, key = signed

    model = scorecast.load_model(path, trust=trust, model_signature_key=key)

    np.testing.assert_array_equal(model.predict(X), fitted(1, 3, 5).predict(X))
    assert model.info.digest == scorecast.inspect_model(path).digest
    assert (path / "model.sig").is_file()


def test_the_signature_may_stand_beside_the_model(signed: tuple[Path, Path]) -> None:
    """Where the digest does not count it."""
    path, key = signed
    (path / "model.sig").rename(path.parent / "model.sig")

    assert scorecast.load_model(path, trust="pinned", model_signature_key=key)


def test_another_way_of_hashing_is_taken(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """The signature says which the signer chose."""
    path, key = signed
    (path / "model.sig").unlink()
    hashed = hashing.Config().use_file_serialization(hashing_algorithm="blake3")
    config = signing.Config().use_elliptic_key_signer(private_key=tmp_path / "author")
    config.set_hashing_config(hashed).sign(path, path / "model.sig")

    assert scorecast.load_model(path, trust="pinned", model_signature_key=key)


def _unsigned(path: Path, key: Path) -> None:
    (path / "model.sig").unlink()


def _another_key(path: Path, key: Path) -> None:
    sign(path, make_key(key.parent, "other"), path / "model.sig")


def _another_model(path: Path, key: Path) -> None:
    other = scorecast.save_model(fitted(1, 2, 3), path.parent / "other")
    sign(other, key.with_suffix(""), path / "model.sig")


def _changed(path: Path, key: Path) -> None:
    data = bytearray((path / "model.pkl").read_bytes())
    data[-5] ^= 1
    (path / "model.pkl").write_bytes(data)


def _added(path: Path, key: Path) -> None:
    (path / "more.py").write_text("")


def _removed(path: Path, key: Path) -> None:
    (path / "conda.yaml").unlink()


def _fewer(path: Path, key: Path) -> None:
    (path / "model.sig").unlink()
    sign(path, key.with_suffix(""), path / "model.sig", paths=[path / "model.pkl"])


def _of_git(path: Path, key: Path) -> None:
    """model-signing passes over what git keeps."""
    (path / ".git").mkdir()
    (path / ".git" / "model.pkl").write_bytes(b"")


def _no_signature(path: Path, key: Path) -> None:
    (path / "model.sig").write_text("{}")


def _cut(path: Path, key: Path) -> None:
    text = (path / "model.sig").read_text()
    (path / "model.sig").write_text(text[: len(text) // 2])


BAD: dict[Callable[[Path, Path], None], str] = {
    _unsigned: "is not signed: there is no model.sig",
    _another_key: "Key mismatch",
    _another_model: "not as they were signed are MLmodel, model.pkl",
    _changed: "not as they were signed are model.pkl.",
    _added: "Extra files found in model 'model': more.py",
    _removed: "Missing files in model 'model': conda.yaml",
    _fewer: "it leaves out model.pkl",
    _of_git: "it leaves out .git/model.pkl",
    _no_signature: "does not hold",
    _cut: "does not hold",
}


@pytest.mark.parametrize("change", BAD)
@pytest.mark.parametrize("trust", ["any", "no-pickle", "pinned"])
def test_a_bad_signature_is_refused_before_anything_is_unpickled(
    signed: tuple[Path, Path],
    change: Callable[[Path, Path], None],
    trust: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under every trust, once a key is given."""
    path, key = signed
    change(path, key)
    monkeypatch.setattr("pickle.load", lambda *_: pytest.fail("something was unpickled"))

    with pytest.raises(ModelTrustError) as refused:
        scorecast.load_model(path, trust=trust, model_signature_key=key)

    assert BAD[change] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_key_that_is_none_is_said_to_be_none(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """A missing file, another text, and a private key in the place of the public one."""
    path, _ = signed
    (tmp_path / "text.pub").write_text("none")
    for key in (tmp_path / "gone.pub", tmp_path / "text.pub", tmp_path / "author"):
        with pytest.raises(ConfigError, match="Expected the PEM file of a public key"):
            scorecast.load_model(path, model_signature_key=key)


def test_the_command_verifies(
    signed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """And says which key, and what to do."""
    path, key = signed
    command = ["inspect", str(path), "--trust", "pinned", "--model-signature-key", str(key)]

    assert main(command) == 0
    assert "pinned: taken, by its signature" in capsys.readouterr().out
    _changed(path, key)
    assert main(command) == 4
    message = capsys.readouterr().err
    assert str(key) in message
    assert "signed again" in message


def test_what_is_loaded_is_what_was_verified(
    signed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that change after they were verified are not read again."""
    from scorecast.local import model as local

    path, key = signed
    verify = local.verify_signature

    def verify_then_remove(*arguments: Any) -> None:
        verify(*arguments)
        shutil.rmtree(path)

    monkeypatch.setattr(local, "verify_signature", verify_then_remove)

    model = scorecast.load_model(path, trust="pinned", model_signature_key=key)

    np.testing.assert_array_equal(model.predict(X), fitted(1, 3, 5).predict(X))
