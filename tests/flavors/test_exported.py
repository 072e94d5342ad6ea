"""Exported graphs of torch that are read without torch's reader give what torch's own gives."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow_cases import CASES, Written

import scorecast
from scorecast.errors import InputMismatchError, ModelLoadError, ModelTrustError
from scorecast.models.flavors.exported import read_graph
from scorecast.models.flavors.exported_operators import ATEN, operator_of
from scorecast.models.flavors.exported_run import load_graph
from scorecast.models.flavors.exported_steps import GraphError

torch = pytest.importorskip("torch")
nn = torch.nn

pytestmark = pytest.mark.filterwarnings("ignore")


class Categories(nn.Module):
    """Columns of numbers, of which two are categories, as models of tables have them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.hidden, self.out = nn.Linear(10, 8), nn.Linear(8, 2)
        self.register_buffer("scale", torch.arange(1.0, 4.0), persistent=False)

    def forward(self, rows: Any) -> Any:
        """Predict."""
        known = self.embedding(rows[:, :2].long().clamp(0, 9)).flatten(1)
        hidden = nn.functional.gelu(self.hidden(torch.cat([known, rows[:, 2:]], 1)))
        means = hidden.view(hidden.shape[0], 2, 4).mean(1) * self.scale[1]
        means = means + torch.tensor([1.0, 2.0, 3.0, 4.0])
        return torch.softmax(self.out(torch.cat([means, means], 1)), -1)


class Sequence(nn.Module):
    """A layer of attention, and two with a memory."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.gru, self.lstm = nn.GRU(8, 8, batch_first=True), nn.LSTM(8, 4, batch_first=True)

    def forward(self, rows: Any) -> Any:
        """Predict."""
        remembered, _ = self.gru(self.encoder(rows))
        return self.lstm(remembered)[0][:, -1]


class Recurrent(nn.Module):
    """Every layer with a memory, in both directions and with a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            (
                nn.RNN(4, 6, 2, batch_first=True),
                nn.RNN(6, 4, nonlinearity="relu", batch_first=True, bidirectional=True),
                nn.LSTM(8, 6, 2, proj_size=3, batch_first=True, bidirectional=True),
                nn.LSTM(6, 5, bias=False, batch_first=True),
                nn.GRU(5, 2, batch_first=True, bidirectional=True),
            )
        )

    def forward(self, rows: Any) -> Any:
        """Predict."""
        for layer in self.layers:
            rows, _ = layer(rows)
        return rows[:, -1]


class Tied(nn.Module):
    """Two layers with one weight, in other types of numbers, and infinities."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.short = nn.Linear(4, 1).to(torch.bfloat16)

    def forward(self, rows: Any) -> Any:
        """Predict."""
        found = self.second(self.first(rows)).to(torch.bfloat16)
        none = torch.full((rows.shape[0], 1), float("-inf"))
        return torch.where(rows[:, :1] > 0, self.short(found).float(), none)


class Counting(nn.Module):
    """Writes into a buffer whenever it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, rows: Any) -> Any:
        """Predict."""
        self.calls.add_(1)
        return rows[:, :1] + self.calls


def _images() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(36, 3), nn.Dropout(0.5), nn.LayerNorm(3), nn.Sigmoid()),
    )


NETWORKS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "categories": (Categories, (4,)),
    "images": (_images, (1, 8, 8)),
    "sequences": (Sequence, (7, 8)),
    "recurrent": (Recurrent, (3, 4)),
    "tied": (Tied, (4,)),
}


def export(network: Any, shape: tuple[int, ...], file: Path, rows: Any = None) -> Path:
    """Write a network for any number of rows."""
    example = torch.rand(5, *shape) * 9 - 1
    exported = torch.export.export(
        network.eval(), (example,), dynamic_shapes=[{0: rows or torch.export.Dim("rows")}]
    )
    torch.export.save(exported, file)
    return file


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the least network: two columns, four to nine rows."""
    rows = torch.export.Dim("rows", min=4, max=9)
    return export(nn.Linear(2, 1), (2,), tmp_path_factory.mktemp("linear") / "model.pt2", rows)


def loaded(file: Path, *, mapped: bool = False) -> Any:
    """Load a graph without torch's reader."""
    return load_graph(torch, file, read_graph(file), mapped=mapped)


@pytest.mark.parametrize("name", NETWORKS)
def test_predictions_are_those_of_torchs_reader(name: str, tmp_path: Path) -> None:
    """Bit for bit, for one row, many and none; what was given is left as it was."""
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    file = export(make(), shape, tmp_path / "model.pt2")
    theirs = torch.export.load(file).module()
    for ours in (loaded(file, mapped=True), loaded(file)):
        for rows in (1, 5, 64, 0):
            data = torch.rand(rows, *shape) * 12 - 2
            given = data.clone()
            with torch.no_grad():
                assert torch.equal(ours(given), theirs(data.clone()))
            assert torch.equal(given, data)


def test_a_graph_that_writes_into_its_weights_leaves_the_file(tmp_path: Path) -> None:
    """Another process that maps the same file sees the weights that were saved."""
    file = export(Counting(), (2,), tmp_path / "model.pt2")
    before = file.read_bytes()
    first, second = (loaded(file, mapped=True) for _ in range(2))
    theirs = torch.export.load(file).module()
    for _ in range(3):
        assert torch.equal(first(torch.zeros(2, 2)), theirs(torch.zeros(2, 2)))
    assert second(torch.zeros(1, 2)).item() == 1
    assert file.read_bytes() == before


@pytest.mark.parametrize("shape", [(3, 2), (10, 2), (5, 3), (5,), (5, 2, 1)])
def test_a_tensor_of_another_shape_is_refused(shape: tuple[int, ...], linear: Path) -> None:
    """The error says what the graph was exported for; torch refuses these, too."""
    data = torch.zeros(shape)
    with pytest.raises((AssertionError, RuntimeError, IndexError)):
        torch.export.load(linear).module()(data)
    with pytest.raises(InputMismatchError, match=r"of shape \(4 to 9, 2\), and got one of"):
        loaded(linear)(data)


@pytest.mark.parametrize("rows", [4, 9])
def test_the_number_of_rows_that_a_graph_takes_is_kept(rows: int, linear: Path) -> None:
    """Limits of dynamic_shapes are inclusive, as in torch."""
    data = torch.ones(rows, 2)
    assert torch.equal(loaded(linear)(data), torch.export.load(linear).module()(data))


def _two_inputs() -> Any:
    class Both(nn.Module):
        def forward(self, left: Any, right: Any) -> Any:
            return left + right

    return torch.export.export(Both(), (torch.ones(2), torch.ones(2)))


def _two_outputs() -> Any:
    class Both(nn.Module):
        def forward(self, rows: Any) -> Any:
            return rows, rows + 1

    return torch.export.export(Both(), (torch.ones(2),))


def _in_a_dict() -> Any:
    class Named(nn.Module):
        def forward(self, rows: Any) -> Any:
            return {"logits": rows + 1}

    return torch.export.export(Named(), (torch.ones(2),))


def _of_a_dict() -> Any:
    class Named(nn.Module):
        def forward(self, rows: Any) -> Any:
            return rows["x"] + 1

    return torch.export.export(Named(), ({"x": torch.ones(2)},))


def _branches() -> Any:
    class Even(nn.Module):
        def forward(self, rows: Any) -> Any:
            return rows * 2 if rows.shape[0] % 2 == 0 else rows

    shapes = [{0: torch.export.Dim.AUTO}]
    return torch.export.export(Even(), (torch.ones(8, 2),), dynamic_shapes=shapes)


def _random() -> Any:
    class Noise(nn.Module):
        def forward(self, rows: Any) -> Any:
            return rows + torch.rand(2)

    return torch.export.export(Noise(), (torch.ones(8, 2),))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_two_inputs, "takes 2 tensors, expected one"),
        (_two_outputs, "gives something else than one tensor"),
        (_in_a_dict, "takes or gives something else than one tensor"),
        (_of_a_dict, "takes or gives something else than one tensor"),
        (_branches, "takes some sizes of its input only, by 1 conditions"),
        (_random, 'calls "torch.ops.aten.rand.default"'),
    ],
)
def test_graphs_that_are_not_read_are_told(
    make: Callable[[], Any], reason: str, tmp_path: Path
) -> None:
    """The reason says what the graph holds."""
    torch.export.save(make(), tmp_path / "model.pt2")
    with pytest.raises(GraphError) as refused:
        read_graph(tmp_path / "model.pt2")
    assert reason in str(refused.value)


def rewrite(
    file: Path, folder: Path, old: bytes, new: bytes, compression: int = zipfile.ZIP_STORED
) -> Path:
    """Write the archive again, with another text in it or compressed."""
    changed = folder / "changed.pt2"
    with zipfile.ZipFile(file) as real, zipfile.ZipFile(changed, "w", compression) as archive:
        for entry in real.infolist():
            archive.writestr(entry.filename, real.read(entry).replace(old, new))
    return changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"sizes": [{"as_int": 1}, {"as_int": 2}]', b'"sizes": [{"as_int": 9}, {"as_int": 2}]'),
        (b'"storage_offset": {"as_int": 0}', b'"storage_offset": {"as_int": 2}'),
        (b'"strides": [{"as_int": 2}, ', b'"strides": [{"as_int": -2}, '),
        (b'"dtype": 7', b'"dtype": 8'),
    ],
)
def test_weights_that_reach_out_of_their_entry_are_refused(
    old: bytes, new: bytes, linear: Path, tmp_path: Path
) -> None:
    """No number is read that does not belong to the tensor."""
    file = rewrite(linear, tmp_path, old, new)
    for mapped in (True, False):
        with pytest.raises(ModelLoadError, match="fewer than the graph declares"):
            loaded(file, mapped=mapped)


def test_a_compressed_graph_is_refused(linear: Path, tmp_path: Path) -> None:
    """What is small on disk and large in memory is nothing that torch writes."""
    with pytest.raises(GraphError, match="compressed or in more than"):
        read_graph(rewrite(linear, tmp_path, b"", b"", zipfile.ZIP_DEFLATED))


def test_compressed_weights_are_refused(linear: Path, tmp_path: Path) -> None:
    """They could not be mapped; the message does not show the folder, which has any name."""
    file = tmp_path / "changed.pt2"
    with zipfile.ZipFile(linear) as real, zipfile.ZipFile(file, "w") as archive:
        for entry in real.infolist():
            packed = zipfile.ZIP_DEFLATED if "weight_" in entry.filename else zipfile.ZIP_STORED
            archive.writestr(entry.filename, real.read(entry), packed)
    with pytest.raises(ModelLoadError, match=r'The weights "data/weights/weight_0" are compressed'):
        loaded(file)


def test_the_device_is_that_of_the_state(tmp_path: Path) -> None:
    """A number in the code of a model that lies on the CPU does not count."""
    file = export(Categories(), (4,), tmp_path / "model.pt2")
    changed = tmp_path / "changed.pt2"
    with zipfile.ZipFile(file) as real, zipfile.ZipFile(changed, "w") as archive:
        for entry in real.infolist():
            content = real.read(entry)
            if "constants_config" in entry.filename:
                config = json.loads(content)
                config["config"]["lifted_tensor_0"]["tensor_meta"]["device"]["type"] = "cuda"
                content = json.dumps(config).encode()
            archive.writestr(entry.filename, content)
    assert read_graph(changed).devices() == {"cpu"}
    assert {each.device for each in read_graph(changed).weights.values()} == {"cpu", "cuda"}


@pytest.mark.parametrize("make", [_random, _branches])
def test_what_is_not_read_here_is_read_by_torch_or_refused(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    """Every graph that torch takes predicts where every model is taken."""
    data = np.ones((8, 2), np.float32)
    path = scorecast.save_model(
        nn.Linear(2, 1), tmp_path / "m", serialization_format="pt2", input_example=data
    )
    torch.export.save(make(), path / "data" / "model.pt2")
    assert len(scorecast.load_model(path).predict(data)) == 8
    with pytest.raises(ModelTrustError):
        scorecast.load_model(path, trust="no-pickle")


def test_what_mlflow_writes_is_taken(
    written_by_mlflow: Callable[[Written], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its default for PyTorch predicts the same, and torch's reader sees none of it."""
    (case,) = [each for each in CASES if each.name == "pytorch-pt2"]
    path, data = written_by_mlflow(case), case.data()
    expected = torch.export.load(path / "data" / "model.pt2").module()(torch.from_numpy(data))
    monkeypatch.delattr(torch.export, "load")
    found = scorecast.load_model(path, trust="no-pickle").predict(data)
    np.testing.assert_array_equal(found, expected.detach().numpy())


def test_an_operator_that_this_torch_lacks_is_told(
    linear: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it, and what to change."""
    monkeypatch.delattr(torch.ops.aten, "linear", raising=False)
    monkeypatch.setattr(type(torch.ops.aten), "__getattr__", _nothing)
    with pytest.raises(ModelLoadError, match=r"another version of torch: .*linear"):
        loaded(linear)


def _nothing(_: Any, name: str) -> Any:
    raise AttributeError(name)


def test_every_known_operator_is_one_that_writes_nowhere_else() -> None:
    """Each is in this torch, and declares no change but of what its name says."""
    for name, overload in (each.split(".") for each in ATEN):
        schema = getattr(getattr(torch.ops.aten, name), overload)._schema
        written = [each.name for each in schema.arguments if _is_written(each)]
        assert written == (["self"] if name.endswith("_") else [])
        assert not any(each.is_out for each in schema.arguments)


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def test_params_are_refused(linear: Path) -> None:
    """A graph has no place for them."""
    with pytest.raises(InputMismatchError, match="takes no params, and got temperature"):
        loaded(linear)(torch.zeros(4, 2), temperature=1.0)


def _harm(torch: Any) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Calls that read memory of others, or end the process, where torch is called as it is."""
    long, none = torch.zeros(1, 2, 4096, 8), torch.zeros
    hidden = [torch.zeros(1, 2, 8), torch.zeros(1, 2, 8)]
    weights = [none(32, 1), none(32, 8), none(32), none(32)]
    options = (True, 1, 0.0, False, False, False)
    few = [none(2, 4), none(2, 8), none(2), none(2)]
    sdpa = "scaled_dot_product_attention.default"
    return {
        "weights of an LSTM": ("lstm.input", (none(3, 2, 4), hidden, weights, *options)),
        "states of an LSTM": (
            "lstm.input",
            (none(3, 9, 4), hidden, [none(32, 4), none(32, 8), none(32), none(32)], *options),
        ),
        "weights of a GRU": ("gru.input", (none(3, 2, 4), hidden[0], few, *options)),
        "keys of attention": (sdpa, (none(1, 2, 4, 8), none(1, 2, 3, 8), long)),
    }


@pytest.mark.parametrize("name", _harm(torch))
def test_arguments_that_torch_does_not_check_are_checked(name: str) -> None:
    """Before the operator sees them."""
    operator, arguments = _harm(torch)[name]
    function = operator_of(torch, f"torch.ops.aten.{operator}")
    with pytest.raises(InputMismatchError, match="do not fit one another"):
        function(*arguments)


@pytest.mark.parametrize(
    "target",
    [
        *("torch.ops.aten.div.Tensor_mode", "torch.ops.aten.remainder.Tensor"),
        *("torch.ops.aten.fmod.Tensor", "_operator.mod"),
    ],
)
def test_the_least_whole_number_is_not_divided_by_minus_one(target: str) -> None:
    """Some versions of torch end the process."""
    named = {"rounding_mode": "trunc"} if "mode" in target else {}
    with pytest.raises(InputMismatchError, match="the least whole number by -1"):
        operator_of(torch, target)(torch.tensor([-(2**63)]), torch.tensor([-1]), **named)


@pytest.mark.parametrize(
    ("left", "right", "dtype"),
    [
        ([7.5, -7.5], [2.0, 2.0], "float32"),
        ([7, -7], [2, -1], "int64"),
        ([-(2**63)], [3], "int64"),
        ([128], [255], "uint8"),
    ],
)
def test_what_is_checked_is_computed_as_before(
    left: list[Any], right: list[Any], dtype: str
) -> None:
    """Checks let what fits pass."""
    function = operator_of(torch, "torch.ops.aten.div.Tensor_mode")
    given = [torch.tensor(each, dtype=getattr(torch, dtype)) for each in (left, right)]
    found = function(*given, rounding_mode="trunc")
    assert torch.equal(found, torch.div(*given, rounding_mode="trunc"))


def test_headers_that_disagree_are_refused(linear: Path, tmp_path: Path) -> None:
    """An entry whose own header is another than that of the directory is read by no way."""
    content = bytearray(linear.read_bytes())
    at = content.index(b"data/weights/weight_0")
    content[at] ^= 1
    file = tmp_path / "model.pt2"
    file.write_bytes(content)
    for mapped in (True, False):
        with pytest.raises(ModelLoadError, match="are damaged"):
            loaded(file, mapped=mapped)


def test_a_graph_in_two_folders_or_twice_is_refused(linear: Path, tmp_path: Path) -> None:
    """Which of them is meant is nothing to guess."""
    for name in ("other/byteorder", "model/byteorder"):
        file = tmp_path / "model.pt2"
        file.write_bytes(linear.read_bytes())
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(name, "little")
        with pytest.raises(GraphError, match="in several folders, or one twice"):
            read_graph(file)
