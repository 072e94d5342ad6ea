"""What a pickle imports, as read off without unpickling, beside what unpickling imports."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import gzip
import io
import pickle
import pickletools
import struct
import zipfile
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from scorecast.models import pickles
from scorecast.models.pickles import modules_named, pickled_files


class Recording(pickle.Unpickler):
    """Unpickles, and takes note of the modules that names come from."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str, /) -> Any:
        self.modules.add(module)
        return super().find_class(module, name)


def imported(data: bytes) -> tuple[str, ...]:
    """Unpickle, and give the modules that names were taken from."""
    recording = Recording(data)
    recording.load()
    return tuple(sorted(recording.modules))


def _objects() -> list[Any]:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = np.arange(40.0).reshape(20, 2)
    pipeline = make_pipeline(StandardScaler(), RandomForestRegressor(3)).fit(X, X[:, 0])
    frame = pd.DataFrame({"a": [1.5], "b": ["x"], "c": pd.to_datetime(["2024-01-01"])})
    same = decimal.Decimal(1)
    return [
        1,
        "no names",
        [same, same, fractions.Fraction(1, 3), dt.date(2024, 1, 1)],
        collections.OrderedDict(a=collections.Counter("abc")),
        np.arange(10),
        frame,
        pipeline,
    ]


@pytest.mark.parametrize("protocol", range(2, 6))
def test_names_are_those_that_unpickling_looks_up(protocol: int) -> None:
    """In every protocol, with names that are written once and fetched from the memo later."""
    for value in _objects():
        data = pickle.dumps(value, protocol=protocol)
        # Names of Python 2 that protocol 2 writes are mapped when they are looked up.
        if protocol > 2:
            assert modules_named(io.BytesIO(data)) == imported(data)
        for shortened in (pickletools.optimize(data), cloudpickle.dumps(value)):
            assert modules_named(io.BytesIO(shortened)) == imported(shortened)


def test_a_function_by_value_names_what_it_uses() -> None:
    """As a model of a notebook is pickled."""

    def model(data: Any) -> Any:
        return np.asarray(data) * float(decimal.Decimal(2))

    data = cloudpickle.dumps(model)
    assert modules_named(io.BytesIO(data)) == imported(data)


@pytest.mark.parametrize(
    "data",
    [
        # The name comes from a call, from an object that was popped, from the memo of a call.
        b"\x80\x04cbuiltins\nstr\n(\x8c\x02ostR\x8c\x06system\x93.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x05numpy00\x93.",
        b"\x80\x04cbuiltins\nstr\n(\x8c\x02ostR\x940h\x00\x8c\x06system\x93.",
    ],
)
def test_a_name_that_is_computed_is_unknown(data: bytes) -> None:
    """Nothing is said to be harmless because it cannot be read."""
    assert "?" in modules_named(io.BytesIO(data))


@pytest.mark.parametrize("data", [b"\x80\x04garbage", b"\x80\x05\x8c\x02o", b"no pickle"])
def test_what_is_damaged_is_unknown(data: bytes) -> None:
    """A pickle that ends early may hold anything."""
    assert modules_named(io.BytesIO(data)) == ("?",)


def test_everything_that_joblib_ever_wrote_is_found() -> None:
    """In its own test data: all releases since 0.8, plain and compressed."""
    import joblib

    data = Path(joblib.__file__).parent / "test" / "data"
    if not data.is_dir():
        pytest.skip("joblib is installed without its tests")
    written = {path.name for path in data.iterdir() if "_pickle_py" in path.name}
    # Beside old pickles stood their arrays, which are pickles only where they hold objects.
    arrays = {name for name in written if ".npy" in name}

    found = {each.path.partition("!")[0] for each in pickled_files(data)}

    assert len(written - arrays) > 30
    assert written - arrays - found == set()


def test_arrays_of_objects_are_pickles(tmp_path: Path) -> None:
    """Those of numbers are not, alone or in an archive."""
    objects, numbers = np.array([decimal.Decimal(1)], dtype=object), np.arange(3)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    np.save(tmp_path / "numbers.npy", numbers)
    np.savez_compressed(tmp_path / "both.npz", a=numbers, b=objects)

    found = {each.path: each.modules for each in pickled_files(tmp_path)}

    assert set(found) == {"objects.npy", "both.npz!b.npy"}
    assert all("decimal" in modules for modules in found.values())


def test_pickles_are_found_whatever_their_names_are(tmp_path: Path) -> None:
    """By their first bytes, in archives too; text, JSON and arrays are none."""
    data = pickle.dumps(decimal.Decimal(1))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights.bin").write_bytes(data + data)
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(fractions.Fraction(1), protocol=0))
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    np.save(tmp_path / "array.npy", np.arange(3))
    with zipfile.ZipFile(tmp_path / "model.pth", "w") as archive:
        archive.writestr("model/data.pkl", data)
        archive.writestr("model/version", "3")

    found = {each.path: each.modules for each in pickled_files(tmp_path)}

    assert found == {
        "deep/weights.bin": ("decimal",),
        "old.pkl": ("fractions",),
        "model.pth!model/data.pkl": ("decimal",),
    }


def _zipped(entries: dict[str, bytes], method: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_what_expands_without_end_is_unknown(tmp_path: Path) -> None:
    """A small file is read as far as a model could be worth it, and not said to be harmless."""
    inner = _zipped({"zeros": bytes(60 << 20)}, zipfile.ZIP_DEFLATED)
    many = _zipped({f"{number}.zip": inner for number in range(12)}, zipfile.ZIP_STORED)
    (tmp_path / "bomb.zip").write_bytes(many)
    (tmp_path / "data.json").write_text("{}")

    found = {each.path: each.modules for each in pickled_files(tmp_path)}

    assert found
    assert set(found.values()) == {("?",)}
    assert all(path.startswith("bomb.zip!") for path in found)


def test_archives_with_entries_without_end_are_unknown(tmp_path: Path) -> None:
    """They are not even listed."""
    one = _zipped({"x": b""}, zipfile.ZIP_STORED)
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    entries = one[start:end] * 110_000
    listed = struct.pack("<HHII", 1, 1, len(entries), start)
    inner = one[:start] + entries + one[end : end + 8] + listed + b"\0\0"
    assert zipfile.is_zipfile(io.BytesIO(inner))
    (tmp_path / "bomb").write_bytes(_zipped({"inner": inner}, zipfile.ZIP_DEFLATED))

    assert [each.modules for each in pickled_files(tmp_path)] == [("?",)]


def test_pickles_without_end_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it names behind the last opcode that is read may be anything."""
    monkeypatch.setattr(pickles, "_MOST_OPCODES", 1000)
    for name, data in (("new.gz", b"\x80\x04" + b"N0" * 10_000), ("old.gz", b"N0" * 10_000)):
        (tmp_path / name).write_bytes(gzip.compress(data + b"cos\nsystem\n."))
    assert {each.path: each.modules for each in pickled_files(tmp_path)} == {
        "new.gz": ("?",),
        "old.gz": ("?",),
    }


def test_weights_in_compressed_archives_are_no_work(tmp_path: Path) -> None:
    """Arrays of numbers are told by their headers, however much there is of them."""
    zeros = np.zeros(60 << 17)
    arrays = io.BytesIO()
    np.save(arrays, zeros)
    (tmp_path / "w.npz").write_bytes(
        _zipped({f"{i}.npy": arrays.getvalue() for i in range(10)}, zipfile.ZIP_DEFLATED)
    )
    assert pickled_files(tmp_path) == []
