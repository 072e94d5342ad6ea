"""Predict one unit, again without the files that turn out to be broken. Driver only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.engines.spark import Job, plan_tasks, run_tasks
from scorecast.batch.failures import classified
from scorecast.batch.footers import Corrupt
from scorecast.batch.inputs import Inputs
from scorecast.batch.plan import Unit
from scorecast.batch.units import UnitOutcome
from scorecast.worker.handle import ModelHandle
from scorecast.worker.notes import notes_folder


def unit_predictor(  # noqa: PLR0913 - what all units of a run share
    config: BatchPredictConfig,
    job: Job,
    inputs: Inputs,
    handle: ModelHandle,
    *,
    allowed: int | None,
    notes: str,
) -> Callable[[Unit, str], UnitOutcome]:
    """Give what predicts a unit into a folder.

    Args:
        config: What is asked for.
        job: What is the same for all units.
        inputs: Where rows come from.
        handle: The model.
        allowed: Rows of the job that may fail; None where that takes counting them.
        notes: Directory for notes of tasks.

    Returns:
        A function that raises the error of scorecast for what Spark says.
    """
    # Where rows have to be counted first, a batch that fails as a whole may be within the limit.
    most = sys.maxsize if allowed is None else allowed
    options = replace(job.frame.model.options, max_errors=most)
    model = replace(job.frame.model, options=options)
    budgeted = replace(job, frame=replace(job.frame, model=model))

    def attempt(unit: Unit, folder: str, files: Sequence[str], turn: int) -> UnitOutcome:
        rows, counted = inputs.rows_of(files, count=unit.rows is None)
        df, tasks = plan_tasks(
            budgeted,
            rows,
            handle,
            folder=folder,
            notes=notes_folder(notes, unit.name, turn),
            unit=unit.name,
            names=inputs.names(files),
            has_row=inputs.source.has_row_index,
            allowed=allowed,
            batch_timeout=config.batch_timeout,
        )
        done = run_tasks(df, tasks)
        return UnitOutcome(done, inputs.rows_read(files, done, counted()))

    def predict(unit: Unit, folder: str) -> UnitOutcome:
        files, skipped = list(unit.files), list[Corrupt]()
        while files or not unit.files:
            try:
                done = attempt(unit, folder, files, len(skipped))
                return replace(done, skipped=tuple(skipped))
            except Exception as error:
                broken = inputs.broken_in(error, files)
                if broken is None:
                    raise classified(error, config) from error
                files.remove(broken.path)
                skipped.append(broken)
        return UnitOutcome((), 0, tuple(skipped))

    return predict
