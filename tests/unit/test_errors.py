"""The tree of errors: documented, picklable, with an exit code each."""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Iterator

import pytest

from scorecast import errors
from scorecast.cli.exit_codes import exit_code
from scorecast.errors import (
    ConfigError,
    InputMismatchError,
    ScorecastError,
    UnknownNameError,
    did_you_mean,
)


def _subclasses(kind: type[ScorecastError]) -> Iterator[type[ScorecastError]]:
    yield kind
    for subclass in kind.__subclasses__():
        if subclass.__module__ == errors.__name__:
            yield from _subclasses(subclass)


CLASSES = list(dict.fromkeys(_subclasses(ScorecastError)))
EXIT_CODES = {
    "ScorecastError": 1,
    "ConfigError": 2,
    "UnknownNameError": 2,
    "InputDataError": 3,
    "InputChangedError": 3,
    "InputFileError": 3,
    "InputMismatchError": 3,
    "ArtifactError": 4,
    "ModelUriError": 4,
    "ArchiveError": 4,
    "ArtifactNotFoundError": 4,
    "ModelError": 4,
    "MLmodelError": 4,
    "UnsupportedFlavorError": 4,
    "ModelDigestError": 4,
    "ModelTrustError": 4,
    "ModelLoadError": 4,
    "ModelSaveError": 4,
    "PredictionError": 5,
    "JobTimeoutError": 5,
    "NanPredictedError": 5,
    "TooManyErrorsError": 5,
    "WorkerDiedError": 5,
    "BatchTimeoutError": 5,
    "ModelPredictError": 5,
    "OutputMismatchError": 5,
    "OutputShapeError": 5,
    "OutputError": 6,
    "OutputExistsError": 6,
    "OutputFullError": 6,
    "OutputLockedError": 6,
    "OutputChangedError": 6,
    "OutputDamagedError": 6,
    "MissingExtraError": 7,
    "ShippingError": 7,
    "DigestMismatchError": 7,
    "RuntimeEnvironmentError": 7,
    "JavaError": 7,
    "WorkerEnvironmentError": 7,
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_the_way_from_worker_to_driver(kind: type[ScorecastError]) -> None:
    """An error keeps its class and message through pickle."""
    arrived = pickle.loads(pickle.dumps(kind('What "x" failed, and what to do.')))

    assert type(arrived) is kind
    assert str(arrived) == 'What "x" failed, and what to do.'


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code(kind: type[ScorecastError]) -> None:
    """The exit code of every class is the documented one."""
    assert exit_code(kind("x")) == EXIT_CODES[kind.__name__]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_says_when_it_is_raised(kind: type[ScorecastError]) -> None:
    """Names end in Error, and the docstring says when."""
    assert kind.__name__.endswith("Error")
    assert re.match(r"(Raised when|Base of) .*\.$", inspect.getdoc(kind) or "")


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    """What the module draws is which error is which, with its bases from Python."""
    drawn = re.findall(
        r"^ {4}([│ ]*)(?:[├└]── )?(\w+Error)(?: \((\w+)\))?", errors.__doc__ or "", re.MULTILINE
    )
    parents: list[str] = []
    found = {}
    for indent, name, builtin in drawn:
        depth = 0 if name == "ScorecastError" else len(indent) // 4 + 1
        parents[depth:] = [name]
        found[name] = (parents[depth - 1] if depth else "Exception", builtin)

    expected = {}
    for kind in CLASSES:
        ours, *others = kind.__bases__
        expected[kind.__name__] = (ours.__name__, others[0].__name__ if others else "")
    assert found == expected


def test_all_problems_are_told_at_once() -> None:
    """An error about options lists every problem, and a single one without a list."""
    one = ConfigError.from_problems("options", ["a is wrong"])
    two = ConfigError.from_problems("options", ["a is wrong", "b is missing"])

    assert str(one) == "Invalid options: a is wrong"
    assert str(two) == "Invalid options, 2 problems:\n  - a is wrong\n  - b is missing"


def test_unknown_names_list_what_exists() -> None:
    """A name outside a table is answered with the table and the nearest name in it."""
    error = UnknownNameError.from_table("format", "parket", ["csv", "parquet"])

    assert str(error) == ('Unknown format "parket". Known: csv, parquet. Did you mean "parquet"?')


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("prise", ' Did you mean "price"?'), ("PRICE", ' Did you mean "price"?'), ("zzz", "")],
)
def test_suggestions_forgive_spelling_and_case(name: str, suggestion: str) -> None:
    """A near miss gets a suggestion, also one that differs in case alone; others get none."""
    assert did_you_mean(name, ["price", "age"]) == suggestion


def test_errors_are_caught_as_what_python_calls_them() -> None:
    """Code that catches ValueError, LookupError or ImportError catches ours too."""
    assert issubclass(ConfigError, ValueError)
    assert issubclass(UnknownNameError, LookupError)
    assert issubclass(errors.MissingExtraError, ImportError)
    assert issubclass(errors.ModelUriError, ValueError)
    assert issubclass(InputMismatchError, ScorecastError)
