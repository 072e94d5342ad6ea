"""One task of a batch job: predict on its rows, write its part files, and tell what it did.

A task writes under names that no other attempt has, and its record names the files, so what a lost
or doubled attempt wrote is never taken for output. The first attempt predicts in the worker itself.
A later one, which may follow a worker that died, predicts in a child process: a model that kills
its process or hangs is then an error that has a place, and single rows can be told apart.
"""

from __future__ import annotations

import faulthandler
import json
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scorecast.errors import BatchTimeoutError, PredictionError, WorkerDiedError
from scorecast.redaction import secrets_hidden
from scorecast.worker.child import Child
from scorecast.worker.isolate import Predict, too_many_errors
from scorecast.worker.notes import note_failed, note_rows, note_stop, notes_are_cheap
from scorecast.worker.parts import PartFile, PartOptions, PartWriter
from scorecast.worker.places import Places
from scorecast.worker.predict import PredictPlan, open_model, predict_batches, predict_once
from scorecast.worker.profile import ProfilePlan, Profiler, can_profile, write_profile
from scorecast.worker.tally import Tally, nan_predicted, not_finite

_SECONDS_BETWEEN_NOTES = 1.0
# Where a note is a request, and stays; each pause is longer than the one before.
_SECONDS_ON_STORES = 20.0
_LONGER_ON_STORES = 1.5
_STDERR = 2  # the descriptor: a model may have put something else in the place of sys.stderr


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What all tasks of a unit do; decided on the driver. Small, picklable.

    Attributes:
        predict: What to predict. Rows come as the kept columns, other columns, then the file and
            the row in it where these are known.
        parts: How predictions are written: the kept columns, the prediction, then `constants`.
        quarantine: How rows that fail are written: all columns of the input, then `file`,
            `error_class`, `error_message` and `model_digest`; None where they are not.
        columns: For the quarantine, where each column of the input is among those that come.
        folder: Directory for part files of the unit.
        base: Directory above it, which is there as long as the run is: a task that outlives its
            run leaves nothing behind.
        notes: Directory for notes to the driver.
        unit: Name of the unit.
        places: How to tell the file and the row in it.
        allowed: Rows of the job that may fail; None where that depends on how many there are.
        batch_timeout: Seconds that a call of the model may take, or None.
        fail_on_nan: Whether NaN in a prediction ends the job.
        constants: Values of columns behind the prediction, which all rows have.
        profile: What statistics are taken, or None.
    """

    predict: PredictPlan
    parts: PartOptions
    quarantine: PartOptions | None
    columns: tuple[int, ...]
    folder: str
    base: str
    notes: str
    unit: str
    places: Places
    allowed: int | None
    batch_timeout: float | None
    fail_on_nan: bool = False
    constants: tuple[pa.Scalar, ...] = ()
    profile: ProfilePlan | None = None


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What one task did.

    Attributes:
        partition: Its number in the unit.
        rows_in: Rows that came.
        rows_failed: Rows that the model failed on.
        n_null: Predictions that are NULL.
        n_nan: Numbers in predictions that are NaN.
        n_inf: Numbers in predictions that are infinite.
        files: Part files with predictions.
        quarantine: Part files with rows that failed.
        seconds: Wall time.
        profile: File with statistics, in the folder of the plan; None where none were taken.
    """

    partition: int
    rows_in: int
    rows_failed: int
    n_null: int
    n_nan: int
    n_inf: int
    files: tuple[PartFile, ...]
    quarantine: tuple[PartFile, ...]
    seconds: float
    profile: str | None = None

    def to_json(self) -> str:
        """Give the record as the text that goes to the driver."""
        return json.dumps(asdict(self))


def read_record(text: str) -> TaskRecord:
    """Read the text of a record."""
    content: dict[str, Any] = json.loads(text)
    lists: dict[str, Any] = {
        name: tuple(PartFile(**file) for file in content.pop(name))
        for name in ("files", "quarantine")
    }
    return TaskRecord(**content, **lists)


@secrets_hidden()
def run_task(
    batches: Iterable[pa.RecordBatch], plan: TaskPlan, *, partition: int, attempt: int
) -> TaskRecord:
    """Do the work of one task. Runs in a Python worker, once per attempt.

    Args:
        batches: Its rows.
        plan: What to do.
        partition: Its number in the unit.
        attempt: How often the task was tried before.

    Raises:
        PredictionError: The model fails, or on more rows than allowed.
        OutputError: Part files cannot be written.
    """
    return _Task(plan, partition, attempt).run(batches)


@dataclass(slots=True)
class _Task:
    plan: TaskPlan
    partition: int
    attempt: int
    pending: deque[pa.RecordBatch] = field(default_factory=deque)
    tally: Tally = field(default_factory=Tally)
    last_note: float = 0.0
    last_rows: float = field(default_factory=time.monotonic)
    told_rows: int = 0
    called: int = 0
    calling: int = 0
    profiler: Profiler | None = None

    def run(self, batches: Iterable[pa.RecordBatch]) -> TaskRecord:
        started = time.monotonic()
        plan = self.plan
        if plan.profile is not None and can_profile():
            self.profiler = Profiler(plan.profile)
        name = f"{plan.unit}-{self.partition:05d}-{uuid.uuid4().hex}"
        with ExitStack() as stack:
            good = stack.enter_context(
                _closing(PartWriter(plan.folder, f"part-{name}", plan.parts, plan.base))
            )
            bad = None
            if plan.quarantine is not None:
                folder = f"{plan.folder}/quarantine"
                # A name that globs for part files pass over.
                writer = PartWriter(folder, f"failed-{name}", plan.quarantine, plan.base)
                bad = stack.enter_context(_closing(writer))
            once = self._counted(self._caller(stack))
            cheap = notes_are_cheap(plan.notes)
            pause = _SECONDS_BETWEEN_NOTES if cheap else _SECONDS_ON_STORES
            try:
                for batch, made in predict_batches(self._coming(batches), plan.predict, once):
                    self._write(batch, made, good, bad)
                    self.pending.popleft()
                    if self._note_rows(pause) and not cheap:
                        pause *= _LONGER_ON_STORES
            except PredictionError as error:
                raise self._told(error) from error
            self._note_rows(0)
            return TaskRecord(
                partition=self.partition,
                **asdict(self.tally),
                files=tuple(good.close()),
                quarantine=() if bad is None else tuple(bad.close()),
                profile=self._profile(name),
                seconds=time.monotonic() - started,
            )

    def _profile(self, name: str) -> str | None:
        plan = self.plan.profile
        if plan is None or self.profiler is None:
            return None
        return write_profile(plan.folder, self.plan.unit, name, self.profiler.result())

    def _coming(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass batches on, holding them until their predictions are written."""
        for batch in batches:
            self.pending.append(batch)
            yield batch

    def _caller(self, stack: ExitStack) -> Predict:
        plan, timeout = self.plan.predict, self.plan.batch_timeout
        if self.attempt:
            child = stack.enter_context(Child(plan, timeout=timeout))
            predict: Predict = child.predict
            return predict
        if timeout is None:
            return lambda batch: predict_once(batch, plan)

        def with_timeout(batch: pa.RecordBatch) -> pa.Array:
            open_model(plan)  # loading is no part of a batch
            # Ends the process even while native code holds the interpreter's lock.
            faulthandler.dump_traceback_later(timeout, exit=True, file=_STDERR)
            try:
                return predict_once(batch, plan)
            finally:
                faulthandler.cancel_dump_traceback_later()

        return with_timeout

    def _counted(self, once: Predict) -> Predict:
        """Follow which rows of the task the model is called on."""

        def predict(batch: pa.RecordBatch) -> pa.Array:
            self.calling = batch.num_rows
            made = once(batch)
            self.called += batch.num_rows
            self.calling = 0
            return made

        return predict

    def _write(
        self, batch: pa.RecordBatch, made: pa.Array, good: PartWriter, bad: PartWriter | None
    ) -> None:
        plan, rows = self.plan, batch.num_rows
        kept = batch.select(range(len(plan.parts.schema) - 1 - len(plan.constants)))
        failed, well = 0, None
        if pa.types.is_struct(made.type) and plan.predict.options.on_error == "struct":
            made, texts, classes = made.flatten()
            failed = rows - texts.null_count
            if failed:
                self._note(failed, next(text.as_py() for text in texts if text.is_valid))
            if failed and bad is not None:
                wrong, well = pc.is_valid(texts), pc.is_null(texts)
                aside = (batch, texts, classes)
                bad.write(self._quarantined(*(part.filter(wrong) for part in aside)))
                kept = kept.filter(well)
        every, made = made, made if well is None else made.filter(well)
        if plan.fail_on_nan and (nan := not_finite(made)[0]):
            self.pending = deque([batch])
            raise nan_predicted(nan)
        self.tally.add(rows, failed, made)
        if self.profiler is not None:
            self.profiler.add(batch, every, well)
        constants = [pa.repeat(value, len(made)) for value in plan.constants]
        columns = [*kept.columns, made, *constants]
        good.write(pa.RecordBatch.from_arrays(columns, schema=plan.parts.schema))

    def _quarantined(
        self, batch: pa.RecordBatch, texts: pa.Array, classes: pa.Array
    ) -> pa.RecordBatch:
        plan = self.plan
        digests = pa.array([plan.predict.handle.digest] * batch.num_rows, pa.string())
        columns = [batch.column(i) for i in plan.columns]
        files = plan.places.files_of(batch)
        assert plan.quarantine is not None  # noqa: S101 - the caller asked
        return pa.RecordBatch.from_arrays(
            [*columns, files, classes, texts, digests], schema=plan.quarantine.schema
        )

    def _note(self, failed: int, text: str) -> None:
        """Count rows that fail against what is allowed, here and on the driver."""
        so_far = self.tally.rows_failed + failed
        allowed = self.plan.allowed
        if allowed is not None and so_far > allowed:
            raise too_many_errors(so_far, allowed, text)
        if time.monotonic() - self.last_note > _SECONDS_BETWEEN_NOTES:
            self.last_note = time.monotonic()
            with suppress(OSError):  # the driver counts again when the task has ended
                note_failed(self.plan.notes, self.partition, so_far)

    def _note_rows(self, pause: float) -> bool:
        """Tell the driver how far the task is, unless it was told within so many seconds."""
        rows, now = self.tally.rows_in, time.monotonic()
        if rows == self.told_rows or now - self.last_rows < pause:
            return False
        self.last_rows = now
        with suppress(OSError):  # it is for a bar of progress alone
            note_rows(self.plan.notes, self.partition, rows, self.told_rows)
            self.told_rows = rows
        return True

    def _told(self, error: PredictionError) -> PredictionError:
        """Say where it happened, and stop the job unless another try may do better."""
        place = self.plan.places.describe(*self._failing(), self.partition)
        located = type(error)(f"{error} {place}")
        # What kills a process or hangs may be the machine; Spark tries it again.
        if not isinstance(error, WorkerDiedError | BatchTimeoutError):
            with suppress(OSError):  # Spark's own error tells the same, later
                note_stop(self.plan.notes, located)
        return located

    def _failing(self) -> tuple[Sequence[pa.RecordBatch], int]:
        """Give the rows that an error is about, and how many rows of the task come before."""
        before = self.tally.rows_in
        # Calls that find single rows do not follow one another.
        if not self.calling or self.plan.predict.options.on_error != "fail":
            return list(self.pending), before
        rows = pa.Table.from_batches(self.pending)
        return rows.slice(self.called - before, self.calling).to_batches(), self.called


class _closing:  # noqa: N801 - reads as contextlib.closing
    """Remove what a writer wrote unless it was closed."""

    def __init__(self, writer: PartWriter) -> None:
        self.writer = writer

    def __enter__(self) -> PartWriter:
        return self.writer

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.writer.abort()
