"""Models of a real MLflow server: the right version, the same files, and errors that help."""

import json
import logging
import os
import re
import shutil
import subprocess
import traceback
import warnings
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow_kit import Meddler, certificate, fill, free_port, mlflow_server
from shell_kit import TYPIST, given, with_program

import scorecast
from scorecast.artifacts import fetch_model
from scorecast.cli.main import main
from scorecast.errors import ArtifactError, ArtifactNotFoundError, ConfigError, ModelUriError
from scorecast.packing import tree_digest


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Run an MLflow server over TLS, with models in it."""
    folder = tmp_path_factory.mktemp("mlflow")
    plain = scorecast.save_model(lambda data: data["x"] * 5, folder / "plain", signature=SIGNATURE)
    cert, key = certificate(folder, "server")
    known, known_key = certificate(folder, "client")
    both = folder / "both.pem"
    both.write_bytes(known.read_bytes() + known_key.read_bytes())
    with mlflow_server(folder, cert, key, known) as url, pytest.MonkeyPatch.context() as patch:
        # For MLflow in this process and in others, too.
        patch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(cert))
        with pytest.MonkeyPatch.context() as named, warnings.catch_warnings():
            named.setenv("MLFLOW_TRACKING_URI", url)
            warnings.simplefilter("ignore")
            filled = fill(plain)
        yield Filled(url, cert, both, filled)


SIGNATURE = scorecast.infer_signature(pd.DataFrame({"x": [1.0]}), np.array([1.0]))


class Filled:
    """The server, and what was put into it."""

    def __init__(self, url: str, trusted: Path, client_file: Path, told: dict) -> None:
        self.trusted, self.client_file = trusted, client_file
        self.url, self.uris, self.files, self.runs = url, told["uris"], told["files"], told["runs"]

    def mlflow(self):
        """Give MLflow's own client of it."""
        from mlflow import MlflowClient

        return MlflowClient(self.url)


@pytest.fixture(params=["rest", "mlflow"])
def client(request, server, monkeypatch):
    """Ask the server by each of the two clients, without many retries."""
    use(monkeypatch, server.url, request.param)
    return request.param


@pytest.fixture
def rest(server, monkeypatch):
    """Ask the server without MLflow."""
    use(monkeypatch, server.url, "rest")


def use(monkeypatch, url: str, client: str = "rest") -> None:
    """Set what users set."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("SCORECAST_MLFLOW_CLIENT", client)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")


NUMBERS = range(9)


@pytest.mark.filterwarnings("ignore:.*names a stage:FutureWarning")
@pytest.mark.parametrize("number", NUMBERS)
def test_every_uri_gives_the_files_that_mlflow_gives(client, server, number):
    """By either client the files are those that MLflow's own download gives."""
    uri, files = list(server.files.items())[number]
    fetched = fetch_model(uri)
    assert tree_digest(fetched.directory) == tree_digest(Path(files))
    assert fetched.resolved_uri == (server.uris[uri] or uri)
    assert len(server.files) == len(NUMBERS)


def test_an_alias_that_moves_is_seen_by_the_next_call(client, server):
    """Nothing is remembered of what an alias stood for."""
    mlflow = server.mlflow()
    try:
        for version in (1, 3, 2):
            mlflow.set_registered_model_alias("churn", "moving", version)
            assert fetch_model("models:/churn@moving").resolved_uri == f"models:/churn/{version}"
    finally:
        mlflow.delete_registered_model_alias("churn", "moving")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("models:/chrun/1", ['no model "chrun"', 'Did you mean "churn"?', "MLFLOW_TRACKING_URI"]),
        ("models:/churn@champoin", ['no alias "champoin"', "challenger", "champion"]),
        ("models:/churn/9", ["no version 9", "newest is 3"]),
        ("models:/churn/Staging", ['no version in "Staging"', "champion", "models:/churn/3"]),
        ("models:/churn/newest", ['no version in "newest"', "models:/churn/latest"]),
        ("models:/empty/latest", ['"empty" has no versions']),
        (f"models:/m-{'0' * 32}", ["m-000"]),
        (f"runs:/{'0' * 32}/model", ["0" * 32]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*names a stage:FutureWarning")
def test_what_is_not_there_is_told_with_what_is(client, uri, words):
    """Names, aliases and versions that do not exist are named, beside those that do."""
    with pytest.raises(ArtifactNotFoundError) as caught:
        fetch_model(uri)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_path_that_a_run_does_not_have_is_told(client, server):
    """An artifact that was never logged is no empty model."""
    with pytest.raises(ArtifactError, match="nowhere"):
        fetch_model(f"runs:/{server.runs[0]}/nowhere")


def test_stages_are_deprecated(client):
    """They work, and say what to write in their place."""
    with pytest.warns(FutureWarning, match="models:/churn@ALIAS"):
        fetch_model("models:/churn/Production")


@pytest.mark.parametrize("name", ["rest", "mlflow"])
def test_a_server_that_is_down_is_told(name, monkeypatch):
    """The address is named, and what to check."""
    use(monkeypatch, f"http://127.0.0.1:{free_port()}", name)
    with pytest.raises(ArtifactError, match="MLFLOW_TRACKING_URI") as caught:
        fetch_model("models:/churn/1")
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("models:/churn", "models:/NAME@ALIAS"),
        ("models:/", "models:/NAME@ALIAS"),
        ("models:/churn@", "models:/NAME@ALIAS"),
        ("runs:/abc", "runs:/RUN_ID/NAME"),
        ("models://profile@elsewhere/churn/1", "profile"),
        ("models:/churn/1/../../x", r"\.\."),
    ],
)
def test_uris_that_cannot_be_read(uri, words):
    """The forms that are known are named; no server is asked."""
    with pytest.raises(ModelUriError, match=words):
        fetch_model(uri)


@pytest.mark.parametrize("place", ["nobody@databricks", "nobody@databricks-uc"])
def test_a_registry_of_databricks_is_for_mlflow_to_ask(place, monkeypatch, tmp_path):
    """MLflow looks for the profile; without MLflow the message says what to install."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    use(monkeypatch, "", "mlflow")
    with pytest.raises(ArtifactError, match="nobody"):
        fetch_model(f"models://{place}/churn/1")
    use(monkeypatch, "", "rest")
    with pytest.raises(ConfigError, match=r"://nobody.*scorecast\[mlflow\]"):
        fetch_model(f"models://{place}/churn/1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "MLFLOW_TRACKING_URI is not set"),
        ("sqlite:///mlflow.db", r"scorecast\[mlflow\]"),
        ("databricks", r"scorecast\[mlflow\]"),
    ],
)
def test_an_address_that_only_mlflow_can_use(address, words, monkeypatch):
    """Without MLflow the message says what to set or to install."""
    use(monkeypatch, address)
    with pytest.raises(ConfigError, match=words):
        fetch_model("models:/churn/1")


@pytest.mark.parametrize("name", ["rest", "mlflow"])
def test_without_a_server_none_is_made_up(name, monkeypatch, tmp_path):
    """Nobody asks a store that MLflow would make in the working directory."""
    use(monkeypatch, "", name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI is not set"):
        fetch_model("models:/churn/1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore")  # of MLflow about its own database
def test_a_store_in_files_needs_mlflow_and_no_server(monkeypatch, tmp_path):
    """Whatever MLflow is set to works through it, as a database of runs and models."""
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    use(monkeypatch, f"sqlite:///{tmp_path / 'store.db'}", "mlflow")
    model = scorecast.save_model(lambda data: data["x"] * 7, tmp_path / "m", signature=SIGNATURE)
    mlflow = MlflowClient()
    mlflow.create_registered_model("seven")
    mlflow.create_model_version("seven", str(model))
    loaded = scorecast.load_model("models:/seven/latest")
    assert np.asarray(loaded.predict(pd.DataFrame({"x": [2.0]}))).tolist() == [14.0]


def test_mlflow_is_not_imported_for_rest(server, run_python):
    """The small client and the files of the model need no MLflow."""
    code = """
import sys, scorecast
print(scorecast.load_model("models:/churn@champion").predict({"x": [10.0]}))
assert not [name for name in sys.modules if name.partition(".")[0] == "mlflow"]
"""
    done = run_python(code, MLFLOW_TRACKING_URI=server.url, SCORECAST_MLFLOW_CLIENT="rest")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[30.]"


def test_the_registered_version_is_told(client):
    """An alias is shown as what it stands for."""
    info = scorecast.inspect_model("models:/churn@champion")
    assert (info.registered_name, info.registered_version) == ("churn", "2")


def downloads(server, monkeypatch, name):
    """Count the downloads of files of artifacts; gives the counter and the address to ask."""
    read = []

    def harm(handler, content):
        if "/mlflow-artifacts/artifacts/" in handler.path:
            read.append(handler.path)
        return False

    meddler = Meddler(server, harm)
    use(monkeypatch, meddler.url, name)
    return meddler, read


@pytest.mark.parametrize("name", ["rest", "mlflow"])
def test_a_version_is_downloaded_once(server, monkeypatch, name):
    """Also by its alias: what nobody replaces is taken from the cache, as long as it is intact."""
    meddler, read = downloads(server, monkeypatch, name)
    with meddler:
        first = fetch_model("models:/churn@champion")
        once = len(read)
        assert once
        second = fetch_model("models:/churn/2")
        assert (len(read), second.directory) == (once, first.directory)
        assert second.directory.stat().st_mode & 0o77 == 0
        (second.directory / "MLmodel").write_text("flavors: {}")
        with pytest.warns(UserWarning, match="changed after they were checked"):
            third = fetch_model("models:/churn/2")
    assert len(read) == 2 * once
    wanted = tree_digest(Path(server.files["models:/churn@champion"]))
    assert tree_digest(third.directory) == wanted


@pytest.mark.parametrize("name", ["rest", "mlflow"])
def test_files_of_a_run_may_change(server, monkeypatch, name, tmp_path):
    """They are downloaded by each call, since their sizes say nothing about what is in them."""
    from mlflow import MlflowClient

    meddler, _ = downloads(server, monkeypatch, name)
    with meddler:
        for text in ("one", "two"):
            (tmp_path / "a").write_text(text)
            MlflowClient(server.url).log_artifact(server.runs[0], tmp_path / "a", f"of {name}")
            fetched = fetch_model(f"runs:/{server.runs[0]}/of {name}")
            assert (fetched.directory / "a").read_text() == text


@pytest.mark.parametrize("name", ["rest", "mlflow"])
def test_a_version_of_files_that_are_written_again(server, monkeypatch, name, tmp_path):
    """It is downloaded by each call: nobody keeps the directory of a run as it was."""
    mlflow = server.mlflow()
    run, where = server.runs[0], f"again {name}"
    mlflow.create_registered_model(where)
    place = f"{mlflow.get_run(run).info.artifact_uri}/{where}"
    use(monkeypatch, server.url, name)
    try:
        for text in ("one", "two"):
            (tmp_path / "a").write_text(text)
            mlflow.log_artifact(run, tmp_path / "a", where)
            if text == "one":
                mlflow.create_model_version(where, place, run)
            fetched = fetch_model(f"models:/{where}/1")
            assert (fetched.directory / "a").read_text() == text
    finally:
        mlflow.delete_registered_model(where)


@pytest.mark.parametrize("name", ["rest", "mlflow"])
@pytest.mark.parametrize("form", ["runs:/{}/{}", "{}"])
def test_files_that_change_while_they_are_read(server, monkeypatch, name, form, tmp_path, caplog):
    """A change of names or sizes is noticed, and all is read again."""
    mlflow = server.mlflow()
    run = server.runs[0]
    where = f"meanwhile {name} {len(form)}"
    for file, text in (("a", "one"), ("b", "two"), ("new", "one and two")):
        (tmp_path / file).write_text(text)
    for file in "ab":
        mlflow.log_artifact(run, tmp_path / file, where)

    def harm(handler, content):
        if "/mlflow-artifacts/artifacts/" in handler.path and not caplog.records:
            mlflow.log_artifact(run, tmp_path / "new", where)
        return False

    uri = f"runs:/{run}/{where}"
    if form == "{}":
        uri = f"{mlflow.get_run(run).info.artifact_uri}/{where}"
    with Meddler(server, harm) as meddler, caplog.at_level(logging.WARNING, "scorecast"):
        use(monkeypatch, meddler.url, name)
        fetched = fetch_model(uri)
    assert {path.name for path in fetched.directory.iterdir()} == {"a", "b", "new"}
    assert "changed while they were read" in caplog.text


@pytest.mark.parametrize("name", ["rest", "mlflow"])
def test_a_full_disk_is_told(server, monkeypatch, name):
    """By either client it is known before the download that there is no room."""
    meddler, read = downloads(server, monkeypatch, name)
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=7))
    with (
        meddler,
        pytest.raises(ArtifactError, match=r"No space left .* bytes and 7 are free.*CACHE_DIR"),
    ):
        fetch_model("models:/churn/1")
    assert read == []


def test_a_busy_server_is_asked_again(server, monkeypatch, caplog):
    """Twice 503, then the answer: the model comes, and the log says why it took longer."""
    codes = [503, 429]

    def harm(handler, content):
        if codes:
            handler.answer(codes.pop(), b"busy")
            return True
        return False

    with Meddler(server, harm) as meddler, caplog.at_level(logging.WARNING):
        use(monkeypatch, meddler.url)
        fetched = fetch_model("models:/churn/1")
    assert tree_digest(fetched.directory) == tree_digest(Path(server.files["models:/churn/1"]))
    assert caplog.text.count("Trying again") == 2


@pytest.mark.parametrize("times", [1, 99])
def test_a_download_that_breaks_off(server, monkeypatch, times):
    """Once: it is done again. Always: an error, and nothing is left that looks like a model."""
    left = [times]
    seen = []

    def harm(handler, content):
        if not handler.path.endswith("MLmodel") or left[0] == 0:
            return False
        left[0] -= 1
        seen.append(handler.path)
        handler.answer(200, content[:-5], length=len(content))
        handler.close_connection = True
        return True

    with Meddler(server, harm) as meddler:
        use(monkeypatch, meddler.url)
        if times == 1:
            fetched = fetch_model("models:/churn/1")
            wanted = tree_digest(Path(server.files["models:/churn/1"]))
            assert tree_digest(fetched.directory) == wanted
        else:
            with pytest.raises(ArtifactError, match=r"MLmodel.*tried 3 times"):
                fetch_model("models:/churn/1")
    assert len(seen) == min(times, 3)


@pytest.mark.parametrize("name", ["rest", "mlflow"])
@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_names_the_variables_and_no_secret(server, monkeypatch, caplog, code, name):
    """Who may not read the model is told how to log in, at once; the token is not repeated."""

    def harm(handler, content):
        handler.answer(code, b'{"message": "not you"}')
        return True

    with Meddler(server, harm) as meddler:
        use(monkeypatch, meddler.url, name)
        if name == "rest":
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret")
        else:
            use(monkeypatch, meddler.url.replace("http://", "http://me:s3cret@"), name)
        with pytest.raises(ArtifactError) as caught, caplog.at_level(logging.DEBUG, "scorecast"):
            fetch_model("models:/churn/1")
        if name == "rest":
            assert meddler.authorizations == ["Bearer s3cret"]
            assert "MLFLOW_TRACKING_TOKEN" in str(caught.value)
            assert "not you" in str(caught.value)
    assert "s3cret" not in caplog.text
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("variables", "userinfo", "header"),
    [
        ({}, "", None),
        ({}, "me:s%40me@", "Basic bWU6c0BtZQ=="),
        (
            {"MLFLOW_TRACKING_USERNAME": "a", "MLFLOW_TRACKING_PASSWORD": "b"},
            "",
            "Basic YTpi",
        ),
        (
            {"MLFLOW_TRACKING_USERNAME": "x", "MLFLOW_TRACKING_PASSWORD": "y"},
            "a:b@",
            "Basic YTpi",
        ),
        ({"MLFLOW_TRACKING_TOKEN": "t\n", "MLFLOW_TRACKING_USERNAME": "a"}, "", "Bearer t"),
    ],
)
def test_credentials_go_to_the_server_and_not_where_it_redirects(
    server, monkeypatch, variables, userinfo, header
):
    """Each way to log in is used; another server that is redirected to gets none of it.

    Nor when it redirects to itself.
    """

    def to_itself(handler, content):
        if handler.path.endswith("again=yes"):
            return False
        mark = "&" if "?" in handler.path else "?"
        handler.answer(302, b"", Location=f"{handler.path}{mark}again=yes")
        return True

    with Meddler(server, to_itself) as other:

        def harm(handler, content):
            if "/mlflow-artifacts/artifacts/" not in handler.path:
                return False
            handler.answer(302, b"", Location=f"{other.url}{handler.path}")
            return True

        with Meddler(server, harm) as meddler:
            use(monkeypatch, meddler.url.replace("http://", f"http://{userinfo}"))
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            fetch_model("models:/churn/1")
            assert set(meddler.authorizations) == {header}
        assert set(other.authorizations) == {None}


@pytest.mark.parametrize("name", ["..", "a\\..\\b", "/"])
def test_a_listing_that_leads_out_is_refused(server, monkeypatch, name):
    """A server cannot write beside the model."""

    def harm(handler, content):
        if "artifacts?path" not in handler.path:
            return False
        files = [{"path": name, "is_dir": False, "file_size": 1}]
        handler.answer(200, json.dumps({"files": files}).encode())
        return True

    with Meddler(server, harm) as meddler:
        use(monkeypatch, meddler.url)
        with pytest.raises(ArtifactError, match="leads out of the model"):
            fetch_model("models:/churn/1")


def test_an_empty_directory_is_part_of_a_model(server, monkeypatch):
    """The digest counts it."""

    def harm(handler, content):
        if "artifacts?path" in handler.path:
            files = [{"path": "hollow", "is_dir": True}, {"path": "a", "file_size": 3}]
            whole = json.dumps({"files": [] if "hollow" in handler.path else files})
            handler.answer(200, whole.encode())
        else:
            handler.answer(200, b"abc")
        return True

    with Meddler(server, harm) as meddler:
        use(monkeypatch, meddler.url)
        fetched = fetch_model("mlflow-artifacts:/m")
    assert sorted(path.name for path in fetched.directory.rglob("*")) == ["a", "hollow"]


@pytest.mark.parametrize("uri", ["models:/churn/1", "models:/churn@champion", "runs:/0123/m"])
@pytest.mark.parametrize(
    ("code", "body"), [(200, b"<html>"), (200, b"{}"), (200, b"[]"), (404, b"<html>"), (404, b"{}")]
)
def test_a_server_that_is_no_mlflow_server(server, monkeypatch, code, body, uri):
    """Pages of another service, or of a wrong path, are no answer."""

    def harm(handler, content):
        handler.answer(code, body)
        return True

    with Meddler(server, harm) as meddler:
        use(monkeypatch, meddler.url)
        with pytest.raises(ArtifactError, match="MLFLOW_TRACKING_URI"):
            fetch_model(uri)


def test_an_error_ends_a_download_at_once(server, monkeypatch):
    """When one file is refused, the others are not asked for."""
    asked = []

    def harm(handler, content):
        if "artifacts?path" in handler.path:
            files = [{"path": f"f{i}", "is_dir": False, "file_size": 1} for i in range(300)]
            handler.answer(200, json.dumps({"files": files}).encode())
            return True
        if "/mlflow-artifacts/artifacts/" in handler.path:
            asked.append(handler.path)
            handler.answer(403, b"{}")
            return True
        return False

    with Meddler(server, harm) as meddler:
        use(monkeypatch, meddler.url)
        with pytest.raises(ArtifactError, match="403"):
            fetch_model("models:/churn/1")
    assert len(asked) < 100


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("http://me:pa/s3cret@127.0.0.1:9", "s3cret"),
        ("http://me:pa#s3cret@127.0.0.1:9", "s3cret"),
        ("http://[::1", "::1"),
    ],
)
def test_an_address_that_cannot_be_read_is_not_printed(address, secret, monkeypatch):
    """What breaks it may be a password."""
    use(monkeypatch, address)
    with pytest.raises(ConfigError, match="%2F") as caught:
        fetch_model("models:/churn/1")
    assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "uri", ["mlflow-artifacts://other:1/m", "mlflow-artifacts:/m?token=s3cret"]
)
def test_artifacts_of_another_server_are_not_asked_for(client, uri):
    """The credentials are for the tracking server alone, by either client."""
    with pytest.raises(ModelUriError) as caught:
        fetch_model(uri)
    assert "s3cret" not in str(caught.value)


def test_a_directory_inside_of_a_logged_model(client, server):
    """A model may hold others; those that are not there are told."""
    logged = next(uri for uri in server.files if uri.startswith("models:/m-"))
    with pytest.raises(ArtifactError, match="nowhere"):
        fetch_model(f"{logged}/nowhere")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "nan"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon"),
        ("MLFLOW_TRACKING_TOKEN", "t\x07"),
        ("MLFLOW_TRACKING_AWS_SIGV4", "true"),
        ("MLFLOW_WORKSPACE", "mine"),
        ("MLFLOW_TRACKING_SERVER_CERT_PATH", "/nowhere/ca.pem"),
        ("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/nowhere/me.pem"),
    ],
)
def test_variables_that_cannot_be_followed_are_named(name, value, monkeypatch):
    """No request is sent with half of what was set."""
    use(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        fetch_model("models:/churn/1")


def small_pages(monkeypatch) -> None:
    """Ask for one thing at a time."""
    for module in ("mlflow_client", "mlflow_server"):
        monkeypatch.setattr(f"scorecast.artifacts.{module}._PAGE", 1)
    monkeypatch.setattr("scorecast.artifacts.mlflow_server._LOGGED_PAGE", 1)


def test_models_are_listed_to_the_last_page(client, server, monkeypatch, capsys):
    """All that MLflow knows are there, with newest version and aliases."""
    small_pages(monkeypatch)
    assert main(["models", "list", "--json"]) == 0
    listed = {model["name"]: model for model in json.loads(capsys.readouterr().out)}
    known = {model.name: model for model in server.mlflow().search_registered_models()}
    assert list(listed) == sorted(known) == ["churn", "churn-eu", "empty"]
    for name, model in known.items():
        assert listed[name]["description"] == (model.description or "")
        assert listed[name]["tags"] == model.tags
        assert listed[name]["aliases"] == {key: str(each) for key, each in model.aliases.items()}
    assert [model["latest"] for model in listed.values()] == [3, None, None]


def test_a_model_is_shown_to_its_last_version(client, server, monkeypatch, capsys):
    """Newest first, each with what MLflow says of it."""
    small_pages(monkeypatch)
    assert main(["models", "show", "churn", "--json"]) == 0
    versions = json.loads(capsys.readouterr().out)["versions"]
    assert [version["version"] for version in versions] == ["3", "2", "1"]
    for version in versions:
        known = server.mlflow().get_model_version("churn", version["version"])
        assert version["aliases"] == known.aliases
        assert version["stage"] == known.current_stage.replace("None", "")
        assert version["tags"] == known.tags
        for name in ("status", "run_id", "source"):
            assert version[name] == getattr(known, name)
        assert version["description"] == (known.description or "")
        created = datetime.fromisoformat(version["created"]).timestamp()
        assert created == known.creation_timestamp // 1000


@pytest.mark.parametrize("name", ["churn@champion", "churn/2", "models:/churn@champion"])
def test_one_version_is_shown(client, name, capsys):
    """By number or alias."""
    assert main(["models", "show", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["description"] for each in told["versions"]] == ["the second"]


def test_models_are_shown_to_people(rest, server, capsys):
    """In columns; what somebody wrote into the registry stays in its line."""
    assert main(["models", "list", "--filter", "churn"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "latest", "aliases"]
    assert [line[: head.index("aliases")].split() for line in lines] == [
        ["churn", "3"],
        ["churn-eu", "-"],
    ]
    assert "challenger -> 3, champion -> 2" in lines[0]
    assert main(["models", "show", "churn-eu"]) == 0
    assert re.search("^description +of Europe$", capsys.readouterr().out, re.MULTILINE)
    assert main(["models", "show", "churn@champion"]) == 0
    assert re.search("^tags +checked=yes$", capsys.readouterr().out, re.MULTILINE)
    assert main(["models", "list", "--filter", "x"]) == 0
    assert 'begins with "x"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("chrun", 'Did you mean "churn"?'),
        ("churn@champoin", 'Did you mean "champion"?'),
        ("churn/9", "its newest is 3"),
    ],
)
def test_what_cannot_be_shown_is_told_with_what_can(client, name, words, capsys):
    """As for a model URI; the exit code is that of models."""
    assert main(["models", "show", name]) == 4
    assert words in capsys.readouterr().err


def test_a_suggestion_that_fails_keeps_the_error(server, monkeypatch):
    """Names are asked for once; without them the message says what it said."""
    asked = []

    def harm(handler, content):
        if "registered-models/search" not in handler.path:
            return False
        asked.append(handler.path)
        handler.answer(503, b"busy")
        return True

    with Meddler(server, harm) as meddler:
        use(monkeypatch, meddler.url)
        with pytest.raises(ArtifactNotFoundError, match='no model "chrun"'):
            fetch_model("models:/chrun@champion")
    assert len(asked) == 1


def test_logged_models_are_looked_for_on_all_pages(rest, server, monkeypatch):
    """The model of a run is found behind those of later runs."""
    small_pages(monkeypatch)
    uri = f"runs:/{server.runs[1]}/model"
    fetched = fetch_model(uri)
    assert tree_digest(fetched.directory) == tree_digest(Path(server.files[uri]))


def test_a_certificate_that_nobody_trusts_is_refused(server, rest, monkeypatch, tmp_path):
    """At once, with what to set."""
    other, _ = certificate(tmp_path, "other")
    for trusted in (str(other), None):
        if trusted is None:
            monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
        else:
            monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", trusted)
        with pytest.raises(ArtifactError, match="MLFLOW_TRACKING_SERVER_CERT_PATH") as caught:
            fetch_model("models:/churn/1")
        assert "(tried once)" in str(caught.value)


def test_certificates_are_not_checked_when_that_is_asked_for(server, client, monkeypatch):
    """As MLflow has it."""
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        fetched = fetch_model("models:/churn/1")
    assert tree_digest(fetched.directory) == tree_digest(Path(server.files["models:/churn/1"]))


def test_a_certificate_of_the_client_is_shown(server, rest, monkeypatch, tmp_path):
    """The server asks for one, and refuses that of a stranger."""
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(server.client_file))
    fetch_model("models:/churn/1")
    cert, key = certificate(tmp_path, "stranger")
    (tmp_path / "both.pem").write_bytes(cert.read_bytes() + key.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(tmp_path / "both.pem"))
    with pytest.raises(ArtifactError, match="MLFLOW_TRACKING_URI"):
        fetch_model("models:/churn/1")


def test_bash_completes_model_uris(server, run_python, tmp_path):
    """Names, aliases and versions, where bash takes ":", "=" and "@" for the ends of words."""
    (tmp_path / "folder").mkdir()
    every = "\x1b*"  # inserts all that is possible
    lines = [
        'bind "set enable-bracketed-paste off"; eval "$(scorecast completion bash)"',
        f"scorecast inspect models:/ch{every}",
        f"scorecast inspect models:/churn@{every}",
        "scorecast inspect models:/churn@cham\t",
        f"scorecast inspect --json models:/churn/{every}",
        "scorecast batch-predict --model-uri=models:/churn@cham\t",
        'scorecast inspect "models:/churn@cham\t',
        "scorecast models show churn@cham\t",
        f"scorecast inspect {tmp_path}/fol\t",
        "exit",
    ]
    done = run_python(
        TYPIST,
        "bash --norc --noprofile -i",
        *lines,
        **with_program(tmp_path),
        MLFLOW_TRACKING_URI=server.url,
        INPUTRC="/dev/null",
    )
    assert given(done.stdout) == [
        "[inspect] [models:/churn] [/churn-eu]",
        "[inspect] [models:/churn@challenger] [@champion]",
        "[inspect] [models:/churn@champion]",
        "[inspect] [--json] [models:/churn/3] [/churn/2] [/churn/1] [/churn/latest]",
        "[batch-predict] [--model-uri=models:/churn@champion]",
        "[inspect] [models:/churn@champion]",
        "[models] [show] [churn@champion]",
        f"[inspect] [{tmp_path}/folder/]",
    ], done.stdout


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_model_uris(server, run_python, tmp_path):
    """What is the only possibility is put into the line."""
    lines = [
        "autoload -U compinit; compinit -u -D",
        'eval "$(scorecast completion zsh)"',
        "scorecast inspect models:/churn@cham\t",
        "scorecast batch-predict --model-uri models:/churn@cham\t",
        "exit",
    ]
    done = run_python(
        TYPIST,
        "zsh -f -i",
        *lines,
        **with_program(tmp_path),
        MLFLOW_TRACKING_URI=server.url,
    )
    assert given(done.stdout) == [
        "[inspect] [models:/churn@champion]",
        "[batch-predict] [--model-uri] [models:/churn@champion]",
    ], done.stdout


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_model_uris(server, tmp_path):
    """Fish lists what is possible when asked for it."""
    script = (
        "scorecast completion fish | source; "
        "for text in models:/ch models:/churn@ models:/churn/; "
        'complete -C "scorecast inspect $text"; end'
    )
    environ = {**os.environ, **with_program(tmp_path), "MLFLOW_TRACKING_URI": server.url}
    done = subprocess.run(
        ["fish", "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=120
    )
    assert sorted(done.stdout.split()) == [
        "models:/churn",
        "models:/churn-eu",
        "models:/churn/1",
        "models:/churn/2",
        "models:/churn/3",
        "models:/churn/latest",
        "models:/churn@challenger",
        "models:/churn@champion",
    ]


def test_a_column_by_alias_stays_with_its_version(spark, rest, server):
    """The version is that of the call, whatever becomes of the alias before the query runs."""
    mlflow = server.mlflow()
    mlflow.set_registered_model_alias("churn", "column", 2)
    rows = spark.range(4).selectExpr("double(id) AS x")
    before = scorecast.spark_udf(spark, "models:/churn@column", result_type="double")
    mlflow.set_registered_model_alias("churn", "column", 3)
    after = scorecast.spark_udf(spark, "models:/churn@column", result_type="double")
    found = rows.select(before("x").alias("a"), after("x").alias("b")).collect()
    assert [round(value) for row in found for value in row] == [0, 0, 3, 4, 6, 8, 9, 12]


def test_a_job_by_alias_says_which_version_it_was(spark, rest, tmp_path):
    """The manifest holds the URI as asked and as resolved."""
    spark.range(10).selectExpr("double(id) AS x").write.parquet(str(tmp_path / "in"))
    scorecast.batch_predict(
        spark,
        scorecast.BatchPredictConfig(
            model_uri="models:/churn@champion",
            input=str(tmp_path / "in"),
            output=str(tmp_path / "out"),
            result_type="double",
        ),
    )
    manifest = json.loads((tmp_path / "out" / "_MANIFEST.json").read_text())
    model = manifest["runs"][-1]["model"] if "model" in manifest["runs"][-1] else manifest["model"]
    assert model["uri"] == "models:/churn@champion"
    assert model["resolved_uri"] == "models:/churn/2"
    found = spark.read.parquet(str(tmp_path / "out")).collect()
    assert {row.x: row.prediction for row in found} == pytest.approx(
        {float(x): 3.0 * x for x in range(10)}, abs=1e-9
    )


ON_URIS = """
import io, json, os, ssl, sys, urllib.request
import boto3
import pandas as pd
import scorecast
from scorecast.batch.run import run_job
from scorecast.batch.verify import verify
from scorecast.spark.session import start_session

s3 = boto3.client("s3")
s3.create_bucket(Bucket="uris")
for part in range(3):
    data = io.BytesIO()
    pd.DataFrame({"id": range(part * 100, part * 100 + 100)}).assign(
        x=lambda rows: rows["id"] / 7).to_parquet(data, index=False)
    s3.put_object(Bucket="uris", Key=f"in/part-{part}.parquet", Body=data.getvalue())
# One executor, which is no process of the driver's.
spark = start_session(
    master="local-cluster[1,2,1024]", conf={"spark.ui.enabled": "false"}
).spark
spark.sparkContext.setLogLevel("OFF")
moved = []


def move(name):
    if name == "unit:check" and not moved:
        request = urllib.request.Request(
            os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/registered-models/alias",
            data=json.dumps({"name": "churn", "alias": "moving", "version": "3"}).encode(),
            headers={"Content-Type": "application/json"},
        )
        trusted = os.environ["MLFLOW_TRACKING_SERVER_CERT_PATH"]
        context = ssl.create_default_context(cafile=trusted)
        urllib.request.urlopen(request, context=context).close()
        moved.append(name)


def job(step, mode):
    config = scorecast.BatchPredictConfig(
        model_uri="models:/churn@moving", input="s3://uris/in", output="s3://uris/out",
        units=3, mode=mode, result_type="double")
    report = run_job(spark, config, preflight=True, step=step)
    record = verify("s3://uris/out", deep=True)
    rows = scorecast.read_predictions(spark, "s3://uris/out").toPandas()
    return {
        "engine": report.engine, "units": report.units, "damages": list(record.damages),
        "model": dict(record.manifest.run.model), "rows": rows.to_dict("list"),
    }


told = {"first": job(move, "error"), "moved": moved, "second": job(lambda name: None, "overwrite")}
with open(sys.argv[1], "w") as file:
    json.dump(told, file)
spark.stop()
"""


def test_a_job_runs_on_uris_alone(server, s3, run_python, tmp_path):
    """The model is what the alias meant at the start, whatever it means when units are done."""
    import mlflow
    import pyspark
    from mlflow import MlflowClient

    jars = Path(pyspark.__file__).parent / "jars"
    assert not list(jars.glob("hadoop-aws*")), "a connector of Spark's would prove nothing"
    MlflowClient(server.url).set_registered_model_alias("churn", "moving", 2)
    done = run_python(
        ON_URIS,
        str(tmp_path / "told.json"),
        MLFLOW_TRACKING_URI=server.url,
        SCORECAST_MLFLOW_CLIENT="rest",
        **s3,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["moved"] == ["unit:check"]
    rows = pd.DataFrame({"id": range(300)}).assign(x=lambda rows: rows["id"] / 7)
    for name, version in (("first", 2), ("second", 3)):
        found = told[name]
        files = server.files[{2: "models:/churn@champion", 3: "models:/churn/latest"}[version]]
        expected = mlflow.sklearn.load_model(files).predict(rows[["x"]])
        assert (found["engine"], found["units"], found["damages"]) == ("arrow", 3, [])
        assert found["model"]["uri"] == "models:/churn@moving"
        assert found["model"]["resolved_uri"] == f"models:/churn/{version}"
        assert found["model"]["digest"] == tree_digest(Path(files))
        got = pd.DataFrame(found["rows"]).sort_values("id")
        assert got["id"].tolist() == rows["id"].tolist()
        assert got["prediction"].tolist() == pytest.approx(expected.tolist(), rel=1e-12)
