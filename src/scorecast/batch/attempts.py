"""Predict one unit, again without the files that turn out to be broken. Driver only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.engines import arrow, spark
from scorecast.batch.engines.choose import Choice
from scorecast.batch.engines.job import Attempt, Job, Shared
from scorecast.batch.failures import classified
from scorecast.batch.footers import Corrupt
from scorecast.batch.inputs import Inputs
from scorecast.batch.plan import Unit
from scorecast.batch.units import UnitOutcome
from scorecast.worker.handle import ModelHandle
from scorecast.worker.notes import notes_folder
from scorecast.worker.profile import ProfilePlan


def unit_predictor(  # noqa: PLR0913 - what all units of a run share
    config: BatchPredictConfig,
    job: Job,
    inputs: Inputs,
    handle: ModelHandle,
    choice: Choice,
    *,
    allowed: int | None,
    notes: str,
    constants: tuple[pa.Scalar, ...],
    profile: ProfilePlan | None = None,
) -> Callable[[Unit, str], UnitOutcome]:
    """Give what predicts a unit into a folder.

    Args:
        config: What is asked for.
        job: What is the same for all units.
        inputs: Where rows come from.
        handle: The model.
        choice: The engine.
        allowed: Rows of the job that may fail; None where that takes counting them.
        notes: Directory for notes of tasks.
        constants: Values of the columns of `provenance`, if they are asked for.
        profile: What statistics are taken, or None.

    Returns:
        A function that raises the error of scorecast for what Spark says.
    """
    # Where rows have to be counted first, a batch that fails as a whole may be within the limit.
    most = sys.maxsize if allowed is None else allowed
    options = replace(job.frame.model.options, max_errors=most)
    model = replace(job.frame.model, options=options)
    budgeted = replace(job, frame=replace(job.frame, model=model))
    shared = Shared(
        budgeted,
        handle,
        allowed,
        config.batch_timeout,
        config.fail_on_nan,
        constants,
        profile,
    )

    def once(attempt: Attempt) -> UnitOutcome:
        if choice.reading is None:
            return spark.predict_unit(shared, inputs, attempt)
        return arrow.predict_unit(shared, inputs, attempt, choice.reading)

    def predict(unit: Unit, folder: str) -> UnitOutcome:
        files, skipped = list(unit.files), list[Corrupt]()
        while files or not unit.files:
            turn = notes_folder(notes, unit.name, len(skipped))
            attempt = Attempt(unit.name, tuple(files), unit.rows is None, folder, turn)
            try:
                return replace(once(attempt), skipped=tuple(skipped))
            except Exception as error:
                broken = inputs.broken_in(error, files)
                if broken is None:
                    raise classified(error, config) from error
                files.remove(broken.path)
                skipped.append(broken)
        return UnitOutcome((), 0, tuple(skipped))

    return predict
