"""One tiny task that finds workers on which a prediction cannot run, before any real task does.

The task is a plain Python UDF that travels by value and uses the standard library only, so that it
runs on workers that lack everything else. The same function runs on the driver; the two answers are
compared. Workers that lack nothing but scorecast get it shipped with the session.

Everything here runs on the driver, but for the function inside `_probe_for`.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.metadata
import importlib.resources
import io
import json
import re
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scorecast.errors import WorkerEnvironmentError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from pyspark.sql import SparkSession

ARROW_PACKAGES = ("pandas", "pyarrow", "numpy")
"""What Spark's own Arrow UDFs import on a worker."""

_SWITCH = "SCORECAST_PREFLIGHT"
_PACKAGE = "scorecast"
_ARCHIVE_CURE = (
    "ship the driver's environment: venv-pack -o env.tar.gz, then spark-submit "
    "--archives env.tar.gz#env --conf spark.pyspark.python=./env/bin/python"
)

# Packages that passed, by session. It only saves repeated tasks: losing it costs one more probe.
_passed: weakref.WeakKeyDictionary[SparkSession, set[str]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class PythonFacts:
    """What one Python interpreter says about itself.

    `prefix` tells environments apart, whatever link started them. A version is None for a package
    that is not installed and "" for one without a known version.
    """

    python: str
    executable: str
    prefix: str
    host: str
    versions: Mapping[str, str | None]

    def __str__(self) -> str:
        """Describe the interpreter in one line."""
        return f"Python {self.python}, {self.executable}, host {self.host}"


@dataclass(frozen=True, slots=True)
class WorkerProblem:
    """Why workers cannot be used: what differs, which interpreters they are, and what to do."""

    differences: tuple[str, ...]
    sides: tuple[str, ...]
    cure: str

    def __str__(self) -> str:
        """Word the problem as an error message of a few lines."""
        head = "The Python workers of this Spark session do not fit the driver:"
        tail = (f"Cure: {self.cure}", f"To run without this check, set {_SWITCH}=0.")
        return "\n".join((head, *(f"  {line}" for line in self.differences), *self.sides, *tail))


def preflight_enabled(environ: Mapping[str, str]) -> bool:
    """Tell whether `environ` leaves the check on; ``SCORECAST_PREFLIGHT=0`` turns it off."""
    return environ.get(_SWITCH, "").strip().lower() not in {"0", "false", "no", "off"}


def check_workers(
    spark: SparkSession, packages: Sequence[str], *, extra: str | None = None
) -> None:
    """Refuse a session whose workers cannot run a prediction.

    Runs one task, and one more if scorecast has to be shipped. Packages that passed are not checked
    again in the same session.

    Args:
        spark: The session, classic or Connect.
        packages: Distributions that workers need beside those of Arrow UDFs.
        extra: The extra of scorecast that installs `packages`.

    Raises:
        WorkerEnvironmentError: Workers lack a package, have another version of one, run another
            Python than the driver or do not start at all.
    """
    problem = inspect_workers(spark, packages, extra=extra)
    if problem is not None:
        # Without the cause: Spark's own traceback is the page that this message replaces.
        raise WorkerEnvironmentError(str(problem)) from None


def inspect_workers(
    spark: SparkSession, packages: Sequence[str], *, extra: str | None = None
) -> WorkerProblem | None:
    """Do what `check_workers` does, with the same arguments, but return the problem, or None."""
    from scorecast.spark.versions import add_python_file, is_connect

    names = (_PACKAGE, *ARROW_PACKAGES, *packages)
    if _passed.get(spark, set()).issuperset(names):
        return None
    probe = _probe_for(names)
    driver = PythonFacts(**json.loads(probe(None)))
    try:
        worker = _run_on_worker(spark, probe)
        if differing(driver, worker) == [_PACKAGE] and worker.versions[_PACKAGE] is None:
            add_python_file(spark, str(_zip_file()))
            worker = _run_on_worker(spark, probe)
    except Exception as error:
        command = None if is_connect(spark) else spark.sparkContext.pythonExec
        problem = explain_failure(str(error), driver, command)
        if problem is None:
            raise
        return problem
    wrong = differing(driver, worker)
    if wrong:
        return explain_difference(driver, worker, wrong, extra=extra)
    _passed.setdefault(spark, set()).update(names)
    return None


def differing(driver: PythonFacts, worker: PythonFacts) -> list[str]:
    """Name the packages, and "Python" itself, that keep `worker` from doing the driver's work.

    A package differs when the worker lacks it, or has another major or minor version; scorecast
    itself also when the patch version is another.
    """
    wrong = [] if _minor(driver.python) == _minor(worker.python) else ["Python"]
    for name, there in worker.versions.items():
        here = driver.versions[name]
        same = here == there if name == _PACKAGE else _minor(here or "") == _minor(there or "")
        if there is None or (here and there and not same):
            wrong.append(name)
    return wrong


def explain_difference(
    driver: PythonFacts, worker: PythonFacts, wrong: Sequence[str], *, extra: str | None
) -> WorkerProblem:
    """Word what `differing` found `wrong`; `extra` installs what the driver lacks as well."""
    here = {"Python": driver.python, **driver.versions}
    there = {"Python": worker.python, **worker.versions}
    lines = (
        f"{name}: driver {here[name] or 'has none'}, worker {there[name] or 'has none'}"
        for name in wrong
    )
    needed = (_requirement(name, here[name], extra) for name in wrong if name != "Python")
    install = f"pip install {' '.join(dict.fromkeys(needed))}"
    if all(here[name] is None for name in wrong):
        cure = f"on the driver and on every executor {install}"
    elif driver.host == worker.host:
        cure = install if driver.prefix == worker.prefix else _same_python_cure(driver.executable)
    elif "Python" in wrong:
        cure = _ARCHIVE_CURE
    else:
        cure = f"on every executor {install}, or {_ARCHIVE_CURE}"
    return WorkerProblem(tuple(lines), (f"Driver: {driver}", f"Worker: {worker}"), cure)


def explain_failure(text: str, driver: PythonFacts, command: str | None) -> WorkerProblem | None:
    """Word the failure of the task itself, or return None if it is not about the worker's Python.

    `text` is the message of Spark's exception, with its stack trace; `command` is the program that
    Spark starts as a worker, if the driver knows it.
    """
    program = command or "the workers' Python"
    # Spark 3 writes "(3, 12)".
    if found := re.search(r"worker has different version:? \(?(\d+)(?:\.|, )(\d+)\)? than", text):
        line = f"Python: driver {driver.python}, worker {found[1]}.{found[2]}"
    elif found := re.search(r'Cannot run program "([^"]+)".*?error=\d+, ([^\n]+)', text):
        program = found[1]
        line = f"{program} cannot be started: {found[2].strip()}"
    elif found := re.search(r"Error from python worker:\s*\n((?:[ \t]+\S.*\n)+)", text):
        line = f"{program} does not start as a worker: {found[1].splitlines()[-1].strip()}"
    elif "pyspark.daemon's stdout" in text:
        line = f"{program} does not start as a worker"
    else:
        return None
    cure = f"{_same_python_cure(driver.executable)}; on a cluster {_ARCHIVE_CURE}"
    sides = (f"Driver: {driver}", *((f"Worker: {program}",) if command else ()))
    return WorkerProblem((line,), sides, cure)


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _requirement(name: str, version: str | None, extra: str | None) -> str:
    """Return what pip has to install so that a worker gets what the driver has."""
    if not version and extra:
        return f'"{_PACKAGE}[{extra}]"'
    return f'"{name}=={version}"' if version else f'"{name}"'


def _same_python_cure(python: str) -> str:
    return f"set PYSPARK_PYTHON={python} (or spark.pyspark.python) before Spark starts"


def _probe_for(names: Sequence[str]) -> Callable[[object], str]:
    """Build the function that reports the interpreter it runs in, as JSON."""

    # Nested, so that it is pickled by value: a worker may not have this module. That is also why
    # all of it is in here and nothing of this module is used.
    def probe(_row: object) -> str:
        import importlib.metadata
        import importlib.util
        import json
        import platform
        import sys

        def version_of(name: str) -> str | None:
            if name == "scorecast":  # it may come as a zip file, which has no metadata
                try:
                    return str(importlib.import_module(name).__version__)
                except (ImportError, AttributeError):
                    return None
            try:
                return importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                pass
            if importlib.util.find_spec(name) is None:
                return None
            # The same module from another distribution, such as onnxruntime from onnxruntime-gpu.
            owners = importlib.metadata.packages_distributions().get(name, ())
            return importlib.metadata.version(owners[0]) if owners else ""

        facts = {
            "python": platform.python_version(),
            "executable": sys.executable,
            "prefix": sys.prefix,
            "host": platform.node(),
            "versions": {name: version_of(name) for name in names},
        }
        return json.dumps(facts)

    return probe


def _run_on_worker(spark: SparkSession, probe: Callable[[object], str]) -> PythonFacts:
    from pyspark.sql.functions import udf

    # Not an Arrow UDF: the worker may have no pyarrow.
    asked = udf(probe, "string", useArrow=False)
    answer = spark.range(1, numPartitions=1).select(asked("id")).collect()[0][0]
    return PythonFacts(**json.loads(answer))


@functools.cache
def _zip_file() -> Path:
    """Write `package_zip` once; executors that start later fetch it, so it stays to the end."""
    content = package_zip()
    directory = tempfile.mkdtemp(prefix="scorecast-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    # Spark refuses another file of the same name, hence the digest.
    path = Path(directory, f"scorecast-{hashlib.sha256(content).hexdigest()[:12]}.zip")
    path.write_bytes(content)
    return path


def package_zip() -> bytes:
    """Return the installed scorecast as a zip file that Python can import it from.

    The same files give the same bytes. It works also when scorecast itself runs from a zip file.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in _files(importlib.resources.files(_PACKAGE), _PACKAGE):
            # A fixed time, so that the bytes depend on the content only.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def _files(directory: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    """Yield every file below `directory` with its name in the zip file, in a fixed order."""
    for child in sorted(directory.iterdir(), key=lambda child: child.name):
        if child.is_file():
            yield f"{prefix}/{child.name}", child
        elif not child.name.startswith((".", "__pycache__")):
            yield from _files(child, f"{prefix}/{child.name}")
