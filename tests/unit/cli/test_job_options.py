"""Options of the batch job from the command line, the environment, a file, and defaults."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import scorecast
from scorecast.batch.config import BatchPredictConfig
from scorecast.cli import batch_predict
from scorecast.cli.batch_options import NOT_OF_THE_JOB, OTHER_NAMES
from scorecast.cli.job_options import OTHER_VARIABLES, PREFIX, file_options
from scorecast.cli.main import main

REQUIRED = ("--model-uri", "m", "--input", "i", "--output", "o")


@pytest.fixture(autouse=True)
def _without_variables(monkeypatch):
    for option in file_options(batch_predict.command):
        monkeypatch.delenv(f"{PREFIX}_{option.name.upper()}", raising=False)


@pytest.fixture
def file(tmp_path):
    """Write a job's file; give its path."""

    def write(text: str) -> str:
        path = tmp_path / "job.yaml"
        path.write_text(text)
        return str(path)

    return write


def config(*arguments: str) -> BatchPredictConfig:
    """Give the job that arguments describe."""
    ctx = batch_predict.command.make_context("batch-predict", list(arguments))
    return batch_predict.job_config(ctx.params)


def table(capsys, *arguments: str) -> dict[str, tuple[str, str]]:
    """Give value and origin of each option, as --show-config prints them."""
    assert main(["batch-predict", *arguments, "--show-config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    starts = [lines[0].index(title) for title in ("value", "from")]
    assert all(line[start - 1] == " " for line in lines for start in starts)
    return {
        line[: starts[0]].strip(): (line[starts[0] : starts[1]].strip(), line[starts[1] :])
        for line in lines[1:]
    }


def test_a_file_says_the_same_as_the_command_line(file):
    """Every form of YAML that stands for an option gives the job that its option gives."""
    text = """
model_uri: models:/churn@champion
input: [in/a, "in/b c"]
output: out/2024-01-01
on-error: null
max_error_rate: 1e-3
batch-size: 1_000
timeout: 60
keep-replaced: 24
force: yes
nan_as_null: false
where: n > 1
keep: [id, "a,b"]
columns: x, y
partition-by: day
param:
  depth: 3
  names: [a, b]
  flat: true
input-option:
  header: true
  sep: ";"
extra-env: ["A=1", B=2]
units: null
"""
    expected = BatchPredictConfig(
        model_uri="models:/churn@champion",
        input=("in/a", "in/b c"),
        output="out/2024-01-01",
        on_error="null",
        max_error_rate=0.001,
        batch_size=1000,
        timeout=60.0,
        keep_replaced=24.0,
        force=True,
        where="n > 1",
        keep=("id", "a,b"),
        columns=("x", "y"),
        partition_by=("day",),
        params={"depth": 3, "names": ["a", "b"], "flat": True},
        input_options={"header": "true", "sep": ";"},
        extra_env={"A": "1", "B": "2"},
    )
    assert config("--config", file(text)) == expected
    assert config(
        *("--model-uri", "models:/churn@champion", "--input", "in/a", "--input", "in/b c"),
        *("--output", "out/2024-01-01", "--on-error", "null", "--max-error-rate", "1e-3"),
        *("--batch-size", "1000", "--timeout", "60", "--force", "--where", "n > 1"),
        *("--keep", "id", "--columns", "x,y", "--partition-by", "day"),
        *("--param", "depth=3", "--param", "names=[a, b]", "--param", "flat=true"),
        *("--input-option", "header=true", "--input-option", "sep=;"),
        *("--extra-env", "A=1", "--extra-env", "B=2"),
        *("--config", file("keep: [id, 'a,b']")),
    ) == config("--config", file(text), "--keep", "id")


def test_the_nearer_place_wins(file, capsys, monkeypatch):
    """Command line before environment before file before default; the table says which."""
    path = file("model-uri: m\ninput: i\n\noutput: o\nunits: 2\nbatch_size: 2\nmode: append\n")
    monkeypatch.setenv("SCORECAST_UNITS", "3")
    monkeypatch.setenv("SCORECAST_BATCH_SIZE", "3")
    found = table(capsys, "--config", path, "--units", "4")

    assert found["units"] == ("4", "command line")
    assert found["batch-size"] == ("3", "environment, SCORECAST_BATCH_SIZE")
    assert found["mode"] == ("append", f"{path}, line 7")
    assert found["output"] == ("o", f"{path}, line 4")
    assert found["engine"] == ("auto", "default")
    assert found["model-digest"] == ("-", "default")


def test_the_table_has_every_option_and_no_secret(capsys, file):
    """Each field of the job has a line; what may be secret is stars, from the file as well."""
    path = file("input-option: {user: me, Password: p1}\nextra-env: {ANY: p2}\n")
    given = ["--model-config", "api_key=p3", "--config", path, *REQUIRED[2:]]
    found = table(capsys, *given, "--model-uri", "https://me:p4@example.com/x?token=p5")

    assert not any(secret in str(found) for secret in ("p1", "p2", "p3", "p4", "p5"))
    assert found["input-option"][0] == "user=me, Password=***"
    fields = {OTHER_NAMES.get(name, name) for name in (key.replace("-", "_") for key in found)}
    assert fields - set(NOT_OF_THE_JOB) == set(BatchPredictConfig.__dataclass_fields__)
    assert set(NOT_OF_THE_JOB) - fields == {"show_config"}


def test_the_table_comes_before_what_is_wrong(capsys):
    """Values that do not fit are shown with where they are from, and then refused."""
    assert main(["batch-predict", *REQUIRED, "--max-error-rate", "7", "--show-config"]) == 2

    captured = capsys.readouterr()
    assert re.search(r"^max-error-rate +7\.0 +command line$", captured.out, re.MULTILINE)
    assert "max_error_rate is 7.0, expected 0 to 1" in captured.err


def test_the_table_needs_no_spark(src_on_path):
    """It is printed by a process that imports no pyspark."""
    code = (
        "import sys; from scorecast.cli.main import main; "
        f"code = main(['batch-predict', *{REQUIRED!r}, '--show-config']); "
        "sys.exit(code or 'pyspark' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=src_on_path, capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert "model-uri" in run.stdout


def test_all_problems_of_a_file_are_told_at_once(file, capsys):
    """Each with its line, and the nearest key for one that is not known."""
    path = file(
        "model-uri: m\n"
        "ouput: o\n"
        "units: 1.5\n"
        "max-errors: many\n"
        "where: [a, b]\n"
        "timeout:\n"
        "engine: fast\n"
        "mode: {a: 1}\n"
        "input: {a: 1}\n"
        "extra-env: [ABC]\n"
        "param:\n  day: 2024-02-31\n"
        "units: 2\n"
        "model_uri: n\n"
        "config: other.yaml\n"
        "force: perhaps\n"
    )
    assert main(["batch-predict", "--config", path]) == 2
    shown = capsys.readouterr().err

    assert f'Invalid job file "{path}", 14 problems:' in shown
    for problem in (
        'line 2: unknown key "ouput". Did you mean "output"?',
        "line 3: \"units\" is wrong: '1.5' is not a valid integer.",
        "line 4: \"max-errors\" is wrong: 'many' is not a valid integer.",
        'line 5: "where" is a list, expected one value',
        'line 6: "timeout" has no value; write null to leave it at its default',
        'line 7: "engine" is wrong: ',
        'line 8: "mode" is a mapping, expected one value',
        'line 9: "input" is a mapping, expected a list',
        'line 10: "extra-env" is wrong: "ABC" is not of the form NAME=VALUE.',
        'line 11: "param" holds a value that cannot be read in line 12',
        'line 13: "units" is in line 3 already',
        'line 14: "model_uri" is in line 1 already',
        'line 15: unknown key "config".',
        "line 16: \"force\" is wrong: 'perhaps' is not a valid boolean",
    ):
        assert problem in shown, shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\nb: 2\n", ", line 2: it is not YAML: "),
        ("- a\n- b\n", 'expected lines of the form "OPTION: VALUE"'),
        ("output: !!python/object:os.system x\n", None),
        ("[a, b]: c\n", ", line 1: expected lines"),
        ("param: {a: !!python/object/apply:os.getcwd []}\n", "holds a value that cannot be read"),
        ("param: {a: 1, a: 2}\n", '"a" is given twice.'),
    ],
)
def test_what_is_no_file_of_a_job(file, capsys, text, words):
    """It is told with its line, and no tag makes an object of a class."""
    code = main(["batch-predict", *REQUIRED[:4], "--config", file(text), "--show-config"])
    captured = capsys.readouterr()

    if words is None:
        assert code == 0
        assert re.search(r"^output +x ", captured.out, re.MULTILINE)
    else:
        assert code == 2
        assert words in captured.err


def test_an_empty_file_says_nothing(file):
    """What is required is still asked for, and may come from elsewhere."""
    assert config("--config", file("# nothing\n"), *REQUIRED).output == "o"
    assert main(["batch-predict", "--config", file("")]) == 2


def test_a_file_may_be_on_a_store(file):
    """A URI is read as Arrow reads it."""
    path = Path(file("output: there\n"))
    assert config(*REQUIRED[:4], "--config", path.as_uri()).output == "there"


@pytest.mark.parametrize(
    "name", ["absent.yaml", "file:///absent/job.yaml", "xx://me:secret@host/job.yaml?token=secret"]
)
def test_a_file_that_cannot_be_read(capsys, name):
    """It is named without what is secret in its URI."""
    assert main(["batch-predict", *REQUIRED, "--config", name]) == 2
    shown = capsys.readouterr().err

    assert "Cannot read the job file" in shown
    assert "secret" not in shown


def test_several_values_of_a_variable_are_words(monkeypatch):
    """They are quoted as in a shell."""
    monkeypatch.setenv("SCORECAST_INPUT", "'my data/*.csv' more.csv")
    monkeypatch.setenv("SCORECAST_PARAM", "a=1 'b=[x, y]'")
    monkeypatch.setenv("SCORECAST_FORCE", "1")
    found = config(*REQUIRED[:2], *REQUIRED[4:])

    assert found.inputs == ("my data/*.csv", "more.csv")
    assert found.params == {"a": 1, "b": ["x", "y"]}
    assert found.force


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SCORECAST_UNITS", "many", "It is from the environment, SCORECAST_UNITS."),
        ("SCORECAST_ENGINE", "fast", "It is from the environment, SCORECAST_ENGINE."),
        ("SCORECAST_PARAM", "depth", "It is from the environment, SCORECAST_PARAM."),
        ("SCORECAST_INPUT_OPTION", "'a", "the words of its environment variable cannot be told"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch, capsys, name, value, words):
    """Who reads the error would look for it on the command line else."""
    monkeypatch.setenv(name, value)
    assert main(["batch-predict", *REQUIRED]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["SCORECAST_WHERE", "SCORECAST_CONFIG"])
def test_a_condition_is_not_taken_from_the_environment(monkeypatch, capsys, name):
    """Neither it nor the file that holds it; the job does not run without them in silence."""
    monkeypatch.setenv(name, "n > 1")
    assert main(["batch-predict", *REQUIRED, "--show-config"]) == 2
    assert f"The environment variable {name} is set" in capsys.readouterr().err


def test_misspelt_variables_are_told(monkeypatch, capsys):
    """Those that look like an option, and no others."""
    monkeypatch.setenv("SCORECAST_UNITTS", "3")
    for name in ("SCORECAST_CACHE_DIR", "SCORECAST_TEST_NEW", "MY_SCORECAST_UNITS"):
        monkeypatch.setenv(name, "3")
    assert main(["batch-predict", *REQUIRED, "--show-config"]) == 0
    assert capsys.readouterr().err == (
        "Warning: the environment variable SCORECAST_UNITTS is not read. "
        "Did you mean SCORECAST_UNITS?\n"
    )


def test_no_option_takes_the_name_of_another_variable():
    """Variables of scorecast are options, or in the table of those that are none."""
    source = Path(scorecast.__file__).parent
    named = {
        name
        for file in source.rglob("*.py")
        for name in re.findall(r"\bSCORECAST_[A-Z_]+[A-Z]\b", file.read_text())
    }
    options = {f"{PREFIX}_{option.name.upper()}" for option in file_options(batch_predict.command)}

    assert options.isdisjoint(OTHER_VARIABLES)
    assert named - options - OTHER_VARIABLES == set()
    assert named >= OTHER_VARIABLES
