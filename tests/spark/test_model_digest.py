"""A model that is pinned by its digest: that one or none, and no code of another."""

import json
import sys

import numpy as np
import pytest
from jobs_kit import started

import scorecast
from scorecast.cli.main import main
from scorecast.errors import ConfigError, ModelDigestError, ModelTrustError
from scorecast.models.signature import Scalar, Signature, Spec

SIGNATURE = Signature(inputs=(Spec(Scalar("double"), "x"),), outputs=(Spec(Scalar("double")),))
OTHER = f"sha256:{'0' * 64}"


@pytest.fixture
def marked(tmp_path):
    """Save a model that leaves a mark when it is unpickled; give its path and the mark."""
    mark = tmp_path / "mark"

    class Marking:
        def __init__(self, mark):
            self.mark = mark

        def __reduce__(self):
            return _touched, (str(self.mark),)

    def _touched(mark):
        import pathlib

        pathlib.Path(mark).touch()
        return 2.0

    factor = Marking(mark)

    def model(data):
        return data["x"] * factor

    return scorecast.save_model(model, tmp_path / "model", signature=SIGNATURE), mark


def test_the_pinned_model_predicts(spark, marked):
    """With the digest that inspect_model gives, every front predicts."""
    path, mark = marked
    digest = scorecast.inspect_model(path).digest
    assert not mark.exists()
    rows = spark.range(3).selectExpr("double(id) AS x")
    udf = scorecast.spark_udf(spark, path, model_digest=digest)
    frame = scorecast.predict_frame(rows, path, model_digest=digest)
    assert [row[0] for row in rows.select(udf("x")).collect()] == [0, 2, 4]
    assert [row.prediction for row in frame.collect()] == [0, 2, 4]
    assert list(scorecast.load_model(path, model_digest=digest).predict({"x": [3.0]})) == [6]
    assert mark.exists()


@pytest.mark.parametrize(
    ("digest", "error", "words"),
    [
        (OTHER, ModelDigestError, "not the one that was pinned"),
        ("sha256:abc", ConfigError, "64 hexadecimal digits"),
        ("", ConfigError, "64 hexadecimal digits"),
    ],
)
def test_another_digest_is_refused_before_any_code_runs(spark, marked, digest, error, words):
    """Nothing of a model that is not the pinned one is unpickled, here or on a worker."""
    path, mark = marked
    rows = spark.range(3).selectExpr("double(id) AS x")
    for call in (
        lambda: scorecast.spark_udf(spark, path, model_digest=digest),
        lambda: scorecast.predict_frame(rows, path, model_digest=digest),
        lambda: scorecast.load_model(path, model_digest=digest),
    ):
        with pytest.raises(error, match=words):
            call()
    assert not mark.exists()


def test_a_job_runs_no_code_of_a_model_that_may_not(spark, marked, tmp_path):
    """ONNX is predicted on by every front; a pickle is refused before Spark is asked to run."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    estimator = LinearRegression().fit(np.array([[0.0], [1.0], [2.0]]), [1.0, 3.0, 5.0])
    model = to_onnx(estimator, np.zeros((1, 1)))
    safe = scorecast.save_model(model, tmp_path / "safe", signature=SIGNATURE)
    pickled, mark = marked
    rows = spark.range(100).selectExpr("double(id) AS x")
    expected = {x: 1 + 2 * x for x in range(100)}
    udf = scorecast.spark_udf(spark, safe, trust="no-pickle")
    frame = scorecast.predict_frame(rows, safe, trust="no-pickle")
    assert dict(rows.select("x", udf("x")).collect()) == pytest.approx(expected)
    assert dict(frame.collect()) == pytest.approx(expected)

    def job(path, name):
        rows.write.parquet(str(tmp_path / "in"), mode="overwrite")
        config = scorecast.BatchPredictConfig(
            model_uri=path, input=tmp_path / "in", output=tmp_path / name, trust="no-pickle"
        )
        return scorecast.batch_predict(spark, config)

    report = job(safe, "out")
    assert report.trust == "no-pickle"
    assert "trust       no-pickle\n" in report.summary()
    (run,) = json.loads((tmp_path / "out" / "_MANIFEST.json").read_text())["runs"]
    assert (run["model"]["trust"], run["options"]["trust"]) == ("no-pickle", "no-pickle")

    before = started(spark)
    for call in (
        lambda: scorecast.spark_udf(spark, pickled, trust="no-pickle"),
        lambda: scorecast.predict_frame(rows, pickled, trust="no-pickle"),
    ):
        with pytest.raises(ModelTrustError, match=r'"model\.pkl" is a pickle'):
            call()
    assert started(spark) == before
    with pytest.raises(ModelTrustError, match=r'"model\.pkl" is a pickle'):
        job(pickled, "none")
    assert not (tmp_path / "none").exists()
    assert not mark.exists()


def test_every_changed_bit_is_another_digest(marked):
    """One bit of any file, and the pinned model is refused."""
    path, mark = marked
    digest = scorecast.inspect_model(path).digest
    files = [file for file in path.rglob("*") if file.is_file()]
    assert len(files) > 2
    for file in files:
        content = file.read_bytes()
        for at in {0, len(content) // 2, len(content) - 1}:
            changed = bytearray(content)
            changed[at] ^= 1
            file.write_bytes(bytes(changed))
            with pytest.raises(ModelDigestError, match=digest):
                scorecast.load_model(path, model_digest=digest)
        file.write_bytes(content)
    assert not mark.exists()


def test_bytecode_beside_the_code_is_not_run(tmp_path):
    """Python would run it in place of the code that the digest counts."""
    import py_compile

    (tmp_path / "pinned_helper.py").write_text("FACTOR = 2.0\n")

    def model(data):
        import pinned_helper

        return data["x"] * pinned_helper.FACTOR

    path = scorecast.save_model(
        model, tmp_path / "m", signature=SIGNATURE, code_paths=[tmp_path / "pinned_helper.py"]
    )
    digest = scorecast.inspect_model(path).digest
    (tmp_path / "pinned_helper.py").write_text("FACTOR = 666.0\n")
    (code,) = path.rglob("pinned_helper.py")
    cached = code.parent / "__pycache__" / f"pinned_helper.{sys.implementation.cache_tag}.pyc"
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(tmp_path / "pinned_helper.py", cached, invalidation_mode=mode)
    assert scorecast.inspect_model(path).digest == digest
    loaded = scorecast.load_model(path, model_digest=digest)
    assert list(loaded.predict({"x": [1.0]})) == [2]


def test_the_commands_take_it(spark, marked, tmp_path, capsys):
    """The job and the local command end with 4, and write nothing."""
    path, mark = marked
    source, output = tmp_path / "in.parquet", tmp_path / "out"
    spark.range(3).selectExpr("double(id) AS x").toPandas().to_parquet(source)
    job = ["batch-predict", "--input", str(source), "--output", str(output)]
    job += ["--model-uri", str(path), "--model-digest"]
    assert main([*job, OTHER]) == 4
    assert "not the one that was pinned" in capsys.readouterr().err
    local = ["predict", str(path), str(source), "-o", str(tmp_path / "o.csv"), "--model-digest"]
    assert main([*local, OTHER]) == 4
    assert not output.exists()
    assert not (tmp_path / "o.csv").exists()
    assert not mark.exists()

    digest = scorecast.inspect_model(path).digest
    assert main([*job, digest]) == 0
    assert main([*local, digest]) == 0
    manifest = json.loads((output / "_MANIFEST.json").read_text())
    assert digest in json.dumps(manifest)
