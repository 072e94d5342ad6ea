"""What a model must meet is checked wherever it comes from, before any of it is loaded."""

from __future__ import annotations

import functools
import http.server
import os
import pickle
import shutil
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from mlflow_kit import certificate, mlflow_server

import scorecast
from scorecast.errors import ModelDigestError, ModelLoadError, ModelTrustError

pytest.importorskip("model_signing.signing")

PLACES = ["rest", "mlflow", "web", "s3"]
OTHER = "sha256:" + "0" * 64


class Marking:
    """Makes a directory when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


class Made:
    """Two models, both signed: `safe` runs no code, `code` leaves a mark when it is loaded."""

    def __init__(self, folder: Path) -> None:
        from model_signing import signing
        from sklearn.linear_model import LinearRegression

        self.folder, self.mark = folder, folder / "mark"
        line = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
        scorecast.save_model(line, folder / "safe", serialization_format="skops")
        scorecast.save_model(len, folder / "code")
        (pickled,) = (folder / "code").glob("*.pkl")
        pickled.write_bytes(pickle.dumps(Marking(self.mark)))
        keys = [_make_key(folder, name) for name in ("author", "stranger")]
        self.key, self.strange_key = (key.with_suffix(".pub") for key in keys)
        for name in ("safe", "code"):
            config = signing.Config().use_elliptic_key_signer(private_key=keys[0])
            config.sign(folder / name, folder / name / "model.sig")

    def digest(self, name: str) -> str:
        """Give the digest of a model as it was made."""
        return str(scorecast.inspect_model(self.folder / name).digest)


def _make_key(folder: Path, name: str) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    pem, public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pkcs8 = serialization.PrivateFormat.PKCS8
    secret = private.private_bytes(pem, pkcs8, serialization.NoEncryption())
    (folder / name).write_bytes(secret)
    (folder / f"{name}.pub").write_bytes(private.public_key().public_bytes(pem, public))
    return folder / name


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """Make the models."""
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def registry(made, tmp_path_factory):
    """Register both with a real MLflow server; give what has to be set."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("mlflow")
    cert, key = certificate(folder, "server")
    with (
        mlflow_server(folder, cert, key, cert) as url,
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        patch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(cert))
        client = MlflowClient(url)
        run = client.create_run("0").info
        for name in ("safe", "code"):
            client.log_artifacts(run.run_id, str(made.folder / name), name)
            client.create_registered_model(name)
            client.create_model_version(name, f"{run.artifact_uri}/{name}", run.run_id)
        yield {"MLFLOW_TRACKING_URI": url, "MLFLOW_TRACKING_SERVER_CERT_PATH": str(cert)}


@pytest.fixture(scope="module")
def web(made, tmp_path_factory):
    """Serve both as archives; give the address."""
    folder = tmp_path_factory.mktemp("served")
    for name in ("safe", "code"):
        shutil.make_archive(str(folder / name), "zip", made.folder, name)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, args=(0.1,), daemon=True).start()
        yield f"http://127.0.0.1:{site.server_address[1]}"
        site.shutdown()


@pytest.fixture(scope="module")
def bucket(made, s3):
    """Put both into a bucket; give what has to be set."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3["AWS_ENDPOINT_URL"],
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="models")
    for path in made.folder.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "models", path.relative_to(made.folder).as_posix())
    return s3


@pytest.fixture(params=PLACES)
def place(request, monkeypatch, tmp_path):
    """Give the form of URIs of a place, whose environment is set, with an empty cache."""
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path))
    if request.param == "web":
        return f"{request.getfixturevalue('web')}/{{}}.zip"
    environ = request.getfixturevalue("bucket" if request.param == "s3" else "registry")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if request.param == "s3":
        return "s3://models/{}"
    monkeypatch.setenv("SCORECAST_MLFLOW_CLIENT", request.param)
    return "models:/{}/1"


@pytest.mark.parametrize("option", ["no-pickle", "digest", "key", "all"])
def test_a_model_that_meets_it_is_loaded(made, place, option):
    """The digest and the signature are those of the files where the model was made."""
    options = {
        "no-pickle": {"trust": "no-pickle"},
        "digest": {"trust": "pinned", "model_digest": made.digest("safe")},
        "key": {"trust": "pinned", "model_signature_key": made.key},
    }
    options["all"] = {**options["digest"], **options["key"], **options["no-pickle"]}
    loaded = scorecast.load_model(place.format("safe"), **options[option])
    assert np.asarray(loaded.predict([[2.0]])).tolist() == pytest.approx([5.0])


@pytest.mark.parametrize(
    ("option", "kind", "words"),
    [
        ("no-pickle", ModelTrustError, "is a pickle"),
        ("digest", ModelDigestError, "not the one that was pinned"),
        ("key", ModelTrustError, "does not hold for the key"),
    ],
)
def test_a_model_that_does_not_is_not_unpickled(made, place, option, kind, words):
    """Whoever could write there has nothing run."""
    options = {
        "no-pickle": {"trust": "no-pickle"},
        "digest": {"model_digest": OTHER},
        "key": {"model_signature_key": made.strange_key},
    }
    with pytest.raises(kind, match=words):
        scorecast.load_model(place.format("code"), **options[option])
    assert not made.mark.exists()


def test_the_mark_is_one(made):
    """Whoever loads that model runs its code."""
    with pytest.raises(ModelLoadError):
        scorecast.load_model(made.folder / "code")
    assert made.mark.exists()
    made.mark.rmdir()
