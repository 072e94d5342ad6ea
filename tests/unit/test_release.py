"""What a release is made of: a wheel that anybody can build again, and its bill of materials."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

PROJECT = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "src", "jobs", "conf", "tests")


def copied(repository: Path, folder: Path) -> Path:
    """Copy what git knows of the project, as of now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *PROJECT], cwd=repository, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (repository / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / name, folder / name)
    return folder


def built(folder: Path, kind: str) -> Path:
    """Build the project that is in a directory; give the file."""
    words = [sys.executable, "-m", "hatchling", "build", "--target", kind]
    environ = {name: text for name, text in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(words, cwd=folder, env=environ, capture_output=True, check=True)
    (file,) = (folder / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return file


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    """Give a copy of the project with its wheel in ``dist``."""
    pytest.importorskip("hatchling")
    if not (repository / ".git").exists():
        pytest.skip("this is no clone: git does not tell which files are the project's")
    folder = copied(repository, tmp_path_factory.mktemp("project"))
    return folder, built(folder, "wheel")


def test_a_wheel_that_is_built_again_is_the_same(project, repository, tmp_path):
    """Neither the time of files nor their rights are in it, nor where it was built."""
    _, first = project
    again = copied(repository, tmp_path)
    for path in again.rglob("*"):
        os.utime(path, (10**9, 10**9))
        if path.is_file():
            path.chmod(0o600)
    assert digest(built(again, "wheel")) == digest(first)


def test_the_wheel_of_the_sdist_is_the_same(project, tmp_path):
    """Who builds from the archive of sources gets what everybody else has."""
    folder, wheel = project
    shutil.unpack_archive(built(folder, "sdist"), tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    assert digest(built(unpacked, "wheel")) == digest(wheel)


def test_the_wheel_holds_the_package_and_nothing_else(project):
    """Templates and texts come with it; tests and benchmarks do not."""
    folder, wheel = project
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    source = folder / "src"
    assert names == {
        path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()
    }
    assert {"scorecast/batch/show/report.html.jinja", "scorecast/py.typed"} <= names


def test_the_bill_of_materials_names_all_that_is_installed():
    """CycloneDX, by its own tool: names and versions are those of this environment."""
    pytest.importorskip("cyclonedx_py", reason="cyclonedx-bom is not installed")
    words = [sys.executable, "-m", "cyclonedx_py", "environment", sys.executable]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    bill = json.loads(done.stdout)
    assert bill["bomFormat"] == "CycloneDX"
    told = {(canonicalize_name(c["name"]), c["version"]) for c in bill["components"]}
    there = {(canonicalize_name(d.metadata["Name"]), d.version) for d in distributions()}
    assert told == there


def digest(file: Path) -> str:
    """Give the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
