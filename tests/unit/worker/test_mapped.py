"""Arrays of a model that processes share: equal in every bit, in memory once, safe to write to."""

from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorecast.cache.copies import ModelCopy
from scorecast.worker import mapped, mapped_files
from scorecast.worker.mapped import MappedObjects, mapped_objects

BIG = np.random.default_rng(0).normal(size=(300, 100))


def never() -> Any:
    """Fail: the object is there."""
    pytest.fail("loaded again")


@pytest.fixture
def objects(tmp_path: Path) -> MappedObjects:
    """Mapped objects of one model, also small ones."""
    return MappedObjects(tmp_path / "mapped", tmp_path, smallest=1 << 10)


def through(objects: MappedObjects, value: Any, name: str = "model.pkl") -> Any:
    """Give what a process gets that comes after the one that made the mapped form."""
    pickled = pickle.dumps(value)
    load(objects, lambda: pickle.loads(pickled), name)
    return load(objects, never, name)


def load(
    objects: MappedObjects,
    how: Callable[[], Any],
    name: str = "model.pkl",
    content: bytes = bytes(1 << 20),
) -> Any:
    """Load an object that comes from a file."""
    return objects.load(name, written(objects, name, content), how)


def written(
    objects: MappedObjects, name: str = "model.pkl", content: bytes = bytes(1 << 20)
) -> Path:
    """Write the file of an object."""
    file = objects.root / name
    file.write_bytes(content)
    return file


def is_mapped(array: np.ndarray, objects: MappedObjects) -> bool:
    """Whether an array lies in a mapped file of a folder."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if start <= address < end:
            return str(objects.folder) in line
    return False


def test_arrays_are_mapped_and_equal(objects: MappedObjects) -> None:
    """The second process gets equal arrays of the same layout, and they are in the file."""
    value = {"c": BIG, "f": np.asfortranarray(BIG), "int": np.arange(20_000), "text": "ü"}

    read = through(objects, value)

    assert read["text"] == "ü"
    for name in ("c", "f", "int"):
        assert is_mapped(read[name], objects)
        assert read[name].tobytes("A") == value[name].tobytes("A")
        assert read[name].flags.f_contiguous == value[name].flags.f_contiguous
        assert read[name].dtype == value[name].dtype


def test_the_process_that_makes_the_form_maps_it_too(objects: MappedObjects) -> None:
    """The first process does not stay behind with arrays of its own."""
    first = load(objects, lambda: {"a": BIG.copy()})

    assert is_mapped(first["a"], objects)


def test_what_a_model_writes_into_its_arrays_is_its_own(objects: MappedObjects) -> None:
    """Arrays can be written to as ever, and nobody else sees it."""
    one, other = through(objects, {"a": BIG}), load(objects, never)

    one["a"][:] = 0

    assert not one["a"].any()
    assert np.array_equal(other["a"], BIG)
    assert np.array_equal(load(objects, never)["a"], BIG)


def test_arrays_that_were_read_only_stay_so(objects: MappedObjects) -> None:
    """A model that relies on an array that nobody writes to has one."""
    value = BIG.copy()
    value.flags.writeable = False

    load(objects, lambda: {"a": value})
    read = load(objects, never)

    assert is_mapped(read["a"], objects)
    assert not read["a"].flags.writeable


def test_small_files_are_loaded_as_they_stand(objects: MappedObjects) -> None:
    """Where nothing is to be won nothing is written."""
    assert load(objects, lambda: "loaded", content=bytes(1000)) == "loaded"
    assert not objects.folder.exists()


class Copying:
    """An object that copies its arrays when it is unpickled, as a forest does."""

    def __init__(self, array: np.ndarray = BIG) -> None:
        self.array = array

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.array = state["array"].copy()


class Unpicklable:
    """An object that can be loaded and not pickled."""

    def __reduce__(self) -> Any:
        message = "not me"
        raise TypeError(message)


@pytest.mark.parametrize("make", [Copying, Unpicklable])
def test_what_cannot_share_is_loaded_as_it_stands(
    objects: MappedObjects, make: Callable[[], Any]
) -> None:
    """Every process loads such an object itself, and none tries again to share it."""
    loads = [make(), make(), make()]
    remaining = iter(loads)

    got = [load(objects, lambda: next(remaining)) for _ in loads]

    assert got == loads
    assert not list(objects.folder.rglob("*.bin"))


def test_trees_are_loaded_by_all_processes_at_once(objects: MappedObjects) -> None:
    """What is known to copy its arrays is not loaded twice, and nobody waits for anybody."""
    from sklearn.ensemble import RandomForestRegressor

    X = np.random.default_rng(0).normal(size=(4000, 4))
    forest = RandomForestRegressor(10).fit(X, X[:, 0])
    file = written(objects, content=pickle.dumps(forest))
    mapped_files.write_object(forest, objects.root)
    assert json.loads((objects.root / "buffers.json").read_text())
    assert mapped_files.read_object(objects.root).held == 0
    together = threading.Barrier(2)
    got: list[Any] = []

    def get() -> None:
        got.append(objects.load("model.pkl", file, lambda: together.wait(60)))

    threads = [threading.Thread(target=get) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == [0, 1]
    assert not list(objects.folder.rglob("*.pickle"))


def test_arrays_beside_trees_are_shared(objects: MappedObjects) -> None:
    """A model of trees and of something large holds the latter once, as ever."""
    from sklearn.ensemble import RandomForestRegressor

    X = np.random.default_rng(0).normal(size=(4000, 4))
    both = {"forest": RandomForestRegressor(2).fit(X, X[:, 0]), "a": BIG}
    pickled = pickle.dumps(both)

    load(objects, lambda: pickle.loads(pickled), content=pickled)
    second = load(objects, never, content=pickled)

    assert is_mapped(second["a"], objects)
    assert np.array_equal(second["forest"].predict(X), both["forest"].predict(X))


def test_objects_of_one_model_are_told_apart(objects: MappedObjects) -> None:
    """Two files of a model are two objects."""
    one, two = through(objects, {"a": BIG}, "one.pkl"), through(objects, {"a": -BIG}, "two.pkl")

    assert np.array_equal(one["a"], -two["a"])


def test_another_version_of_a_library_loads_anew(
    objects: MappedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one version of numpy has made is not given to another."""
    through(objects, {"a": BIG})
    monkeypatch.setattr(mapped, "_version", lambda name: f"another {name}")

    assert load(objects, lambda: {"a": -BIG})["a"][0, 0] == -BIG[0, 0]


def test_changed_files_are_not_read(objects: MappedObjects) -> None:
    """Somebody wrote into the shared arrays: the form is made anew."""
    through(objects, {"a": BIG})
    (file,) = objects.folder.rglob("*.bin")
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)

    assert np.array_equal(load(objects, lambda: {"a": BIG})["a"], BIG)
    assert np.array_equal(load(objects, never)["a"], BIG)


def test_a_full_disk_costs_memory_and_no_predictions(
    objects: MappedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the form cannot be written the model is loaded as it stands, with a warning."""

    def full(value: Any, folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(mapped, "write_object", full)
        with pytest.warns(UserWarning, match="No space left on device"):
            assert load(objects, lambda: "loaded") == "loaded"

    assert is_mapped(through(objects, {"a": BIG})["a"], objects)


def test_of_threads_and_processes_one_makes_the_form(objects: MappedObjects) -> None:
    """While one loads, the others wait for what it writes."""
    loads: list[int] = []
    start = threading.Barrier(4)
    got: list[Any] = []

    def counted() -> Any:
        loads.append(1)
        return {"a": BIG.copy()}

    file = written(objects)

    def get() -> None:
        start.wait()
        got.append(objects.load("model.pkl", file, counted))

    threads = [threading.Thread(target=get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert loads == [1]
    assert all(np.array_equal(value["a"], BIG) for value in got)


def test_sharing_can_be_switched_off_and_needs_a_copy(tmp_path: Path) -> None:
    """A model that stands in a directory of the user is loaded as it stands."""
    copy = ModelCopy(tmp_path / "model", tmp_path)

    assert mapped_objects(copy, "key", {}) is not None
    assert mapped_objects(copy, "key", {mapped.SWITCH_VARIABLE: "0"}) is None
    assert mapped_objects(ModelCopy(tmp_path / "model"), "key", {}) is None


def test_another_configuration_is_another_object(tmp_path: Path) -> None:
    """What loading depends on tells mapped forms apart."""
    copy = ModelCopy(tmp_path / "model", tmp_path)
    one, other = (mapped_objects(copy, key, {}) for key in ("digest", "digest+config:abc"))

    assert one is not None
    assert other is not None
    assert one.folder != other.folder


# The memory of real processes.

HOLDER = """
import pickle, sys
from pathlib import Path
from scorecast.worker.mapped import MappedObjects
folder, file = map(Path, sys.argv[1:])
objects = MappedObjects(folder / "mapped", folder)
value = objects.load("m", file, lambda: pickle.loads(file.read_bytes()))
print(float(value["a"].sum()), flush=True)  # reads all of it
sys.stdin.read()
"""


def proportional(pid: int, name: str) -> dict[str, int]:
    """Bytes of a process: those of mapped files that hold `name`, and its anonymous ones."""
    found = {"mapped": 0, "anonymous": 0}
    is_named = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        key, *values = line.split()
        if not key.endswith(":"):
            is_named = name in line
        elif key == "Pss:" and is_named:
            found["mapped"] += int(values[0]) * 1024
        elif key == "Anonymous:":
            found["anonymous"] += int(values[0]) * 1024
    return found


def test_processes_hold_the_arrays_once(tmp_path: Path, src_on_path: dict[str, str]) -> None:
    """Three processes that read 64 MB of weights hold 64 MB together, the first one included."""
    size = 64 << 20
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps({"a": np.ones(size // 8)}))
    command = [sys.executable, "-c", HOLDER, tmp_path, file]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes = [subprocess.Popen(command, env=src_on_path, **pipes) for _ in range(3)]
    try:
        sums = [float(process.stdout.readline()) for process in processes]
        held = [proportional(process.pid, "buffers.bin") for process in processes]
    finally:
        for process in processes:
            process.communicate()

    assert sums == [size / 8] * 3
    assert 0.99 * size < sum(each["mapped"] for each in held) < 1.01 * size
    assert all(each["anonymous"] < size for each in held)


# Models of scikit-learn, every array of theirs mapped.


def estimators() -> dict[str, Callable[[], Any]]:
    """The kinds of models that people have; not fitted."""
    from sklearn import cluster, ensemble, linear_model, naive_bayes, neighbors, svm
    from sklearn.compose import make_column_transformer
    from sklearn.decomposition import PCA
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler

    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [0]))
    return {
        "linear": linear_model.LinearRegression,
        "logistic": linear_model.LogisticRegression,
        "sgd": linear_model.SGDClassifier,
        "forest": lambda: ensemble.RandomForestClassifier(10),
        "extra trees": lambda: ensemble.ExtraTreesRegressor(10),
        "gradient boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=10),
        "hist gradient boosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=10),
        "isolation forest": lambda: ensemble.IsolationForest(n_estimators=10),
        "neighbours": neighbors.KNeighborsClassifier,
        "neighbours, ball tree": lambda: neighbors.KNeighborsRegressor(algorithm="ball_tree"),
        "neighbours, brute": lambda: neighbors.KNeighborsRegressor(algorithm="brute"),
        "svc": lambda: svm.SVC(probability=False),
        "linear svc": svm.LinearSVC,
        "mlp": lambda: MLPRegressor(hidden_layer_sizes=(20,), max_iter=20, early_stopping=True),
        "naive bayes": naive_bayes.GaussianNB,
        "k means": lambda: cluster.KMeans(3, n_init=1),
        "pca": lambda: make_pipeline(StandardScaler(), PCA(5), linear_model.Ridge()),
        "bins": lambda: make_pipeline(KBinsDiscretizer(4), linear_model.Ridge()),
        "one hot": lambda: make_pipeline(encoder, linear_model.LogisticRegression()),
    }


NAMES = [
    "linear", "logistic", "sgd", "forest", "extra trees", "gradient boosting",
    "hist gradient boosting", "isolation forest", "neighbours", "neighbours, ball tree",
    "neighbours, brute", "svc", "linear svc", "mlp", "naive bayes", "k means", "pca", "bins",
    "one hot",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # about convergence
@pytest.mark.parametrize("name", NAMES)
def test_models_predict_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose every array is mapped, however small, predicts bit for bit the same."""
    monkeypatch.setattr(mapped_files, "_SMALLEST_BUFFER", 1)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 8))
    X[:, 0] = rng.integers(0, 5, 300)
    model = estimators()[name]().fit(X, (X[:, 1] > 0).astype(int))

    mapped_files.write_object(model, tmp_path)
    read = mapped_files.read_object(tmp_path)

    assert read.value is not model
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(model, method):
            expected, found = (getattr(each, method)(X) for each in (model, read.value))
            assert np.asarray(expected).tobytes() == np.asarray(found).tobytes()
