"""``make demo``, and the examples of README and help texts, which run on what it makes."""

import re
import shutil
from collections.abc import Iterator
from functools import partial

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from scorecast.cli.command import Command
from scorecast.cli.main import group

FLIGHTS = 336_776
FEW = 4_000
CLEAN = "rm -rf build/delays* build/newark*"


def blocks(text: str, language: str) -> list[str]:
    """Give the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


# A registry is theirs; tests/spark/test_model_uris.py has one.
NEED_A_SERVER = ("models list", "models show")


def leaves(of: click.Group, *before: str) -> Iterator[tuple[str, Command]]:
    """Give the words and the value of each command that does something."""
    ctx = click.Context(of)
    for name in of.list_commands(ctx):
        found = of.get_command(ctx, name)
        if isinstance(found, click.Group):
            yield from leaves(found, *before, name)
        else:
            yield " ".join((*before, name)), found


@pytest.fixture(scope="module")
def few(demo, shell, repository, tmp_path_factory):
    """Run commands where ``make demo`` has run, with fewer flights: an example is no benchmark."""
    assert demo.returncode == 0, (demo.stdout + demo.stderr)[-3000:]
    place = tmp_path_factory.mktemp("few")
    for name in ("jobs", "conf"):
        (place / name).symlink_to(repository / name)
    made, folder = shell.place / "build" / "demo", place / "build" / "demo"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("flights.parquet"))
    flights = pq.read_table(made / "flights.parquet").slice(0, FEW)
    pq.write_table(flights, folder / "flights.parquet", row_group_size=FEW // 8)
    return partial(shell, cwd=place)


def test_demo_ends_with_summary_and_table(demo):
    """It exits 0 and shows the counts, some predictions and the comparison of all."""
    assert demo.returncode == 0, (demo.stdout + demo.stderr)[-3000:]
    assert f"rows in     {FLIGHTS:,}" in demo.stdout
    assert f"rows out    {FLIGHTS:,}" in demo.stdout
    assert f"All {FLIGHTS:,} predictions equal load_model(...).predict" in demo.stdout
    assert "carrier  flight origin dest" in demo.stdout


def test_demo_writes_its_three_things(demo, shell):
    """Model, input and predictions are under build/demo, and no row is missing."""
    folder = shell.place / "build" / "demo"
    assert (folder / "model" / "MLmodel").is_file()
    flights = pq.read_table(folder / "flights.parquet", columns=["flight_id"])
    predicted = pq.read_table(folder / "predictions.parquet", columns=["flight_id", "prediction"])
    assert sorted(predicted["flight_id"].to_pylist()) == flights["flight_id"].to_pylist()
    assert predicted["prediction"].null_count == 0
    assert [path.name for path in folder.glob(".*")] == [".predictions.parquet.scorecast"]


def test_check_finds_a_missing_row(demo, shell):
    """The demo's own check fails when a row is not there."""
    folder = shell.place / "build" / "short"
    done = shell(f"cp -r build/demo {folder} && rm {folder}/predictions.parquet/part-*-00001-*")
    assert done.returncode == 0, done.stderr
    done = shell(f"python jobs/demo_flights.py check {folder}")
    assert done.returncode == 1
    assert "rows are missing" in done.stderr


def test_python_examples(few, repository, tmp_path):
    """The Python of the README runs from top to bottom in one session, and shows predictions."""
    few(CLEAN)
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks((repository / "README.md").read_text(), "python")))
    done = few(f"python {script}")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "|carrier|flight|" in done.stdout
    assert f"{FEW} {FEW} sha256:" in done.stdout
    assert "inputs: carrier: string" in done.stdout


def test_first_screen_shows_the_commands_and_the_function(repository):
    """A reader sees both commands and the example within the first forty lines."""
    screen = (repository / "README.md").read_text().splitlines()[:40]
    text = "\n".join(screen)
    assert "make demo" in text
    assert "make test" in text
    assert "spark_udf(spark, " in text


def test_files_that_are_named_exist(repository):
    """Tests, benchmarks and other files that the README points to are there."""
    text = (repository / "README.md").read_text()
    files = set(re.findall(r"`((?:src|jobs|tests|conf|benchmarks)/[\w./-]+)`", text))
    assert len(files) > 15
    assert [file for file in sorted(files) if not (repository / file).exists()] == []
    assert re.findall(r"`test_\w+\.py`", text) == []


def test_shell_examples(few, repository):
    """The commands of the README run as they stand, one after the other."""
    commands = blocks((repository / "README.md").read_text(), "bash")
    commands = [block for block in commands if not block.startswith("make ")]
    assert len(commands) == 8
    few(CLEAN)
    for command in commands:
        done = few(command)
        assert done.returncode == 0, command + (done.stdout + done.stderr)[-3000:]


@pytest.mark.parametrize(
    ("words", "command"), [leaf for leaf in leaves(group) if leaf[0] not in NEED_A_SERVER]
)
def test_examples_of_help(few, words, command):
    """Each of the three examples of a command's help runs as it stands there, in their order."""
    text = CliRunner().invoke(group, [*words.split(), "--help"]).output
    shown = re.sub("^  ", "", text, flags=re.MULTILINE)
    assert len(command.examples) == 3
    few(CLEAN)
    for example in command.examples:
        assert f"{example}\n" in shown
        done = few(example)
        assert done.returncode == 0, example + (done.stdout + done.stderr)[-3000:]


def test_the_file_of_a_job(few):
    """conf/batch_predict.yaml is a job that runs as it stands; its options do what it says."""
    done = few(f"{CLEAN} && spark-submit jobs/batch_predict.py --config conf/batch_predict.yaml")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    table = pq.read_table(few.keywords["cwd"] / "build" / "delays_of_file.parquet")
    assert table.num_rows == FEW
    assert set(table.column_names) == {"flight_id", "carrier", "origin", "delay"}


def test_every_command_is_in_the_readme(repository):
    """No command is there that the README does not name."""
    text = (repository / "README.md").read_text()
    names = group.list_commands(None)  # type: ignore[arg-type]
    missing = [name for name in names if f"scorecast {name}" not in text]
    assert missing == []
