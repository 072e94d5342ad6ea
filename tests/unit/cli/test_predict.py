"""``scorecast predict``, as it is called."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from scorecast.cli.main import group, main
from scorecast.models.signature import Scalar, Spec

X = Spec(Scalar("double"), "x")
DOUBLE_OUT = [Spec(Scalar("double"))]


def _doubled(data: Any) -> Any:
    return data["x"] * 2


def _fails(data: Any) -> Any:
    return 1 / 0


def _is_interrupted(data: Any) -> Any:
    raise KeyboardInterrupt


def _drops(data: Any) -> Any:
    return data["x"][1:]


@pytest.fixture
def model(save: Callable[..., Path]) -> Path:
    """A model that doubles x."""
    return save(_doubled, [X], DOUBLE_OUT)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Two rows, the first with an id that begins with zeros."""
    source = tmp_path / "in.csv"
    source.write_text("id,x\n007,1.5\n8,2\n")
    return source


def run(capfd: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    """Run a command as the console script does; gives exit code, stdout and stderr."""
    code = main([str(argument) for argument in arguments])
    return (code, *capfd.readouterr())


def test_predictions_go_to_stdout(
    capfd: pytest.CaptureFixture[str], model: Path, csv: Path
) -> None:
    """Without an output the rows are printed as csv, and nothing else is."""
    assert run(capfd, "predict", model, csv) == (0, "id,x,prediction\n007,1.5,3.0\n8,2,4.0\n", "")


def test_the_runner_of_click_sees_the_same(model: Path, csv: Path) -> None:
    """The group can be used as any group of click."""
    result = CliRunner().invoke(group, ["predict", str(model), str(csv), "--keep", "none"])

    assert (result.exit_code, result.stdout) == (0, "prediction\n3.0\n4.0\n")


def test_predictions_go_to_a_file(
    capfd: pytest.CaptureFixture[str], model: Path, csv: Path, tmp_path: Path
) -> None:
    """With an output stdout stays empty, and stderr says how many rows went where."""
    for name in ("out.csv", "out.json", "out.parquet"):
        code, out, err = run(capfd, "predict", model, csv, "-o", tmp_path / name)
        assert (code, out, err) == (0, "", f"2 rows predicted: {tmp_path / name}\n")

    assert pq.read_table(tmp_path / "out.parquet")["prediction"].to_pylist() == [3.0, 4.0]
    lines = (tmp_path / "out.json").read_text().splitlines()
    assert json.loads(lines[0]) == {"id": "007", "x": 1.5, "prediction": 3.0}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--format", "json", "--keep", "id"], '{"id": "007", "prediction": 3.0}'),
        (["--keep", "x, id"], "x,id,prediction"),
        (["--output-column", "p", "--keep", "none"], "p"),
        (
            ["--result-type", "string", "--keep", "none", "--format", "json"],
            '{"prediction": "3.0"}',
        ),
    ],
)
def test_options_shape_the_output(
    capfd: pytest.CaptureFixture[str], model: Path, csv: Path, options: list[str], expected: str
) -> None:
    """Format, kept columns, name and type of the prediction are as asked for."""
    code, out, _ = run(capfd, "predict", model, csv, *options)

    assert code == 0
    assert out.splitlines()[0] == expected


def test_the_mode_decides_what_happens_to_an_output_that_exists(
    capfd: pytest.CaptureFixture[str], model: Path, csv: Path, tmp_path: Path
) -> None:
    """An old file stays unless --mode overwrite is given, and the error says so."""
    output = tmp_path / "out.csv"
    output.write_text("old")

    code, out, err = run(capfd, "predict", model, csv, "-o", output)
    assert (code, out, output.read_text()) == (6, "", "old")
    assert "--mode overwrite" in err
    assert run(capfd, "predict", model, csv, "-o", output, "--mode", "overwrite")[0] == 0
    assert output.read_text().startswith("id,x,prediction")


def test_each_failure_has_its_exit_code_and_words_on_stderr_alone(
    capfd: pytest.CaptureFixture[str],
    save: Callable[..., Path],
    model: Path,
    csv: Path,
    tmp_path: Path,
) -> None:
    """Usage, input, model, prediction and output each have a code of their own."""
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no parquet")
    other = tmp_path / "other.csv"
    other.write_text("y\n1\n")
    gone = save(_doubled, [X], DOUBLE_OUT)
    (gone / "model.pkl").unlink()
    failures: list[tuple[int, list[Any], str]] = [
        (2, [model, csv, "--format", "xml"], "'xml' is not one of"),
        (2, [model, csv, "--mode", "append"], "'append' is not one of"),
        (2, [model], "Missing argument 'INPUT'"),
        (2, [model, csv, "-o", tmp_path / "out.xls"], "Cannot tell the format"),
        (2, [model, csv, "--result-type", "dubble"], "Cannot read the result type"),
        (2, [model, csv, "--keep", "idd"], 'Did you mean "id"?'),
        (3, [model, tmp_path / "nothing.csv"], "does not exist"),
        (3, [model, broken], "Cannot read"),
        (3, [model, other], 'column "x" (double) is missing'),
        (4, [tmp_path / "nowhere", csv], "No model at"),
        (4, [tmp_path, csv], "no file named MLmodel"),
        (4, ["ftp://host/model", csv], "Unknown model URI scheme"),
        (4, [gone, csv], "model.pkl"),
        (5, [save(_fails, [X], DOUBLE_OUT), csv], "The model raised ZeroDivisionError"),
        (5, [save(_drops, [X], DOUBLE_OUT), csv], "1 predictions for a batch of 2 rows"),
        (6, [model, csv, "-o", tmp_path / "nowhere" / "out.csv"], "No such file or directory"),
    ]

    for expected, arguments, words in failures:
        code, out, err = run(capfd, "predict", *arguments)
        assert (code, words in err) == (expected, True), (arguments, code, err)
        assert "Traceback" not in err
        assert out in ("", "id,x,prediction\n")


def test_an_interrupt_leaves_nothing_behind(
    capfd: pytest.CaptureFixture[str], save: Callable[..., Path], csv: Path, tmp_path: Path
) -> None:
    """Ctrl-C ends the command with 130, without a traceback and without a part of a file."""
    model = save(_is_interrupted, [X], DOUBLE_OUT)
    before = sorted(tmp_path.iterdir())

    code, out, err = run(capfd, "predict", model, csv, "-o", tmp_path / "out.csv")

    assert (code, out, err.strip()) == (130, "", "Interrupted.")
    assert sorted(tmp_path.iterdir()) == before


def test_a_model_without_outputs_warns_on_stderr(
    capfd: pytest.CaptureFixture[str], save: Callable[..., Path], csv: Path
) -> None:
    """The type that was assumed is told, without disturbing the rows on stdout."""
    with pytest.warns(UserWarning, match='using "double"'):
        code, out, _ = run(capfd, "predict", save(_doubled, [X]), csv, "--keep", "none")

    assert (code, out) == (0, "prediction\n3.0\n4.0\n")


def process(
    environment: dict[str, str], *arguments: Any, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    code = "from scorecast.cli.main import entry_point; entry_point()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, check=False, timeout=120, **options
    )


def test_the_command_works_as_a_process(
    model: Path, csv: Path, src_on_path: dict[str, str], tmp_path: Path
) -> None:
    """Rows, also of parquet, go through a pipe; an error is lines on stderr and an exit code."""
    done = process(src_on_path, "predict", model, csv)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"id,x,prediction\n007,1.5,3.0\n8,2,4.0\n"

    piped = process(src_on_path, "predict", model, csv, "--format", "parquet", "--keep", "none")
    assert (piped.returncode, piped.stderr) == (0, b"")
    table = pq.read_table(pa.BufferReader(piped.stdout))
    assert table.to_pylist() == [{"prediction": 3.0}, {"prediction": 4.0}]

    failed = process(src_on_path, "predict", tmp_path / "nowhere", csv)
    assert (failed.returncode, failed.stdout) == (4, b"")
    assert failed.stderr.startswith(b"Error SC402: No model at")
    assert b"Traceback" not in failed.stderr


def test_a_reader_that_stops_early_is_no_error_to_talk_about(
    model: Path, tmp_path: Path, src_on_path: dict[str, str]
) -> None:
    """Piped into head, the command ends without a traceback."""
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"x": [1.0] * 200_000}), source)
    code = "from scorecast.cli.main import entry_point; entry_point()"

    with subprocess.Popen(
        [sys.executable, "-c", code, "predict", str(model), str(source)],
        env=src_on_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"x,prediction\n"
        running.stdout.close()
        said = running.stderr.read()

    assert b"Traceback" not in said
    assert said == b""
