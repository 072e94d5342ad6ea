"""The tests of Spark and of the workers, once for each line of Spark that scorecast supports.

    nox -f tests/noxfile.py                                 # all legs
    nox -f tests/noxfile.py -s "spark-3.5"                  # one
    nox -f tests/noxfile.py -s "spark-4.3" -- tests/spark/test_udf.py  # these tests
    nox -f tests/noxfile.py -s airflow                      # the DAG of conf/ by Apache Airflow
    nox -f tests/noxfile.py -s release                      # what a release is made of
    nox -f tests/noxfile.py -s release -- -s osv            # by another advisory database

A leg runs on the Python of nox, and needs a Java on PATH or in JAVA_HOME. Python 3.11 and Java 17
are the ones that all of these Sparks run on.
"""

import json
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"

LEGS = {
    "3.5": ["pyspark==3.5.*", "pandas==2.2.*", "numpy<2", "pyarrow==18.*"],
    "4.0": ["pyspark==4.0.*", "pandas==2.2.*"],
    "4.3": ["pyspark==4.3.*", "pandas==3.*"],
}
"""What a leg pins, by its Spark."""

PACKAGE = ".[connect,mlflow,report,sklearn]"
TOOLS = ["duckdb>=1.2", "hypothesis>=6.100", "psutil>=6", "pydantic>=2", "pytest>=8.3"]
TOOLS += ["pytest-xdist>=3.7"]
TESTS = ["tests/spark", "tests/unit/worker"]


def _add_leg(spark: str, pins: list[str]) -> None:
    @nox.session(name=f"spark-{spark}")
    def leg(session: nox.Session) -> None:
        session.chdir(Path(__file__).resolve().parents[1])
        session.install(PACKAGE, *TOOLS, *pins)
        # What older Sparks warn about in themselves is no matter of ours. With a SPARK_HOME of the
        # user's, its Spark would run instead of the one of the leg.
        command = ["python", "-m", "pytest", "-W", "default", *(session.posargs or TESTS)]
        session.run(*command, env={"SPARK_HOME": None})

    leg.__doc__ = f"Run the tests with {', '.join(pins)}."


for _spark, _pins in LEGS.items():
    _add_leg(_spark, _pins)


@nox.session
def airflow(session: nox.Session) -> None:
    """Load the DAG of conf/ with Apache Airflow, and see what it submits."""
    session.chdir(Path(__file__).resolve().parents[1])
    session.install(".", "apache-airflow>=3", "apache-airflow-providers-apache-spark")
    session.install("pytest>=8.3", "hypothesis>=6.100")
    test = "tests/unit/cli/test_schedulers.py"
    session.run("python", "-m", "pytest", "-W", "default", *(session.posargs or [test]))


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build a release: wheel, sdist, the versions it was tried with, its bill of materials.

    All go into build/dist. The last step asks the advisory database of PyPI about these versions,
    and fails where one has a known hole; mirrors of PyPI have no such database. Options behind
    ``--`` are those of pip-audit: ``-s osv --osv-url URL`` asks one near you.
    """
    root = Path(__file__).resolve().parents[1]
    session.chdir(root)
    dist = root / "build" / "dist"
    shutil.rmtree(dist, ignore_errors=True)  # of another version
    session.install("build", "cyclonedx-bom>=7", "pip-audit>=2.9")
    session.run("python", "-m", "build", "--outdir", str(dist))
    (wheel,) = dist.glob("*.whl")
    # Only the product is in this environment, so that its list is that of a user.
    users = root / "build" / "release"
    session.run("python", "-m", "venv", "--clear", str(users))
    python = str(users / "bin" / "python")
    theirs = f"{wheel}[report,rich,sklearn]"
    session.run(python, "-m", "pip", "install", "--quiet", theirs, external=True)
    session.run(str(users / "bin" / "scorecast"), "--help", silent=True, external=True)
    words = ("-m", "pip", "freeze", "--exclude", "scorecast")
    frozen = session.run(python, *words, silent=True, external=True)
    lock = dist / "requirements.lock"
    lock.write_text(str(frozen))
    bill = dist / f"{wheel.stem}.cdx.json"
    session.run(
        *("python", "-m", "cyclonedx_py", "environment", "--output-file", str(bill)),
        *("--pyproject", "pyproject.toml", "--output-reproducible", python),
    )
    tools = {"pip", "setuptools", "scorecast"}
    listed = {
        f"{part['name']}=={part['version']}"
        for part in json.loads(bill.read_text())["components"]
        if part["name"] not in tools
    }
    if listed != set(lock.read_text().split()):
        session.error(f"{bill} and {lock} differ: {sorted(listed ^ set(lock.read_text().split()))}")
    # The list is complete, so that pip has nothing to find out.
    audit = ("python", "-m", "pip_audit", "--strict", "--no-deps", "--disable-pip")
    session.run(*audit, "--requirement", str(lock), *session.posargs)
