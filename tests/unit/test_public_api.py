"""What `import scorecast` offers and what it costs."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import scorecast

SOURCE = Path(scorecast.__file__).parent


@pytest.mark.parametrize("name", scorecast.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    """Each name of `__all__` can be imported, and it and its public methods are documented."""
    thing = getattr(scorecast, name)

    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        members = inspect.getmembers(thing, inspect.isfunction)
        undocumented = [n for n, m in members if not n.startswith("_") and not inspect.getdoc(m)]
        assert undocumented == []


def test_the_list_of_names_is_sorted_and_shown_by_dir() -> None:
    """`__all__` is in order and without repetition, and completion offers exactly it."""
    assert scorecast.__all__ == sorted(set(scorecast.__all__))
    assert set(dir(scorecast)) == {*scorecast.__all__, "__version__"}


def test_the_version_stands_in_the_file() -> None:
    """The version is a literal: it is right also where the package runs from a zip."""
    text = (SOURCE / "__init__.py").read_text(encoding="utf-8")

    assert f'__version__ = "{scorecast.__version__}"' in text
    assert re.fullmatch(r"\d+\.\d+\.\d+", scorecast.__version__)


def test_names_that_do_not_exist_are_ordinary_attribute_errors() -> None:
    """A misspelt name raises what Python raises."""
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = scorecast.predict


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("scorecast", ["pyspark", "yaml", "click", "mlflow", "pandas", "pyarrow", "numpy"]),
        (
            "scorecast.worker.columns, scorecast.worker.frames, scorecast.packing",
            ["pyspark", "yaml", "click", "sklearn", "mlflow", "skops"],
        ),
        ("scorecast.local.files", ["pyspark", "click", "sklearn", "mlflow"]),
        ("scorecast.cli.main", ["pyspark", "pandas", "pyarrow", "yaml", "mlflow"]),
    ],
)
def test_imports_bring_only_what_is_needed(
    modules: str, heavy: list[str], src_on_path: dict[str, str]
) -> None:
    """Importing a part of the package does not import the libraries of the others."""
    code = f"import json, sys, {modules}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], env=src_on_path, capture_output=True, text=True, check=True
    )

    assert set(json.loads(run.stdout)).isdisjoint(heavy)


PREDICT = """
import sys
import pyarrow as pa
import scorecast
from pathlib import Path
from scorecast.local.model import resolve_model
from scorecast.models.signature import Scalar, Signature, Spec
from scorecast.worker.columns import ColumnsPlan, predict_columns
from scorecast.worker.frames import append_to_batches

def double_it(data):
    return data["x"] * 2

assert scorecast.__file__.startswith(sys.argv[1]), scorecast.__file__
signature = Signature((Spec(Scalar("double"), "x"),))
path = scorecast.save_model(double_it, Path(sys.argv[2]), signature=signature)
plan = ColumnsPlan(resolve_model(path).local_handle(), pa.float64())
print(*(array.to_pylist() for array in predict_columns([pa.array([1.5, 2.0])], plan)))
print(scorecast.load_model(path).predict({"x": [3.0]}).tolist())
"""


def test_the_package_works_from_a_zip(tmp_path: Path, src_on_path: dict[str, str]) -> None:
    """A job may ship the package with --py-files: it predicts when imported from a zip."""
    archive = tmp_path / "scorecast.zip"
    with zipfile.ZipFile(archive, "w") as package:
        for file in SOURCE.rglob("*"):
            if file.suffix == ".py":
                package.write(file, Path("scorecast") / file.relative_to(SOURCE))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREDICT, str(archive), str(tmp_path / "model")],
        env={**src_on_path, "PYTHONPATH": str(archive)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stderr == ""
    assert run.stdout.splitlines() == ["[3.0, 4.0]", "[6.0]"]
