"""Secrets and data stay where they belong, whatever Spark writes and shows."""

import functools
import http.server
import json
import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.jvm import submit_options_with
from tests.secrets_kit import found_in, sentences

import scorecast
from scorecast.models.signature import Scalar, Signature, Spec

PLANT = """
import json, sys, traceback, urllib.request
import pandas as pd
import scorecast
from scorecast.cli.main import main
from scorecast.spark.session import start_session
from tests.secrets_kit import sentences

model, source, folder, signed = sys.argv[1:]
conf = {f"spark.planted.n{number}": text for number, text in enumerate(sentences())}
conf |= {
    "spark.hadoop.fs.s3a.secret.key": "planted16secret",
    "spark.executorEnv.API_TOKEN": "planted10-token",
    "spark.hadoop.fs.azure.account.key.a.blob.core.windows.net": "cGxhbnRlZDEz+/==",
    "spark.sql.planted": " and ".join(sentences()),
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.dir": f"file://{folder}/events",
    "spark.ui.enabled": "true",
    "spark.ui.port": "0",
}
spark = start_session(master="local[2,2]", conf=conf).spark
options = {
    "model_uri": model,
    "input": source,
    "where": " and ".join("text <> '" + text.replace("'", "") + "'" for text in sentences()),
    "params": None,
    "model_config": {"password": "planted11-password"},
    "extra_env": {"PLAIN": "planted18pwd", "API_TOKEN": "planted10-token"},
    "result_type": "long",
}
aside = {"output": f"{folder}/out", "on_error": "quarantine", "max_errors": 99}
report = scorecast.batch_predict(spark, scorecast.BatchPredictConfig(**options | aside))
print(report.summary(), report)
code = main(["batch-predict", "--model-uri", model, "--input", source, "--output",
             f"{folder}/none", "--result-type", "long", "--engine", "spark"])
# A model at an address that is a secret itself, by the front that shows most.
codes = [main(["batch-predict", "--model-uri", signed, "--input", source, "--output",
               f"{folder}/web", "--result-type", "long", "--on-error", "quarantine",
               "--max-errors", "99", *more])
         for more in (["--dry-run"], ["--summary-json", f"{folder}/summary.json"])]
predict = scorecast.spark_udf(spark, model, "long")
try:
    spark.read.parquet(source).select(predict("n", "text")).collect()
except Exception:
    traceback.print_exc()
app = f"{spark.sparkContext.uiWebUrl}/api/v1/applications/{spark.sparkContext.applicationId}"
pages = [
    urllib.request.urlopen(f"{app}/{page}").read().decode()
    for page in ("environment", "sql?details=true", "stages?details=true", "jobs")
]
spark.stop()
with open(f"{folder}/told.json", "w") as file:
    json.dump({"code": code, "codes": codes, "pages": pages,
               "quarantined": report.rows_quarantined}, file)
"""


SHOW = """
import sys
from scorecast.cli.main import main
main(["show", sys.argv[1]])
"""


@pytest.fixture(scope="module")
def telling_model(tmp_path_factory):
    """Save a model that fails on every other row, with a text that holds a secret."""
    texts = sentences()

    def model(data):
        bad = [row for row in data["n"].tolist() if row % 2]
        if bad:
            text = texts[bad[0] // 2]
            raise ValueError("row failed: " + text) from OSError(13, text, text)
        return data["n"]

    inputs = (Spec(Scalar("long"), "n"), Spec(Scalar("string"), "text"))
    path = tmp_path_factory.mktemp("telling") / "model"
    scorecast.save_model(model, path, signature=Signature(inputs=inputs))
    with (path / "MLmodel").open("a") as file:
        file.write("metadata: " + json.dumps({"told": texts}) + "\n")
    return path


@pytest.fixture(scope="module")
def signed_address(telling_model, tmp_path_factory):
    """Serve the model as an archive; give an address of it that lets whoever has it in."""
    folder = tmp_path_factory.mktemp("served")
    shutil.make_archive(str(folder / "model"), "zip", telling_model.parent, "model")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, args=(0.1,), daemon=True).start()
        query = "ticket=planted18pwd&X-Amz-Signature=planted7deadbeef"
        yield f"http://127.0.0.1:{site.server_address[1]}/model.zip?{query}"
        site.shutdown()


def test_no_secret_is_shown_anywhere(
    run_python, repository, telling_model, signed_address, tmp_path
):
    """Output, logs, errors, manifest, event log, quarantine and Spark's pages, of every form."""
    import pandas as pd

    rows = pd.DataFrame({"n": range(2 * len(sentences())), "text": "plain"})
    rows.to_parquet(tmp_path / "in.parquet", index=False)
    (tmp_path / "events").mkdir()
    # Without the project's settings of logs, Spark logs each failure with its traceback.
    (tmp_path / "conf").mkdir()
    shutil.copy(repository / "conf" / "spark-defaults.conf", tmp_path / "conf")
    done = run_python(
        PLANT,
        *(str(telling_model), str(tmp_path / "in.parquet"), str(tmp_path), signed_address),
        PYTHONPATH=f"{Path(scorecast.__file__).parents[1]}:{repository}",
        SPARK_CONF_DIR=str(tmp_path / "conf"),
        SPARK_SUBMIT_OPTS=submit_options_with(tmp_path / "conf"),
        MLFLOW_TRACKING_PASSWORD="planted11-password",
        HTTPS_PROXY="http://user:planted12pass@127.0.0.1:9",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["code"], told["quarantined"]) == (5, len(sentences()))
    assert told["codes"] == [0, 0]
    quarantine = pq.read_table(tmp_path / "out" / "_quarantine").to_pylist()
    manifest = (tmp_path / "out" / "_MANIFEST.json").read_text()
    events = b"".join(path.read_bytes() for path in (tmp_path / "events").rglob("events_*"))
    # All of it is there, and tells what is wrong.
    assert all("row failed: " in row["error_message"] for row in quarantine)
    assert "row failed: " in done.stderr
    assert b"row failed: " in events
    assert "spark.planted.n3" in told["pages"][0]
    assert "extra_env" in manifest
    shown = {
        "stdout": done.stdout,
        "stderr": done.stderr,
        "quarantine": str(quarantine),
        "manifest": manifest,
        "events": events,
        "environment": told["pages"][0],
        "pages": "".join(told["pages"][1:]),
    }
    of_web = {path.name: path for path in (tmp_path / "web").iterdir()}
    for name in ("_MANIFEST.json", "_REPORT.html"):
        shown[name] = of_web[name].read_text()
        assert signed_address.partition("?")[0] in shown[name]
    shown["summary"] = (tmp_path / "summary.json").read_text()
    shown["repeat"] = run_python(SHOW, str(tmp_path / "web")).stdout
    assert all("/model.zip" in shown[name] for name in ("stdout", "summary", "repeat"))
    assert {place: found_in(text) for place, text in shown.items() if found_in(text)} == {}
    outputs = [*(tmp_path / "out").rglob("*"), *(tmp_path / "web").rglob("*")]
    files = b"".join(path.read_bytes() for path in outputs if path.is_file())
    assert found_in(files) == []


ENCRYPTED = """
import json, pathlib, sys
import pyspark
import scorecast
from scorecast.spark.session import start_session

folder, source, model, canaries = sys.argv[1:]
lines = pathlib.Path("conf/secure.conf").read_text().splitlines()
conf = dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))
conf |= {
    "spark.authenticate.secret": "of this test alone",
    "spark.local.dir": f"{folder}/local",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.dir": f"file://{folder}/events",
    "spark.executorEnv.SCORECAST_CACHE_DIR": f"{folder}/cache",
    # So that whatever is written in plain is found.
    "spark.broadcast.compress": "false",
    "spark.shuffle.compress": "false",
    "spark.shuffle.spill.compress": "false",
}
conf |= json.loads(pathlib.Path(f"{folder}/more.json").read_text())
spark = start_session(master="local-cluster[2,1,1024]", conf=conf).spark
scorecast.batch_predict(spark, scorecast.BatchPredictConfig(
    model_uri=model, input=source, output=f"{folder}/out", engine="spark", result_type="string"))
# Rows in shuffles and on disk.
rows = spark.read.parquet(source).repartition(4).persist(pyspark.StorageLevel.DISK_ONLY)
predict = scorecast.spark_udf(spark, model, "string")
answers = {row.p for row in rows.select(predict("text").alias("p")).collect()}
work = pathlib.Path(pyspark.__file__).parent / "work" / spark.sparkContext.applicationId
places = {"local": f"{folder}/local", "temporary": f"{folder}/tmp", "events": f"{folder}/events",
          "logs": work, "cache": f"{folder}/cache", "out": f"{folder}/out"}
found = {}
for name, place in places.items():
    files = [path for path in pathlib.Path(place).rglob("*") if path.is_file()]
    found[name] = [len(files), sorted(
        canary for canary in canaries.split(",")
        for path in files if canary.encode() in path.read_bytes())]
pathlib.Path(f"{folder}/told.json").write_text(
    json.dumps({"found": found, "answers": sorted(answers)}))
spark.stop()
"""


def test_with_encryption_nothing_lies_about_in_plain(run_python, repository, tmp_path):
    """Models and rows are in the cache of models and in the output, and nowhere else."""
    of_model, of_data = "model-canary-0123456789abcdef-xy", "rows-canary-fedcba9876543210-xyz"

    def model(data):
        return data["text"].str.len().astype(str) + of_model

    inputs = (Spec(Scalar("string"), "text"),)
    path = scorecast.save_model(model, tmp_path / "model", signature=Signature(inputs=inputs))
    table = pa.table({"n": range(4000), "text": [f"{n} {of_data}" for n in range(4000)]})
    pq.write_table(table, tmp_path / "in.parquet", compression="none", use_dictionary=False)
    for name in ("local", "tmp", "events", "cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "more.json").write_text("{}")
    done = run_python(
        f"import os; os.chdir({str(repository)!r})\n{ENCRYPTED}",
        *(str(tmp_path), str(tmp_path / "in.parquet"), str(path), f"{of_model},{of_data}"),
        TMPDIR=str(tmp_path / "tmp"),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((tmp_path / "told.json").read_text())
    assert all(answer.endswith(of_model) for answer in told["answers"])
    found = {name: set(canaries) for name, (_, canaries) in told["found"].items()}
    assert found.pop("cache") == {of_model}
    assert of_data in found.pop("out")
    assert found == {"local": set(), "temporary": set(), "events": set(), "logs": set()}
    # There was something to look at.
    assert all(told["found"][name][0] for name in ("local", "events", "logs"))
    assert of_model not in done.stdout + done.stderr
    assert of_data not in done.stdout + done.stderr
