"""The examples for schedulers in conf/: what they submit is what the job takes."""

import ast
import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scorecast.cli.batch_predict import command

ROOT = Path(__file__).resolve().parents[3]
DAG = ROOT / "conf" / "airflow_dag.py"
APPLICATION = ROOT / "conf" / "spark_application.yaml"

# What the CustomResourceDefinition of the operator (v1beta2) says of the fields that are used.
CONTAINER = {
    "cores": int,
    "memory": str,
    "memoryOverhead": str,
    "instances": int,
    "serviceAccount": str,
    "env": [{"name": str, "value": str, "valueFrom": {"secretKeyRef": {"name": str, "key": str}}}],
    "volumeMounts": [{"name": str, "mountPath": str}],
    "securityContext": {
        "runAsNonRoot": bool,
        "allowPrivilegeEscalation": bool,
        "capabilities": {"drop": [str]},
    },
}
FIELDS = {
    "apiVersion": ("sparkoperator.k8s.io/v1beta2",),
    "kind": ("SparkApplication",),
    "metadata": {"name": str, "namespace": str},
    "spec": {
        "type": ("Java", "Python", "Scala", "R"),
        "pythonVersion": ("3",),
        "mode": ("cluster", "client"),
        "sparkVersion": str,
        "image": str,
        "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
        "mainApplicationFile": str,
        "arguments": [str],
        "sparkConf": {None: str},
        "restartPolicy": {
            "type": ("Never", "OnFailure", "Always"),
            "onFailureRetries": int,
            "onFailureRetryInterval": int,
        },
        "volumes": [{"name": str, "emptyDir": {"sizeLimit": str}}],
        "driver": CONTAINER,
        "executor": CONTAINER,
    },
}


def problems(value, expected, place="") -> list[str]:
    """Say where a value of YAML is not what a field takes."""
    if isinstance(expected, tuple):
        return [] if value in expected else [f"{place} is {value!r}, expected one of {expected}"]
    if isinstance(expected, list):
        return [
            text
            for at, part in enumerate(value)
            for text in problems(part, expected[0], f"{place}[{at}]")
        ]
    if isinstance(expected, dict):
        return [
            text
            for name, part in value.items()
            for text in (
                problems(part, expected.get(name, expected.get(None)), f"{place}.{name}")
                if name in expected or None in expected
                else [f"{place}.{name} is no field"]
            )
        ]
    return [] if type(value) is expected else [f"{place} is {value!r}, expected {expected}"]


def submitted_by_the_dag() -> list[str]:
    """Give the arguments that the operator passes on, without Airflow."""
    calls = [node for node in ast.walk(ast.parse(DAG.read_text())) if isinstance(node, ast.Call)]
    (operator,) = (c for c in calls if getattr(c.func, "id", "") == "SparkSubmitOperator")
    return ast.literal_eval(next(k.value for k in operator.keywords if k.arg == "application_args"))


def submitted_by_the_application() -> list[str]:
    """Give the arguments of the SparkApplication."""
    return yaml.safe_load(APPLICATION.read_text())["spec"]["arguments"]


@pytest.mark.parametrize("submitted", [submitted_by_the_dag, submitted_by_the_application])
def test_the_job_takes_what_is_submitted(submitted):
    """No argument is unknown, missing or of a wrong form."""
    context = command.make_context("batch-predict", submitted())
    assert context.params["mode"] == "overwrite"
    assert context.params["provenance"]


def test_the_application_has_fields_that_the_operator_knows():
    """A field of another name is ignored by Kubernetes, or refused."""
    application = yaml.safe_load(APPLICATION.read_text())
    assert problems(application, FIELDS) == []
    assert problems({**application, "spce": {}}, FIELDS) == [".spce is no field"]
    assert (ROOT / application["spec"]["mainApplicationFile"].partition("scorecast/")[2]).exists()


def test_the_application_has_settings_of_the_conf_directory():
    """What stands in both files is the same."""
    lines = (ROOT / "conf" / "spark-defaults.conf").read_text().splitlines()
    defaults = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    given = yaml.safe_load(APPLICATION.read_text())["spec"]["sparkConf"]
    shared = {name: value for name, value in given.items() if name in defaults}
    assert len(shared) == 3
    assert shared == {name: defaults[name] for name in shared}


@pytest.mark.skipif(
    importlib.util.find_spec("airflow") is None,
    reason="Apache Airflow is not installed; `nox -f tests/noxfile.py -s airflow` installs it",
)
def test_airflow_submits_the_job(tmp_path):
    """Airflow loads the DAG, and its operator makes a command of it that spark-submit takes."""
    script = """
import shlex, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
(task,) = bag.dags["churn_predictions"].tasks
task.render_template_fields({"ds": "2026-01-02"})
hook = task._get_hook()
print(shlex.join(hook._build_spark_submit_command(task.application)))
"""
    environ = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "false"}
    ran = subprocess.run(
        [sys.executable, "-c", script, DAG], env=environ, capture_output=True, text=True, check=True
    )
    words = shlex.split(ran.stdout.splitlines()[-1])
    at = words.index("/opt/scorecast/jobs/batch_predict.py")
    given = command.make_context("batch-predict", words[at + 1 :]).params
    assert given["input"] == ("s3://lake/customers/day=2026-01-02",)
    assert given["summary_json"] == "s3://lake/runs/2026-01-02.json"
    assert "churn predictions 2026-01-02" in words[:at]
