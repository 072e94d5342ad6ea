"""Every exception that scorecast raises on purpose.

One tree, so that ``except ScorecastError`` catches all of it::

    ScorecastError
    ├── ConfigError (ValueError)            options that do not fit together; all problems at once
    ├── UnknownNameError (LookupError)      a name outside an explicit table
    ├── MissingExtraError (ImportError)     an optional library is not installed
    ├── ArtifactError                       the place that a model URI names
    │   ├── ModelUriError (ValueError)
    │   ├── ArchiveError
    │   ├── ArtifactNotFoundError
    │   └── ArtifactDiskError               the disk here, not the place
    ├── ModelError                          the model directory itself
    │   ├── MLmodelError
    │   ├── UnsupportedFlavorError
    │   ├── ModelDigestError
    │   ├── ModelTrustError
    │   ├── ModelLoadError
    │   └── ModelSaveError
    ├── ShippingError                       a model on its way to the workers
    │   └── DigestMismatchError
    ├── PredictionError                     a batch
    │   ├── DriftError
    │   ├── JobTimeoutError
    │   ├── NanPredictedError
    │   ├── TooManyErrorsError
    │   ├── InputMismatchError
    │   ├── ModelPredictError
    │   │   ├── WorkerDiedError
    │   │   └── BatchTimeoutError
    │   └── OutputMismatchError
    │       └── OutputShapeError           wrong for the batch as a whole, whatever the rows
    ├── InputDataError                      the data that a job or command reads
    │   ├── InputChangedError
    │   └── InputFileError
    ├── OutputError                         the place that a job or command writes
    │   ├── OutputExistsError
    │   ├── OutputFullError
    │   ├── OutputLockedError
    │   ├── OutputChangedError
    │   └── OutputDamagedError
    └── RuntimeEnvironmentError             Java, Python and packages around the run
        ├── JavaError
        └── WorkerEnvironmentError

Messages say what failed, the value, what was expected and what to do. They contain no values of the
user's rows, except where a model put them into the text of its own error, and no secrets, see
`redaction`. Every class is built from one message string, so all of them survive pickling between a
Python worker and the driver.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from scorecast.redaction import redacted

_READ = 10_000


class ScorecastError(Exception):
    """Base of every error that scorecast raises on purpose; no secret comes into its text."""

    def __init__(self, *texts: object) -> None:
        super().__init__(*(redacted(text) if isinstance(text, str) else text for text in texts))


class ConfigError(ScorecastError, ValueError):
    """Raised when options are wrong or do not fit together; lists every problem found."""

    @classmethod
    def from_problems(cls, what: str, problems: list[str]) -> ConfigError:
        """Build one error from all `problems` found in `what` (``"batch job options"``)."""
        if len(problems) == 1:
            return cls(f"Invalid {what}: {problems[0]}")
        lines = "\n".join(f"  - {problem}" for problem in problems)
        return cls(f"Invalid {what}, {len(problems)} problems:\n{lines}")


class UnknownNameError(ScorecastError, LookupError):
    """Raised when a name is not in the table it is looked up in."""

    @classmethod
    def from_table(cls, what: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the error for `name`, a `what`, that is not among the `known` names."""
        names = sorted(known)
        message = f'Unknown {what} "{name}". Known: {", ".join(names)}.{did_you_mean(name, names)}'
        return cls(message)


class MissingExtraError(ScorecastError, ImportError):
    """Raised when an optional library is needed and not installed; names the pip line."""


class ArtifactError(ScorecastError):
    """Raised when the files that a model URI names cannot be had."""


class ModelUriError(ArtifactError, ValueError):
    """Raised when a model URI cannot be read: unknown scheme, no path, wrong form."""


class ArchiveError(ArtifactError):
    """Raised when an archive is damaged or too large, or holds what must not be unpacked."""


class ArtifactNotFoundError(ArtifactError):
    """Raised when nothing is stored at the place that a model URI names."""


class ArtifactDiskError(ArtifactError):
    """Raised when the disk here refuses what is downloaded; the cause is the `OSError`."""


class ModelError(ScorecastError):
    """Raised when a model directory cannot be used."""


class MLmodelError(ModelError):
    """Raised when the ``MLmodel`` file is missing, is not YAML or has a field of a wrong form."""


class UnsupportedFlavorError(ModelError):
    """Raised when a model has no flavor that scorecast can load."""


class ModelDigestError(ModelError):
    """Raised when the files of a model are not those whose digest was asked for."""


class ModelTrustError(ModelError):
    """Raised when a model is not one that the trust which was asked for takes."""


class ModelLoadError(ModelError):
    """Raised when the files of a model are there but its flavor cannot load them."""


class ModelSaveError(ModelError):
    """Raised when a model cannot be written."""


class ShippingError(ScorecastError):
    """Raised when a model cannot be brought to a worker."""


class DigestMismatchError(ShippingError):
    """Raised when the files of a model are not the ones that its digest was made from."""


class PredictionError(ScorecastError):
    """Raised when a batch cannot be predicted."""


class DriftError(PredictionError):
    """Raised when inputs or predictions drifted more than a job allows, or nobody can tell."""


class JobTimeoutError(PredictionError):
    """Raised when a job took longer than allowed."""


class NanPredictedError(PredictionError):
    """Raised when the model predicts NaN in a job that allows none."""


class TooManyErrorsError(PredictionError):
    """Raised when the model fails on more rows than a job allows."""


class InputMismatchError(PredictionError):
    """Raised when data does not fit the inputs or params that a model declares."""


class ModelPredictError(PredictionError):
    """Raised when the model itself raises; the cause is the model's own exception."""


class WorkerDiedError(ModelPredictError):
    """Raised when the process that predicted died: native code crashed, or the system killed it."""


class BatchTimeoutError(ModelPredictError):
    """Raised when a batch took longer than allowed."""


class OutputMismatchError(PredictionError):
    """Raised when a prediction has the wrong number of rows or does not fit the result type."""


class OutputShapeError(OutputMismatchError):
    """Raised when predictions are not one per row; it is the model then, never a row of a batch."""


class InputDataError(ScorecastError):
    """Raised when the data to predict on is missing or cannot be read."""


class InputChangedError(InputDataError):
    """Raised when the data to predict on changed while it was read."""


class InputFileError(InputDataError):
    """Raised when a file of the input is broken; the message names it first."""


class OutputError(ScorecastError):
    """Raised when the output cannot be written."""


class OutputExistsError(OutputError):
    """Raised when the output exists and may not be replaced."""


class OutputFullError(OutputError):
    """Raised when there is no room left to write to."""


class OutputLockedError(OutputError):
    """Raised when another job is writing to the output."""


class OutputChangedError(OutputError):
    """Raised when the output is not the one any more that a job started from."""


class OutputDamagedError(OutputError):
    """Raised when the files of an output are not the ones that its manifest names."""


class RuntimeEnvironmentError(ScorecastError):
    """Raised when the machine or cluster lacks something that a run needs."""


class JavaError(RuntimeEnvironmentError):
    """Raised when no Java that Spark can use is found."""


class WorkerEnvironmentError(RuntimeEnvironmentError):
    """Raised when Python workers lack a package or have another version than the driver."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``' Did you mean "x"?'`` for the closest of the `known` names, or an empty string.

    Case does not count, since it is what differs most often.
    """
    by_folded = {known_name.casefold(): known_name for known_name in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f' Did you mean "{by_folded[close[0]]}"?' if close else ""


def one_line(error: BaseException) -> str:
    """Give the text of a foreign error as one line of at most 500 characters, without secrets.

    Messages of ours hold no blank line, which is how the driver finds their end in the text of a
    worker's traceback.
    """
    # Before it is cut: half a secret has no form any more.
    return redacted(" ".join(str(error)[:_READ].split()))[:500] or "no message"
