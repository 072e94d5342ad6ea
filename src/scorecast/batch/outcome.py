"""From the manifest of an output to the report on the run that published it. Driver only."""

from __future__ import annotations

from scorecast.batch.accounts import Clock
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.layout import REPORT
from scorecast.batch.manifest import Manifest, Run
from scorecast.batch.profile import Profile
from scorecast.batch.report import RunReport
from scorecast.spark.prepare import CheckedModel


def report_of(  # noqa: PLR0913 - what a run comes out of
    config: BatchPredictConfig,
    model: CheckedModel,
    clock: Clock,
    manifest: Manifest,
    run: Run,
    *,
    already: bool = False,
    profile: Profile | None = None,
    no_report: str = "",
) -> RunReport:
    """Give the report on a run.

    Args:
        config: What was asked for.
        model: The model.
        clock: Time of the run that reports.
        manifest: Manifest of the output as it is now.
        run: Run in it that is reported on.
        already: Whether it was there before.
        profile: What was found out about its columns.
        no_report: Why there is no page, and what to do.
    """
    page = manifest.documents.get(REPORT)
    resumed = () if already else [unit for unit in run.units if unit["resumed"]]
    resolved = model.resolved
    return RunReport(
        counters=run.counters,
        rows_out=manifest.rows,
        seconds=clock.seconds,
        model_uri=str(resolved.info.uri),
        resolved_uri=resolved.fetched.resolved_uri,
        model_digest=resolved.digest,
        trust=resolved.trust,
        result_type=model.result_type.simpleString(),
        output=config.output,
        run_id=run.run_id,
        job_key=run.job_key,
        already_published=already,
        units=len(run.units),
        resumed_units=len(resumed),
        rows_resumed=sum(unit["rows_in"] for unit in resumed),
        skipped=tuple(file["path"] for file in run.skipped),
        engine=run.engine["name"],
        engine_reason=run.engine["reason"],
        profile="" if profile is None else profile.note,
        drift=None if profile is None else profile.drift,
        report=None if page is None else f"{config.output.rstrip('/')}/{page.path}",
        no_report=no_report,
    )
