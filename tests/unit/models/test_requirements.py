"""differing_requirements: what a model was saved with against what is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions, version
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

import scorecast
from scorecast.errors import ModelLoadError
from scorecast.models.requirements import differing_requirements

Install = Callable[[str, str], None]

SKLEARN = version("scikit-learn")
OTHER = f"scikit-learn is {SKLEARN}, the model was saved with "


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put the metadata of a distribution on the path, with other metadata lines than a version."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def write(name: str, metadata: str) -> None:
        info = site / f"{name.replace('-', '_')}-0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\n{metadata}\n")

    return write


def comparable() -> list[str]:
    """The names of all installed distributions that are compared without being asked for."""
    found = {canonicalize_name(one.metadata["Name"]) for one in distributions()}
    return sorted(n for n in found if n != "scorecast" and not n.startswith("mlflow"))


def test_what_is_installed_meets_its_own_pins() -> None:
    """The pins that `pip freeze` would write are met, for each distribution that is here."""
    assert differing_requirements(f"{name}=={version(name)}" for name in comparable()) == ()


def test_every_difference_is_told_in_the_order_of_the_lines() -> None:
    """A distribution of another version is named with both versions, whichever it is."""
    names = comparable()
    assert differing_requirements(f"{name}!={version(name)}" for name in names) == tuple(
        f"{name} is {version(name)}, the model was saved with !={version(name)}" for name in names
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("scikit-learn==0.1", OTHER + "==0.1"),
        ("scikit-learn<0.1,>=0.0.1", OTHER + "<0.1,>=0.0.1"),
        ("scikit-learn ~= 0.1.0", OTHER + "~=0.1.0"),
        ("scikit-learn==0.*", OTHER + "==0.*"),
        ("scikit-learn===0.1", OTHER + "===0.1"),
        ("scikit-learn[tests]==0.1", OTHER + "==0.1"),
        ('scikit-learn==0.1 ; python_version >= "3.11"', OTHER + "==0.1"),
        ("scikit-learn==0.1  # the first", OTHER + "==0.1"),
        ("scikit-learn==0.1 \\", OTHER + "==0.1"),
        ("scikit-learn==0.1 --hash=sha256:ab --hash=sha256:cd", OTHER + "==0.1"),
        ("  scikit-learn==0.1\n", OTHER + "==0.1"),
        ("SciKit_Learn==0.1", f"SciKit_Learn is {SKLEARN}, the model was saved with ==0.1"),
        ("no-such-thing==1.0", "no-such-thing is not installed, the model was saved with ==1.0"),
        ("no-such-thing", "no-such-thing is not installed, the model was saved with it"),
    ],
)
def test_a_requirement_that_is_not_met_is_told(line: str, text: str) -> None:
    """The forms that a line of pip may have are read."""
    assert differing_requirements([line]) == (text,)


@pytest.mark.parametrize(
    "line",
    [
        f"scikit-learn=={SKLEARN}",
        f"scikit-learn[tests]=={SKLEARN}  # the last",
        f"Scikit.Learn=={SKLEARN}",
        f"scikit-learn>=0.1,<={SKLEARN}",
        f"scikit-learn=={SKLEARN.partition('.')[0]}.*",
        "scikit-learn",
    ],
)
def test_a_requirement_that_is_met_is_not_told(line: str) -> None:
    """Ranges, wildcards and any spelling of the name are compared as pip does it."""
    assert differing_requirements([line]) == ()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "# scikit-learn==0.1",
        "-r other.txt",
        "-c constraints.txt",
        "--extra-index-url https://example.org/simple",
        "--hash=sha256:ab",
        "-e .",
        "-e git+https://example.org/no-such-thing.git#egg=no-such-thing",
        "./wheels/no_such_thing-1.0-py3-none-any.whl",
        "https://example.org/no_such_thing-1.0-py3-none-any.whl",
        "no-such-thing @ https://example.org/no_such_thing-1.0-py3-none-any.whl",
        "no-such-thing==one",
        "no-such-thing=1.0",
        'no-such-thing==1.0 ; python_version < "3"',
        'no-such-thing==1.0 ; extra == "tests"',
        'no-such-thing==1.0 ; sys_platform ~= "a"',
    ],
)
def test_what_says_nothing_about_a_version_here_is_skipped(line: str) -> None:
    """Options, URLs, files, broken lines and markers that are false give neither text nor error."""
    assert differing_requirements([line]) == ()


@pytest.mark.parametrize(
    "name", ["mlflow", "MLflow", "mlflow-skinny", "mlflow_tracing", "scorecast"]
)
def test_mlflow_and_scorecast_are_compared_only_where_they_are_needed(name: str) -> None:
    """Most models load without MLflow, so another version of it is nothing to tell."""
    assert differing_requirements([f"{name}==0.0.1"]) == ()
    (text,) = differing_requirements([f"{name}==0.0.1"], needed=[name.upper()])
    assert text == f"{name} is {version(name)}, the model was saved with ==0.0.1"


def test_a_needed_name_adds_no_requirement() -> None:
    """What is needed decides about lines that are there."""
    assert differing_requirements(["numpy"], needed=["mlflow", "no-such-thing"]) == ()


@pytest.mark.parametrize(
    ("installed", "wanted", "met"),
    [
        ("2.3.0+cpu", "==2.3.0", True),
        ("2.3.0+cpu", "==2.3.0+cpu", True),
        ("2.3.0+cpu", "==2.3.0+cu121", True),
        ("2.3.0", "==2.3.0+cpu", True),
        ("2.3", "==2.3.0+cpu", True),
        ("2.3.1", "==2.3.0+cpu", False),
        ("2.3.0", "<2,==2.3.0+cpu", False),
        ("2.3.0+cpu", "!=2.3.0+cpu", False),
        ("2.3.0", "!=2.3.0+cpu", True),
        ("2.3.0+cpu", "<=2.3.0", True),
        ("3.0.0rc1", ">=2", True),
        ("3.0.0rc1", "==3.0.0rc1", True),
        ("3.0.0.dev4", ">=2,!=2.5", True),
        ("3.0.0rc1", "==3.0.0", False),
        ("release-7", "==7", False),
    ],
)
def test_local_versions_and_prereleases(
    install: Install, installed: str, wanted: str, met: object
) -> None:
    """Builds of one version are the same version, and pre-releases are versions like others."""
    install("made-up", f"Version: {installed}")
    text = f"made-up is {installed}, the model was saved with {wanted}"
    assert differing_requirements([f"made-up{wanted}"]) == (() if met else (text,))


@pytest.mark.filterwarnings("ignore:Implicit None:DeprecationWarning")  # Python 3.12 and later
@pytest.mark.parametrize("backport", [False, True])
def test_metadata_without_a_version_is_not_installed(install: Install, backport: object) -> None:
    """What an interrupted removal leaves behind is no error, with the finder of MLflow neither."""
    if backport:
        pytest.importorskip("importlib_metadata")
    install("made-up", "Summary: nothing else")
    assert differing_requirements(["made-up==1.0"]) == (
        "made-up is not installed, the model was saved with ==1.0",
    )


def test_no_package_is_imported() -> None:
    """The comparison reads metadata, so it costs little and runs no code."""
    script = (
        "import sys\n"
        "from scorecast.models.requirements import differing_requirements\n"
        "print(len(differing_requirements(['scikit-learn==0.1', 'torch==0.1'])))\n"
        "print({'sklearn', 'torch'} & set(sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["2", "set()"]


def test_a_model_that_cannot_be_loaded_says_what_differs(tmp_path: Path) -> None:
    """The error of a model names its requirements that are not met, and no others."""
    (tmp_path / "model.pkl").write_bytes(b"no pickle")
    (tmp_path / "MLmodel").write_text(
        "flavors:\n"
        "  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}\n"
        "  sklearn: {pickled_model: model.pkl, serialization_format: pickle}\n"
    )
    (tmp_path / "requirements.txt").write_text(
        f"--index-url https://example.org\nmlflow==0.1\nscikit-learn==0.1\n"
        f"pandas=={version('pandas')}\nno-such-thing==1.0\n"
    )
    with pytest.raises(ModelLoadError) as caught:
        scorecast.load_model(tmp_path)
    assert str(caught.value).endswith(
        f"The environment here is not the model's own: {OTHER}==0.1; no-such-thing is not "
        "installed, the model was saved with ==1.0."
    )
