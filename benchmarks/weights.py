"""What N workers of one machine hold of one model: memory, loads and seconds, shared and not.

    python benchmarks/weights.py [--mb 1000] [--workers 8] [--kinds linear,forest,...]

Each worker is a process of its own that opens the model as a worker of Spark does and predicts on
a few rows. Memory is the PSS of the process (what it shares with n others counts as 1/n), summed
over the workers, less the same sum for workers that import the same libraries and load no model.
"not shared" is the same with SCORECAST_MAP_WEIGHTS=0: one unpacked copy, arrays of each worker's
own. "makes" is the first worker of a machine, which unpacks, checks and writes the shared form,
alone; "loads" is the median of all workers of a later job, started together.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

WORKER = """
import json, pickle, sys, time
from pathlib import Path
from scorecast.worker.cache import MODELS
import scorecast.worker.predict, numpy, pandas
handle_file, root, load, libraries = sys.argv[1:]
for name in filter(None, libraries.split(",")):
    __import__(name)
started = time.monotonic()
unpacked = False
if load == "1":
    from scorecast.cache.copies import open_copy
    handle, archive, data = pickle.loads(Path(handle_file).read_bytes())

    class Source:
        def open(self, digest):
            return open_copy(Path(root), digest, self.read)
        def read(self):
            global unpacked
            unpacked = True
            return Path(archive).read_bytes()
        def cpus(self):
            return 1

    import dataclasses
    handle = dataclasses.replace(handle, source=Source())
    model = handle.open()
    seconds = time.monotonic() - started
    model.predict(data, None)
else:
    seconds = 0.0
threads = Path("/proc/self/status").read_text().split("Threads:")[1].split()[0]
print(json.dumps({"seconds": seconds, "unpacked": unpacked, "threads": int(threads)}), flush=True)
sys.stdin.readline()
"""

# A model, rows to predict on, and the libraries that loading it imports.
Made: TypeAlias = tuple[Any, Any, list[str]]


def _linear(mb: int) -> Made:
    from sklearn.linear_model import LinearRegression

    columns = mb * (1 << 20) // 8 // 20
    model = LinearRegression()
    rng = np.random.default_rng(0)
    model.coef_ = rng.normal(size=(columns, 20))
    model.intercept_ = np.zeros(columns)
    model.n_features_in_ = 20
    return model, np.ones((2, 20)), ["sklearn.linear_model"]


def _function(mb: int) -> Made:
    weights = np.random.default_rng(0).normal(size=(20, mb * (1 << 20) // 8 // 20))

    def predict(data: Any) -> Any:
        return (np.asarray(data) @ weights)[:, 0]

    return predict, np.ones((2, 20)), []


def _neighbours(mb: int) -> Made:
    from sklearn.neighbors import KNeighborsRegressor

    rows = mb * (1 << 20) // 8 // 64
    data = np.random.default_rng(0).normal(size=(rows, 64))
    model = KNeighborsRegressor(algorithm="brute").fit(data, data[:, 0])
    return model, data[:2], ["sklearn.neighbors"]


def _forest(mb: int) -> Made:
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    rows = 40_000
    data = rng.normal(size=(rows, 20))
    # A tree of this many rows has about 80,000 nodes of 64 bytes and values of 8.
    trees = max(1, mb * (1 << 20) // (rows * 2 * 72 * 63 // 100))
    model = RandomForestRegressor(trees, n_jobs=2, max_features=1).fit(data, rng.normal(size=rows))
    return model, data[:2], ["sklearn.ensemble"]


def _torch(mb: int) -> Made:
    import torch

    module = torch.nn.Linear(1024, mb * (1 << 20) // 4 // 1024, bias=False)
    return module, np.ones((2, 1024), dtype=np.float32), ["torch"]


def _onnx(mb: int) -> Made:
    from onnx import TensorProto, helper, numpy_helper

    wide = mb * (1 << 20) // 4 // 1024
    weights = np.random.default_rng(0).normal(size=(1024, wide)).astype(np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1024])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, wide])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data = np.ones((2, 1024), dtype=np.float32)
    return model, data, ["onnxruntime"]


KINDS: dict[str, tuple[Callable[[int], Made], dict[str, Any]]] = {
    "linear": (_linear, {}),
    "linear skops": (_linear, {"serialization_format": "skops"}),
    "function": (_function, {}),
    "neighbours": (_neighbours, {}),
    "forest": (_forest, {}),
    "torch": (_torch, {}),
    "torch pt2": (_torch, {"serialization_format": "pt2"}),
    "onnx": (_onnx, {}),
    "onnx not prepacked": (_onnx, {}),
}

# ONNX Runtime then computes on the weights as they lie in the file, which it maps.
NOT_PREPACKED = {"extra_session_config": {"session.disable_prepacking": "1"}}


def prepare(kind: str, mb: int, folder: Path) -> tuple[Path, int, list[str]]:
    """Save and pack a model; gives the file of its handle, the archive's bytes and its libraries.

    Runs in a process of its own, which gives the memory back.
    """
    import pickle

    import scorecast
    from scorecast.local.model import resolve_model
    from scorecast.packing import pack

    make, options = KINDS[kind]
    model, data, libraries = make(mb)
    if "pt2" in kind:
        options = {**options, "input_example": data}
    path = folder / "model"
    if kind == "onnx not prepacked":
        import mlflow

        mlflow.onnx.save_model(model, str(path), onnx_session_options=NOT_PREPACKED)
    else:
        scorecast.save_model(model, path, **options)
    handle = resolve_model(path).local_handle()
    packed = pack(path)
    (folder / "archive.zip").write_bytes(packed.data)
    given = data if kind.startswith(("torch", "onnx")) else pd.DataFrame(data)
    file = folder / "handle"
    file.write_bytes(pickle.dumps((handle, str(folder / "archive.zip"), given)))
    shutil.rmtree(path)
    return file, len(packed.data), libraries


@dataclass(frozen=True)
class Case:
    """What workers do.

    Attributes:
        file: File of the handle.
        root: Cache directory.
        libraries: Libraries to import.
        workers: How many run side by side.
        load: Whether they load the model.
        share: Whether they share its arrays.
    """

    file: Path
    root: Path
    libraries: list[str]
    workers: int
    load: bool = True
    share: bool = True

    def start(self) -> subprocess.Popen[str]:
        """Start one worker."""
        libraries = ",".join(self.libraries)
        arguments = [str(self.file), str(self.root), str(int(self.load)), libraries]
        share = {"OMP_NUM_THREADS": "1", "SCORECAST_MAP_WEIGHTS": str(int(self.share))}
        return subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **share},
        )


def ready(worker: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait until a worker has predicted; gives what it says of itself."""
    assert worker.stdout is not None
    said: dict[str, Any] = json.loads(worker.stdout.readline())
    return said


def pss(worker: subprocess.Popen[str]) -> int:
    """Give the proportional memory of a worker in bytes."""
    text = Path(f"/proc/{worker.pid}/smaps_rollup").read_text()
    return int(text.split("\nPss:")[1].split()[0]) * 1024


def measure(case: Case) -> tuple[int, list[dict[str, Any]], float]:
    """Run workers side by side, after one alone on an empty cache.

    Returns:
        Their summed PSS, what they say, and the seconds of the first one.
    """
    shutil.rmtree(case.root, ignore_errors=True)
    case.root.mkdir(mode=0o700)
    alone = case.start()
    first = ready(alone)
    alone.communicate("\n")
    running = [case.start() for _ in range(case.workers)]
    said = [ready(worker) for worker in running]
    total = sum(pss(worker) for worker in running)
    for worker in running:
        worker.communicate("\n")
    return total, said, first["seconds"]


def main() -> None:
    """Measure kinds of models in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--prepare", nargs=2)
    options = parser.parse_args()
    if options.prepare:
        kind, folder = options.prepare
        file, size, libraries = prepare(kind, options.mb, Path(folder))
        print(json.dumps([str(file), size, libraries]))
        return
    print(f"{options.workers} workers, models of about {options.mb} MB")
    print("| model | MB | memory shared | not shared | makes s | loads s | not shared loads s |")
    print("|---|---|---|---|---|---|---|")
    for kind in options.kinds.split(","):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
            folder = Path(name)
            arguments = ["--mb", str(options.mb), "--prepare", kind, name]
            made = subprocess.run(
                [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True
            )
            file, size, libraries = json.loads(made.stdout.splitlines()[-1])
            case = Case(Path(file), folder / "cache", libraries, options.workers)
            bare, _, _ = measure(replace(case, load=False))
            shared, said, makes = measure(case)
            copied, said_copied, _ = measure(replace(case, share=False))
            assert not any(worker["unpacked"] for worker in said)  # the first one did
            loads, own = (
                sorted(worker["seconds"] for worker in each)[len(each) // 2]
                for each in (said, said_copied)
            )
            print(
                f"| {kind} | {size >> 20:,} | {(shared - bare) >> 20:,} MB | "
                f"{(copied - bare) >> 20:,} MB | {makes:.1f} | {loads:.2f} | {own:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
