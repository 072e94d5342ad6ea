"""What code of ours never does, since it would run what somebody else has written."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from scorecast.models import yaml_file

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("src", "jobs") for path in (REPOSITORY / folder).rglob("*.py"))

SOURCE = REPOSITORY / "src" / "scorecast"

# What a module may do beyond the rest: flavors whose format is a pickle read pickles, and workers
# those that they have written; one module chooses the loader of YAML by a variable.
ALLOWED = {
    "models/flavors/estimators.py": {"pickle"},
    "models/flavors/pytorch.py": {"pickle"},
    "models/flavors/shared_pickles.py": {"pickle"},
    "models/yaml_file.py": {"yaml"},
    "worker/mapped_files.py": {"pickle"},
}
_PICKLING = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
_READING = {"load", "loads", "Unpickler", "open"}
_SHELLS = {("os", "system"), ("os", "popen"), ("subprocess", "getoutput")}
_SAFE_LOADERS = {"SafeLoader", "CSafeLoader"}


def found(source: str) -> set[str]:
    """Give what is forbidden of what Python code does."""
    tree = ast.parse(source)
    names, modules = _imported(tree)
    return {problem for node in ast.walk(tree) if (problem := _problem(node, names, modules))}


def _imported(tree: ast.Module) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Give what names of a file stand for: parts of modules, and modules."""
    names, modules = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {each.asname or each.name: (node.module, each.name) for each in node.names}
        if isinstance(node, ast.Import):
            modules |= {each.asname or each.name: each.name for each in node.names}
    return names, modules


def _problem(node: ast.AST, names: dict, modules: dict) -> str | None:
    owner, name = _named(node, names, modules)
    if (owner, name) in _SHELLS:
        return f"{owner}.{name}"
    if owner in _PICKLING and name in _READING:
        return "pickle"
    if name == "extractall":
        return "extractall"
    if not isinstance(node, ast.Call):
        return None
    for keyword in node.keywords:
        constant = keyword.value.value if isinstance(keyword.value, ast.Constant) else keyword
        if keyword.arg == "shell" and constant is not False:
            return "shell"
    owner, name = _named(node.func, names, modules)
    if owner in {"", "builtins"} and name in {"eval", "exec"}:
        return str(name)
    if owner == "yaml" and name in {"load", "load_all"} and not _loads_safely(node):
        return "yaml"
    return "yaml" if owner == "yaml" and str(name).startswith(("unsafe", "full")) else None


def _named(node: ast.AST, names: dict, modules: dict) -> tuple[str | None, str | None]:
    """Give module and name of what an expression names; the module of a plain name is ""."""
    if isinstance(node, ast.Attribute):
        owner = node.value.id if isinstance(node.value, ast.Name) else None
        return modules.get(owner, owner), node.attr
    if isinstance(node, ast.Name):
        return names.get(node.id, ("", node.id))
    return None, None


def _loads_safely(call: ast.Call) -> bool:
    loaders = [each.value for each in call.keywords if each.arg == "Loader"] + call.args[1:2]
    return bool(loaders) and all(
        getattr(each, "attr", getattr(each, "id", "")) in _SAFE_LOADERS for each in loaders
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_file_runs_what_others_have_written(path: Path) -> None:
    """No shell, no text as code, no pickle outside of the flavors that are pickles."""
    name = path.relative_to(SOURCE).as_posix() if path.is_relative_to(SOURCE) else ""

    assert found(path.read_text("utf-8")) == ALLOWED.get(name, set())


def test_the_variable_is_a_loader_that_makes_no_objects() -> None:
    """The one loader that the source does not name."""
    assert yaml_file._LOADER in {yaml.SafeLoader, yaml.CSafeLoader}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import subprocess\nsubprocess.run('ls', shell=True)", "shell"),
        ("run('ls', shell=1)", "shell"),
        ("run('ls', shell=chosen)", "shell"),
        ("import os\nos.system('ls')", "os.system"),
        ("import os as o\no.system('ls')", "os.system"),
        ("from os import system as s\ns('ls')", "os.system"),
        ("import os\ncall(os.popen)", "os.popen"),
        ("eval(text)", "eval"),
        ("exec(text)", "exec"),
        ("import builtins\nbuiltins.exec(text)", "exec"),
        ("import yaml\nyaml.load(text)", "yaml"),
        ("import yaml\nyaml.load(text, Loader=yaml.Loader)", "yaml"),
        ("from yaml import load\nload(text, FullLoader)", "yaml"),
        ("import yaml\nyaml.unsafe_load(text)", "yaml"),
        ("import pickle\npickle.load(file)", "pickle"),
        ("import cloudpickle as c\nread = c.loads", "pickle"),
        ("from joblib import load\nload(file)", "pickle"),
        ("import pickle\nclass Mine(pickle.Unpickler): ...", "pickle"),
        ("archive.extractall(target)", "extractall"),
    ],
)
def test_each_of_it_is_found(source: str, problem: str) -> None:
    """However it is imported and spelt."""
    assert found(source) == {problem}


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "import yaml\nyaml.load(text, Loader=yaml.CSafeLoader)",
        "import yaml\nyaml.safe_load(text)",
        "import json\njson.load(file)",
        "import pickle\npickle.dumps(value)",
        "'os.system'",
    ],
)
def test_what_looks_alike_is_not(source: str) -> None:
    """Only what is meant is found."""
    assert found(source) == set()
