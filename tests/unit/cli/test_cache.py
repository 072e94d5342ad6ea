"""``scorecast cache``, as it is called."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scorecast.cache.copies import ModelCopy, open_copy
from scorecast.cache.origins import Origin, write_origin
from scorecast.cli.main import group, main
from scorecast.packing import tree_digest

URI = "s3://bucket/churn"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory of this test."""
    monkeypatch.setenv("SCORECAST_CACHE_DIR", str(tmp_path / "cache"))
    directory = tmp_path / "cache" / f"scorecast-{os.geteuid()}"
    directory.mkdir(parents=True, mode=0o700)
    return directory


def add(root: Path, name: str, days: float = 0) -> ModelCopy:
    """Put a model into the cache that was used some days ago."""
    model = root.parent / name
    model.mkdir(mode=0o700)
    (model / "MLmodel").write_text(name * 1000)
    copy = open_copy(root, tree_digest(model), lambda: model)
    use = copy.directory.parent.with_name(f"{copy.directory.parent.name}.use")
    then = use.stat().st_mtime - days * 86400
    os.utime(use, (then, then))
    write_origin(copy.directory.parent, Origin(f"{URI}/{name}", (name,), pinned=True))
    return copy


def cache(*arguments: str) -> Result:
    """Run the command."""
    result = CliRunner().invoke(group, ["cache", *arguments], prog_name="scorecast")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def left(root: Path) -> list[str]:
    """Digests of the models that are there."""
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def test_models_are_listed_with_where_they_are_from(root: Path) -> None:
    """Digest, size, time and use, last used first; a program gets the same as JSON."""
    held, old = add(root, "held"), add(root, "old", days=40).directory.parent
    unfinished = root / "download-0123"
    unfinished.mkdir(mode=0o700)
    os.utime(unfinished, (1, 1))

    lines = cache("list").output.splitlines()
    assert len(lines) == 4
    first = held.directory.parent.name.replace("-", ":")
    assert lines[0].startswith(first[:19])
    assert "in use" in lines[0]
    assert f"{URI}/held" in lines[0]
    assert "in use" not in lines[1] + lines[2]
    assert "not complete" in lines[2]
    assert f"of 21.5 GB in {root}" in lines[3]
    told = json.loads(cache("list", "--json").output)
    assert [entry["kind"] for entry in told["entries"]] == ["model", "model", "download"]
    assert told["entries"][0]["name"] == first
    assert told["entries"][1]["path"] == str(old)
    assert [entry["in_use"] for entry in told["entries"]] == [True, False, False]


def test_what_was_not_used_for_long_is_removed(root: Path) -> None:
    """By age of the last use; what is in use stays, and is named."""
    held, new = add(root, "held", days=50), add(root, "new", days=1).directory.parent.name
    add(root, "old", days=40)

    shown = cache("clean", "--older-than", "30").output
    assert f"removed  {cache_name('old', shown)}" in shown
    assert f"in use, kept  {cache_name('held', shown)}" in shown
    assert "kB freed" in shown
    assert left(root) == sorted([held.directory.parent.name, new])
    assert (held.directory / "MLmodel").exists()


def cache_name(model: str, shown: str) -> str:
    """Give the digest of a model in what was printed."""
    found = re.search(rf"(sha256:\w+) .*{URI}/{model}", shown)
    assert found, shown
    return found[1]


def test_models_are_removed_by_the_beginning_of_their_digest(root: Path) -> None:
    """With or without sha256; what stands for none or for several removes nothing."""
    one, two = (add(root, name).directory.parent.name.removeprefix("sha256-") for name in "ab")

    assert cache("clean", f"sha256:{one[:9]}").exit_code == 0
    assert left(root) == [f"sha256-{two}"]
    assert main(["cache", "clean", two[:9], "0" * 64]) == 2
    assert left(root) == [f"sha256-{two}"]
    assert cache("clean", two).exit_code == 0
    assert left(root) == []


def test_a_dry_run_removes_nothing(root: Path) -> None:
    """It says what would go."""
    add(root, "a")
    shown = cache("clean", "--all", "--dry-run").output
    assert "would remove  sha256:" in shown
    assert "would be freed" in shown
    assert len(left(root)) == 1
    assert "\n" in cache("clean", "--all").output
    assert left(root) == []


@pytest.mark.parametrize("arguments", [(), ("--all", "abc"), ("--all", "--older-than", "1")])
def test_what_to_remove_has_to_be_said(arguments: tuple[str, ...]) -> None:
    """One way to say it, and no default."""
    shown = cache("clean", *arguments)
    assert shown.exit_code == 2
    assert "one of them" in shown.output
