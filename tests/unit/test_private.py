"""Directories and files of models are of this user alone, whatever the umask says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scorecast
from scorecast.artifacts.uri import Scratch
from scorecast.cache.copies import open_copy
from scorecast.cache.machine import DIRECTORY_VARIABLE, cache_directory
from scorecast.errors import ShippingError
from scorecast.packing import pack
from scorecast.private import make_private
from scorecast.worker.mapped import mapped_objects


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """Let everybody do everything with what is made without more thought."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(root: Path) -> dict[str, int]:
    """Permissions of all below a directory, and of itself."""
    return {str(path.relative_to(root)): stat.S_IMODE(path.lstat().st_mode) for path in walk(root)}


def walk(root: Path) -> list[Path]:
    """A directory and all below it."""
    return [root, *root.rglob("*")]


def assert_private(root: Path) -> None:
    """Nobody else can look into any of it."""
    allowed = {path: 0o700 if (root / path).is_dir() else 0o600 for path in modes(root)}
    assert modes(root) == allowed


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with directories, an empty one and an executable file."""
    from sklearn.ensemble import RandomForestRegressor

    X = pd.DataFrame({"x": np.random.default_rng(0).random(3000)})
    forest = RandomForestRegressor(30, random_state=0).fit(X, X["x"])
    path = scorecast.save_model(forest, tmp_path / "model")
    (path / "deep" / "deeper").mkdir(parents=True)
    (path / "deep" / "deeper" / "run.sh").write_text("exit")
    (path / "deep" / "deeper" / "run.sh").chmod(0o777)
    (path / "empty").mkdir()
    return path


@pytest.mark.parametrize("shipped", ["packed", "copied"])
def test_the_cache_of_models(model: Path, tmp_path: Path, shipped: str) -> None:
    """Directories are 700 and files 600: model, stamp, locks, mapped weights, new parents."""
    place = tmp_path / "not" / "there"
    root = cache_directory({DIRECTORY_VARIABLE: str(place)}, tmp_path)
    packed = pack(model)
    copy = open_copy(root, packed.digest, lambda: packed.data if shipped == "packed" else model)
    mapped = mapped_objects(copy, "key", {"SCORECAST_MAP_WEIGHTS": "1"})
    if mapped is not None:
        (file,) = copy.directory.glob("*.pkl")
        import joblib

        mapped.load(file.name, file, lambda: joblib.load(file))
    assert_private(tmp_path / "not")
    assert len(walk(tmp_path / "not")) > 10


def test_a_download(tmp_path: Path) -> None:
    """It lies in a directory with a name that nobody can know before."""
    first, second = Scratch(), Scratch()
    assert first.path != second.path
    (first.path / "model" / "data").mkdir(parents=True)
    (first.path / "model" / "data" / "x").write_text("x")
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o700
    make_private(first.path)
    assert_private(first.path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """What a link leads to is of others."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "x").write_text("x")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "there").symlink_to(outside, target_is_directory=True)
    (inside / "x").symlink_to(outside / "x")
    make_private(inside)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755
    assert stat.S_IMODE((outside / "x").stat().st_mode) == 0o666


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever made it first could change what is loaded from it."""
    directory = tmp_path / f"scorecast-{os.geteuid()}"
    directory.mkdir(mode=0o700)
    os.chown(directory, 4711, 4711)
    with pytest.raises(ShippingError, match="it belongs to the user 4711"):
        cache_directory({DIRECTORY_VARIABLE: str(tmp_path)}, tmp_path)
    assert not list(directory.iterdir())
