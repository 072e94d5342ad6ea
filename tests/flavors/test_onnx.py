"""ONNX graphs whose inputs or outputs MLflow cannot bring into the form of a DataFrame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flavor_models as fm
import numpy as np
import pandas as pd
import pytest

import scorecast

Compare = Callable[[Any, Any], None]


def test_one_output_of_several_columns_stays_one_row_per_row(tmp_path: Path) -> None:
    """A graph that gives k values per row gives an array of rows and k columns for a DataFrame."""
    model = _only_output(fm.onnx_matrix(5), 0)
    path = scorecast.save_model(model, tmp_path / "model")

    predicted = scorecast.load_model(path).predict(fm.iris_rows())

    expected = fm.run_onnx(model, {"x": fm.iris_array()})["wide"]
    assert expected.shape == (fm.ROWS, 5)
    np.testing.assert_array_equal(predicted, expected)


def test_one_output_of_one_column_is_a_frame_as_in_mlflow(
    tmp_path: Path, assert_same: Compare
) -> None:
    """A graph that gives an array of one column gives a DataFrame of one column."""
    from mlflow import pyfunc

    path = scorecast.save_model(_only_output(fm.onnx_matrix(5), 1), tmp_path / "model")

    predicted = scorecast.load_model(path).predict(fm.iris_rows())

    assert_same(predicted, pyfunc.load_model(str(path)).predict(fm.iris_rows()))


def test_columns_reach_inputs_of_two_axes_and_wide_outputs_stay_arrays(
    tmp_path: Path, assert_same: Compare
) -> None:
    """A graph with an input of shape (rows, 1) per column takes the columns of a DataFrame."""
    model = fm.onnx_columns()
    path = scorecast.save_model(model, tmp_path / "model")
    rows = fm.numbered_rows()

    predicted = scorecast.load_model(path).predict(rows)

    feed = {name: rows[[name]].to_numpy() for name in rows.columns}
    assert_same(predicted, fm.run_onnx(model, feed))
    np.testing.assert_array_equal(predicted["label"], fm.columns_model().predict(rows))


def test_integers_and_arrays_in_cells_reach_a_float_input(tmp_path: Path) -> None:
    """One column of lists is the one 2-D input of a graph; integers become its floats."""
    model = _only_output(fm.onnx_matrix(5), 0)
    path = scorecast.save_model(model, tmp_path / "model")
    rows = pd.DataFrame({"features": [[1, 2, 3, 4], [5, 6, 7, 8]]})

    predicted = scorecast.load_model(path).predict(rows)

    feed = {"x": np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)}
    np.testing.assert_array_equal(predicted, fm.run_onnx(model, feed)["wide"])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (pd.DataFrame({"x": [1.0]}), "has the inputs x, y; the data lacks y"),
        (np.ones((2, 2)), "has the inputs x, y and got a ndarray"),
    ],
    ids=["missing-column", "one-array"],
)
def test_inputs_that_are_missing_are_named(tmp_path: Path, data: Any, text: str) -> None:
    """Data without all inputs of the graph is refused before it runs."""
    path = scorecast.save_model(fm.onnx_pair(), tmp_path / "model")

    with pytest.raises(scorecast.ScorecastError, match=text):
        scorecast.load_model(path).predict(data)


def _only_output(model: Any, position: int) -> Any:
    from onnx import ModelProto

    copy = ModelProto()
    copy.CopyFrom(model)
    keep = copy.graph.output[position]
    del copy.graph.output[:]
    copy.graph.output.append(keep)
    return copy
