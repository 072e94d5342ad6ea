"""Secrets by their form: found wherever they stand, and nothing else is."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from pathlib import Path

import pytest
from tests.secrets_kit import found_in, sentences

import scorecast
from scorecast.batch.config import BatchPredictConfig
from scorecast.cli.main import main
from scorecast.errors import (
    ArtifactError,
    ConfigError,
    MissingExtraError,
    MLmodelError,
    ModelPredictError,
    ScorecastError,
)
from scorecast.models.flavors.base import Predictor
from scorecast.redaction import redacted, redacted_values, secrets_hidden
from scorecast.worker.predict import call_model


@pytest.mark.parametrize("text", sentences())
def test_a_secret_is_hidden_and_the_text_around_it_is_not(text: str) -> None:
    """What is wrong stays readable, and a second look changes nothing."""
    shown = redacted(text)
    assert found_in(text)
    assert found_in(shown) == []
    assert "***" in shown
    assert redacted(shown) == shown
    assert redacted(f'Cannot do it: "{text}". Try again.').endswith("Try again.")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000/api",
        "s3://bucket/part-?.parquet",
        'Did you mean "s3://bucket/day=2024-01-01/a?"?',
        "abfss://container@account.dfs.core.windows.net/model",
        "models:/churn@champion",
        "git+ssh://git@github.com/a/b",
        "struct<token:string,password:binary>",
        'token="decimal(10, 2)", and columns ["password=", "b"]',
        "max_tokens=512, token: bigint",
        "Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, of a",
        "sha256:27cb42ca7c3319000ec028c032ca99539324226524249b7d502b74ab5c482384",
        "use basic statistics, then the bearer of it",
        "the tokenizer: BertTokenizer",
        "column \"n\" is 'x', expected double (scorecast/a.py, line 3, in f)",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Messages and addresses are as useful as before."""
    assert redacted(text) == text


def test_what_the_environment_calls_secret_has_no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password of plain words is hidden wherever it turns up; short ones would hide words."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct horse battery")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "0123/4567/planted")
    monkeypatch.setenv("MY_TOKEN", "abc")
    shown = redacted("I said correct horse battery and 0123/4567/planted to abc")
    assert shown == "I said *** and *** to abc"


@pytest.mark.parametrize(
    "name",
    [
        "AZURE_STORAGE_KEY",
        "GIT_PRIVATE_KEY",
        "WEBHOOK_SIGNING_KEY",
        "STORAGE_KEY",
        "DB_PWD",
        "AZURE_CREDENTIAL",
    ],
)
def test_every_secret_name_is_one_in_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hides a value in a text hides that of a variable; the directory is none."""
    monkeypatch.setenv(name, "correct horse battery")
    monkeypatch.setenv("PWD", "/home/somebody/jobs")
    shown = redacted("I said correct horse battery in /home/somebody/jobs/x")
    assert shown == "I said *** in /home/somebody/jobs/x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('password="abc hunter2", more', 'password="***", more'),
        ("{'password': 'abc hunter2; x', 'n': 3}", "{'password': '***', 'n': 3}"),
        ('password="it\'s hunter2"', 'password="***"'),
        ('password="text me hunter2"', 'password="***"'),
        (r'password="ab\"c hunter2"', 'password="***"'),
        ('DB_PWD="abc hunter2"', 'DB_PWD="***"'),
        ('password="abc hunter2', 'password="*** hunter2'),
    ],
)
def test_a_value_in_quotes_is_hidden_with_its_blanks(text: str, shown: str) -> None:
    """Up to the quote that closes it; without that, as without quotes."""
    assert redacted(text) == shown
    assert redacted(shown) == shown


def test_names_tell_in_nested_values() -> None:
    """Whatever stands behind a secret name is hidden, also what is no text."""
    shown = redacted_values(
        {
            "depth": 3,
            "password": 1234567,
            "secret": None,
            "inner": [{"api_key": "x"}, "AKIAIOSFODNN7PLANTED"],
        }
    )
    assert shown == {
        "depth": 3,
        "password": "***",
        "secret": None,
        "inner": [{"api_key": "***"}, "***"],
    }


@pytest.mark.parametrize("kind", [ScorecastError, ConfigError, MissingExtraError, ArtifactError])
def test_no_error_holds_a_secret(kind: type[ScorecastError]) -> None:
    """Neither as text, nor as what is made it, nor after a journey between processes."""
    for text in sentences():
        error = kind(f"Cannot go on: {text}")
        copy = pickle.loads(pickle.dumps(error))
        for each in (str(error), repr(error), repr(error.args), pickle.dumps(error), repr(copy)):
            assert found_in(each) == []
        assert isinstance(copy, kind)


class _OwnTextError(Exception):
    def __init__(self, secret: str) -> None:
        super().__init__()
        self.secret = secret

    def __str__(self) -> str:
        return self.secret


class _Failing(Predictor):
    def __init__(self, text: str) -> None:
        self.text = text

    def predict(self, data: object, params: object = None) -> object:
        del data, params
        try:
            try:
                raise _OwnTextError(self.text)  # noqa: TRY301 - the innermost cause
            except _OwnTextError as error:
                raise OSError(5, self.text, self.text) from error
        except OSError as error:
            error.add_note(self.text)
            problem = ValueError(self.text)
            raise problem from error


@pytest.mark.parametrize("text", sentences())
def test_no_cause_of_an_error_does(text: str) -> None:
    """A traceback goes into logs of executors and of Spark, with all that led to it."""
    with pytest.raises(ModelPredictError, match="raised ValueError") as caught:
        call_model(_Failing(text), None, None, rows=1)
    told = "".join(traceback.format_exception(caught.value))
    assert "_OwnTextError" in told
    assert "[Errno 5]" in told
    assert found_in(told) == []


def test_errors_without_secrets_are_left_as_they_are() -> None:
    """They are the model's own, with their type and all they hold."""
    cause = KeyError("column", 3)
    with pytest.raises(ValueError, match="plain") as caught, secrets_hidden():
        raise ValueError("plain") from cause
    assert caught.value.__cause__ is cause
    assert cause.args == ("column", 3)


def test_options_are_shown_without(tmp_path: Path) -> None:
    """The manifest holds them: in every option that takes text."""
    given = sentences()
    config = BatchPredictConfig(
        model_uri=f"https://example.com/{given[0]}?k={given[1]}",
        input="in",
        output="out",
        where=" or ".join(f"s = '{text}'" for text in given),
        input_options=dict(enumerate(given)),  # type: ignore[arg-type]
        params={"texts": given},
        model_config={"deep": {"er": given}},
        extra_env={"PLAIN": "planted3:hunter2"},
        columns=tuple(given),
    )
    assert found_in(json.dumps(config.shown_options(), default=str)) == []


@pytest.mark.parametrize(
    "place", ["s3://b/token=abc/in", "gs://b/*?x=1", "s3://analytics/password=x/y", "/data/token=a"]
)
def test_places_of_data_may_look_like_secrets(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions, globs and words that the environment happens to hold under a secret name."""
    monkeypatch.setenv("PIPELINE_TOKEN", "analytics")
    config = BatchPredictConfig(model_uri="m", input=place, output=f"{place}/out")
    assert config.inputs == (place,)


@pytest.mark.parametrize("name", ["input", "output"])
@pytest.mark.parametrize(
    "uri",
    [
        "s3a://AKIAIOSFODNN7PLANTED:planted16secret@bucket/x",
        "hdfs://planted3:hunter2@namenode/x",
        "s3a://bucket/AKIAIOSFODNN7PLANTED/x",
    ],
)
def test_places_of_data_hold_no_password(name: str, uri: str) -> None:
    """Spark shows them in plans, logs and pages, so that they are refused, and not shown."""
    with pytest.raises(ConfigError, match=f"{name} is .*holds a password") as caught:
        BatchPredictConfig(**{"model_uri": "m", "input": "i", "output": "o", name: uri})
    assert found_in(str(caught.value)) == []


def test_a_broken_mlmodel_does_not_tell(tmp_path: Path) -> None:
    """What is quoted of a file is not what is secret in it."""
    for number, text in enumerate(sentences()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "MLmodel").write_text(f"flavors:\n  python_function: {{x: [{text}\n")
        with pytest.raises(MLmodelError) as caught:
            scorecast.inspect_model(folder)
        assert found_in("".join(traceback.format_exception(caught.value))) == []


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_model_is_shown_without(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], option: list[str]
) -> None:
    """Its requirements may lead to an index with a password."""
    lines = ["--index-url https://planted3:hunter2@pypi.example.com/simple", "missing-xyz==1"]
    lines.append("git-xyz @ git+https://ghp_planted5planted5planted5@github.com/a/b")
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {loader_module: x}}\n")
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    assert main(["inspect", str(tmp_path), *option]) == 0
    told = capfd.readouterr()
    assert "missing-xyz" in told.out
    assert found_in(told.out + told.err) == []


def test_the_command_line_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Neither servers without an answer, nor what is retried, nor what cannot be understood."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SCORECAST_MLFLOW_CLIENT", "rest")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://planted3:hunter2@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "planted10-token")
    assert main(["inspect", "models:/churn/1"]) == 4
    told = capfd.readouterr().err
    assert "127.0.0.1:9" in told
    job = ["batch-predict", "--model-uri", "m", "--input", "i", "--output", "o"]
    for text in sentences():
        for command in (
            ["inspect", text],
            ["inspect", f"https://example.com/{text}"],
            ["predict", str(tmp_path), text],
            ["verify", text],
            [text],
            [*job, f"--{text}"],
            [*job, "--max-errors", "-1", "--extra-env", text],
            [*job, "--mode", text],
        ):
            assert main(command) != 0
    shown = capfd.readouterr()
    assert found_in(told + shown.err + shown.out + caplog.text) == []
