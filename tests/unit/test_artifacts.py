"""Model URIs: what they stand for, and what is said when they stand for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorecast.artifacts import fetch_model, parse_model_uri
from scorecast.errors import ArtifactError, ArtifactNotFoundError, ModelUriError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory whose name has to be quoted in a URI."""
    directory = tmp_path / "my models" / "chürn#1"
    directory.mkdir(parents=True)
    return directory


def test_every_way_to_write_a_local_path_leads_to_the_directory(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path, a text, a relative one, one from home and a file URI all mean the same directory."""
    monkeypatch.chdir(model.parent)
    monkeypatch.setenv("HOME", str(model.parent))
    uri = model.as_uri()
    assert "%20" in uri
    assert "%23" in uri
    spellings = [
        model,
        str(model),
        f"  {model}\n",
        model.name,
        f"./{model.name}",
        f"~/{model.name}",
        f"{model}/",
        f"../{model.parent.name}/{model.name}",
        uri,
        uri.replace("file://", "file:"),
        uri.replace("file://", "FILE://localhost"),
    ]

    fetched = [fetch_model(spelling) for spelling in spellings]

    assert {one.directory for one in fetched} == {model.resolve()}
    assert {one.resolved_uri for one in fetched} == {model.resolve().as_uri()}


def test_links_are_followed_to_what_they_stand_for(model: Path, tmp_path: Path) -> None:
    """The resolved URI names the directory behind a link, since links are moved."""
    link = tmp_path / "latest"
    link.symlink_to(model)

    assert fetch_model(link).resolved_uri == model.resolve().as_uri()


def test_a_path_object_is_never_read_as_a_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Path with a colon or spaces in it is taken as it is."""
    monkeypatch.chdir(tmp_path)
    for name in ("data:v1", " padded "):
        Path(name).mkdir()

        assert fetch_model(Path(name)).directory == tmp_path / name


@pytest.mark.parametrize("uri", ["C:\\models\\churn", "C:/models/churn", r"\\host\share"])
def test_paths_of_windows_are_paths(uri: str) -> None:
    """A drive letter is no scheme: the error is that there is no such directory."""
    assert parse_model_uri(uri).scheme == ""
    with pytest.raises(ArtifactNotFoundError, match="no such directory"):
        fetch_model(uri)


def test_a_missing_directory_names_the_nearest_that_exists(tmp_path: Path) -> None:
    """The error of a wrong path shows how far of it is right."""
    with pytest.raises(ArtifactNotFoundError) as caught:
        fetch_model(tmp_path / "models" / "churn")

    assert f'"{tmp_path / "models" / "churn"}"' in str(caught.value)
    assert f'exists is "{tmp_path}"' in str(caught.value)
    assert "MLmodel" in str(caught.value)


@pytest.mark.parametrize("uri", ["", "   ", "\n"])
def test_an_empty_uri_is_refused(uri: str) -> None:
    """Nothing is not the current directory."""
    with pytest.raises(ModelUriError, match="empty"):
        fetch_model(uri)


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("sftp://example.com/churn", "sftp"),
        ("ftp://example.com/churn", "ftp"),
        ("wasbs://c@account.blob.core.windows.net/m", "wasbs"),
    ],
)
def test_schemes_that_are_not_fetched_say_how_to_fetch(uri: str, scheme: str) -> None:
    """A URI of a store is refused with the known schemes and the command to use."""
    with pytest.raises(ModelUriError) as caught:
        fetch_model(uri)

    assert f'scheme "{scheme}"' in str(caught.value)
    assert "file" in str(caught.value)
    assert "mlflow artifacts download" in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("dbfs:/models/churn", "/dbfs/models/churn"),
        ("dbfs:///models/churn", "/dbfs/models/churn"),
        ("dbfs:/Volumes/main/models/churn", "/Volumes/main/models/churn"),
    ],
)
def test_places_of_databricks_are_the_paths_they_are_mounted_at(uri: str, path: str) -> None:
    """Where nothing is mounted, as here, the message names the path."""
    with pytest.raises(ArtifactNotFoundError, match=path):
        fetch_model(uri)


def test_a_misspelt_scheme_gets_a_suggestion() -> None:
    """A near miss of a scheme is answered with the right one."""
    with pytest.raises(ModelUriError, match='Did you mean "file"'):
        fetch_model("fiel:///models/churn")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://user:hunter2@bucket/churn",
        "s3://user:hun@ter2@bucket/churn",
        "s3://user:hunt/er2@bucket/churn",
        "https://hunter2@host/churn",
        "https://host/churn?token=hunter2&x=1",
        "https://host/churn#hunter2",
        "file://user:hunter2@host/churn",
        "file:///models/churn?token=hunter2",
    ],
)
def test_credentials_in_uris_are_not_printed(uri: str) -> None:
    """User names, passwords, queries and fragments appear in no message."""
    with pytest.raises(ModelUriError) as caught:
        fetch_model(uri)

    for text in (str(caught.value), str(parse_model_uri(uri))):
        assert not any(part in text for part in ("hunter2", "hun@", "ter2", "er2@", "hunt/"))


@pytest.mark.parametrize(
    ("uri", "printed"),
    [
        ("models:/churn@champion", "models:/churn@champion"),
        ("s3://bucket/a@b/churn", "s3://bucket/a@b/churn"),
        ("abfss://models@us.dfs.core.windows.net/m", "abfss://models@us.dfs.core.windows.net/m"),
        ("abfss://a:key@us.dfs.core.windows.net/m", "abfss://***@us.dfs.core.windows.net/m"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("/data/a@b?c#d", "/data/a@b?c#d"),
    ],
)
def test_what_is_no_credential_is_printed(uri: str, printed: str) -> None:
    """Aliases, ports and odd paths stay readable in messages."""
    assert str(parse_model_uri(uri)) == printed


def test_a_file_uri_of_another_host_is_refused() -> None:
    """Two slashes where three are needed are answered with the corrected URI."""
    with pytest.raises(ModelUriError, match='"file:///models/churn"'):
        fetch_model("file://models/churn")


@pytest.mark.parametrize("uri", ["file:///models/churn#1", "file:///models/churn?v=1"])
def test_a_file_uri_is_not_cut_off(uri: str) -> None:
    """A "#" or "?" that was meant as part of the path is an error, not another path."""
    with pytest.raises(ModelUriError, match="%3F or %23"):
        fetch_model(uri)


@pytest.mark.parametrize("uri", ["file://[1/churn", "~nosuchuser/churn", "a" * 5000, "a\0b"])
def test_what_no_path_can_be_is_an_error_of_ours(uri: str) -> None:
    """Paths that the system refuses to look at give an error of scorecast."""
    with pytest.raises(ArtifactError):
        fetch_model(uri)
