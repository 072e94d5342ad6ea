"""Data and models of the benchmarks: made once, the same on every machine.

Everything lies under one directory and is kept between runs; a directory appears complete or not
at all. Rows are repeated by hard links, so that the large cases cost neither disk nor page cache.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.work import ID, Kind

Floats = npt.NDArray[np.float64]

_ONE_BAD_IN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Parquet files with an id and the inputs of a model.

    Attributes:
        kind: What the inputs are.
        width: Number of columns, or length of the lists.
        rows: Rows of the base, each with an id of its own from 0 on.
        files: Files of the base.
        groups: Row groups of a file.
        repeats: How often the files of the base are in the data.
        spoiled: Whether one row in 10,000 is one that `PickyRegression` fails on.
    """

    kind: Kind
    width: int = 0
    rows: int
    files: int = 8
    groups: int = 2
    repeats: int = 1
    spoiled: bool = False

    @property
    def total(self) -> int:
        """Rows of the data."""
        return self.rows * self.repeats

    @property
    def base(self) -> Dataset:
        """The data without repeats."""
        return replace(self, repeats=1)

    @property
    def name(self) -> str:
        """Name of its directory."""
        spoiled = "-spoiled" if self.spoiled else ""
        repeats = f"-times-{self.repeats}" if self.repeats > 1 else ""
        return f"{self.kind}{self.width or ''}-{self.rows}-in-{self.files}{spoiled}{repeats}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that the model takes."""
        if self.kind == "flights":
            from jobs.demo_flights import CATEGORIES, NUMBERS, TIME

            return (*CATEGORIES, *NUMBERS, *TIME)
        return ("features",) if self.kind == "list" else tuple(f"x{i}" for i in range(self.width))


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model: which one, and how large."""

    name: str
    size: int = 0

    def title(self, data: Dataset) -> str:
        """Name of the directory of the model for such data."""
        return f"{self.name}{self.size or ''}-{data.kind}{data.width or ''}"


@dataclass(frozen=True, slots=True)
class Store:
    """Where data, models and expected predictions are kept."""

    root: Path

    def data(self, dataset: Dataset) -> Path:
        """Give the directory of a dataset, making it if need be."""
        target = self.root / "data" / dataset.name
        if not target.exists():
            base = None if dataset.repeats == 1 else self.data(dataset.base)
            with _appearing(target) as folder:
                if base is None:
                    _write(dataset, folder)
                else:
                    link_files(base, folder, dataset.repeats)
        return target

    def warm_data(self, dataset: Dataset) -> Path:
        """Give a few files of the base, enough to give every worker a task."""
        base = self.data(dataset.base)
        target = self.root / "data" / f"{dataset.base.name}-warm"
        if not target.exists():
            with _appearing(target) as folder:
                files = sorted(base.glob("*.parquet"))[:2]
                for i in range(2):
                    os.link(files[i % len(files)], folder / f"{i}.parquet")
        return target

    def model(self, spec: ModelSpec, dataset: Dataset) -> Path:
        """Give the model directory, making it if need be."""
        import scorecast

        target = self.root / "models" / spec.title(dataset)
        if not target.exists():
            model, sample = _MODELS[spec.name](dataset, spec.size)
            signature = scorecast.infer_signature(sample, model.predict(sample))
            scorecast.save_model(model, target, signature=signature)
        return target

    def expected(self, spec: ModelSpec, dataset: Dataset) -> Floats:
        """Give the predictions of the estimator itself by id; NaN for rows that it must fail on."""
        target = self.root / "expected" / f"{spec.title(dataset)}-{dataset.base.name}.npy"
        if not target.exists():
            model = load_estimator(self.model(spec, dataset))
            parts = [
                _predict(model, pq.read_table(file), dataset)
                for file in sorted(self.data(dataset.base).glob("*.parquet"))
            ]
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".partial.npy")
            np.save(partial, np.concatenate(parts))
            partial.rename(target)
        return np.load(target, mmap_mode="r")  # type: ignore[no-any-return]

    def fresh_model(self, model: Path, number: int) -> Path:
        """Copy a model so that nobody knows it: the same weights, another description."""
        target = self.root / "fresh" / f"{model.name}-{number}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(model, target, copy_function=os.link)
        described = target / "MLmodel"
        text = described.read_text("utf-8")
        described.unlink()
        described.write_text(f"{text}metadata:\n  copy: {number}\n", "utf-8")
        return target


def load_estimator(model: Path) -> Any:
    """Load the bare estimator of a model directory."""
    import cloudpickle

    with (model / "model.pkl").open("rb") as file:
        return cloudpickle.load(file)


def link_files(base: Path, folder: Path, repeats: int) -> None:
    """Link the files of a directory into another one, several times."""
    files = sorted(base.glob("*.parquet"))
    for i in range(repeats):
        for file in files:
            os.link(file, folder / f"{i:05d}-{file.name}")


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """Give a directory to fill, which gets its name once it is complete."""
    folder = target.with_name(f".{target.name}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    folder.rename(target)


def _write(dataset: Dataset, folder: Path) -> None:
    bounds = np.linspace(0, dataset.rows, dataset.files + 1, dtype=int)
    flights = _flights(dataset.rows) if dataset.kind == "flights" else None
    for i, (start, end) in enumerate(pairwise(bounds)):
        if flights is not None:
            table = pa.Table.from_pandas(flights.iloc[start:end], preserve_index=False)
        else:
            table = _numbers(dataset, i, int(start), int(end))
        size = -(-len(table) // dataset.groups)
        pq.write_table(table, folder / f"{i:03d}.parquet", row_group_size=size)


def _numbers(dataset: Dataset, number: int, start: int, end: int) -> pa.Table:
    rng = np.random.default_rng([dataset.width, number])
    rows = end - start
    ids = pa.array(np.arange(start, end))
    if dataset.kind == "list":
        values = pa.array(rng.normal(size=rows * dataset.width))
        offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * dataset.width)
        return pa.table({ID: ids, "features": pa.ListArray.from_arrays(offsets, values)})
    columns = [rng.normal(size=rows) for _ in range(dataset.width)]
    if dataset.spoiled:
        from benchmarks.estimators import SPOILED

        columns[0][rng.choice(rows, -(-rows // _ONE_BAD_IN), replace=False)] = SPOILED
    return pa.table({ID: ids, **dict(zip(dataset.inputs, map(pa.array, columns), strict=True))})


def _flights(rows: int) -> pd.DataFrame:
    from jobs.demo_flights import NUMBERS, build_flights

    flights = build_flights().rename(columns={"flight_id": ID}).head(rows)
    return flights.astype(dict.fromkeys(NUMBERS, "float64"))


def _predict(model: Any, table: pa.Table, dataset: Dataset) -> Floats:
    if dataset.kind == "flights":
        return np.asarray(model.predict(table.select(dataset.inputs).to_pandas()))
    if dataset.kind == "list":
        flat = table["features"].combine_chunks().flatten().to_numpy()
        return np.asarray(model.predict(flat.reshape(len(table), dataset.width)))
    frame = table.select(dataset.inputs).to_pandas()
    if not dataset.spoiled:
        return np.asarray(model.predict(frame))
    good = _is_good(frame)
    found = np.full(len(frame), np.nan)
    found[good] = model.predict(frame[good])
    return found


def _is_good(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    from benchmarks.estimators import SPOILED

    return frame.iloc[:, 0].to_numpy() < SPOILED


def _sample(dataset: Dataset, rows: int = 2000) -> Any:
    """Give rows to fit on, which are none of the data."""
    values = np.random.default_rng(7).normal(size=(rows, dataset.width))
    if dataset.kind == "list":
        return values
    return pd.DataFrame(values, columns=list(dataset.inputs))


def _target(sample: Any) -> Floats:
    values = np.asarray(sample)
    noise = np.random.default_rng(8).normal(size=len(values))
    return np.asarray(values @ np.linspace(-1, 1, values.shape[1]) + np.sin(values[:, 0]) + noise)


def _linear(dataset: Dataset, _size: int) -> tuple[Any, Any]:
    from sklearn.linear_model import LinearRegression

    sample = _sample(dataset)
    return LinearRegression().fit(sample, _target(sample)), sample


def _two_targets(dataset: Dataset, _size: int) -> tuple[Any, Any]:
    from benchmarks.estimators import TwoTargets

    sample = _sample(dataset)
    target = _target(sample)
    return TwoTargets().fit(sample, np.stack([target, target**2], axis=1)), sample


def _picky(dataset: Dataset, _size: int) -> tuple[Any, Any]:
    from benchmarks.estimators import PickyRegression

    sample = _sample(dataset)
    return PickyRegression().fit(sample, _target(sample)), sample


def _boosting(dataset: Dataset, size: int) -> tuple[Any, Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    sample = _sample(dataset, 20_000)
    model = HistGradientBoostingRegressor(max_iter=size, early_stopping=False, random_state=0)
    return model.fit(sample, _target(sample)), sample.head(2000)


def _forest(dataset: Dataset, size: int) -> tuple[Any, Any]:
    """Fit a forest that takes `size` MB as a pickle, roughly."""
    from benchmarks.estimators import CountedForest

    sample = _sample(dataset, max(2000, size * 114))
    # One feature per split makes trees as large as ever in a fraction of the time.
    model = CountedForest(n_estimators=100, max_features=1, n_jobs=os.cpu_count(), random_state=0)
    model.fit(sample, _target(sample)).set_params(n_jobs=1)
    return model, sample.head(200)


def _weights(dataset: Dataset, size: int) -> tuple[Any, Any]:
    """Make a table of weights of `size` MB, a page of memory a row."""
    from benchmarks.estimators import WeightTable

    weights = np.random.default_rng(9).normal(size=(size * 256, 512))
    sample = pd.DataFrame({name: np.arange(100.0) for name in dataset.inputs})
    return WeightTable(weights), sample


def _delays(_dataset: Dataset, _size: int) -> tuple[Any, Any]:
    from jobs.demo_flights import build_flights, inputs, train

    flights = build_flights()
    return train(flights), inputs(flights.head(1000))


_MODELS: dict[str, Callable[[Dataset, int], tuple[Any, Any]]] = {
    "linear": _linear,
    "struct": _two_targets,
    "picky": _picky,
    "boosting": _boosting,
    "forest": _forest,
    "weights": _weights,
    "delays": _delays,
}
