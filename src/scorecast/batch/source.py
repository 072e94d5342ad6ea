"""Open the rows to predict on. Driver only; no row is read, but for the types of csv and json."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from scorecast.batch.file_names import file_names, shown, shown_raw, spellings
from scorecast.batch.footers import read_footers
from scorecast.batch.listing import lacks_connector, list_files, list_parquet
from scorecast.batch.plain_columns import plain_columns
from scorecast.batch.repeatable import is_repeatable
from scorecast.batch.source_errors import corrupt_file_of, quiet, reason_of
from scorecast.errors import ConfigError, InputDataError, did_you_mean
from scorecast.spark.versions import condition_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

__all__ = [
    "InputOptions",
    "Source",
    "corrupt_file_of",
    "file_names",
    "filtered",
    "is_repeatable",
    "list_again",
    "only_files",
    "open_source",
]

_TABLE = "table"
_STORE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.\-]*:/", re.IGNORECASE)
_GLOB = re.compile(r"[\\\[\]{}*?]")
_FILES = ("avro", "binaryfile", "csv", "json", "orc", "parquet", "text", "xml")

# So that Spark leaves no file out, whatever the session says.
_COMPLETE = {"ignoreCorruptFiles": "false", "ignoreMissingFiles": "false"}
# So that what cannot be read is an error, never NULL or another column's value. Spark checks the
# fields of a line only where it parses all of them, and headers only where they need not be first.
_DEFAULTS: dict[str, dict[str, str]] = {
    "csv": {
        "header": "true",
        "inferSchema": "true",
        "mode": "FAILFAST",
        "columnPruning": "false",
        "enforceSchema": "false",
    },
    "json": {"mode": "FAILFAST"},
    "parquet": {"parquet.page.verify-checksum.enabled": "true"},
}


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What a user asks to read.

    Attributes:
        paths: Paths and globs, as Spark takes them; or one name of a table.
        format: ``parquet``, ``csv``, ``json``, ``orc``, ``table`` or any source of Spark.
        options: Options of the source; they win over the defaults of scorecast.
    """

    paths: tuple[str, ...]
    format: str = "parquet"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that can be read.

    Attributes:
        df: All rows, before any condition.
        files: URIs of the files that the rows are in, as Spark lists them, sorted; empty when the
            rows are not those of files alone.
        has_positions: Whether ``_metadata.file_path`` says which file a row comes from.
        has_row_index: Whether ``_metadata.row_index`` says which row of it.
        reads: URIs of all files that Spark reads for them: `files`, or those below a view.
        by_spark: Whether Spark can read the rows; if not, `df` has columns alone.
    """

    df: DataFrame
    files: tuple[str, ...]
    has_positions: bool
    has_row_index: bool
    reads: tuple[str, ...]
    by_spark: bool = True


def open_source(
    spark: SparkSession, options: InputOptions, *, skip_corrupt: bool = False
) -> Source:
    """Open an input.

    Args:
        spark: A classic or Connect session.
        options: What to read.
        skip_corrupt: Whether to take the columns from another file when the first is broken. All
            files are listed nevertheless, and an error to read.

    Raises:
        InputDataError: There is nothing to read, or it has no columns that can be told apart.
        ConfigError: Options would leave files out in silence.
    """
    given = {name.casefold(): value for name, value in options.options.items()}
    for name in _COMPLETE:
        if given.get(name.casefold(), "false").strip().lower() != "false":
            message = (
                f"The input option {name} leaves files out in silence. Leave it out; --on-corrupt "
                "skip leaves out files that cannot be read, and says which."
            )
            raise ConfigError(message)
    if given.get("mode", "").strip().casefold() == "dropmalformed":
        message = (
            "The input option mode=DROPMALFORMED leaves rows out in silence. Use FAILFAST, which "
            "is the default here, or PERMISSIVE, which makes what cannot be read NULL."
        )
        raise ConfigError(message)
    reader = partial(_reader, spark, options, given)
    try:
        try:
            df = _opened(_with_columns(spark, reader, options), options)
            names = list(df.columns)
        except (PySparkException, Py4JError) as error:
            if not skip_corrupt:
                raise
            df = _around_broken(reader, options, error)
            names = list(df.columns)
        files = tuple(sorted(df.inputFiles()))
    except (PySparkException, Py4JError) as error:
        if options.format == "parquet" and not options.options and lacks_connector(error):
            return _past_spark(spark, options, skip_corrupt=skip_corrupt)
        raise _not_opened(spark, options, error, skip_corrupt=skip_corrupt) from error
    _check(options, names, files)
    if options.format == "csv" and "enforceschema" not in given:
        df = _with_headers(reader(), options, df, given, files)
    positions = _positions(df) if files else ()
    by_file = "file_path" in positions
    return Source(df, files if by_file else (), by_file, "row_index" in positions, files)


def list_again(spark: SparkSession, options: InputOptions, source: Source) -> tuple[str, ...]:
    """Give `Source.reads` as it is now, without looking into any file.

    Raises:
        InputDataError: There is nothing to read any more.
    """
    if not source.by_spark:
        return list_files(options.paths)
    given = {name.casefold(): value for name, value in options.options.items()}
    reader = _reader(spark, options, given)
    if options.format.casefold() in _FILES:
        reader = reader.schema("unknown int")
    try:
        return tuple(sorted(_opened(reader, options).inputFiles()))
    except (PySparkException, Py4JError) as error:
        raise _not_opened(spark, options, error, skip_corrupt=False) from error


def filtered(df: DataFrame, where: str | None) -> DataFrame:
    """Give the rows that meet a condition.

    Args:
        df: The rows.
        where: SQL text; None for all rows.

    Raises:
        ConfigError: It is not a condition on the columns of the data.
    """
    if where is None:
        return df
    try:
        with quiet():
            found = df.filter(where)
            found.isStreaming  # noqa: B018 - Connect asks the server here, classic has done so before
    except PySparkException as error:
        names = ", ".join(df.columns)
        message = (
            f'Cannot use where="{where}": {reason_of(error)} The columns of the input are: {names}.'
        )
        raise ConfigError(message) from error
    return found


def only_files(source: Source, files: Sequence[str]) -> DataFrame:
    """Give the rows of some files; Spark then opens no others.

    Args:
        source: The input.
        files: Of `source.files`.
    """
    if set(files) == set(source.files):
        return source.df
    paths = [spelling for uri in files for spelling in spellings(uri)]
    return source.df.where(F.col("_metadata.file_path").isin(paths))


def _past_spark(spark: SparkSession, options: InputOptions, *, skip_corrupt: bool) -> Source:
    """Open parquet files on a store that Spark does not know and pyarrow does."""
    listed = list_parquet(options.paths, skip_corrupt=skip_corrupt)
    _check(options, listed.schema.names, listed.files)
    columns = spark.createDataFrame([], listed.schema)
    return Source(
        columns,
        listed.files,
        has_positions=True,
        has_row_index=True,
        reads=listed.files,
        by_spark=False,
    )


def _reader(
    spark: SparkSession, options: InputOptions, given: Mapping[str, str]
) -> DataFrameReader:
    kind = options.format.casefold()
    defaults = {**_DEFAULTS.get(kind, {})}
    if kind == _TABLE or kind in _FILES:
        defaults.update(_COMPLETE)
    added = {name: value for name, value in defaults.items() if name.casefold() not in given}
    return spark.read.options(**{**added, **options.options})


def _with_columns(
    spark: SparkSession, reader: Callable[[], DataFrameReader], options: InputOptions
) -> DataFrameReader:
    """Tell a reader of local parquet files their columns, if they need no job of Spark to find."""
    elsewhere = any(_STORE.match(path) for path in options.paths)
    if options.format != "parquet" or options.options or elsewhere:
        return reader()
    files = _opened(reader().schema("unknown int"), options).inputFiles()
    columns = plain_columns(spark, files)
    return reader() if columns is None else reader().schema(columns)


def _around_broken(
    reader: Callable[[], DataFrameReader], options: InputOptions, error: Exception
) -> DataFrame:
    """Take the columns of parquet files from the first one that has a footer."""
    if options.format != "parquet" or corrupt_file_of(error) is None:
        raise error
    files = _opened(reader().schema("unknown int"), options).inputFiles()
    footers, _ = read_footers(sorted(files, key=shown))
    if not footers:
        raise error
    path = _GLOB.sub(r"\\\g<0>", shown(footers[0].path))
    # Spark adds the columns of directories to this.
    return _opened(reader().schema(reader().parquet(path).schema), options)


def _opened(reader: DataFrameReader, options: InputOptions) -> DataFrame:
    if options.format == _TABLE:
        if len(options.paths) != 1:
            message = f"The input is {len(options.paths)} tables, expected the name of one."
            raise ConfigError(message)
        return reader.table(options.paths[0])
    paths = list(options.paths)
    found = reader.format(options.format)
    if not paths:
        return found.load()
    return found.load(paths[0] if len(paths) == 1 else paths)


def _check(options: InputOptions, names: list[str], files: tuple[str, ...]) -> None:
    what = _named(options)
    if options.format.casefold() in _FILES and not files:
        message = f"{what} holds no files, but for hidden ones, whose names begin with _ or a dot."
        raise InputDataError(message)
    if not names:
        message = f"{what} has no columns. Give data that has some, with a header if it is csv."
        raise InputDataError(message)
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.casefold(), name)) != name or names.count(name) > 1:
            message = (
                f'{what} has the columns "{other}" and "{name}", and Spark does not tell case. '
                "Rename one of them."
            )
            raise InputDataError(message)


def _with_headers(
    reader: DataFrameReader,
    options: InputOptions,
    df: DataFrame,
    given: Mapping[str, str],
    files: tuple[str, ...],
) -> DataFrame:
    """Deal with names that Spark has made up, which no header can match."""
    if given.get("header", "true").strip().lower() != "true":
        return df
    if len(files) == 1:
        return _opened(reader.schema(df.schema).option("enforceSchema", "true"), options)
    nameless = [at + 1 for at, name in enumerate(df.columns) if name == f"_c{at}"]
    if nameless:
        message = (
            f"Column {nameless[0]} of {_named(options)} has no name in the header, so that files "
            "cannot be matched by names. Name it; or, if all files have the same columns in the "
            "same order, add --input-option enforceSchema=true."
        )
        raise InputDataError(message)
    return df


def _positions(df: DataFrame) -> tuple[str, ...]:
    """Give the members of Spark's hidden column on files, none where there is no such column."""
    if any(name.casefold() == "_metadata" for name in df.columns):
        return ()
    try:
        with quiet():
            kind = df.select("_metadata").schema[0].dataType
    except PySparkException:
        return ()
    return tuple(kind.fieldNames()) if isinstance(kind, st.StructType) else ()


def _named(options: InputOptions) -> str:
    word = "table" if options.format == _TABLE else "input"
    return f'The {word} "{", ".join(shown_raw(path) for path in options.paths)}"'


def _not_opened(
    spark: SparkSession, options: InputOptions, error: Exception, *, skip_corrupt: bool
) -> InputDataError:
    condition, named = condition_of(error), _named(options)
    if options.format == _TABLE and condition == "TABLE_OR_VIEW_NOT_FOUND":
        name = options.paths[0]
        return InputDataError(f"{named} does not exist.{_similar_table(spark, name)}")
    text = reason_of(error)
    advice = ""
    if options.format == "parquet":
        advice = (
            " Give the path of a parquet file, or of a directory that holds parquet files; "
            "--input-format says what else it is."
        )
    elif skip_corrupt and options.format in _FILES:
        advice = (
            f" Spark takes the columns of {options.format} from its files, so that --on-corrupt "
            "skip cannot leave out one that is broken then. Move it away, or write it again."
        )
    return InputDataError(f"Cannot read {named[0].lower()}{named[1:]}: {text}{advice}")


def _similar_table(spark: SparkSession, name: str) -> str:
    database, _, table = name.replace("`", "").rpartition(".")
    try:
        with quiet():
            found = spark.catalog.listTables(database or None)
    except (PySparkException, Py4JError):
        return ""
    dot = f"{database}." if database else ""
    return did_you_mean(dot + table, [dot + item.name for item in found])
