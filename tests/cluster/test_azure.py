"""A job on Azure Blob Storage alone: model, input and output, without a connector of Spark.

The server is Azurite, on loopback; its account has no hierarchical namespace.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import time

import numpy as np
import pandas as pd
import pytest

import scorecast

# Those that Azurite is known to have; they open nothing else.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

JOB = """
import json, os, sys
from pathlib import Path
from pyarrow import fs
import scorecast
from scorecast.batch.verify import verify
from scorecast.filesystems import filesystem_at
from scorecast.spark.session import start_session

model, source = map(Path, sys.argv[1:])
azure, _ = filesystem_at("abfs", "//box")
azure.create_dir("box")
fs.copy_files(str(model), "box/of us/churn", destination_filesystem=azure)
azure.create_dir("box/in")
fs.copy_files(str(source), "box/in/people.parquet", destination_filesystem=azure)
whole = "abfss://box@devstoreaccount1.dfs.core.windows.net"


def error(work):
    try:
        work()
    except scorecast.ScorecastError as error:
        return type(error).__name__, str(error)


told = {"digest": scorecast.inspect_model(f"{whole}/of us/churn").digest}
told["short"] = scorecast.inspect_model("abfs://box/of us/churn").digest
told["nothing"] = error(lambda: scorecast.inspect_model(f"{whole}/of us/nothing"))
spark = start_session(master="local[2]", conf={"spark.ui.enabled": "false"}).spark
spark.sparkContext.setLogLevel("OFF")


def job(**options):
    return scorecast.batch_predict(spark, scorecast.BatchPredictConfig(**{
        "model_uri": f"{whole}/of us/churn", "model_digest": told["digest"],
        "input": f"{whole}/in", "output": f"{whole}/out", **options,
    }))


def rows():
    return [row.asDict() for row in scorecast.read_predictions(spark, f"{whole}/out").collect()]


told["engine"] = job().engine
told["rows"] = rows()
told["again"] = job().already_published
told["exists"] = error(lambda: job(where="id < 3"))
job(mode="append", where="id < 3")
told["appended"] = len(rows())
job(mode="overwrite", where="id < 3")
told["replaced"] = len(rows())
told["damages"] = list(verify(f"{whole}/out", deep=True).damages)
spark.stop()
variables = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AZURE_")}
endpoint = variables["AZURE_STORAGE_ENDPOINT"]
os.environ["AZURE_STORAGE_CONNECTION_STRING"] = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    f"AccountKey={variables['AZURE_STORAGE_KEY']};BlobEndpoint={endpoint};"
)
told["connection"] = scorecast.inspect_model(f"{whole}/of us/churn").digest
del os.environ["AZURE_STORAGE_CONNECTION_STRING"]
told["no account"] = error(lambda: scorecast.inspect_model("abfs://box/of us/churn"))
wrong = variables["AZURE_STORAGE_KEY"][::-1].lstrip("=") + "=="
os.environ.update(variables, AZURE_STORAGE_KEY=wrong)
told["wrong key"] = error(lambda: scorecast.inspect_model(f"{whole}/of us/churn"))
told["secret told"] = wrong in told["wrong key"][1]
print(json.dumps(told, default=str))
"""


@pytest.fixture(scope="module")
def azure(repository, tmp_path_factory):
    """Run Azurite on loopback; give the environment that leads to it."""
    local = repository / "build" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    program = shutil.which("azurite-blob") or (local.exists() and str(local))
    if not program:
        pytest.skip(
            "Azurite, the server of Azure Blob Storage, is not installed (360 MB): "
            "npm install --prefix build/azurite azurite"
        )
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    folder = tmp_path_factory.mktemp("azurite")
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"]
    command += ["--location", str(folder), "--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        assert process.poll() is None, (folder / "log").read_text()
        yield {
            "AZURE_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_STORAGE_KEY": KEY,
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
        }
    finally:
        process.terminate()
        process.wait()


def test_a_job_lives_on_azure_alone(
    azure, run_python, people: pd.DataFrame, people_file, churn_model
):
    """Model, input and output are there; every mode gives complete versions."""
    done = run_python(JOB, str(churn_model), str(people_file), **azure)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    wanted = scorecast.inspect_model(churn_model).digest
    assert told["digest"] == told["short"] == told["connection"] == wanted
    assert told["nothing"][0] == "ArtifactNotFoundError"
    assert told["engine"] == "arrow"
    expected = np.asarray(scorecast.load_model(churn_model).predict(people)).tolist()
    got = sorted((row["id"], row["prediction"]) for row in told["rows"])
    assert got == sorted(zip(people["id"].tolist(), expected, strict=True))
    assert told["again"] is True
    assert told["exists"][0] == "OutputExistsError"
    assert told["appended"] == len(people) + 3
    assert told["replaced"] == 3
    assert told["damages"] == []
    assert told["no account"][0] == "ArtifactError"
    assert "AZURE_STORAGE_ACCOUNT" in told["no account"][1]
    assert told["wrong key"][0] == "ArtifactError"
    assert told["secret told"] is False
