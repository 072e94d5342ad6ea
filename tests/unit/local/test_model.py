"""`load_model`: the same predictions as the model itself and as MLflow, or a precise error."""

# ruff: noqa: DTZ001 - times without a zone are among the values tested

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

import scorecast
from scorecast.errors import (
    ArtifactNotFoundError,
    ConfigError,
    InputMismatchError,
    MLmodelError,
    ModelPredictError,
)
from scorecast.local.model import resolve_model
from scorecast.models.signature import (
    Array,
    Object,
    Param,
    Property,
    Scalar,
    Signature,
    Spec,
    Tensor,
)
from scorecast.models.trust import Trust

Save = Callable[..., Path]

SPECS = [Spec(Scalar("double"), "a"), Spec(Scalar("long"), "b"), Spec(Scalar("double"), "c")]
FRAME = pd.DataFrame(
    {"a": [0.5, -1.5, 2.25], "b": [3, 1, 2], "c": [9.0, 8.0, 7.5]}, index=[30, 10, 20]
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A row-wise model of scikit-learn, and where it is saved with its signature."""
    from sklearn.tree import DecisionTreeRegressor

    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(scale=3, size=(100, 3)), columns=["a", "b", "c"])
    model = DecisionTreeRegressor(random_state=0).fit(table, random.normal(size=100))
    path = tmp_path_factory.mktemp("tree") / "model"
    return model, scorecast.save_model(model, path, signature=Signature(tuple(SPECS)))


class Frame:
    """As much of a data frame of another library as Arrow needs to see."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.columns = table.schema.names

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


MIXED_UP = FRAME[["c", "b", "a"]]
BY_NAME = {
    "frame": FRAME,
    "frame in another order with more": MIXED_UP.assign(id=["x", "y", "z"]),
    "frame of narrower types": FRAME.astype({"a": "float32", "b": "int8", "c": "float32"}),
    "nullable frame": FRAME.convert_dtypes(),
    "Arrow-backed frame": FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "frame of objects": FRAME.astype(object),
    "table": pa.Table.from_pandas(MIXED_UP, preserve_index=False),
    "table of several chunks": pa.concat_tables(
        [pa.Table.from_pandas(MIXED_UP.iloc[i : i + 1], preserve_index=False) for i in range(3)]
    ),
    "record batch": pa.RecordBatch.from_pandas(MIXED_UP, preserve_index=False),
    "frame of another library": Frame(pa.Table.from_pandas(MIXED_UP, preserve_index=False)),
    "dict of columns": {name: FRAME[name].tolist() for name in "cab"},
    "dict of arrays": {name: FRAME[name].to_numpy() for name in "cab"},
    "dict of Series": {name: FRAME[name] for name in "cab"},
    "records": MIXED_UP.to_dict("records"),
}
BY_POSITION = {
    "array": FRAME.to_numpy(object),
    "list of lists": FRAME.values.tolist(),
    "list of tuples": list(FRAME.itertuples(index=False, name=None)),
    "frame without names": FRAME.set_axis(range(3), axis=1).astype(object),
}


@pytest.mark.parametrize("form", [*BY_NAME, *BY_POSITION])
def test_all_forms_of_data_give_the_predictions_of_the_model(
    tree: tuple[Any, Path], form: str
) -> None:
    """Frames, Arrow data, arrays, dicts and records are predicted on as the model itself does."""
    model, path = tree
    data = {**BY_NAME, **BY_POSITION}[form]
    if form == "list of lists":
        data = [[a, int(b), c] for a, b, c in data]

    predictions = scorecast.load_model(path).predict(data)

    np.testing.assert_array_equal(predictions, model.predict(FRAME), strict=True)


@pytest.mark.filterwarnings("ignore")
def test_predictions_are_those_of_mlflow(tree: tuple[Any, Path]) -> None:
    """The same directory predicts the same in MLflow, in every form that MLflow takes."""
    pyfunc = pytest.importorskip("mlflow").pyfunc
    _, path = tree
    theirs, ours = pyfunc.load_model(str(path)), scorecast.load_model(path)

    for form in (
        "frame",
        "frame in another order with more",
        "frame of narrower types",
        "dict of columns",
        "dict of arrays",
        "records",
    ):
        expected = theirs.predict(BY_NAME[form])
        np.testing.assert_array_equal(ours.predict(BY_NAME[form]), expected, strict=True)


def _describe(data: Any) -> Any:
    """What the model was given, as plain values."""
    if isinstance(data, dict):
        return {name: (array.dtype.name, array.shape) for name, array in data.items()}
    if isinstance(data, np.ndarray):
        return data.dtype.name, data.shape
    return {name: (str(data[name].dtype), [str(v) for v in data[name].tolist()]) for name in data}


ENFORCED: list[tuple[str, Any, list[Any]]] = [
    ("boolean", [True, False], ["bool"]),
    ("integer", [1, 2], ["int32", "int16", "uint8"]),
    ("long", [1, 2], ["int64", "int32", "uint32"]),
    ("float", [1, 2], ["float32"]),
    ("double", [1, 2], ["float64", "float32", "int32", "uint16"]),
    ("string", ["x", "y"], ["str"]),
    ("binary", [b"x", b"y"], [object]),
    ("datetime", [datetime(2024, 1, 1), datetime(2024, 1, 2)], ["datetime64[ns]", "datetime64[s]"]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("declared", "values", "dtype"),
    [(declared, values, dtype) for declared, values, dtypes in ENFORCED for dtype in dtypes],
    ids=str,
)
def test_models_see_the_same_frame_as_in_mlflow(
    save: Save, declared: Any, values: list[Any], dtype: Any
) -> None:
    """Where both accept a column, the dtype and values that reach the model are the same."""
    pyfunc = pytest.importorskip("mlflow").pyfunc
    path = save(_describe, [Spec(Scalar(declared), "x")])
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})

    assert scorecast.load_model(path).predict(frame) == pyfunc.load_model(str(path)).predict(frame)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": [1.0]}),
        pd.DataFrame({"a": ["x"], "b": [1], "c": [1.0]}),
        pd.DataFrame({"a": [1.0], "b": [1.5], "c": [1.0]}),
        {"a": [1.0], "b": [1]},
        [{"a": 1.0}],
    ],
    ids=["missing", "text for double", "double for long", "dict", "records"],
)
def test_what_mlflow_refuses_is_refused(tree: tuple[Any, Path], data: Any) -> None:
    """Missing and wrongly typed columns are errors in both."""
    pyfunc = pytest.importorskip("mlflow").pyfunc
    _, path = tree

    with pytest.raises(Exception, match=r"missing|[Ii]ncompatible|convert"):
        pyfunc.load_model(str(path)).predict(data)
    with pytest.raises(InputMismatchError):
        scorecast.load_model(path).predict(data)


def test_the_model_sees_the_labels_of_the_rows(save: Save) -> None:
    """A frame or Series keeps its index, so that predictions can be joined back by it."""
    model = scorecast.load_model(save(lambda data: data["a"] * 2, [Spec(Scalar("double"), "a")]))

    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["x", "y"], name="id"))
    pd.testing.assert_index_equal(model.predict(frame).index, frame.index)
    pd.testing.assert_index_equal(model.predict(frame["a"]).index, frame.index)
    assert model.predict(pa.table({"a": [1.0]})).index.tolist() == [0]


def test_one_row_may_be_given_as_a_dict_of_values(save: Save) -> None:
    """A record, with values of any kind, is one row; a value beside columns is repeated."""
    record = Object((Property("n", Scalar("long")),))
    specs = [
        Spec(Scalar("double"), "price"),
        Spec(Scalar("datetime"), "when"),
        Spec(record, "what"),
        Spec(Scalar("string"), "note", required=False),
    ]
    model = scorecast.load_model(save(_describe, specs))

    seen = model.predict(
        {"price": Decimal("1.5"), "when": date(2024, 1, 1), "what": {"n": 1}, "note": None}
    )

    assert seen["price"] == ("float64", ["1.5"])
    assert seen["when"] == ("datetime64[ns]", ["2024-01-01 00:00:00"])
    assert seen["what"] == ("object", ["{'n': 1}"])
    assert seen["note"][1] in (["nan"], ["None"])  # pandas 3, pandas 2
    two = model.predict({"price": [1, 2], "when": pd.Timestamp("2024"), "what": [{"n": 1}] * 2})
    assert two["when"][1] == ["2024-01-01 00:00:00"] * 2


def test_records_may_lack_what_is_optional(save: Save) -> None:
    """Keys that are missing in some rows are missing values, in the dtype of an optional input."""
    specs = [Spec(Scalar("long"), "a"), Spec(Scalar("long"), "b", required=False)]
    model = scorecast.load_model(save(_describe, specs))

    assert model.predict([{"a": 1}, {"b": 2, "a": 3}]) == {
        "a": ("int64", ["1", "3"]),
        "b": ("Int64", ["<NA>", "2"]),
    }
    assert model.predict([{"a": 1}]) == {"a": ("int64", ["1"])}
    with pytest.raises(InputMismatchError, match="1 nulls"):
        model.predict([{"a": 1}, {"b": 2}])


def test_numbered_columns_fit_a_model_without_names(save: Save) -> None:
    """Keys that are numbers are columns like any other."""
    model = scorecast.load_model(save(_describe, [Spec(Scalar("long")), Spec(Scalar("long"))]))

    expected = {0: ("int64", ["1"]), 1: ("int64", ["2"])}
    assert model.predict([{0: 1, 1: 2}]) == expected
    assert model.predict({0: [1], 1: [2]}) == expected
    assert model.predict(np.array([[1, 2]])) == expected
    assert model.predict(pd.DataFrame([[1, 2]])) == expected


def test_a_series_is_one_column(save: Save) -> None:
    """A Series goes to the input of its name, one without a name to the only input."""
    model = scorecast.load_model(save(_describe, [Spec(Scalar("double"), "a")]))

    for series in (pd.Series([1.5], name="a"), pd.Series([1.5])):
        assert model.predict(series) == {"a": ("float64", ["1.5"])}
    assert model.predict(np.array([1.5])) == {"a": ("float64", ["1.5"])}
    assert model.predict([1.5]) == {"a": ("float64", ["1.5"])}
    with pytest.raises(InputMismatchError, match=r'column "a" .* is missing'):
        model.predict(pd.Series([1.5], name="b"))


def test_missing_values_of_pandas_are_missing_to_the_model(save: Save) -> None:
    """NaN, None, NA and NaT of every kind of frame are one thing."""
    specs = [
        Spec(Scalar("double"), "x"),
        Spec(Scalar("long"), "n", required=False),
        Spec(Scalar("datetime"), "t"),
    ]
    model = scorecast.load_model(save(_describe, specs))
    frame = pd.DataFrame(
        {
            "x": pd.Series([1.0, None], dtype=object),
            "n": pd.Series([1, pd.NA], dtype="Int64"),
            "t": pd.Series([pd.Timestamp("2024"), pd.NaT]).dt.tz_localize("Europe/Paris"),
        }
    )

    seen = model.predict(frame)

    assert seen == {
        "x": ("float64", ["1.0", "nan"]),
        "n": ("Int64", ["1", "<NA>"]),
        "t": ("datetime64[ns]", ["2024-01-01 00:00:00", "NaT"]),
    }


def test_nested_cells_of_every_shape_are_lists(save: Save) -> None:
    """Cells may be lists, tuples or arrays of one or more axes."""
    kind = Array(Array(Scalar("double")))
    model = scorecast.load_model(
        save(lambda data: [len(row) for row in data["m"]], [Spec(kind, "m")])
    )

    assert model.predict({"m": np.ones((4, 2, 3))}) == [2] * 4
    for cell in ([[1.0], [2.0]], np.ones((2, 3)), (np.ones(2), np.ones(3))):
        assert model.predict(pd.DataFrame({"m": pd.Series([cell], dtype=object)})) == [2]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"a": [1.0, 2.0], "b": [1]}, "different lengths: a: 2, b: 1"),
        ([{"a": 1.0}, 2.0], "mixes records with other values"),
        (7, "Cannot predict on a int"),
        ("text", "Cannot predict on a str"),
        (None, "Cannot predict on a NoneType"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (pd.DataFrame({"a": [1.0], "b": [1], "C": [1.0]}), 'missing. Did you mean "C"'),
        (pd.DataFrame({"a": [1, "x"], "b": [1, 2], "c": [1, 2]}), "holds int and str side by side"),
        ({"a": [2**70], "b": [1], "c": [1]}, "holds int values that Arrow has no type for"),
        (pd.DataFrame([[1.0, 1]]), "takes 3 input columns, got 2"),
        (FRAME.assign(b=[1.0, 2.0, None]), "double, the model takes long"),
        (FRAME.assign(b=pd.array([1, None, 3], "Int64")), "1 nulls"),
        (pd.concat([FRAME, FRAME["a"]], axis=1), '"a" occurs more than once'),
        ([], 'column "a"'),
    ],
)
def test_data_that_does_not_fit_is_refused_precisely(
    tree: tuple[Any, Path], data: Any, problem: str
) -> None:
    """The error says what is wrong with the data, before the model sees any of it."""
    with pytest.raises(InputMismatchError, match=problem):
        scorecast.load_model(tree[1]).predict(data)


def test_times_are_not_cut_off(save: Save) -> None:
    """Dates beside times, whichever comes first, leave the times whole; zones are not mixed."""
    model = scorecast.load_model(save(_describe, [Spec(Scalar("datetime"), "t")]))
    noon, day = datetime(2024, 1, 1, 12), date(2024, 1, 1)
    zoned = pd.Timestamp(noon, tz="UTC")

    for cells in ([day, noon], [day, np.datetime64(noon)], [day, pd.Timestamp(noon)]):
        for order in (cells, cells[::-1]):
            seen = model.predict({"t": order})["t"][1]
            assert sorted(seen) == ["2024-01-01 00:00:00", "2024-01-01 12:00:00"]
    for cells in ([noon, zoned], [zoned, noon], [pd.Timestamp(noon) + pd.Timedelta(1, "ns")]):
        with pytest.raises(InputMismatchError, match="Give every row the same kind of time"):
            model.predict(pd.DataFrame({"t": pd.Series(cells, dtype=object)}))


def test_errors_about_data_show_none_of_it(save: Save) -> None:
    """A cell that cannot be converted is not shown, nor is what Arrow said of it."""
    model = scorecast.load_model(save(_describe, [Spec(Scalar("double"), "a")]))
    for cells in ([1, "canary"], [1.0, b"canary"], [2**70, "canary"]):
        with pytest.raises(InputMismatchError) as caught:
            model.predict(pd.DataFrame({"a": pd.Series(cells, dtype=object)}))

        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_no_rows_are_no_error(save: Save) -> None:
    """Empty data of the right columns reach the model as an empty frame of the right dtypes."""
    model = scorecast.load_model(save(_describe, SPECS))

    empty = {"a": ("float64", []), "b": ("int64", []), "c": ("float64", [])}
    assert model.predict(FRAME.iloc[:0]) == empty
    assert model.predict(pa.Table.from_pandas(FRAME.iloc[:0], preserve_index=False)) == empty
    assert model.predict(np.empty((0, 3), object)) == empty


def test_without_a_signature_data_pass_through(save: Save) -> None:
    """A model that declares nothing gets what was given; Arrow data and records as a frame."""
    model = scorecast.load_model(save(lambda data: data))

    for data in (FRAME, FRAME["a"], np.eye(2), {"a": [1]}, [1, 2], "text", 5):
        assert model.predict(data) is data
    table = pa.table({"a": [1, 2]})
    for data in (table, table.to_batches()[0], Frame(table), [{"a": 1}, {"a": 2}]):
        pd.testing.assert_frame_equal(model.predict(data), pd.DataFrame({"a": [1, 2]}))


def test_what_the_model_raises_is_chained(save: Save) -> None:
    """An exception of the model is the cause of ours, which says how many rows there were."""
    model = scorecast.load_model(save(lambda data: data["nothing"], [Spec(Scalar("double"), "a")]))

    with pytest.raises(ModelPredictError, match="KeyError on a batch of 2 rows") as caught:
        model.predict([1.0, 2.0])

    assert isinstance(caught.value.__cause__, KeyError)


def _with_params(data: Any, params: Any) -> Any:
    return dict(params)


def test_params_are_completed_and_checked(save: Save) -> None:
    """Defaults are filled in, values converted; unknown names warn, wrong types are errors."""
    params = (Param("scale", Scalar("double"), 1.5), Param("name", Scalar("string"), "n"))
    model = scorecast.load_model(save(_with_params, [Spec(Scalar("double"), "a")], params=params))

    assert model.predict([1.0]) == {"scale": 1.5, "name": "n"}
    assert model.predict([1.0], {"scale": 2}) == {"scale": 2.0, "name": "n"}
    with pytest.warns(UserWarning, match="Ignored params skale"):
        assert model.predict([1.0], {"skale": 2}) == {"scale": 1.5, "name": "n"}
    with pytest.raises(InputMismatchError, match="scale: expected double, got str"):
        model.predict([1.0], {"scale": "2"})


def test_params_for_a_model_without_any_warn(save: Save) -> None:
    """Params that a model does not declare are dropped with a warning, as in MLflow."""
    model = scorecast.load_model(
        save(lambda data: data["a"].tolist(), [Spec(Scalar("double"), "a")])
    )

    with pytest.warns(UserWarning, match="declares no params; ignored: scale"):
        assert model.predict([1.0], {"scale": 2}) == [1.0]


LOADER = """
class Model:
    def __init__(self, config):
        self.config = config

    def predict(self, data):
        return sorted(self.config.items())


def _load_pyfunc(path, config=None):
    return Model(config or {})
"""


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A model that predicts its own configuration."""
    model = tmp_path / "configured"
    (model / "code").mkdir(parents=True)
    (model / "code" / "config_loader.py").write_text(LOADER)
    (model / "MLmodel").write_text(
        "flavors: {python_function: {loader_module: config_loader, code: code, "
        "config: {limit: 1, mode: a}}}"
    )
    return model


def test_the_config_of_a_model_can_be_overridden(configured: Path) -> None:
    """Single keys of the stored config are replaced by those of the call."""
    assert scorecast.load_model(configured).predict(0) == [("limit", 1), ("mode", "a")]
    tuned = scorecast.load_model(configured, model_config={"limit": 2})
    assert tuned.predict(0) == [("limit", 2), ("mode", "a")]


@pytest.mark.parametrize("as_given", [str, Path])
def test_the_config_may_be_a_yaml_file(
    configured: Path, tmp_path: Path, as_given: Callable[[Path], str | Path]
) -> None:
    """A path is read as MLflow reads it; its keys count as those of a mapping do."""
    file = tmp_path / "config.yaml"
    file.write_text("limit: [2, é]\nmode: b\n", encoding="utf-8")
    tuned = scorecast.load_model(configured, model_config=as_given(file))
    assert tuned.predict(0) == [("limit", [2, "é"]), ("mode", "b")]

    file.write_text("limit: 3\nlimits: 4\n")
    with pytest.warns(UserWarning, match="keys limits; the model has: limit, mode") as caught:
        tuned = scorecast.load_model(configured, model_config=as_given(file))
    assert caught[0].filename == __file__
    assert tuned.predict(0) == [("limit", 3), ("mode", "a")]

    file.write_text("{}")
    same = scorecast.load_model(configured, model_config=as_given(file))
    assert same.predict(0) == [("limit", 1), ("mode", "a")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"limit: 2\nmode: [a\n", "it is not YAML at line 3"),
        (b"limit: \xff", "it is not YAML"),
        (b"limit: 2024-02-31", "it is not YAML"),
        (b"", "it holds nothing"),
        (b"- limit", "it holds a list"),
        (b"limit", "it holds a str"),
    ],
)
def test_a_config_file_that_cannot_be_used_is_refused(
    configured: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """The error names the file, what is wrong with it and what was expected."""
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        scorecast.load_model(configured, model_config=file)
    assert str(caught.value) == (
        f'Cannot read model_config from "{file}": {reason}. Expected a dict, or the path of a YAML '
        "file with a mapping of configuration keys to values."
    )


@pytest.mark.parametrize("place", ["", "."])
def test_a_config_that_is_a_directory_is_refused(configured: Path, place: str) -> None:
    """An empty path is refused like any other that names no file, not taken for no config."""
    with pytest.raises(ConfigError, match=f'model_config from "{place}": Is a directory'):
        scorecast.load_model(configured, model_config=place)


def _shape(data: Any) -> Any:
    return _describe(data)


TENSOR = [Spec(Tensor("float32", (-1, 2)))]


@pytest.mark.parametrize(
    "data",
    [
        np.ones((3, 2), np.float32),
        np.ones((3, 2), np.float16),
        np.ones((3, 2), np.int8),
        pd.DataFrame(np.ones((3, 2))),
        pd.DataFrame(np.ones((3, 2)), columns=["x", "y"]),
        pd.DataFrame({"list": [[1.0, 2.0]] * 3}),
        pa.table({"x": [1.0] * 3, "y": [1] * 3}),
        {"x": [1.0] * 3, "y": [2.0] * 3},
    ],
    ids=lambda data: type(data).__name__,
)
def test_one_tensor_may_come_as_an_array_or_as_columns(save: Save, data: Any) -> None:
    """A model of one array gets it in the declared dtype, from arrays and from columns."""
    assert scorecast.load_model(save(_shape, TENSOR)).predict(data) == ("float32", (3, 2))


def test_sparse_matrices_stay_sparse(save: Save) -> None:
    """A model that declares an array takes a sparse matrix of its shape and dtype as it is."""
    specs = [Spec(Tensor("float64", (-1, 2)))]
    model = scorecast.load_model(save(lambda data: (type(data).__name__, data.dtype.name), specs))

    assert model.predict(scipy.sparse.csr_matrix(np.eye(2))) == ("csr_matrix", "float64")
    assert model.predict(scipy.sparse.csc_array(np.eye(2, dtype="f4"))) == ("csc_array", "float64")
    with pytest.raises(InputMismatchError, match=r"shape \(3, 3\), expected \(-1, 2\)"):
        model.predict(scipy.sparse.csr_matrix(np.eye(3)))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (np.ones((3, 3), "f4"), r"shape \(3, 3\), expected \(-1, 2\)"),
        (np.ones(3, "f4"), r"shape \(3,\), expected"),
        (np.ones((3, 2)), r"is float64, expected float32; .*astype\(\"float32\"\)"),
        (np.ones((3, 2), "i8"), "is int64, expected float32"),
        (np.array([["a", "b"]]), "expected float32"),
        ([[1.0, 2.0], [3.0]], "different lengths"),
        (pd.DataFrame(np.ones((3, 3))), "takes 2 values per row, got 3 columns"),
        (5, "Cannot predict on a int"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(save: Save, data: Any, problem: str) -> None:
    """Shape and dtype are checked, and the error shows what is expected."""
    with pytest.raises(InputMismatchError, match=problem):
        scorecast.load_model(save(_shape, TENSOR)).predict(data)


NAMED = [
    Spec(Tensor("float32", (-1, 2)), "x"),
    Spec(Tensor("int64", (-1,)), "y"),
]


def test_named_tensors_are_given_as_a_dict(save: Save) -> None:
    """A dict of arrays, or columns of these names, becomes a dict in the declared dtypes."""
    model = scorecast.load_model(save(_shape, NAMED))
    expected = {"x": ("float32", (3, 2)), "y": ("int64", (3,))}

    arrays = {"y": np.arange(3, dtype="i2"), "x": np.ones((3, 2), "f4"), "more": 1}
    assert model.predict(arrays) == expected
    assert model.predict(pd.DataFrame({"x": [[1.0, 2.0]] * 3, "y": range(3)})) == expected
    single = scorecast.load_model(save(_shape, [NAMED[0]]))
    assert single.predict(np.ones((3, 2), "f4")) == {"x": ("float32", (3, 2))}


def test_all_that_is_wrong_with_named_tensors_is_told_at_once(save: Save) -> None:
    """Missing names, shapes and dtypes are in one error; one array for several is none."""
    model = scorecast.load_model(save(_shape, NAMED))

    with pytest.raises(InputMismatchError) as caught:
        model.predict({"X": np.ones((3, 2)), "y": np.ones((3, 1))})

    message = str(caught.value)
    assert 'array "x" is missing. Did you mean "X"?' in message
    assert 'array "y" has the shape (3, 1), expected (-1,)' in message
    with pytest.raises(InputMismatchError, match=r"takes 2 tensors \(x, y\)"):
        model.predict(np.ones((3, 2), "f4"))


def test_texts_in_tensors_are_not_confused_with_numbers(save: Save) -> None:
    """A tensor of texts takes texts, one of objects anything."""
    texts = scorecast.load_model(save(_shape, [Spec(Tensor("str", (-1,)))]))
    objects = scorecast.load_model(save(_shape, [Spec(Tensor("object", (-1,)))]))

    assert texts.predict(np.array(["a", "bc"]))[1] == (2,)
    with pytest.raises(InputMismatchError, match="is float64, expected str"):
        texts.predict(np.array([1.0]))
    assert objects.predict(np.array([1.0, 2.0]))[1] == (2,)


def test_inspecting_runs_no_code_and_tells_what_is_declared(save: Save, tmp_path: Path) -> None:
    """`inspect_model` reads signature and digest also where the model file is broken."""
    path = save(len, [Spec(Scalar("double"), "a")])
    (path / "model.pkl").write_bytes(b"broken")

    info = scorecast.inspect_model(path)

    assert str(info.signature.inputs[0]) == "a: double"
    assert info.digest.startswith("sha256:")
    assert info.uri == str(path)
    with pytest.raises(ArtifactNotFoundError):
        scorecast.inspect_model(tmp_path / "nothing")
    with pytest.raises(MLmodelError):
        scorecast.inspect_model(tmp_path)


def test_no_bytecode_is_written_beside_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on loading nor for what is imported later, and other modules get theirs."""
    (tmp_path / "late_helper.py").write_text("FACTOR = 3.0\n")

    def model(data):
        import late_helper

        return data["x"] * late_helper.FACTOR

    path = scorecast.save_model(model, tmp_path / "m", code_paths=[tmp_path / "late_helper.py"])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    loaded = scorecast.load_model(path)
    assert list(loaded.predict(pd.DataFrame({"x": [1.0]}))) == [3.0]
    assert list(path.rglob("*.pyc")) == []
    assert sys.dont_write_bytecode is False


def test_the_name_of_a_pinned_model_is_not_taken_from_its_files(save: Save) -> None:
    """No digest counts the file that says it."""
    path = save(lambda data: data["x"])
    (path / "registered_model_meta").write_text("model_name: churn\nmodel_version: 7\n")
    info = resolve_model(path).info
    assert (info.registered_name, info.registered_version) == ("churn", "7")

    info = resolve_model(path, Trust(digest=info.digest)).info
    assert (info.registered_name, info.registered_version) == (None, None)


def test_a_loaded_model_shows_what_it_is(save: Save) -> None:
    """The text of a model names where it is from and which files it was made of."""
    path = save(len)
    model = scorecast.load_model(str(path))

    assert repr(model) == (
        f"<LoadedModel {path} flavors=python_function digest={model.info.digest}>"
    )
