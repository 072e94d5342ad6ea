"""Predicting in a process of its own: the same answers, and what a crash or hang leaves."""

from __future__ import annotations

import ctypes
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

import scorecast
from scorecast.cache.copies import ModelCopy
from scorecast.errors import (
    BatchTimeoutError,
    ModelLoadError,
    ModelPredictError,
    OutputShapeError,
    WorkerDiedError,
    WorkerEnvironmentError,
)
from scorecast.local.model import resolve_model
from scorecast.models.signature import Scalar, Spec
from scorecast.worker.child import Child, from_stream, to_stream
from scorecast.worker.input_plan import plan_by_name
from scorecast.worker.isolate import isolate_rows
from scorecast.worker.options import PredictOptions
from scorecast.worker.predict import PredictPlan, predict_batches

X = Spec(Scalar("double"), "x")
SCHEMA = pa.schema([("x", pa.float64())])
# Seconds that no batch of these tests takes, unless its model hangs.
PATIENCE = 3.0


def batch(*values):
    """A batch of the column x."""
    return pa.RecordBatch.from_arrays([pa.array(values, pa.float64())], schema=SCHEMA)


def doubling(bad, act):
    """A model that doubles x, and does something on the row where x is `bad`."""

    def model(data):
        if (data["x"] == bad).any():
            act()
        return data["x"] * 2

    return model


def process_ids(data):
    """A model that predicts the id of the process that it runs in."""
    import os

    return [float(os.getpid())] * len(data)


def predicting():
    """Give the processes that predict for this one; others, such as a Java, may run beside."""
    return [
        process
        for process in psutil.Process().children()
        if process.status() != psutil.STATUS_ZOMBIE
        and "scorecast.worker.child_main" in process.cmdline()
    ]


@pytest.fixture
def plan_of(handle):
    """Write a model of x and give the plan to predict with it."""

    def make(model, result=None, **options):
        made = handle(model, [X])
        inputs = plan_by_name(made.info.enforced_signature, SCHEMA)
        kind = result or pa.float64()
        return PredictPlan(made, inputs, kind, options=PredictOptions(**options))

    return make


@pytest.fixture(autouse=True)
def _leave_no_process():
    """Whatever a test does, no process of it is left when it has ended."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


def test_answers_are_those_of_this_process(churn_model, people):
    """A model over mixed types with nulls predicts the same in both, also on a part of a batch."""
    handle = resolve_model(churn_model).local_handle()
    whole = pa.RecordBatch.from_pandas(people)
    inputs = plan_by_name(handle.info.enforced_signature, whole.schema)
    plan = PredictPlan(handle, inputs, pa.int64())
    ((_, expected),) = predict_batches([whole], plan)

    with Child(plan, timeout=None) as child:
        assert child.predict(whole).equals(expected)
        assert child.predict(whole.slice(40, 60)).equals(expected.slice(40, 60))


def test_nested_and_text_predictions_arrive(plan_of):
    """Predictions keep their declared type and their nulls."""
    kind = pa.list_(pa.string())
    plan = plan_of(lambda data: [["ü", None] if x > 1 else None for x in data["x"]], kind)

    with Child(plan, timeout=PATIENCE) as child:
        made = child.predict(batch(1.0, 2.0))

    assert made.equals(pa.array([None, ["ü", None]], kind))


@pytest.mark.parametrize(
    "sent",
    [
        pa.RecordBatch.from_arrays([pa.array([1]), pa.array(["a"])], names=["", ""]),
        pa.RecordBatch.from_arrays([pa.array(["a", "b", "a"]).dictionary_encode()], names=["d"]),
        pa.RecordBatch.from_pydict({"x": [[1], None, [2, 3]]}),
        pa.RecordBatch.from_pydict({"x": pa.array([None, None], pa.null())}),
        pa.RecordBatch.from_pydict({"x": [1, 2]}).select([]),
        pa.RecordBatch.from_pydict({"x": list(range(9000))}).slice(5, 2),
    ],
    ids=["same names", "dictionary", "nested", "null", "no columns", "slice"],
)
def test_batches_arrive_as_they_were(sent):
    """Names, types and rows of a batch stay the same, and of a slice no more than it is sent."""
    data = to_stream(sent)

    arrived = from_stream(data)
    assert arrived.equals(sent)
    assert (arrived.schema, arrived.num_rows) == (sent.schema, sent.num_rows)
    assert len(data) < 2000


def test_one_process_predicts_all_batches(plan_of):
    """Batches after the first start no process."""
    with Child(plan_of(process_ids), timeout=None) as child:
        found = {child.predict(batch(1.0, 2.0))[1].as_py() for _ in range(100)}

    assert len(found) == 1
    assert found != {float(os.getpid())}


def test_environment_of_the_model_is_set(plan_of):
    """Variables that are given for the model are there while it predicts."""
    plan = plan_of(
        lambda data: [os.environ["OF_MODEL"]] * len(data), pa.string(), extra_env={"OF_MODEL": "é="}
    )

    with Child(plan, timeout=None) as child:
        assert child.predict(batch(1.0)).to_pylist() == ["é="]


class _OnlyHere:
    """A source of files that cannot leave this process, as one that needs Spark."""

    def __init__(self, path):
        self.path = path
        self.asked = []

    def open(self, digest):
        self.asked.append(digest)
        return ModelCopy(self.path)

    def cpus(self):
        return 1

    def __reduce__(self):
        raise TypeError


def test_files_of_the_model_are_fetched_here_and_once(plan_of):
    """The process gets a directory, also the second one."""
    plan = plan_of(doubling(13, lambda: os._exit(3)))
    source = _OnlyHere(plan.handle.source.open(plan.handle.digest).directory)
    plan = replace(plan, handle=replace(plan.handle, source=source))

    with Child(plan, timeout=None) as child:
        assert source.asked == []
        with pytest.raises(WorkerDiedError):
            child.predict(batch(13))
        assert child.predict(batch(2)).to_pylist() == [4.0]

    assert source.asked == [plan.handle.digest]


ENDS = [
    (lambda: ctypes.string_at(0), r"was killed by signal 11 \(SIGSEGV\) on a batch of 2 rows"),
    (os.abort, r"was killed by signal 6 \(SIGABRT\)"),
    (
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        r"was killed by signal 9 \(SIGKILL\), probably by the system for its memory, on a",
    ),
    (lambda: os._exit(3), "ended itself with exit code 3 on a batch of 2 rows"),
    (lambda: os._exit(0), "ended itself with exit code 0"),
]


def test_the_end_of_the_process_is_named(plan_of):
    """The error says how it ended, and the next process predicts until it ends as well."""
    acts = [act for act, _ in ENDS]

    def model(data):
        for row in data["x"]:
            if row < 0:
                acts[-1 - int(row)]()
        return data["x"] * 2

    with Child(plan_of(model), timeout=None) as child:
        for number, (_, text) in enumerate(ENDS):
            with pytest.raises(WorkerDiedError, match=text):
                child.predict(batch(1, -1 - number))
            assert child.predict(batch(1, 2)).to_pylist() == [2.0, 4.0]


def test_a_process_that_leaves_its_connection_is_named(plan_of, monkeypatch):
    """It is stopped, and its end is not put down to the system."""
    monkeypatch.setattr("scorecast.worker.child._SECONDS_TO_END", 0.5)

    def leave():
        os.closerange(3, 256)
        time.sleep(600)

    with (
        Child(plan_of(doubling(2, leave)), timeout=None) as child,
        pytest.raises(WorkerDiedError) as caught,
    ):
        child.predict(batch(1.0, 2.0))
    assert "went on without its connection to the worker" in str(caught.value)
    assert predicting() == []


def test_the_row_that_crashes_is_found(plan_of):
    """One row of a batch ends the process; all others have their prediction."""
    rows = batch(*range(12))

    with Child(plan_of(doubling(7, lambda: ctypes.string_at(0))), timeout=None) as child:
        found = isolate_rows(rows, child.predict, pa.float64())

    assert found.predictions.to_pylist() == [None if x == 7 else 2.0 * x for x in range(12)]
    assert {row: type(error) for row, error in found.errors.items()} == {7: WorkerDiedError}


def test_the_row_that_hangs_is_found(plan_of):
    """A process that takes too long is killed, with the time and the rows in the error."""
    with Child(plan_of(doubling(7, lambda: time.sleep(3600))), timeout=PATIENCE) as child:
        found = isolate_rows(batch(1, 7), child.predict, pa.float64())

    assert found.predictions.to_pylist() == [2.0, None]
    assert type(found.errors[1]) is BatchTimeoutError
    assert "longer than 3 s on a batch of 1 rows and was stopped" in str(found.errors[1])
    assert "--batch-timeout" in str(found.errors[1])


def test_native_code_that_hangs_is_stopped(plan_of):
    """Code that never gives the interpreter back cannot hold off the end."""
    hang = doubling(7, lambda: ctypes.PyDLL(None).sleep(3600))

    with Child(plan_of(hang), timeout=0.1) as child, pytest.raises(BatchTimeoutError):
        child.predict(batch(7))


def test_loading_takes_the_time_that_it_takes(plan_of):
    """The time of a batch begins when the model is loaded, however long that is."""
    plan = plan_of(_running_when_loaded(f"import time; time.sleep({PATIENCE + 1})"))

    with Child(plan, timeout=PATIENCE) as child:
        assert child.predict(batch(2)).to_pylist() == [4.0]


class _AtLoading:
    """Runs code when it is read from a pickle."""

    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return exec, (self.code,)


def _running_when_loaded(code, act=None):
    """A model that doubles x, and acts on the row where x is 7."""
    held = _AtLoading(code)

    def model(data):
        if held is None and (data["x"] == 7).any():
            act()
        return data["x"] * 2

    return model


def test_a_crash_while_loading_is_named(plan_of):
    """The error says that no row was tried."""
    plan = plan_of(_running_when_loaded("import os; os._exit(3)"))

    with Child(plan, timeout=None) as child:
        for _ in range(2):
            with pytest.raises(ModelLoadError, match="exit code 3 while it loaded the model"):
                child.predict(batch(1))


def test_a_crash_while_loading_once_more_is_no_matter_of_rows(plan_of, tmp_path):
    """Rows after one that crashes are not given up when the model cannot be loaded again."""
    marker = tmp_path / "marker"

    def crash():
        marker.touch()
        os._exit(3)

    loading = f"import os; os.path.exists({str(marker)!r}) and os._exit(4)"
    plan = plan_of(_running_when_loaded(loading, crash))

    with Child(plan, timeout=None) as child:
        assert child.predict(batch(1)).to_pylist() == [2.0]
        with pytest.raises(ModelLoadError, match="exit code 4 while it loaded the model"):
            isolate_rows(batch(1, 7, 2, 3), child.predict, pa.float64())


def test_a_model_that_cannot_be_loaded_is_that_error(plan_of):
    """With the same class and text as in this process."""
    plan = plan_of(process_ids)
    (plan.handle.source.open(plan.handle.digest).directory / "model.pkl").unlink()
    with pytest.raises(ModelLoadError) as here:
        list(predict_batches([batch(1)], plan))

    with Child(plan, timeout=None) as child, pytest.raises(ModelLoadError) as there:
        child.predict(batch(1))

    assert str(there.value) == str(here.value)


def _divides(data):
    return [1 / 0 for _ in data["x"]]


def _exits(data):
    sys.exit(3)


def _raises_its_own(data):
    class OwnError(ModelPredictError):
        """A class that only the model has."""

    message = "own"
    raise OwnError(message)


def _is_short(data):
    return [1.0]


WRONG = [
    (_divides, ModelPredictError),
    (_exits, ModelPredictError),
    (_raises_its_own, ModelPredictError),
    (_is_short, OutputShapeError),
]


def test_errors_are_those_of_this_process(plan_of):
    """Class and text are the same, the cause is told, and the process goes on."""
    models = [model for model, _ in WRONG]

    def sometimes(data):
        return data["x"] * 2 if len(data) == 1 else models[int(data["x"].iloc[0])](data)

    plan = plan_of(sometimes)
    with Child(plan, timeout=None) as child:
        child.predict(batch(1))
        (process,) = predicting()
        for number, (_, kind) in enumerate(WRONG):
            with pytest.raises(kind) as here:
                list(predict_batches([batch(number, 2)], plan))
            with pytest.raises(kind) as there:
                child.predict(batch(number, 2))
            assert type(there.value) is kind
            assert str(there.value) == str(here.value)
            if here.value.__cause__ is not None:
                assert type(here.value.__cause__).__name__ in str(there.value.__cause__)
            assert child.predict(batch(1)).to_pylist() == [2.0]
            assert predicting() == [process]


def test_errors_that_nobody_expects_are_not_of_rows(plan_of):
    """A bug is raised as such, with its traceback, and no row is blamed for it."""
    plan = replace(plan_of(process_ids), inputs=None)

    with Child(plan, timeout=None) as child, pytest.raises(RuntimeError, match="AttributeError"):
        isolate_rows(batch(1, 2), child.predict, pa.float64())


def test_what_a_model_prints_does_no_harm(plan_of, capfd):
    """It goes to the stderr of this process, in Python and in native code, whole or not."""

    def model(data):
        sys.stdout.write("of Python")
        os.write(1, b"of native code")
        return data["x"] * 2

    with Child(plan_of(model), timeout=None) as child:
        assert child.predict(batch(1)).to_pylist() == [2.0]

    printed = capfd.readouterr()
    assert "of Python" in printed.err
    assert "of native code" in printed.err
    assert printed.out == ""


def test_a_process_of_the_model_does_not_hide_its_end(plan_of, tmp_path):
    """One that the model forked and that goes on keeps nothing of this one waiting."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def model(data):
        with gate.open("rb") as opened:
            if os.fork():
                os._exit(3)
            opened.read()
            os._exit(0)

    # The fork goes on until nobody holds the gate open for writing.
    with (
        gate.open("rb+", buffering=0),
        Child(plan_of(model), timeout=PATIENCE) as child,
        pytest.raises(WorkerDiedError, match="exit code 3"),
    ):
        child.predict(batch(1))


def test_a_process_that_ends_between_batches_is_replaced(plan_of):
    """No batch was on its way, so none is to blame."""
    with Child(plan_of(process_ids), timeout=None) as child:
        first = int(child.predict(batch(1))[0].as_py())
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        assert int(child.predict(batch(1))[0].as_py()) != first


def test_a_process_that_is_closed_is_gone(plan_of):
    """Also one that was never used, and one that is closed twice."""
    child = Child(plan_of(process_ids), timeout=None)
    child.close()
    process = psutil.Process(int(child.predict(batch(1))[0].as_py()))

    child.close()
    child.close()

    assert not process.is_running()


def test_processes_of_the_model_are_gone_when_it_is_closed(plan_of):
    """A pool that the model keeps ends as it does at the end of any program."""

    def model(data):
        import multiprocessing

        import scorecast

        if not hasattr(scorecast, "pool_of_model"):
            scorecast.pool_of_model = multiprocessing.get_context("fork").Pool(2)
        pids = scorecast.pool_of_model.map(abs, [-1.0, -2.0])
        assert pids == [1.0, 2.0]
        return data["x"] * 2

    with Child(plan_of(model), timeout=None) as child:
        child.predict(batch(1))
        (process,) = predicting()
        below = [process, *process.children(recursive=True)]

    assert len(below) >= 3
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_an_interrupt_here_leaves_no_process(plan_of, interruptible):
    """Ctrl-C while the model predicts kills it at once; what it would answer is not read later."""

    def interrupts():
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(3600)

    with Child(plan_of(doubling(7, interrupts)), timeout=None) as child:
        with pytest.raises(KeyboardInterrupt):
            child.predict(batch(7))
        assert predicting() == []
        assert child.predict(batch(1)).to_pylist() == [2.0]


def test_a_process_that_cannot_start_is_an_error_of_the_machine(plan_of, monkeypatch):
    """It names the interpreter, and the connection is closed."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    with (
        Child(plan_of(process_ids), timeout=None) as child,
        pytest.raises(WorkerEnvironmentError, match="/no/such/python"),
    ):
        child.predict(batch(1))


PARENT = """
import pickle, sys
from pathlib import Path
import pyarrow as pa
from scorecast.worker.child import Child

def predict():
    plan = pickle.loads(Path(sys.argv[1]).read_bytes())
    with Child(plan, timeout=None) as child:
        batch = pa.RecordBatch.from_pydict({"x": [1.0, 2.0]})
        print(child.predict(batch).to_pylist(), flush=True)
        if "idle" in sys.argv:
            sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_a_parent_that_is_killed_leaves_no_process(plan_of, tmp_path, src_on_path, state):
    """The child ends with it, whether it waits or is deep in native code."""

    def hangs(data):
        sys.stdout.write("predicting\n")
        ctypes.PyDLL(None).sleep(3600)

    file = tmp_path / "plan"
    file.write_bytes(pickle.dumps(plan_of(process_ids if state == "idle" else hangs)))
    with subprocess.Popen(
        [sys.executable, "-c", f"{PARENT}\npredict()", str(file), state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=src_on_path,
        text=True,
    ) as parent:
        line = parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
        try:
            # The output ends when nobody is left that may write to it.
            parent.communicate(timeout=60)
        finally:
            if child.is_running():
                child.kill()

    assert line == ("predicting\n" if state == "busy" else f"{[float(child.pid)] * 2}\n")


def test_a_forked_daemonic_process_may_have_a_child(plan_of, tmp_path, run_python):
    """Workers of Spark are forked, and such processes may not use multiprocessing."""
    file = tmp_path / "plan"
    file.write_bytes(pickle.dumps(plan_of(doubling(0, None))))
    code = f"""{PARENT}
import multiprocessing
worker = multiprocessing.get_context("fork").Process(target=predict, daemon=True)
worker.start()
worker.join()
"""

    done = run_python(code, str(file))

    assert done.stdout == "[2.0, 4.0]\n", done.stderr


def test_a_package_that_came_as_an_archive_is_found(plan_of, tmp_path, run_python):
    """The child imports scorecast from where the worker does, and nothing from its directory."""
    source = Path(scorecast.__file__).parent
    stage = shutil.copytree(
        source, tmp_path / "stage" / "scorecast", ignore=shutil.ignore_patterns("__pycache__")
    )
    archive = shutil.make_archive(str(tmp_path / "shipped"), "zip", stage.parent)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "pyarrow.py").write_text("raise SystemExit('a stranger')")

    def model(data):
        import scorecast

        return [scorecast.__file__] * len(data)

    file = tmp_path / "plan"
    file.write_bytes(pickle.dumps(plan_of(model, pa.string())))
    code = f"""
import os, sys
sys.path.insert(0, {archive!r})
{PARENT}
os.chdir({str(tmp_path / "here")!r})
sys.path = [entry for entry in sys.path if entry]
predict()
"""

    done = run_python(code, str(file))

    assert done.stdout == f"{[f'{archive}/scorecast/__init__.py'] * 2}\n", done.stderr
