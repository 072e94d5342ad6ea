"""A real MLflow server over TLS, what is put into it, and what stands between it and a client."""

import contextlib
import datetime as dt
import http.server
import importlib
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pandas as pd


def fill(plain: Path) -> dict:
    """Put models into the server that the environment names; give their URIs, files and runs.

    Args:
        plain: A model that was saved without MLflow.
    """
    import mlflow
    from mlflow import MlflowClient
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    X = pd.DataFrame({"x": np.arange(20.0)})
    client = MlflowClient()
    runs, ids = [], []
    for factor in (2, 3, 4):
        model = LinearRegression().fit(X, X["x"] * factor)
        with mlflow.start_run() as run:
            logged = mlflow.sklearn.log_model(
                model,
                name="model",
                registered_model_name="churn",
                serialization_format="cloudpickle",
                signature=infer_signature(X, X["x"]),
                pip_requirements=["scikit-learn"],
            )
            mlflow.log_artifacts(plain, "some/where")
        runs.append(run.info.run_id)
        ids.append(logged.model_id)
    client.set_registered_model_alias("churn", "champion", 2)
    client.set_registered_model_alias("churn", "challenger", 3)
    client.transition_model_version_stage("churn", 1, "Production")
    client.create_registered_model("empty")
    client.create_registered_model("churn-eu", tags={"team": "risk"}, description="of\nEurope")
    client.update_model_version("churn", 2, "the second")
    client.set_model_version_tag("churn", 2, "checked", "yes")
    uris = {
        "models:/churn/1": "models:/churn/1",
        "models:/churn@champion": "models:/churn/2",
        "models:/churn/Production": "models:/churn/1",
        "models:/churn/production": "models:/churn/1",
        "models:/churn/latest": "models:/churn/3",
        f"models:/{ids[0]}": f"models:/{ids[0]}",
        f"runs:/{runs[1]}/model": f"runs:/{runs[1]}/model",
        f"runs:/{runs[1]}/some/where": f"runs:/{runs[1]}/some/where",
        f"{client.get_run(runs[2]).info.artifact_uri}/some/where": None,
    }
    files = {uri: mlflow.artifacts.download_artifacts(uri) for uri in uris}
    return {"uris": uris, "files": files, "runs": runs}


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until_healthy(url: str, process: subprocess.Popen, log: Path, trusted: Path) -> None:
    """Wait until a server answers."""
    context = ssl.create_default_context(cafile=str(trusted))
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/health", timeout=5, context=context).close()
            return
        process.poll()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    raise AssertionError(log.read_text())


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself; give its file and that of its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@contextlib.contextmanager
def mlflow_server(folder: Path, cert: Path, key: Path, client: Path, *more: str):
    """Run an MLflow server that passes artifacts on while the block runs; give its URL.

    Args:
        folder: Where it keeps everything.
        cert: Its certificate.
        key: The key of it.
        client: Certificate of those clients that show one.
        more: Options of ``mlflow server``.
    """
    url = f"https://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", url.rpartition(":")[2], "--artifacts-destination", folder / "artifacts"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'store.db'}"]
    tls = f"--ssl-keyfile {key} --ssl-certfile {cert} --ssl-ca-certs {client} --ssl-cert-reqs 1"
    command += ["--uvicorn-opts", tls, *more]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Without it, a dozen more processes that import MLflow.
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("mlflow.sklearn")  # takes about as long as the server
        until_healthy(url, process, log, cert)
        yield url
    finally:
        # When asked to, it waits half a minute for clients that hold connections over TLS.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Meddler(http.server.ThreadingHTTPServer):
    """Stands before the real server, and does to its answers what networks do.

    Attributes:
        harm: Called with handler and answer of every request; True when it has answered itself.
        authorizations: The header of each request.
    """

    def __init__(self, target, harm) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.context = ssl.create_default_context(cafile=str(target.trusted))
        self.target, self.harm = target.url, harm
        self.authorizations: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Passing(http.server.BaseHTTPRequestHandler):
    """Passes a request on."""

    def do_GET(self) -> None:
        """Pass on what has a body or none."""
        self.server.authorizations.append(self.headers.get("Authorization"))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        request = urllib.request.Request(f"{self.server.target}{self.path}", data=body)
        if body:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, context=self.server.context) as found:
                code, content = found.status, found.read()
        except urllib.error.HTTPError as error:
            code, content = error.code, error.read()
        if not self.server.harm(self, content):
            self.answer(code, content)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def answer(self, code: int, content: bytes, length: int | None = None, **headers: str) -> None:
        """Send an answer."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""
