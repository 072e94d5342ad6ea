"""The input of a job: the rows as Spark reads them, and the files that they come from. Driver only.

The files are looked at three times: when the job starts, where their names, sizes and times decide
what job this is; before anything is predicted, where the footers of parquet files tell broken
files, other columns and the number of rows; and before the output is published, where nothing may
have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses

from scorecast.batch.config import TABLE, BatchPredictConfig
from scorecast.batch.footers import Corrupt, Footer, corrupt_error, drift, read_footers
from scorecast.batch.overlap import place_of
from scorecast.batch.snapshot import InputFile, differences, take_snapshot
from scorecast.batch.source import (
    InputOptions,
    Source,
    corrupt_file_of,
    file_names,
    filtered,
    is_repeatable,
    list_again,
    only_files,
    open_source,
)
from scorecast.errors import InputChangedError, InputDataError, InputMismatchError
from scorecast.spark.failures import error_in_worker, reason
from scorecast.spark.versions import can_observe
from scorecast.worker.row_groups import broken_file
from scorecast.worker.task import TaskRecord

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a job reads.

    Attributes:
        source: The rows, before any condition.
        listed: All files, as they were when the job started; those below a view, too.
        files: Those that the job predicts on; none where Spark does not tell their rows apart.
        where: Condition that rows must meet.
        format: Format of the input.
        skip_corrupt: Whether files that cannot be read are left out.
        rows: Rows of each file, where their footers say so.
        footers: Footer of each file, where there are footers.
        skipped: Files that are left out.
    """

    source: Source
    listed: tuple[InputFile, ...]
    files: tuple[InputFile, ...]
    where: str | None
    format: str
    skip_corrupt: bool
    rows: Mapping[str, int] | None = None
    footers: Mapping[str, Footer] = field(default_factory=dict)
    skipped: tuple[Corrupt, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether the same files give the same rows."""
        return bool(self.held) and is_repeatable(self.where)

    @property
    def held(self) -> tuple[InputFile, ...]:
        """The files whose rows are predicted on, also where Spark does not tell them apart."""
        by_file = self.source.has_positions or self.format == TABLE
        return self.files if by_file else self.listed

    @property
    def total_rows(self) -> int | None:
        """Rows of all files, before any condition, where they are known."""
        return None if self.rows is None else sum(self.rows[file.path] for file in self.held)

    @property
    def is_empty(self) -> bool:
        """Whether there are certainly no rows."""
        return self.total_rows == 0

    def without(self, known: Iterable[InputFile]) -> Inputs:
        """Leave out the files that an output holds already.

        Raises:
            InputDataError: The input is not made of files, or a known file is another one now.
        """
        if not self.source.has_positions:
            message = (
                "incremental needs an input that is made of files, to tell those that are in the "
                "output from new ones, and no column of it may be named _metadata. Leave it out."
            )
            raise InputDataError(message)
        before = {place_of(file.path): file for file in known}
        found = {file: before.get(place_of(file.path)) for file in self.files}
        changed = [
            file.path
            for file, old in found.items()
            if old is not None and replace(file, path=old.path) != old
        ]
        if changed:
            message = (
                f"{len(changed)} input files were changed since they were predicted on: "
                f"{', '.join(changed[:5])}. Their rows are in the output as they were. Predict on "
                "everything again with --mode overwrite, or give changed files new names."
            )
            raise InputDataError(message)
        return replace(self, files=tuple(file for file, old in found.items() if old is None))

    def checked(self, columns: Sequence[str]) -> Inputs:
        """Look at every file before anything is predicted.

        Args:
            columns: Columns that the job needs.

        Raises:
            InputDataError: Files are broken.
            InputMismatchError: Files differ in columns that the job needs.
        """
        if self.format != _PARQUET or not self.held:
            return self
        footers, corrupt = read_footers([file.path for file in self.held])
        # A file can be left out where Spark tells files apart.
        if corrupt and not (self.skip_corrupt and self.files):
            raise corrupt_error(corrupt)
        if found := drift(footers, columns):
            lines = "\n".join(f"  - {problem}" for problem in found)
            message = (
                f"The files of the input differ in columns that the job needs:\n{lines}\n"
                "Nothing was predicted. Write them with the same columns, or predict on them apart."
            )
            raise InputMismatchError(message)
        rows = {footer.path: footer.rows for footer in footers}
        counted = [replace(file, rows=rows.get(file.path)) for file in self.listed]
        here = {file.path for file in self.files if file.path in rows}
        good = tuple(file for file in counted if file.path in here)
        return replace(
            self,
            listed=tuple(counted),
            files=good,
            rows=rows,
            footers={footer.path: footer for footer in footers},
            skipped=tuple(corrupt),
        )

    def rows_of(
        self, files: Sequence[str], *, count: bool
    ) -> tuple[DataFrame, Callable[[], int | None]]:
        """Give the rows of some files that meet the condition.

        Args:
            files: The files; none for an input that is not made of files.
            count: Whether to count the rows before the condition, on the way.

        Returns:
            The rows, and what tells their number before the condition once they have been read;
            None where Spark did not count them.
        """
        df = only_files(self.source, tuple(files)) if files else self.source.df
        if self.where is None:
            return df, lambda: None
        if not count or not can_observe(df.sparkSession):
            return filtered(df, self.where), lambda: None
        seen = Observation()
        # Spark must not find out that a condition is never met, and leave the counting out.
        always = F.monotonically_increasing_id() >= 0
        met = F.coalesce(F.expr(self.where), F.lit(False)) == always  # noqa: FBT003 - SQL's FALSE
        rows = df.observe(seen, F.count(F.lit(1)).alias("rows")).where(met)
        return rows, lambda: int(seen.get["rows"])

    def rows_read(
        self, files: Sequence[str], tasks: Sequence[TaskRecord], counted: int | None
    ) -> int | None:
        """Give the rows of some files before the condition; None where nobody has counted them."""
        if self.rows is not None:
            return sum(self.rows[path] for path in files or self.rows)
        return counted if self.where is not None else sum(task.rows_in for task in tasks)

    def broken_in(self, error: Exception, files: Sequence[str]) -> Corrupt | None:
        """Give the file that an error of a unit says is broken, if such files are left out."""
        if not self.skip_corrupt:
            return None
        ours = error_in_worker(error)
        found = corrupt_file_of(error) if ours is None else broken_file(ours)
        if found is None:
            return None
        shown = {name: path for path in files for name in file_names((path,)).values()}
        path = shown.get(found, found)
        return Corrupt(path, reason(ours or error)) if path in files else None

    def names(self, files: Sequence[str]) -> dict[str, str]:
        """Give the path of each file as Spark spells it -> its path for people."""
        return file_names(tuple(files)) if self.source.has_positions else {}


def open_inputs(spark: SparkSession, config: BatchPredictConfig) -> Inputs:
    """Look up what a job reads.

    Raises:
        InputDataError: There is nothing to read.
        ConfigError: The condition or an option of the source is wrong.
    """
    source = open_source(spark, _options(config), skip_corrupt=config.on_corrupt == "skip")
    if config.where is not None:
        filtered(source.df, config.where)
    listed = take_snapshot(source.reads)
    return Inputs(
        source,
        listed,
        listed if source.files else (),
        config.where,
        config.input_format,
        config.on_corrupt == "skip",
    )


def refuse_changes(spark: SparkSession, config: BatchPredictConfig, inputs: Inputs) -> None:
    """Refuse an input that is not the one any more that the job started with.

    Raises:
        InputChangedError: Files were added, removed or changed.
    """
    if not inputs.listed:
        return
    try:
        now = list_again(spark, _options(config), inputs.source)
        found = differences(inputs.listed, take_snapshot(now))
    except InputDataError as error:
        found = [str(error)]
    if found:
        message = (
            f"The input changed while the job ran: {'; '.join(found)}. Nothing was published, "
            "since rows of the old and of the new input would be mixed. Run again once it is "
            "written."
        )
        raise InputChangedError(message)


def _options(config: BatchPredictConfig) -> InputOptions:
    return InputOptions(
        paths=config.inputs, format=config.input_format, options=config.input_options
    )
