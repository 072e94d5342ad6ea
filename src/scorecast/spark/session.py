"""The Spark session that scorecast works in: the user's own where there is one, else a new one.

Driver only.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorecast.spark.java import ensure_java

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

LOCAL_MASTER = "local[*,4]"
"""Where Spark runs when nobody says so; plain ``local[*]`` would not try a failed task again."""

_STARTED_BY = "spark.scorecast.startedBy"
_TIME_ZONE = "spark.sql.session.timeZone"


@dataclass(frozen=True, slots=True)
class SessionHandle:
    """A Spark session, and whether it may be stopped.

    Attributes:
        spark: The session.
        owned: True for a session that scorecast started and may stop.
    """

    spark: SparkSession
    owned: bool

    def stop(self) -> None:
        """Stop the session if scorecast owns it; leave it alone otherwise.

        A signal may have cut off a call to the JVM, whose answer the next call of the same thread
        would take for its own: the session is stopped from a thread with a connection of its own.
        """
        if self.owned:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(self.spark.stop).result()


def start_session(
    *, app_name: str = "scorecast", master: str | None = None, conf: Mapping[str, str] | None = None
) -> SessionHandle:
    """Return the active or default session of this process, or start one.

    A session that exists is returned as it is: no argument applies to it. In a new session, what
    the caller or the user's own Spark configuration sets is kept; only what nobody has set is
    added: a master that retries failed tasks, UTC as time zone, workers that run the driver's
    Python where they run on the driver's machine, and no progress bar.

    Args:
        app_name: Name of a new session; under spark-submit the submitted name is kept.
        master: Where a new session runs: a Spark master, or ``sc://host:port`` for Spark Connect.
        conf: Configuration of a new session; wins over ``spark-defaults.conf``.

    Raises:
        JavaError: A JVM has to be started and there is no Java that Spark can run on.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        return SessionHandle(SparkSession.active(), owned=False)
    except PySparkException:  # there is none
        pass
    mark = uuid.uuid4().hex
    options = dict(conf or {})
    if master is not None:
        options["spark.remote" if master.startswith("sc://") else "spark.master"] = master
    remote = options.get("spark.remote") or os.environ.get("SPARK_REMOTE", "")
    if not remote.startswith("sc://"):
        options[_STARTED_BY] = mark
        # Under spark-submit the JVM runs already, with a name and a master of the user's choice.
        if "PYSPARK_GATEWAY_PORT" not in os.environ:
            ensure_java(os.environ)
            quiet = {"spark.app.name": app_name, "spark.ui.showConsoleProgress": "false"}
            options = quiet | options
    if remote.startswith("local"):
        # A Connect server inside this process takes its settings from here alone.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        options.setdefault(_TIME_ZONE, "UTC")
    with _signals_held(), nullcontext() if remote else _default_master(os.environ):
        if not remote:
            _connect_java(options)
        spark = SparkSession.builder.config(map=dict(options)).getOrCreate()
    return SessionHandle(spark, owned=_complete(spark, mark) and not _is_managed(os.environ))


def _connect_java(options: Mapping[str, str]) -> None:
    """Connect to the JVM of this process, which is started unless it runs."""
    from pyspark import SparkConf, SparkContext

    conf = SparkConf().setAll(list(options.items()))
    SparkContext._ensure_initialized(conf=conf)  # noqa: SLF001 - what `getOrCreate` begins with


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals that end a process take effect after the block, where Python handles them.

    A JVM that pyspark has not connected to yet would live on for ever, and a context that is cut
    off while it is made ends itself, by calls that take the answers of the one that was cut off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    handlers = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if (handler := signal.getsignal(number)) is not None
    }

    def hold(number: int, _frame: object) -> None:
        held.append(number)

    for number in handlers:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) is hold:  # pyspark brings a handler of its own
                signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def _complete(spark: SparkSession, mark: str) -> bool:
    """Add to a new session what can only be decided once it runs; tell whether it is all ours."""
    from scorecast.spark.versions import is_connect

    if is_connect(spark):
        return True
    context = spark.sparkContext
    settings = context.getConf()
    # Without our mark, the user had a SparkContext and only the session around it is new. The mark
    # is of this call, since a JVM hands the settings of its first context on to all later ones.
    if settings.get(_STARTED_BY) != mark:
        return False
    _choose_worker_python(context)
    if not settings.contains(_TIME_ZONE):
        spark.conf.set(_TIME_ZONE, "UTC")
    return True


def _choose_worker_python(context: SparkContext) -> None:
    """Let workers run the Python that the user names, or the driver's own on the same machine.

    Spark starts ``python3`` from ``PATH`` unless ``PYSPARK_PYTHON`` is set, also when the driver
    runs in a virtual environment, and reads ``spark.pyspark.python`` under spark-submit only.
    """
    if "PYSPARK_PYTHON" in os.environ:
        return
    named = context.getConf().get("spark.pyspark.python")
    if named:
        context.pythonExec = named
    elif str(context.master).startswith("local"):
        context.pythonExec = sys.executable


@contextmanager
def _default_master(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Offer `LOCAL_MASTER` to Spark while it starts.

    The variable ``MASTER`` is the one way that yields to every other: the builder's options, the
    flags of spark-submit and ``spark-defaults.conf``.
    """
    if "MASTER" in environ:
        yield
        return
    environ["MASTER"] = LOCAL_MASTER
    try:
        yield
    finally:
        del environ["MASTER"]


def _is_managed(environ: Mapping[str, str]) -> bool:
    """Tell whether a platform owns every session of this process and must not lose it."""
    return "DATABRICKS_RUNTIME_VERSION" in environ
