"""The job in front of a person and of a machine: a bar on a terminal, Ctrl-C, lines, JSON."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scorecast

JOB = Path(__file__).resolve().parents[2] / "jobs" / "batch_predict.py"
ROWS = 40
# What the JVM and pyspark themselves write to stderr.
FOREIGN = re.compile(
    r"^(\d\d/\d\d/\d\d |WARNING: |Setting default log |Using Spark's default |To adjust logging )"
)
SECONDS = 120
SCREEN = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Give options of a job that takes some seconds, and whose model waits for a file to go."""
    folder = tmp_path_factory.mktemp("slow")

    def predict(data):
        import os
        import time
        from pathlib import Path

        for _ in range(len(data)):
            time.sleep(0.1)
        while Path(os.environ.get("HOLD", "/nowhere")).exists() and (data["rid"] >= 20).any():
            time.sleep(0.1)
        return data["rid"] * 2.0

    sample = pd.DataFrame({"rid": [1.0]})
    signature = scorecast.infer_signature(sample, sample["rid"])
    model = scorecast.save_model(predict, folder / "model", signature=signature)
    (folder / "in").mkdir()
    for part in range(2):
        rids = range(part * 20, part * 20 + 20)
        table = pa.table({"rid": pa.array(rids, pa.float64())})
        pq.write_table(table, folder / "in" / f"{part}.parquet")
    return folder, ["--model-uri", str(model), "--input", str(folder / "in")]


def command(options: list[str], *more: str) -> list[str]:
    """Give the words of a job with one unit for each file and batches of one row.

    Two cores, so that both units run: one of them waits while the other is done.
    """
    words = [sys.executable, str(JOB), "--master", "local[2]"]
    return [*words, "--units", "2", "--batch-size", "1", *options, *more]


class Terminal:
    """A process with a terminal of its own, and what it has written there."""

    def __init__(self, words: list[str], environ: dict[str, str]) -> None:
        self.text = ""
        pid, self.descriptor = pty.fork()
        if pid == 0:
            os.execvpe(words[0], words, environ)
        self.pid = pid

    @property
    def shown(self) -> str:
        """The text without colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self.descriptor, b"\x03")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # of a test that failed

    def end(self, within: float = SECONDS) -> int:
        """Read to the end, within so many seconds; gives the exit code."""
        deadline = time.monotonic() + within
        while select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
            if not self._read():
                break
        else:
            raise AssertionError(self.text)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        try:
            data = os.read(self.descriptor, 1 << 16)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


def test_a_bar_is_drawn_on_a_terminal(slow, tmp_path):
    """Rows, rows a second and the time left stand in it, and the summary behind it."""
    _, options = slow
    with Terminal(command(options, "--output", str(tmp_path / "out")), SCREEN) as terminal:
        assert terminal.end() == 0, terminal.text
    bar = r"predict .*\d+/40 rows +[\d,.]+ rows/s +\d:\d\d:\d\d"
    assert re.search(bar, terminal.shown), terminal.shown
    assert re.search(rf"rows in +{ROWS}\b", terminal.shown)


def test_ctrl_c_says_what_is_kept_and_the_next_run_goes_on(slow, tmp_path):
    """One unit is complete; the interrupted run exits with 130, and the next does the other.

    The next one is quiet, and draws no bar though it works long enough for one.
    """
    folder, options = slow
    hold = folder / "hold"
    hold.touch()
    output = str(tmp_path / "out")
    hidden = ["--extra-env", f"HOLD={hold}"]
    environ = {**os.environ, "TERM": "dumb"}
    runs = tmp_path / ".out.scorecast" / "runs"
    with Terminal(command(options, "--output", output, *hidden), environ) as terminal:
        deadline = time.monotonic() + SECONDS
        while not list(runs.glob("*/commits/*.json")):
            assert time.monotonic() < deadline, terminal.text
            if select.select([terminal.descriptor], [], [], 0.2)[0]:
                assert terminal._read(), terminal.text
        terminal.interrupt()
        # The model would go on for as long as the file is there.
        assert terminal.end(within=60) == 130, terminal.text
    told = " ".join(terminal.text.split())
    assert (
        "1 of 2 units are complete and kept beside the output: run the same command again" in told
    )
    assert not (tmp_path / "out").exists()
    hold.unlink()
    with Terminal(command(options, "--output", output, *hidden, "--quiet"), SCREEN) as again:
        assert again.end() == 0, again.text
    assert "1 of 2 units were done already" in again.text
    assert not re.search(r"\d/\d+ rows", again.shown)
    assert sorted(pq.read_table(output)["prediction"].to_pylist()) == [i * 2.0 for i in range(ROWS)]


def test_a_log_gets_lines_and_machines_get_json(slow, tmp_path):
    """Without a terminal there is no bar; as JSON each line of ours has the fields of pyspark's."""
    folder, options = slow
    hold = folder / "hold of lines"
    hold.touch()
    words = command(options, "--output", str(tmp_path / "a"), "--log-format", "json")
    words += ["--extra-env", f"HOLD={hold}"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        told = []
        for line in process.stderr:
            told.append(line)
            if '"logger": "scorecast.progress"' in line:
                hold.unlink(missing_ok=True)
        out = process.stdout.read()
    assert process.returncode == 0, told
    lines = [json.loads(line) for line in told if not FOREIGN.search(line)]
    assert all(list(line)[:5] == ["ts", "level", "logger", "msg", "context"] for line in lines)
    assert "\x1b" not in "".join(told)
    told = {line["logger"]: line for line in lines}
    assert told["scorecast.batch.job_run"]["msg"].startswith("published ")
    assert told["scorecast.batch.job_run"]["context"]["rows"] == ROWS
    assert told["scorecast.progress"]["context"]["total"] == ROWS
    assert out.startswith("rows in")

    failed = subprocess.run(
        command(options, "--output", str(tmp_path / "a"), "--log-format", "json", "--force"),
        capture_output=True,
        text=True,
        check=False,
    )
    error = json.loads(failed.stderr.splitlines()[-1])
    assert failed.returncode == 6
    assert error["context"] == {"code": "SC602", "exit_code": 6}
    assert error["exception"]["class"] == "OutputExistsError"


def test_pyspark_writes_the_same_fields():
    """The names are those of pyspark's own formatter."""
    import logging

    pyspark = pytest.importorskip("pyspark.logger.logger", reason="Spark 3 has no such logger")
    from scorecast.cli.logs import JsonFormatter

    record = logging.LogRecord("a", logging.INFO, "", 0, "text", None, None)
    record.context = {"b": "c"}
    theirs = json.loads(pyspark.JSONFormatter().format(record))
    ours = json.loads(JsonFormatter().format(record))
    assert ours.keys() == theirs.keys()
    assert {**ours, "ts": None} == {**theirs, "ts": None}


@pytest.mark.filterwarnings("ignore")  # of Jupyter's own packages
def test_a_bar_is_drawn_in_a_notebook(slow, tmp_path, monkeypatch):
    """A cell that runs a job has a widget which ends at all rows, and the report's table below."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipywidgets")
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(Path(scorecast.__file__).parents[1]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    _, (_, model, _, rows) = slow
    start = (
        "from pyspark.sql import SparkSession\n"
        "from scorecast import BatchPredictConfig, batch_predict\n"
        'spark = SparkSession.builder.master("local[2]").getOrCreate()'
    )
    job = (
        f"job = BatchPredictConfig(model_uri={model!r}, input={rows!r}, units=2, batch_size=1,\n"
        f"                         output={str(tmp_path / 'out')!r})\n"
        "batch_predict(spark, job)"
    )
    cells = (start, job, "spark.stop()")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(book, timeout=SECONDS, kernel_name="python3").execute(cwd=tmp_path)
    shown = [output.get("data", {}) for output in book.cells[1].outputs]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    assert shown[-1]["text/html"].startswith("<table>")
    kept = book.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    states = [widget["state"] for widget in kept.values()]
    (bar,) = (state for state in states if state.get("_model_name") == "FloatProgressModel")
    assert (bar["value"], bar["max"], bar["bar_style"]) == (ROWS, ROWS, "success")
    texts = [state["value"] for state in states if state.get("_model_name") == "HTMLModel"]
    assert any("predict" in text for text in texts)
    assert any("rows/s" in text for text in texts)
