"""One run of the job, with the output locked: plan, predict by units, reconcile, publish.

Driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from scorecast.batch.accounts import (
    Clock,
    counters_of,
    now,
    refuse_nothing_read,
    skipped_files,
    unit_entry,
)
from scorecast.batch.assemble import assemble, empty_part
from scorecast.batch.attempts import unit_predictor
from scorecast.batch.baseline import find_baseline
from scorecast.batch.budget import allowed_errors, refuse_errors, refuse_nan
from scorecast.batch.collect import abandon, collect, remove_staging
from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.describe import (
    model_record,
    spark_settings,
)
from scorecast.batch.documents import stage_document, with_document
from scorecast.batch.earlier import known_files, plan_of_dead_run, run_before
from scorecast.batch.engines.choose import Choice, choose_engine
from scorecast.batch.engines.job import Job
from scorecast.batch.inputs import Inputs, refuse_changes
from scorecast.batch.key import key_of
from scorecast.batch.layout import PROFILE
from scorecast.batch.manifest import Manifest, Run
from scorecast.batch.outcome import report_of
from scorecast.batch.output import (
    Output,
    is_full,
)
from scorecast.batch.plan import Plan, split_units
from scorecast.batch.profile import refuse_without_statistics, take_profile
from scorecast.batch.profile_files import ProfileFiles
from scorecast.batch.profile_plan import plan_profile, profiled_columns
from scorecast.batch.provenance import provenance_values
from scorecast.batch.publish import (
    Published,
    Step,
    publish_directory,
    publish_pointer,
    published,
    recover,
)
from scorecast.batch.report import RunReport
from scorecast.batch.show.publish import add_report
from scorecast.batch.units import UnitRecord, UnitWork, committed, run_units
from scorecast.errors import OutputError
from scorecast.progress import Progress
from scorecast.spark.frame import FramePlan
from scorecast.spark.prepare import CheckedModel
from scorecast.worker.profile import ProfilePlan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What is known of a run beside its options.

    Attributes:
        run_id: Its id.
        group: Group of its jobs in Spark.
        title: What Spark's UI calls it.
        preflight: Whether to check the workers' packages first.
        step: Told the name of each step before it is done.
        progress: Shows how many rows are done.
    """

    run_id: str
    group: str
    title: str
    preflight: bool
    step: Step
    progress: Progress


@dataclass(slots=True)
class JobRun:
    """What a run works with."""

    spark: SparkSession
    config: BatchPredictConfig
    output: Output
    model: CheckedModel
    frame: FramePlan
    job: Job
    clock: Clock
    context: RunContext
    packages: Mapping[str, str]

    def do(self, inputs: Inputs) -> RunReport:
        """Do the job, with the output locked."""
        config, output, run_id = self.config, self.output, self.context.run_id
        self.context.step("run:recover")
        if output.directories is not None:
            recover(output.directories, output.layout)
        base = published(output.store, output.layout)
        if config.incremental:
            inputs = inputs.without(known_files(base))
        key = key_of(self.spark, config, self.model, inputs, self.packages)
        found = None if base is None else base.manifest
        before = run_before(config, output, base, self.job, key, inputs)
        if found is not None and before is not None:
            self._collect()
            return report_of(self.config, self.model, self.clock, found, before, already=True)
        inputs = inputs.checked(self.frame.columns)
        choice = choose_engine(self.spark, config, inputs, self.job)
        statistics = plan_profile(config, self.job, inputs)
        self.clock.lap("check")
        plan = self._plan(key, run_id, inputs, statistics)
        if statistics is not None and plan.bits is not None:
            # Units of one run are merged, whatever options a later try of it has.
            statistics = replace(statistics, bits=plan.bits)
        return self._publish(base, plan, run_id, inputs, choice, statistics)

    def _plan(self, key: str, run_id: str, inputs: Inputs, statistics: ProfilePlan | None) -> Plan:
        """Take up the plan of a dead run of the same job, or make one."""
        store, layout = self.output.store, self.output.layout
        self.context.step("run:plan")
        dead = None if self.config.force else plan_of_dead_run(self.output, key, inputs)
        if dead is not None:
            return dead
        units = split_units(inputs.files, inputs.rows, self.config.units)
        bits = None if statistics is None else statistics.bits
        plan = Plan(run_id, key, self.clock.started_at, units, bits)
        store.create(layout.run(run_id, "plan.json"), plan.to_json())
        return plan

    def _publish(  # noqa: PLR0913 - what was found out so far
        self,
        base: Published | None,
        plan: Plan,
        run_id: str,
        inputs: Inputs,
        choice: Choice,
        statistics: ProfilePlan | None,
    ) -> RunReport:
        store, layout = self.output.store, self.output.layout
        self._collect(alive=plan.run_id)
        try:
            columns = profiled_columns(self.job, inputs)
            baseline = find_baseline(self.config, self.output, base, columns)
            records = self._predict(plan, inputs, choice, statistics)
            self.clock.lap("predict")
            refuse_errors(
                self.config,
                failed=sum(record.rows_failed for record in records),
                rows=sum(record.rows_in for record in records),
            )
            refuse_nan(self.config, nan=sum(record.n_nan for record in records))
            refuse_nothing_read(plan, records)
            self.clock.refuse_late()
            self.context.step("run:compare-input")
            refuse_changes(self.spark, self.config, inputs)
            files = ProfileFiles(store, layout.profiles(plan.run_id))
            profile = take_profile(
                self.config, self.job, inputs, plan.run_id, records, files, baseline
            )
            manifest, sources = self._manifest(base, plan, inputs, records, choice)
            if profile.data is not None:
                document = stage_document(self.output, manifest.run_id, PROFILE, profile.data)
                manifest, sources = with_document(manifest, sources, PROFILE, document)
            self.context.step("run:report")
            manifest, sources, no_report = add_report(self.output, manifest, sources)
            if output := self.output.directories:
                version = None if base is None else base.version
                publish_directory(
                    output,
                    layout,
                    manifest,
                    sources,
                    version,
                    self.context.step,
                    keep_version=self.config.is_repeated,
                )
            else:
                publish_pointer(store, layout, manifest, base, self.context.step)
        except BaseException as error:
            with suppress(Exception):  # the first error counts, and the next run tidies up
                self._give_up(plan, run_id, error)
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(self._interrupted(plan)) from error
            raise
        self.context.step("run:clean")
        with suppress(OSError):  # it is published; the next run tidies up
            remove_staging(store, layout, plan.run_id)
        self._collect()
        report = report_of(
            self.config,
            self.model,
            self.clock,
            manifest,
            manifest.run,
            profile=profile,
            no_report=no_report,
        )
        told = {"run_id": report.run_id, "rows": report.rows_out, "seconds": report.seconds}
        _LOG.info("published %s", report.output, extra={"context": told})
        return report

    def _collect(self, alive: str | None = None) -> None:
        store, layout = self.output.store, self.output.layout
        keep_seconds = self.config.keep_replaced * 3600
        with suppress(OSError, OutputError):  # no reason to fail; the next run tries again
            collect(store, layout, keep_seconds=keep_seconds, alive=alive, locked=store.locks)

    def _give_up(self, plan: Plan, run_id: str, error: BaseException) -> None:
        """Keep what a later try can go on with; remove the rest, and all of it on a full disk."""
        store, layout = self.output.store, self.output.layout
        if plan.run_id != run_id and not store.locks:
            return  # the run that made the plan may be alive
        if is_full(error) or not store.children(layout.run(plan.run_id, "commits")):
            abandon(store, layout, plan.run_id)

    def _interrupted(self, plan: Plan) -> str:
        """Say what an interrupted run leaves, and how it goes on."""
        now_there = published(self.output.store, self.output.layout)
        if now_there is not None and now_there.version == plan.run_id:
            return "The output was published just before."
        kept = len(self.output.store.children(self.output.layout.run(plan.run_id, "commits")))
        told = "The jobs of Spark were cancelled and nothing was published."
        if not kept:
            return f"{told} No unit was complete, so nothing is kept."
        return (
            f"{told} {kept} of {len(plan.units)} units are complete and kept beside the output: "
            "run the same command again to go on with the others."
        )

    def _predict(
        self, plan: Plan, inputs: Inputs, choice: Choice, statistics: ProfilePlan | None
    ) -> list[UnitRecord]:
        store, layout, config = self.output.store, self.output.layout, self.config
        done = committed(store, layout, plan.run_id, plan.units)
        refuse_without_statistics(config, done)
        told = {
            "run_id": plan.run_id,
            "model": self.model.resolved.fetched.resolved_uri,
            "digest": self.model.resolved.digest,
            "engine": choice.engine,
            "engine_reason": choice.reason,
            "units": len(plan.units),
            "resumed_units": len(done),
            "rows": inputs.total_rows,
        }
        _LOG.info("predicting for %s", config.output, extra={"context": told})
        if len(done) == len(plan.units) or inputs.is_empty:
            return done
        handle = self.model.ship(self.spark, preflight=self.context.preflight)
        self.clock.lap("ship")
        allowed = allowed_errors(config, inputs.total_rows)
        # What a condition leaves out is counted by nobody before it is read.
        known = None if config.where is not None else inputs.total_rows
        left = None if known is None else known - sum(record.rows_in for record in done)
        profiles = store.uri(layout.profiles(plan.run_id))
        with self.context.progress("predict", left, "rows") as advance:
            work = UnitWork(
                spark=self.spark,
                store=store,
                layout=layout,
                run_id=plan.run_id,
                group=self.context.group,
                title=self.context.title,
                predict=unit_predictor(
                    config,
                    self.job,
                    inputs,
                    handle,
                    choice,
                    allowed=allowed,
                    notes=store.uri(layout.run(plan.run_id, "stops")),
                    constants=self._constants(plan),
                    profile=None if statistics is None else replace(statistics, folder=profiles),
                ),
                filters=config.where is not None,
                allowed=allowed,
                step=self.context.step,
                watch=self.clock.refuse_late,
                advance=advance,
            )
            return sorted(run_units(work, plan.units, done), key=lambda record: record.unit)

    def _constants(self, plan: Plan) -> tuple[pa.Scalar, ...]:
        if not self.config.provenance:
            return ()
        resolved = self.model.resolved
        return provenance_values(
            resolved.info.registered_name,
            resolved.info.registered_version,
            resolved.digest,
            run_id=plan.run_id,
            started_at=plan.started_at,
            zone=self.model.time_zone,
        )

    def _manifest(
        self,
        base: Published | None,
        plan: Plan,
        inputs: Inputs,
        records: Sequence[UnitRecord],
        choice: Choice,
    ) -> tuple[Manifest, Mapping[str, str]]:
        config = self.config
        skipped = skipped_files(inputs, records)
        written = list(records)
        if not any(record.files for record in records):
            written.append(empty_part(self.output, self.job, plan.run_id))
        run = Run(
            run_id=plan.run_id,
            job_key=plan.job_key,
            mode="append" if config.incremental else config.mode,
            started_at=plan.started_at,
            published_at=now(),
            base_version=None if base is None else base.version,
            model=model_record(self.model),
            options=config.shown_options(),
            engine={"name": choice.engine, "reason": choice.reason},
            packages=self.packages,
            spark_conf=spark_settings(self.spark),
            counters=counters_of(records, inputs),
            units=[unit_entry(record) for record in records],
            skipped=[asdict(file) for file in skipped],
            seconds={**self.clock.phases, "total": round(self.clock.seconds, 3)},
        )
        left_out = {file.path for file in skipped}
        files = [file for file in inputs.held if file.path not in left_out]
        return assemble(self.output, base, self.job, run, written, files)
