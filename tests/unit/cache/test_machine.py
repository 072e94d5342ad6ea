"""Where models are kept on a machine, and how many."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scorecast.cache.machine import (
    DIRECTORY_VARIABLE,
    LIMIT_VARIABLE,
    cache_directory,
    cache_limit,
)
from scorecast.errors import ConfigError, ShippingError

NAME = f"scorecast-{os.geteuid()}"


def test_the_directory_is_of_this_user_alone(tmp_path: Path) -> None:
    """A directory that others share holds one for this user, which nobody else can look into."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    directory = cache_directory({DIRECTORY_VARIABLE: str(shared)}, tmp_path)

    assert directory == shared / NAME
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert cache_directory({DIRECTORY_VARIABLE: str(shared)}, tmp_path) == directory


def test_the_temporary_directory_of_the_user_is_the_next_choice(tmp_path: Path) -> None:
    """Who names a place for temporary files has models there."""
    assert cache_directory({"TMPDIR": str(tmp_path)}, tmp_path / "spark") == tmp_path / NAME


def test_the_executor_has_a_place_where_the_machine_has_none(tmp_path: Path) -> None:
    """In a container with one writable volume models are kept with the executor."""
    (tmp_path / "file").touch()

    directory = cache_directory({"TMPDIR": str(tmp_path / "file")}, tmp_path / "spark")

    assert directory == tmp_path / "spark" / NAME


def test_a_chosen_directory_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    """What the user chose is not passed over in silence."""
    (tmp_path / "file").touch()

    with pytest.raises(ShippingError, match="Not a directory") as caught:
        cache_directory({DIRECTORY_VARIABLE: str(tmp_path / "file")}, tmp_path)

    assert DIRECTORY_VARIABLE in str(caught.value)


def test_a_directory_that_others_may_use_is_refused(tmp_path: Path) -> None:
    """Files that somebody else could have put there are not loaded."""
    (tmp_path / NAME).mkdir(mode=0o700)
    (tmp_path / NAME).chmod(0o750)

    with pytest.raises(ShippingError, match="its mode is 750"):
        cache_directory({DIRECTORY_VARIABLE: str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("name", [DIRECTORY_VARIABLE, "TMPDIR"])
def test_a_place_where_others_may_rename_is_refused(tmp_path: Path, name: str) -> None:
    """Whoever may write to the directory around it could put another one in its place."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    environ = {name: str(shared)}

    with pytest.raises(ShippingError, match=r'"/.*shared" has the mode 777 .*chmod \+t'):
        cache_directory(environ, shared)

    assert cache_directory(environ | {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == shared / NAME
    deeper = {name: str(shared / "mine" / "models")}
    with pytest.raises(ShippingError, match=r'"/.*shared" has the mode 777 .*chmod \+t'):
        cache_directory(deeper, shared)
    for mode in (0o1777, 0o775):
        shared.chmod(mode)
        assert cache_directory(environ) == shared / NAME
        assert cache_directory(deeper) == shared / "mine" / "models" / NAME


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    """Nobody leads this user's models to another place."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / NAME).symlink_to("elsewhere")

    with pytest.raises(ShippingError, match="no directory"):
        cache_directory({DIRECTORY_VARIABLE: str(tmp_path)}, tmp_path)


def test_a_directory_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that somebody else has made first is named with its owner."""
    (tmp_path / "scorecast-4711").mkdir(mode=0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    with pytest.raises(ShippingError, match=f"belongs to the user {owner}"):
        cache_directory({DIRECTORY_VARIABLE: str(tmp_path)}, tmp_path)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1024", 1024),
        ("3K", 3 << 10),
        ("2 MB", 2 << 20),
        ("5g", 5 << 30),
        ("1TiB", 1 << 40),
    ],
)
def test_limits_are_sizes(text: str, size: int) -> None:
    """A limit is written as people write sizes."""
    assert cache_limit({LIMIT_VARIABLE: text}) == size


@pytest.mark.parametrize("text", ["much", "-1", "1.5G", "20%"])
def test_what_is_no_size_is_an_error(text: str) -> None:
    """A limit that cannot be read is named, not taken for none."""
    with pytest.raises(ConfigError, match=LIMIT_VARIABLE):
        cache_limit({LIMIT_VARIABLE: text})


def test_without_a_limit_there_is_one() -> None:
    """The cache does not grow for ever by default."""
    assert 1 << 30 < cache_limit({}) < 1 << 40
