"""The tree of errors: documented, picklable, with an exit code each."""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Iterator

import pytest

from scorecast import errors
from scorecast.cli import exit_codes
from scorecast.cli.exit_codes import error_code, exit_code
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
# What was published once: a code is never given to another class, and none disappears.
CODES = {
    "SC100": "ScorecastError",
    "SC201": "ConfigError",
    "SC202": "UnknownNameError",
    "SC301": "InputDataError",
    "SC302": "InputFileError",
    "SC303": "InputChangedError",
    "SC304": "InputMismatchError",
    "SC401": "ArtifactError",
    "SC402": "ArtifactNotFoundError",
    "SC403": "ModelUriError",
    "SC404": "ModelError",
    "SC405": "MLmodelError",
    "SC406": "UnsupportedFlavorError",
    "SC407": "ModelDigestError",
    "SC408": "ModelLoadError",
    "SC409": "ModelSaveError",
    "SC410": "ArchiveError",
    "SC411": "ModelTrustError",
    "SC412": "ArtifactDiskError",
    "SC501": "PredictionError",
    "SC502": "ModelPredictError",
    "SC503": "WorkerDiedError",
    "SC504": "BatchTimeoutError",
    "SC505": "OutputMismatchError",
    "SC506": "OutputShapeError",
    "SC507": "TooManyErrorsError",
    "SC508": "NanPredictedError",
    "SC509": "JobTimeoutError",
    "SC510": "DriftError",
    "SC601": "OutputError",
    "SC602": "OutputExistsError",
    "SC603": "OutputFullError",
    "SC604": "OutputLockedError",
    "SC605": "OutputChangedError",
    "SC606": "OutputDamagedError",
    "SC701": "RuntimeEnvironmentError",
    "SC702": "JavaError",
    "SC703": "WorkerEnvironmentError",
    "SC704": "MissingExtraError",
    "SC705": "ShippingError",
    "SC706": "DigestMismatchError",
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_the_way_from_worker_to_driver(kind: type[ScorecastError]) -> None:
    """An error keeps its class and message through pickle."""
    arrived = pickle.loads(pickle.dumps(kind('What "x" failed, and what to do.')))

    assert type(arrived) is kind
    assert str(arrived) == 'What "x" failed, and what to do.'


def test_codes_are_those_that_were_published() -> None:
    """Every class has exactly one code, no code has two, and none of those that were is gone."""
    assert {code: kind.__name__ for kind, code in exit_codes.CODES.items()} == CODES
    assert set(exit_codes.CODES) == set(CLASSES)
    assert len(set(exit_codes.CODES.values())) == len(CLASSES)


@pytest.mark.parametrize(("code", "name"), CODES.items(), ids=CODES)
def test_the_exit_code_is_in_the_code(code: str, name: str) -> None:
    """The digit behind SC is the exit code of the class, and of classes below it."""
    kind = getattr(errors, name)
    below = type("BelowError", (kind,), {})

    assert (error_code(kind("x")), exit_code(kind("x"))) == (code, int(code[2]))
    assert error_code(below("x")) == code


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
