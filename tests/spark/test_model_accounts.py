"""Models of a real MLflow server that asks who is there."""

import os
import warnings

import pandas as pd
import pytest
from mlflow_kit import certificate, mlflow_server

import scorecast
from scorecast.artifacts import fetch_model
from scorecast.cli.main import main
from scorecast.errors import ArtifactError
from scorecast.packing import tree_digest

pytest.importorskip("flask_wtf", reason="Flask-WTF is not installed, which MLflow's accounts need")

USER, PASSWORD = "keeper", "open-sesame-0815-open"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Register a model at a server with accounts; give its directory."""
    folder = tmp_path_factory.mktemp("accounts")
    sample = pd.DataFrame({"x": [1.0]})
    signature = scorecast.infer_signature(sample, sample["x"])
    plain = scorecast.save_model(lambda data: data["x"] * 5, folder / "plain", signature=signature)
    accounts = folder / "accounts.ini"
    accounts.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'accounts.db'}\n"
        f"admin_username = {USER}\n"
        f"admin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    cert, key = certificate(folder, "server")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(accounts))
        patch.setenv("MLFLOW_FLASK_SERVER_SECRET_KEY", os.urandom(16).hex())
        patch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(cert))
        with mlflow_server(folder, cert, key, cert, "--app-name", "basic-auth") as url:
            patch.setenv("MLFLOW_TRACKING_URI", url)
            with pytest.MonkeyPatch.context() as known:
                known.setenv("MLFLOW_TRACKING_USERNAME", USER)
                known.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
                register(plain)
            yield plain


def register(plain) -> None:
    """Put a model into the registry that the environment names."""
    from mlflow import MlflowClient

    client = MlflowClient()
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(plain), "model")
    client.create_registered_model("churn")
    client.create_model_version("churn", f"{run.info.artifact_uri}/model", run.info.run_id)
    client.set_registered_model_alias("churn", "champion", 1)


@pytest.fixture(params=["rest", "mlflow"])
def client(request, model, monkeypatch):
    """Ask the server by each of the two clients."""
    monkeypatch.setenv("SCORECAST_MLFLOW_CLIENT", request.param)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")


def test_who_has_an_account_gets_the_model(client, model, monkeypatch, capsys):
    """Name and password of the usual variables open the registry and the artifacts."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    fetched = fetch_model("models:/churn@champion")
    assert fetched.resolved_uri == "models:/churn/1"
    assert tree_digest(fetched.directory) == tree_digest(model)
    assert main(["models", "list"]) == 0
    assert "churn" in capsys.readouterr().out


@pytest.mark.parametrize("password", [None, "shut-sesame-4711-shut"])
def test_who_has_none_is_told_which_variables(client, model, monkeypatch, password):
    """The refusal is no failure to try again; the password stands nowhere."""
    if password is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    with pytest.raises(ArtifactError) as caught:
        fetch_model("models:/churn@champion")
    text = str(caught.value)
    assert "401" in text
    assert "MLFLOW_TRACKING_TOKEN" in text
    assert "MLFLOW_TRACKING_USERNAME" in text
    assert password is None or password not in text
