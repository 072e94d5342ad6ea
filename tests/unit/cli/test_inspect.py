"""``scorecast inspect``, as it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import scorecast
from scorecast.cli.main import group, main
from scorecast.models.signature import Param, Scalar, Signature, Spec

SIGNATURE = Signature(
    inputs=(Spec(Scalar("double"), "x"), Spec(Scalar("string"), "y", required=False)),
    outputs=(Spec(Scalar("double")),),
    params=(Param("factor", Scalar("long"), 2),),
)


class Marking:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return open, (str(self.mark), "w")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that leaves the file "mark" when it is loaded, and has code of its own."""
    marking = Marking(tmp_path / "mark")
    (tmp_path / "helper.py").write_text("raise SystemExit\n")

    def predict(data: Any, params: Any = None) -> Any:
        return data["x"] if marking else None

    return scorecast.save_model(
        predict, tmp_path / "m", signature=SIGNATURE, code_paths=[tmp_path / "helper.py"]
    )


def test_a_model_is_shown_and_not_run(model: Path) -> None:
    """Signature, digest, size and code, for people."""
    shown = CliRunner().invoke(group, ["inspect", str(model)])

    assert shown.exit_code == 0, shown.output
    size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
    for words in (
        scorecast.inspect_model(model).digest,
        f"{size:,} bytes",
        "x: double",
        "y: string (optional)",
        "factor: long = 2",
        "a pickle, imports",
        "helper.py: code of the model",
    ):
        assert words in shown.output, shown.output
    assert not (model.parent / "mark").exists()


def test_what_an_author_wrote_steers_no_terminal(tmp_path: Path) -> None:
    """Neither does it erase lines or change colours, nor look like a line of its own."""
    (tmp_path / "MLmodel").write_text(
        'flavors: {python_function: {loader_module: "a\\e[2Jb", python_version: "3\\e[1m"}, '
        '"x\\e[31m": {}}\nrun_id: "r\\nrunning code  nothing"\nmodel_id: "m\\u202en"\n'
    )
    (tmp_path / "\x1b[31mred.py").write_text("")

    shown = CliRunner().invoke(group, ["inspect", str(tmp_path)])

    assert shown.exit_code == 0, shown.output
    assert all(line.isprintable() for line in shown.output.split("\n"))
    assert "\nrunning code" not in shown.output
    for words in (
        r"a\x1b[2Jb",
        r"3\x1b[1m",
        r"x\x1b[31m",
        r"r\nrunning",
        r"m\u202en",
        r"\x1b[31mred.py",
    ):
        assert words in shown.output


def test_a_program_gets_json(model: Path) -> None:
    """The same as one object; what the pickle would call is in it."""
    shown = CliRunner().invoke(group, ["inspect", "--json", str(model)])

    told = json.loads(shown.output)
    assert told["digest"] == scorecast.inspect_model(model).digest
    assert told["resolved_uri"] == model.resolve().as_uri()
    assert told["signature"]["inputs"] == ["x: double", "y: string (optional)"]
    (modules,) = told["pickles"].values()
    assert "io" in modules
    assert not (model.parent / "mark").exists()


def test_what_is_no_model_or_another_one_ends_with_4(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message is that of the error."""
    (tmp_path / "empty").mkdir()
    assert main(["inspect", str(tmp_path / "empty")]) == 4
    assert main(["inspect", "--model-digest", f"sha256:{'0' * 64}", str(model)]) == 4
    assert "not the one that was pinned" in capsys.readouterr().err
