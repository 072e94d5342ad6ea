"""What earlier runs have left for a job: its published output, or a plan. Driver only."""

from __future__ import annotations

from collections.abc import Sequence

from scorecast.batch.assemble import check_columns
from scorecast.batch.baseline import refuse_drift_of
from scorecast.batch.budget import refuse_errors_of, refuse_nan
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.engines.job import Job
from scorecast.batch.inputs import Inputs
from scorecast.batch.manifest import Manifest, Run
from scorecast.batch.output import Output, exists
from scorecast.batch.plan import Plan, read_plan
from scorecast.batch.snapshot import InputFile
from scorecast.batch.verify import damages
from scorecast.batch.versions import Published
from scorecast.errors import OutputDamagedError, OutputError


def known_files(base: Published | None) -> Sequence[InputFile]:
    """Give the input files whose rows an output holds."""
    return () if base is None or base.manifest is None else base.manifest.inputs


def run_before(  # noqa: PLR0913 - what decides on it
    config: BatchPredictConfig,
    output: Output,
    base: Published | None,
    job: Job,
    key: str,
    inputs: Inputs,
) -> Run | None:
    """Give the run of this very job that is published; refuse an output that the job cannot take.

    Args:
        config: The job.
        output: Its output.
        base: What is published there.
        job: The columns that it writes.
        key: Key of the job.
        inputs: What it reads; for an incremental job, what is new.

    Raises:
        ScorecastError: As `published_run`, `refuse_to_touch` and `check_columns`.
    """
    if base is None:
        return None
    same = published_run(config, output, base.manifest, key, inputs)
    if same is None:
        refuse_to_touch(config, base.manifest)
        if config.incremental or config.mode in ("append", "overwrite-partitions"):
            check_columns(output, base, job)
    return same


def published_run(
    config: BatchPredictConfig, output: Output, manifest: Manifest | None, key: str, inputs: Inputs
) -> Run | None:
    """Give the run of this very job that the output is of, or has all rows of where jobs add.

    Args:
        config: The job.
        output: Its output.
        manifest: Manifest of the output, if a job has published it.
        key: Key of the job.
        inputs: What it reads; for an incremental job, what is new.

    Raises:
        OutputDamagedError: Files of the output are lost or cut off.
        TooManyErrorsError: More rows failed in that run than may now.
        NanPredictedError: The model predicted NaN in that run, which it may not now.
        DriftError: Columns drifted more in that run than they may now.
    """
    if manifest is None:
        return None
    same = None if config.force else _same_job(config, manifest, key)
    if config.incremental and not inputs.files:
        same = manifest.run
    if same is None:
        return None
    if found := damages(output.store, output.layout, manifest, deep=False):
        again = "Run with --force --mode overwrite to make it again."
        if len(manifest.runs) > 1:
            again = (
                f"It holds the rows of {len(manifest.runs)} runs: put the file back, or make all "
                "of it again."
            )
        message = (
            f'The output "{config.output}" is of this very job, but damaged: {found[0]}. {again}'
        )
        raise OutputDamagedError(message)
    refuse_errors_of(config, failed=same.counters.rows_failed, rows=same.counters.rows_in)
    refuse_nan(config, nan=same.counters.n_nan)
    if same is manifest.run:
        refuse_drift_of(config, output, manifest)
    return same


def refuse_to_touch(config: BatchPredictConfig, manifest: Manifest | None) -> None:
    """Refuse an output of another job, or of none, that the mode leaves alone.

    Raises:
        OutputExistsError: The mode is ``error``.
        OutputError: The job is incremental, and no manifest says what the output holds.
    """
    if config.mode == "error" and not config.incremental:
        raise exists(config.output)
    if manifest is None and config.incremental:
        message = (
            f'No manifest says which input files are in the output "{config.output}", so that '
            "incremental cannot tell which are new. Nothing was predicted. Replace it with "
            "--mode overwrite, or add all of the input with --mode append."
        )
        raise OutputError(message)


def plan_of_dead_run(output: Output, key: str, inputs: Inputs) -> Plan | None:
    """Give the plan of a run of the same job that has not come to its end.

    Files that were left out as broken then, and are not now, are in no unit of such a plan; and the
    other way round. It is another plan then.
    """
    store, layout = output.store, output.layout
    files = {file.path for file in inputs.files}
    for run_id in store.children(layout.runs):
        data = store.read(layout.run(run_id, "plan.json"))
        plan = None if data is None else read_plan(data)
        if plan is not None and plan.job_key == key and plan.files == files:
            return plan
    return None


def _same_job(config: BatchPredictConfig, manifest: Manifest, key: str) -> Run | None:
    adds = config.mode == "append" or config.incremental
    if config.mode == "overwrite-partitions":
        runs = manifest.runs[-1:]
    else:
        runs = manifest.runs if adds or len(manifest.runs) == 1 else ()
    return next((run for run in runs if run.job_key == key and _is_whole(manifest, run)), None)


def _is_whole(manifest: Manifest, run: Run) -> bool:
    """Tell whether no later run has replaced partitions that a run wrote."""
    files = (*manifest.files, *manifest.quarantine)
    return run.counters.rows_in == sum(file.rows for file in files if file.run_id == run.run_id)
