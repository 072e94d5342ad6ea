"""Archives: the model in them, and nothing of what they should not hold."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pandas as pd
import pytest

import scorecast
from scorecast.artifacts import fetch_model, unpacking
from scorecast.artifacts.archives import archive_limit, unpack_model
from scorecast.errors import ArchiveError, ConfigError
from scorecast.packing import tree_digest

from .corpus import CORPUS, Member, file, tar_of, zip_of

LIMIT = 1 << 30


def _listing(root: Path) -> dict[str, tuple[int, str]]:
    """Give mode and digest of everything below a directory; links are not followed."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (status.st_mode, hashlib.sha256(content).hexdigest())
    return found


@pytest.mark.parametrize("name", CORPUS)
def test_nothing_is_written_of_what_is_refused(name: str, tmp_path: Path) -> None:
    """Not outside of its directory, and not inside: before and after, the disk is the same."""
    ending, build = CORPUS[name]
    outside, work = tmp_path / "outside", tmp_path / "work"
    outside.mkdir()
    work.mkdir()
    (outside / "old").write_text("mine")
    archive = tmp_path / f"model.{ending}"
    archive.write_bytes(build(str(outside)))
    before = _listing(tmp_path)

    with pytest.raises(ArchiveError, match=archive.name) as caught:
        unpack_model(archive, work / "model", archive.name, LIMIT)

    assert "no model" not in str(caught.value)  # it is refused for what it is
    assert _listing(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("zip, encrypted", "'a', which is encrypted"),
        ("zip, of another compression", "'a', which is not compressed in the usual way"),
        ("zip, NUL", r"'new\\x00.txt'"),
        ("zip, more than it says", "'a'"),
        ("tar, huge header", "a size that cannot be"),
        ("tar, link to a file", "'MLmodel', which is no plain file"),
    ],
)
def test_what_is_refused_is_named(name: str, words: str, tmp_path: Path) -> None:
    """The member, and what is wrong with it, in one line that a terminal can show."""
    ending, build = CORPUS[name]
    archive = tmp_path / f"model.{ending}"
    archive.write_bytes(build("/outside"))

    with pytest.raises(ArchiveError, match=words) as caught:
        unpack_model(archive, tmp_path / "new", archive.name, LIMIT)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tar_of(*(file(f"{i}", b"") for i in range(101))), id="tar.gz"),
        pytest.param(zip_of(*(f"{i}/{i}" for i in range(51))), id="zip"),
    ],
)
def test_files_and_directories_are_counted_as_they_come(
    content: bytes, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tar does not say beforehand how many there are, and no archive counts its directories."""
    monkeypatch.setattr(unpacking, "MOST_ENTRIES", 100)
    archive = tmp_path / f"model.{request.node.callspec.id}"
    archive.write_bytes(content)

    with pytest.raises(ArchiveError, match="more than 100 files and directories"):
        unpack_model(archive, tmp_path / "new", archive.name, LIMIT)

    assert not (tmp_path / "new").exists()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory with the files of a model, one of them in a folder, and an empty folder."""
    root = tmp_path / "made" / "churn"
    (root / "data" / "ünter").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "MLmodel").write_text("flavors: {}\n")
    (root / "data" / "ünter" / "weights").write_bytes(os.urandom(3 << 20))
    (root / "data" / "zeros").write_bytes(bytes(5 << 20))
    return root


@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize(("form", "ending"), [("zip", "zip"), ("gztar", "tar.gz")])
def test_the_files_are_those_that_were_packed(
    model: Path, tmp_path: Path, form: str, ending: str, *, top: bool
) -> None:
    """With the model at the top or in one directory there, as the usual tools pack them."""
    options = {"root_dir": model.parent, "base_dir": "churn"} if top else {"root_dir": model}
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), form, **options))
    assert archive.name == f"packed.{ending}"
    mask = os.umask(0)
    try:
        found = unpack_model(archive, tmp_path / "new", archive.name, LIMIT)
    finally:
        os.umask(mask)

    assert found == (tmp_path / "new" / "churn" if top else tmp_path / "new")
    assert tree_digest(found) == tree_digest(model)
    for path, (mode, _) in _listing(tmp_path / "new").items():
        assert stat.S_IMODE(mode) == (0o700 if Path(path).is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7"])
def test_every_form_of_tar(model: Path, tmp_path: Path, form: str) -> None:
    """What tar itself writes, of "." as people pack it."""
    (model / "data" / "ünter").rename(model / "data" / "u")
    archive = tmp_path / "model.tgz"
    subprocess.run(["tar", "-C", model, f"--format={form}", "-czf", archive, "."], check=True)

    found = unpack_model(archive, tmp_path / "new", "https://host/model.TGZ", LIMIT)

    assert tree_digest(found) == tree_digest(model)


def test_a_path_of_an_archive_is_a_model(save, tmp_path: Path) -> None:
    """A model is loaded from where it was packed; its digest is that of the directory."""
    directory = save(lambda data: data["x"] * 2)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", directory)

    info = scorecast.inspect_model(archive)

    assert info.digest == scorecast.inspect_model(directory).digest
    assert fetch_model(archive).resolved_uri == Path(archive).as_uri()
    assert list(scorecast.load_model(archive).predict(pd.DataFrame({"x": [4.0]}))) == [8.0]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (["README", "data/x"], ["no model", "README, data", "MLmodel"]),
        (["a/MLmodel", "b/MLmodel", "c"], ["several models", "a, b, c"]),
        (["deep/er/MLmodel"], ["no model", "deep"]),
        ([], ["no model", "nothing"]),
    ],
)
def test_an_archive_without_a_model_says_what_is_there(
    members: list[str], words: list[str], tmp_path: Path
) -> None:
    """Nothing is guessed: one model, at the top or one directory below."""
    archive = tmp_path / "model.zip"
    archive.write_bytes(zip_of(*members))

    with pytest.raises(ArchiveError) as caught:
        unpack_model(archive, tmp_path / "new", "model.zip", LIMIT)

    assert all(word in str(caught.value) for word in words), caught.value
    assert not (tmp_path / "new").exists()


def test_other_files_beside_the_one_directory_are_no_matter(tmp_path: Path) -> None:
    """Tools and people leave things at the top."""
    archive = tmp_path / "model.zip"
    archive.write_bytes(zip_of("churn/MLmodel", "README", "__MACOSX/churn/._MLmodel"))

    assert unpack_model(archive, tmp_path / "new", "m.zip", LIMIT) == tmp_path / "new" / "churn"


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_a_page_instead_of_an_archive(tmp_path: Path, ending: str) -> None:
    """A page to log in at, under the name of an archive, is told as such."""
    archive = tmp_path / f"model.{ending}"
    archive.write_text("<html>Log in</html>" * 100)

    with pytest.raises(ArchiveError, match="page of the server"):
        unpack_model(archive, tmp_path / "new", archive.name, LIMIT)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(zip_of(Member("MLmodel", bytes(range(256)) * 40)), id="zip"),
        pytest.param(tar_of(file("MLmodel", bytes(range(256)) * 40)), id="tar.gz"),
    ],
)
def test_the_limit_is_that_of_the_environment(
    content: bytes, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has more bytes is refused, and the message names the variable that allows them."""
    archive = tmp_path / f"model.{request.node.callspec.id}"
    archive.write_bytes(content)
    monkeypatch.setenv("SCORECAST_ARCHIVE_LIMIT", "8K")
    with pytest.raises(ArchiveError, match=r"8192 bytes.*SCORECAST_ARCHIVE_LIMIT"):
        fetch_model(archive)

    monkeypatch.setenv("SCORECAST_ARCHIVE_LIMIT", "16K")
    assert (fetch_model(archive).directory / "MLmodel").stat().st_size == 10240


def test_a_file_that_says_it_is_too_large_is_not_begun(tmp_path: Path) -> None:
    """Nobody waits for gigabytes that will be refused."""
    archive = tmp_path / "model.zip"
    archive.write_bytes(zip_of(Member("MLmodel", size=LIMIT + 1)))

    with pytest.raises(ArchiveError, match="SCORECAST_ARCHIVE_LIMIT"):
        unpack_model(archive, tmp_path / "new", archive.name, LIMIT)


def test_a_limit_that_is_no_size() -> None:
    """The variable is named, as every one that cannot be read."""
    assert archive_limit({}) == 50 << 30
    with pytest.raises(ConfigError, match="SCORECAST_ARCHIVE_LIMIT"):
        archive_limit({"SCORECAST_ARCHIVE_LIMIT": "much"})
