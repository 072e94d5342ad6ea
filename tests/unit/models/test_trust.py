"""Which of the models that save_model writes are taken without running code, and what they say."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scorecast
from scorecast.cli.main import main
from scorecast.errors import ConfigError, ModelDigestError, ModelTrustError
from scorecast.local.model import resolve_model
from scorecast.models.load import load_predictor
from scorecast.models.mlmodel import read_model_info
from scorecast.models.trust import Trust


@pytest.fixture(scope="module")
def kit() -> Iterator[Any]:
    """The models of the tests of flavors."""
    folder = str(Path(__file__).parents[2] / "flavors")
    sys.path.insert(0, folder)
    try:
        import flavor_models

        yield flavor_models
    finally:
        sys.path.remove(folder)


def _network(_: Any) -> Any:
    import torch

    return torch.nn.Linear(4, 1)


def _statsmodels(kit: Any) -> Any:
    import statsmodels.api as sm

    features, target = kit.diabetes()
    return sm.OLS(target, features).fit()


# Model, format, rows, and what is in the reason for a refusal; None for a model that is taken.
CASES: dict[str, tuple[Callable[[Any], Any], str | None, str, str | None]] = {
    "xgboost booster": (lambda kit: kit.xgboost_booster(), None, "diabetes_rows", None),
    "xgboost estimator": (lambda kit: kit.xgboost_classifier(), None, "iris_rows", None),
    "xgboost JSON": (lambda kit: kit.xgboost_regressor(), "json", "diabetes_rows", None),
    "lightgbm booster": (lambda kit: kit.lightgbm_booster(), None, "diabetes_rows", None),
    "lightgbm estimator": (
        lambda kit: kit.lightgbm_classifier(),
        None,
        "iris_rows",
        '"model.pkl" is a pickle',
    ),
    "lightgbm skops": (
        lambda kit: kit.lightgbm_classifier(),
        "skops",
        "iris_rows",
        "lightgbm.basic.Booster",
    ),
    "catboost": (lambda kit: kit.catboost_classifier(), None, "iris_rows", None),
    "catboost JSON": (lambda kit: kit.catboost_regressor(), "json", "diabetes_rows", None),
    "onnx": (lambda kit: kit.onnx_classifier(), None, "iris_array", None),
    "onnx with weights beside it": (
        lambda kit: kit.onnx_matrix(),
        None,
        "iris_array",
        None,
    ),
    "sklearn": (lambda kit: kit.pipeline(), None, "iris_rows", '"model.pkl" is a pickle'),
    "sklearn skops": (lambda kit: kit.pipeline(), "skops", "iris_rows", None),
    "sklearn trees": (
        lambda kit: kit.forest(),
        "skops",
        "diabetes_rows",
        "sklearn.tree._tree.Tree",
    ),
    "statsmodels": (_statsmodels, None, "diabetes_rows", '"model.statsmodels" is a pickle'),
    "torch": (_network, None, "iris_array", "model/data.pkl"),
    "torch pt2": (_network, "pt2", "iris_array", None),
    "function": (lambda _: lambda data: data, None, "iris_rows", 'code directory "code"'),
}


def test_what_changes_after_the_digest_is_not_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it was changed back: what a job declares must be of the files with that digest."""
    file = tmp_path / "MLmodel"
    file.write_text("flavors: {python_function: {loader_module: good}}\n")
    pinned = Trust("pinned", scorecast.inspect_model(tmp_path).digest)
    assert resolve_model(tmp_path, pinned).digest == pinned.digest
    good, status = file.read_bytes(), file.stat()

    def swapped(directory: Path) -> Any:
        file.write_bytes(good.replace(b"good", b"evil"))
        info = read_model_info(directory)
        file.write_bytes(good)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        return info

    monkeypatch.setattr("scorecast.local.model.read_model_info", swapped)
    with pytest.raises(ModelDigestError, match="were changed while it was read"):
        resolve_model(tmp_path, pinned)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_what_no_pickle_says_of_the_formats_that_are_written(
    name: str, kit: Any, tmp_path: Path
) -> None:
    """Taken models predict as they do without; of others the file and the reason are named."""
    make, form, rows, reason = CASES[name]
    data = getattr(kit, rows)()
    path = scorecast.save_model(
        make(kit), tmp_path / "m", serialization_format=form, input_example=data
    )
    expected = scorecast.load_model(path)

    if reason is not None:
        with pytest.raises(ModelTrustError) as refused:
            scorecast.load_model(path, trust="no-pickle")
        assert reason in str(refused.value)
        return
    ours = scorecast.load_model(path, trust="no-pickle")

    found, wanted = ours.predict(data), expected.predict(data)
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            np.testing.assert_array_equal(found[key], value)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.fixture
def skops_model(kit: Any, tmp_path: Path) -> Path:
    """A model that is taken."""
    return scorecast.save_model(kit.pipeline(), tmp_path / "m", serialization_format="skops")


def test_an_old_skops_is_not_relied_on(skops_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases before 0.13 had holes; the message says which is installed and which is needed."""
    installed = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: "0.12.0" if name == "skops" else installed(name)
    )

    with pytest.raises(ModelTrustError, match=r"safe from skops 0\.13 on; installed is 0\.12\.0"):
        scorecast.load_model(skops_model, trust="no-pickle")


def test_a_loader_does_not_fall_back_to_a_pickle(kit: Any, tmp_path: Path) -> None:
    """Not even where the check of the driver is passed over, as by another version of it."""
    path = scorecast.save_model(kit.pipeline(), tmp_path / "m")

    with pytest.raises(ModelTrustError, match="is not in the format of skops"):
        load_predictor(path, read_model_info(path), no_pickle=True)


def test_methods_that_do_not_predict_are_refused(skops_model: Path) -> None:
    """An MLmodel file may name any method of an estimator."""
    file = skops_model / "MLmodel"
    file.write_text(file.read_text().replace("predict_fn: predict", "predict_fn: fit_predict"))

    with pytest.raises(ModelTrustError, match='predict_fn "fit_predict"'):
        scorecast.load_model(skops_model, trust="no-pickle")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trust": "pinned"}, "needs model_digest"),
        ({"trust": "all"}, "expected one of any, no-pickle, pinned"),
        ({"model_digest": "sha256:abc"}, "64 hexadecimal digits"),
    ],
)
def test_wrong_options_are_told_first(options: dict[str, Any], words: str) -> None:
    """Before a model is fetched; a job tells them with its other options."""
    with pytest.raises(ConfigError, match=words):
        scorecast.load_model("nowhere", **options)
    with pytest.raises(ConfigError, match=words):
        scorecast.BatchPredictConfig(model_uri="m", input="i", output="o", **options)


def test_inspect_shows_what_each_mode_says(
    skops_model: Path, kit: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for the pins that are given, and ends with 4 where the mode refuses."""
    digest = str(scorecast.inspect_model(skops_model).digest)
    pickled = scorecast.save_model(kit.pipeline(), tmp_path / "p")

    assert main(["inspect", "--json", str(skops_model)]) == 0
    told = json.loads(capsys.readouterr().out)["trust"]
    assert told == {"any": "taken", "no-pickle": "taken", "pinned": "needs a digest or a signature"}
    pin = ["--trust", "pinned", "--model-digest", digest]
    assert main(["inspect", str(skops_model), *pin]) == 0
    assert "pinned: taken, by its digest" in capsys.readouterr().out
    assert main(["inspect", str(pickled)]) == 0
    assert 'no-pickle: refused: "model.pkl" is a pickle' in capsys.readouterr().out
    assert main(["inspect", str(pickled), "--trust", "no-pickle"]) == 4
    assert main(["inspect", str(skops_model), "--trust", "pinned"]) == 2


def test_the_command_predicts_with_what_is_taken(
    skops_model: Path, kit: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file on this machine, under each mode."""
    kit.iris_rows().to_parquet(tmp_path / "rows.parquet")
    digest = str(scorecast.inspect_model(skops_model).digest)
    command = ["predict", str(skops_model), str(tmp_path / "rows.parquet"), "--keep", "none"]
    command += ["--result-type", "long"]
    texts = []
    for trust in (["any"], ["no-pickle"], ["pinned", "--model-digest", digest]):
        assert main([*command, "--trust", *trust]) == 0
        texts.append(capsys.readouterr().out)

    assert len(texts[0].splitlines()) == len(kit.iris_rows()) + 1
    assert texts[0] == texts[1] == texts[2]
