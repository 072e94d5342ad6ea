"""Input examples pass between MLflow and scorecast in both directions."""

from __future__ import annotations

import json
import warnings
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from scorecast.errors import MLmodelError, ModelLoadError, ModelSaveError
from scorecast.models.examples import (
    read_example_params,
    read_input_example,
    write_input_example,
)
from scorecast.models.infer import infer_signature
from scorecast.models.info import ModelInfo
from scorecast.models.mlmodel import MLMODEL, read_model_info
from scorecast.models.signature import (
    Array,
    Map,
    Object,
    Property,
    Scalar,
    Signature,
    Spec,
    Tensor,
)
from scorecast.models.signature_json import dump_signature

mlflow_models = pytest.importorskip("mlflow.models")

FLAVORS = {"python_function": {"loader_module": "some_loader"}}
NOON = datetime(2020, 1, 1, 12, 0, 0, 250000)  # noqa: DTZ001


def signature_of(example: Any) -> Signature | None:
    """The signature that a user would infer from the example."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = example[0] if isinstance(example, tuple) else example
        return infer_signature(data)


def saved_by_us(example: Any, directory: Path, signature: Signature | None) -> ModelInfo:
    """A model directory with the example, written by scorecast."""
    described: dict[str, Any] = {"flavors": FLAVORS}
    described["saved_input_example_info"] = write_input_example(example, directory)
    if signature is not None:
        described["signature"] = dump_signature(signature)
    (directory / MLMODEL).write_text(yaml.safe_dump(described))
    return read_model_info(directory)


def saved_by_mlflow(example: Any, directory: Path, signature: Signature | None) -> ModelInfo:
    """A model directory with the example, written by MLflow."""
    from mlflow.models.utils import _save_example

    model = mlflow_models.Model(flavors=FLAVORS)
    with warnings.catch_warnings():
        # MLflow 3.17 calls what pandas 3 deprecates.
        warnings.simplefilter("ignore")
        _save_example(model, example, str(directory))
    if signature is not None:
        model.signature = mlflow_models.ModelSignature.from_dict(dump_signature(signature))
    model.save(directory / MLMODEL)
    return read_model_info(directory)


def read_by_mlflow(directory: Path) -> Any:
    """The example as MLflow reads it."""
    return mlflow_models.Model.load(str(directory)).load_input_example(str(directory))


def assert_same(got: Any, expected: Any, *, dtypes: bool = True) -> None:
    """Same kind of data and same values; frames and arrays with their dtypes."""
    assert type(got) is type(expected)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected, check_dtype=dtypes)
    elif isinstance(expected, np.ndarray):
        assert got.dtype == expected.dtype or not dtypes
        np.testing.assert_array_equal(got, expected)
    elif isinstance(expected, dict) and any(isinstance(v, np.ndarray) for v in expected.values()):
        assert list(got) == list(expected)
        for name in expected:
            assert_same(got[name], expected[name], dtypes=dtypes)
    elif hasattr(expected, "tocsr"):
        assert_same(got.toarray(), expected.toarray(), dtypes=dtypes)
    else:
        assert got == expected


FRAMES: dict[str, pd.DataFrame] = {
    "numbers": pd.DataFrame({"i": [1, 2], "d": [1.5, np.nan], "t": [True, False]}),
    "narrow numbers": pd.DataFrame({"i": np.ones(2, "int32"), "f": np.ones(2, "float32")}),
    "infinite numbers": pd.DataFrame({"d": [np.inf, -np.inf, np.nan]}),
    "text": pd.DataFrame({"s": ["a", None], "u": ["ü", '"']}),
    "datetimes": pd.DataFrame({"t": pd.to_datetime([NOON, None]).as_unit("ns")}),
    "bytes": pd.DataFrame({"b": [b"\x00\xff", b"a" * 100]}),
    "lists": pd.DataFrame({"l": [[1.5, 2.5], []], "s": [["a"], ["b", "c"]]}),
    "dicts": pd.DataFrame({"o": [{"x": 1.5, "y": ["a"]}, {"x": 2.5, "y": []}]}),
    "columns without names": pd.DataFrame([[1.5, "a"], [2.5, "b"]]),
    "one row": pd.DataFrame({"a": [1.5]}),
    "one column": pd.DataFrame({"a": [1.5, 2.5]}),
    "no rows": pd.DataFrame({"a": np.array([], float)}),
}
ARRAYS: dict[str, Any] = {
    "one axis": np.array([1.5, np.nan]),
    "three axes": np.arange(12).reshape(2, 3, 2),
    "float32": np.array([[1.5], [2.5]], "float32"),
    "booleans": np.array([True, False]),
    "text": np.array(["a", "b"]),
    "datetimes": np.array(["2020-01-01T00:00:01", "NaT"], "datetime64[ns]"),
    "dict": {"x": np.ones((2, 3), "float32"), "y": np.array([1, 2])},
}
JSON: dict[str, Any] = {
    "dict": {"a": [1, 2.5, None], "b": {"c": "x"}},
    "empty dict": {},
    "list of dicts": [{"a": 1}, {"a": None}],
    "list of text": ["a", "b"],
    "nested lists": [[1, 2], [3]],
    "text": "a sentence",
    "number": 1.5,
    "boolean": True,
    "chat": {"messages": [{"role": "user", "content": "hi"}]},
}
ALL = {**FRAMES, **{f"array, {k}": v for k, v in ARRAYS.items()}, **JSON}


@pytest.mark.parametrize("name", ALL)
def test_mlflow_reads_what_scorecast_writes(name: str, tmp_path: Path) -> None:
    """An example saved by scorecast is loaded by MLflow as it was given."""
    signature = signature_of(ALL[name]) if name not in JSON else None
    saved_by_us(ALL[name], tmp_path, signature)

    assert_same(read_by_mlflow(tmp_path), ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_scorecast_reads_what_it_wrote(name: str, tmp_path: Path) -> None:
    """An example saved by scorecast is loaded by scorecast as it was given."""
    signature = signature_of(ALL[name]) if name not in JSON else None
    info = saved_by_us(ALL[name], tmp_path, signature)

    assert_same(read_input_example(tmp_path, info), ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_scorecast_reads_what_mlflow_wrote(name: str, tmp_path: Path) -> None:
    """An example saved by MLflow is loaded by scorecast as MLflow loads it, and as it was given."""
    signature = signature_of(ALL[name]) if name not in JSON else None
    info = saved_by_mlflow(ALL[name], tmp_path, signature)

    got = read_input_example(tmp_path, info)
    assert_same(got, read_by_mlflow(tmp_path))
    assert_same(got, ALL[name])


@pytest.mark.parametrize("name", [*FRAMES, *(f"array, {k}" for k in ARRAYS)])
def test_without_a_signature_values_are_those_of_json(name: str, tmp_path: Path) -> None:
    """A model without a signature has an example too; scorecast and MLflow read the same values."""
    info = saved_by_us(ALL[name], tmp_path, None)

    got, theirs = read_input_example(tmp_path, info), read_by_mlflow(tmp_path)
    if name == "array, one axis":
        # MLflow gives Python's None among floats here.
        theirs = theirs.astype(float)
    assert_same(got, theirs, dtypes=False)


@pytest.mark.parametrize("name", ALL)
def test_the_files_are_the_ones_that_mlflow_writes(name: str, tmp_path: Path) -> None:
    """Info and both files are MLflow's, but that missing values are null in valid JSON."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    got = saved_by_us(ALL[name], ours, None)
    expected = saved_by_mlflow(ALL[name], theirs, None)

    assert got.input_example == expected.input_example
    for file in ("input_example.json", "serving_input_example.json"):
        text = (theirs / file).read_text().replace("NaN", "null").replace('"NaT"', "null")
        if name == "array, datetimes":
            assert '"2020-01-01T00:00:01.000000000"' in (ours / file).read_text()
        else:
            assert json.loads((ours / file).read_text()) == json.loads(text)
    assert "NaN" not in (ours / "input_example.json").read_text()


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_sparse_matrices_pass_in_both_directions(form: str, tmp_path: Path) -> None:
    """Sparse matrices of the two forms that MLflow stores are written and read by both."""
    sparse = pytest.importorskip("scipy.sparse")
    matrix = getattr(sparse, f"{form}_matrix")(np.array([[0, 1.5], [2.5, 0]], "float32"))
    for folder, save in (("ours", saved_by_us), ("theirs", saved_by_mlflow)):
        directory = tmp_path / folder
        directory.mkdir()
        info = save(matrix, directory, infer_signature(matrix))

        assert_same(read_input_example(directory, info), matrix)
        assert_same(read_by_mlflow(directory), read_input_example(directory, info), dtypes=False)


@pytest.mark.parametrize("name", ["numbers", "array, one axis", "dict", "chat", "text"])
def test_params_are_stored_along_with_the_data(name: str, tmp_path: Path) -> None:
    """A tuple of data and params is read back as data and params, by both."""
    params = {"limit": 3, "rate": 0.5, "on": np.True_}
    plain = {"limit": 3, "rate": 0.5, "on": True}
    signature = signature_of(ALL[name]) if name not in JSON else None
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for directory, save in ((ours, saved_by_us), (theirs, saved_by_mlflow)):
        directory.mkdir()
        info = save((ALL[name], params), directory, signature)

        assert_same(read_input_example(directory, info), ALL[name])
        assert read_example_params(directory, info) == plain
        assert_same(read_by_mlflow(directory), ALL[name])
        model = mlflow_models.Model.load(str(directory))
        assert model.load_input_example_params(str(directory)) == plain
    serving = [json.loads((d / "serving_input_example.json").read_text()) for d in (ours, theirs)]
    assert json.loads(json.dumps(serving[0]).replace("NaN", "null")) == json.loads(
        json.dumps(serving[1]).replace("NaN", "null")
    )


def test_empty_params_are_no_params(tmp_path: Path) -> None:
    """Data with an empty dict of params is stored as the data alone."""
    info = saved_by_us(([1, 2], {}), tmp_path, None)

    assert read_input_example(tmp_path, info) == [1, 2]
    assert read_example_params(tmp_path, info) is None
    assert read_by_mlflow(tmp_path) == [1, 2]


def test_a_model_without_an_example_has_none() -> None:
    """A model without an example gives None for the data and for the params."""
    info = ModelInfo(flavors=FLAVORS)

    assert read_input_example(Path("unused"), info) is None
    assert read_example_params(Path("unused"), info) is None


def test_an_arrow_table_is_stored_as_its_frame(tmp_path: Path) -> None:
    """A pyarrow Table as an example is read back as the DataFrame of the same rows."""
    table = pa.table({"a": [1.5, None], "s": ["x", "y"]})
    info = saved_by_us(table, tmp_path, infer_signature(table))

    assert_same(read_input_example(tmp_path, info), table.to_pandas())
    assert_same(read_by_mlflow(tmp_path), table.to_pandas())


def test_dates_bytes_and_numpy_values_have_a_json_form(tmp_path: Path) -> None:
    """Values that JSON lacks are written the way MLflow writes them."""
    example = {"d": date(2020, 1, 1), "b": b"ab", "n": np.float32(1.5), "t": np.datetime64("2020")}
    expected = {"d": "2020-01-01", "b": "YWI=\n", "n": 1.5, "t": "2020"}

    assert read_input_example(tmp_path, saved_by_us(example, tmp_path, None)) == expected
    assert saved_by_us(NOON, tmp_path, None).input_example is not None
    assert read_by_mlflow(tmp_path) == NOON.isoformat()
    nested = {"a": {"b": np.array([1.0, np.nan])}}
    assert read_input_example(tmp_path, saved_by_us(nested, tmp_path, None)) == {
        "a": {"b": [1.0, None]}
    }


# --- what MLflow cannot read back -----------------------------------------------------------------

OURS_ONLY: dict[str, tuple[Any, tuple[Spec, ...]]] = {
    "integers with missing values": (
        pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.array([None, 2], "Int32")}),
        (
            Spec(Scalar("long"), "a", required=False),
            Spec(Scalar("integer"), "b", required=False),
        ),
    ),
    "booleans with missing values": (
        pd.DataFrame({"a": pd.array([True, None], "boolean")}),
        (Spec(Scalar("boolean"), "a", required=False),),
    ),
    "bytes with missing values": (
        pd.DataFrame({"a": pd.Series([b"a", None], dtype=object)}),
        (Spec(Scalar("binary"), "a", required=False),),
    ),
    "lists with None": (
        pd.DataFrame({"a": [["a", None], [None]]}),
        (Spec(Array(Scalar("string")), "a"),),
    ),
    "lists of bytes": (
        pd.DataFrame({"a": [[b"a", None], []]}),
        (Spec(Array(Scalar("binary")), "a"),),
    ),
    "dicts with bytes and times": (
        pd.DataFrame({"a": [{"b": b"a", "t": NOON, "n": 1}, {"b": None, "n": 2}]}),
        (
            Spec(
                Object(
                    (
                        Property("b", Scalar("binary"), required=False),
                        Property("n", Scalar("long")),
                        Property("t", Scalar("datetime"), required=False),
                    )
                ),
                "a",
            ),
        ),
    ),
    "maps of lists of times": (
        pd.DataFrame({"a": [{"x": [NOON]}, {"y": None}]}),
        (Spec(Map(Array(Scalar("datetime"))), "a"),),
    ),
    "datetimes, some without fraction": (
        pd.DataFrame({"t": pd.to_datetime([NOON, datetime(2020, 1, 1)]).as_unit("ns")}),  # noqa: DTZ001
        (Spec(Scalar("datetime"), "t"),),
    ),
    "array of bytes": (np.array([b"ab", b"c"]), (Spec(Tensor("bytes", (-1,))),)),
    "column of bytes of a tensor": (
        pd.DataFrame({"a": pd.Series([b"ab"], dtype=object)}),
        (Spec(Tensor("bytes", (-1,)), "a"),),
    ),
}


@pytest.mark.parametrize("name", OURS_ONLY)
def test_scorecast_brings_back_types_that_mlflow_does_not(name: str, tmp_path: Path) -> None:
    """Missing integers, nested bytes and times come back by the signature."""
    example, inputs = OURS_ONLY[name]
    info = saved_by_us(example, tmp_path, Signature(inputs=inputs))

    assert_same(read_input_example(tmp_path, info), example)


@pytest.mark.parametrize(
    ("inputs", "dtypes"),
    [
        ((Spec(Tensor("float32", (-1, 2))),), ["float32", "float32"]),
        ((Spec(Tensor("float32", (-1,)), "b"),), ["int64", "float32"]),
        ((Spec(Scalar("double")), Spec(Scalar("float"))), ["float64", "float32"]),
        ((Spec(Scalar("double")),), ["float64", "int64"]),
        ((Spec(Scalar("double"), "other"),), ["int64", "int64"]),
    ],
)
def test_a_frame_takes_the_types_of_any_signature(
    inputs: tuple[Spec, ...], dtypes: list[str], tmp_path: Path
) -> None:
    """Tensors, unnamed columns and columns that are not in the frame do not disturb reading."""
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    info = saved_by_us(frame, tmp_path, Signature(inputs=inputs))

    assert [str(dtype) for dtype in read_input_example(tmp_path, info).dtypes] == dtypes


def test_lists_in_a_column_of_a_tensor_stay_lists(tmp_path: Path) -> None:
    """A frame whose cells are the rows of a tensor is read back with lists in the cells."""
    frame = pd.DataFrame({"a": [[1.5, 2.5]]})
    info = saved_by_us(frame, tmp_path, Signature((Spec(Tensor("float32", (-1, 2)), "a"),)))

    assert_same(read_input_example(tmp_path, info), frame)
    assert_same(read_by_mlflow(tmp_path), frame)


def test_arrays_in_the_envelope_of_old_versions_are_read(tmp_path: Path) -> None:
    """MLflow 1.x stored arrays as a request to TensorFlow Serving."""
    (tmp_path / "input_example.json").write_text('{"inputs": {"x": [[1, 2]]}}')
    described = {
        "flavors": FLAVORS,
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "type": "ndarray",
            "format": "tf-serving",
        },
    }
    (tmp_path / MLMODEL).write_text(yaml.safe_dump(described))

    got = read_input_example(tmp_path, read_model_info(tmp_path))
    assert_same(got, {"x": np.array([[1, 2]])})


def test_a_frame_in_a_list_of_rows_is_read(tmp_path: Path) -> None:
    """Rows without column names, as the oldest examples are, become a frame with numbers."""
    info = saved_by_us(pd.DataFrame([[1.5, 2.5]]), tmp_path, None)
    (tmp_path / "input_example.json").write_text("[[1.5, 2.5]]")

    assert_same(read_input_example(tmp_path, info), pd.DataFrame([[1.5, 2.5]]))


# --- errors ---------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, str]] = {
    "None": (None, "a NoneType is not possible"),
    "Series": (pd.Series([1]), "pass series.to_frame()"),
    "tuple": ((1, 2, 3), "Pass a list instead"),
    "tuple without params": (([1], [2]), "Pass a list instead"),
    "set": ({1}, "a set is not possible"),
    "arrays among others": ({"x": np.ones(2), "y": 1}, "numpy arrays alone or none"),
    "arrays in a list": ([{"x": [np.ones(2)]}], "array.tolist()"),
    "Decimals": (pd.DataFrame({"a": [Decimal(1)]}), "Decimal objects have no JSON form"),
    "complex numbers": (np.array([1j]), "complex objects have no JSON form"),
    "column names": (
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
        "Rename the columns",
    ),
    "keys": ({(1, 2): 3}, "keys must be str"),
    "params": (([1], {"limit": None}), "Cannot describe the params: limit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_example_without_a_json_form_is_refused(name: str, tmp_path: Path) -> None:
    """Saving says what about the example is not possible, and writes nothing."""
    example, reason = REFUSED[name]

    with pytest.raises(ModelSaveError, match="Cannot save") as caught:
        write_input_example(example, tmp_path)
    assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_sparse_matrix_of_another_form_is_refused(tmp_path: Path) -> None:
    """Sparse matrices that MLflow has no form for are refused with the conversion to use."""
    sparse = pytest.importorskip("scipy.sparse")

    with pytest.raises(ModelSaveError, match=r"matrix\.tocsr\(\)"):
        write_input_example(sparse.coo_matrix(np.eye(2)), tmp_path)


BROKEN: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "missing file": ({}, None, "not in the model directory"),
    "outside the directory": ({"artifact_path": "../x.json"}, "[]", "outside the model directory"),
    "not JSON": ({}, "{", "it is not JSON"),
    "not a frame": ({}, '{"rows": []}', "is not the dataframe"),
    "ragged rows": ({}, '{"columns": ["a"], "data": [[1], [1, 2]]}', "is not the dataframe"),
    "another type": ({}, '{"columns": ["a"], "data": [["x"]]}', 'column "a" does not fit'),
    "ragged array": ({"type": "ndarray"}, "[[1], [1, 2]]", "is not the ndarray"),
    "unknown type": ({"type": "audio"}, "[]", 'has the type "audio"'),
    "no params": ({"params": "true"}, '{"columns": ["a"], "data": []}', "no inputs and params"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_example_is_an_error_in_words(name: str, tmp_path: Path) -> None:
    """A missing, broken or strange example file gives an error that names it."""
    info, text, reason = BROKEN[name]
    example = {"artifact_path": "input_example.json", "type": "dataframe", **info}
    signature = dump_signature(Signature((Spec(Scalar("double"), "a"),)))
    described = {"flavors": FLAVORS, "saved_input_example_info": example, "signature": signature}
    (tmp_path / MLMODEL).write_text(yaml.safe_dump(described))
    if text is not None:
        (tmp_path / "input_example.json").write_text(text)

    with pytest.raises((MLmodelError, ModelLoadError)) as caught:
        read_input_example(tmp_path, read_model_info(tmp_path))
    assert reason in str(caught.value)
    assert ".json" in str(caught.value)
