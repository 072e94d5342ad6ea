"""Errors -> codes and exit codes. The one place that knows them.

A code is ``SC``, the exit code, and two digits. It is printed with the error, searched for and
scripted on, so it is never given to another error, and stays when the class is renamed.
"""

from __future__ import annotations

from scorecast import errors
from scorecast.errors import ScorecastError

OK = 0
BUG = 1
USAGE = 2
INPUT = 3
MODEL = 4
PREDICTION = 5
OUTPUT = 6
ENVIRONMENT = 7
SKIPPED = 8
INTERRUPTED = 130

CODES: dict[type[ScorecastError], str] = {
    errors.ScorecastError: "SC100",
    errors.ConfigError: "SC201",
    errors.UnknownNameError: "SC202",
    errors.InputDataError: "SC301",
    errors.InputFileError: "SC302",
    errors.InputChangedError: "SC303",
    errors.InputMismatchError: "SC304",
    errors.ArtifactError: "SC401",
    errors.ArtifactNotFoundError: "SC402",
    errors.ModelUriError: "SC403",
    errors.ModelError: "SC404",
    errors.MLmodelError: "SC405",
    errors.UnsupportedFlavorError: "SC406",
    errors.ModelDigestError: "SC407",
    errors.ModelLoadError: "SC408",
    errors.ModelSaveError: "SC409",
    errors.ArchiveError: "SC410",
    errors.ModelTrustError: "SC411",
    errors.ArtifactDiskError: "SC412",
    errors.PredictionError: "SC501",
    errors.ModelPredictError: "SC502",
    errors.WorkerDiedError: "SC503",
    errors.BatchTimeoutError: "SC504",
    errors.OutputMismatchError: "SC505",
    errors.OutputShapeError: "SC506",
    errors.TooManyErrorsError: "SC507",
    errors.NanPredictedError: "SC508",
    errors.JobTimeoutError: "SC509",
    errors.DriftError: "SC510",
    errors.OutputError: "SC601",
    errors.OutputExistsError: "SC602",
    errors.OutputFullError: "SC603",
    errors.OutputLockedError: "SC604",
    errors.OutputChangedError: "SC605",
    errors.OutputDamagedError: "SC606",
    errors.RuntimeEnvironmentError: "SC701",
    errors.JavaError: "SC702",
    errors.WorkerEnvironmentError: "SC703",
    errors.MissingExtraError: "SC704",
    errors.ShippingError: "SC705",
    errors.DigestMismatchError: "SC706",
}


def error_code(error: ScorecastError) -> str:
    """Give the code of an error; that of its nearest base, if its own class has none."""
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def exit_code(error: ScorecastError) -> int:
    """Give the exit code of an error."""
    return int(error_code(error)[2])
